"""The example passes mypy strict, also with an unwritten step."""

import re

import pytest

from projects import Small
from typechecking import mypy


@pytest.mark.slow
def test_an_unwritten_step_is_well_typed(campaign: Small) -> None:
    text = (campaign.root / "workflow.py").read_text()
    emptied = re.sub(
        r'(household\(.*?\) -> Frame\[Household\]:\n    """.*?""")\n.*?\n\n\n',
        r"\1\n    ...\n\n\n",
        text,
        flags=re.S,
    )
    assert emptied != text
    campaign.write("workflow.py", emptied)
    checked = mypy(campaign.root)
    assert checked.returncode == 0, checked.stdout
    answer = campaign.command("run", "household", "tracking.enabled=false")
    assert answer.code == 0
    assert "Next: write household (workflow.py:" in answer.out
