"""The example is clean under mypy strict, a step that has no body yet included."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.conftest import ROOT
from projects import Small


@pytest.mark.slow
def test_an_unwritten_step_is_well_typed(campaign: Small, tmp_path: Path) -> None:
    text = (campaign.root / "workflow.py").read_text()
    emptied = re.sub(
        r'(household\(.*?\) -> Frame\[Household\]:\n    """.*?""")\n.*?\n\n\n',
        r"\1\n    ...\n\n\n",
        text,
        flags=re.S,
    )
    assert emptied != text
    campaign.write("workflow.py", emptied)
    command = [
        "-m",
        "mypy",
        "--strict",
        "--disable-error-code",
        "empty-body",
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    checked = subprocess.run(
        [sys.executable, *command, "--config-file", str(ROOT / "pyproject.toml"), str(campaign.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    answer = campaign.command("run", "household", "tracking.enabled=false")
    assert answer.code == 0
    assert "Next: write household (workflow.py:" in answer.out
