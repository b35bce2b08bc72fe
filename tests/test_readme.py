"""The README says what is true: its code stands in the example, its graph is the drawn one."""

import re
import shutil
from pathlib import Path

from projects import command

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "campaign"


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )


def test_the_code_on_one_screen_is_the_examples_own() -> None:
    lines = {
        line for name in ("workflow.py", "contracts.py") for line in (EXAMPLE / name).read_text().splitlines()
    }
    shown = [line for line in blocks("python")[0].splitlines() if "# ..." not in line]
    assert [line for line in shown if line not in lines] == []


def test_the_drawing_is_what_the_command_gives_before_anything_has_run(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLE, tmp_path / "campaign", ignore=shutil.ignore_patterns(".magical"))
    assert blocks("mermaid")[0] == command("show", "--mermaid", "--project", str(copy)).out
