"""The page about reproducing: its project is run, and its commands print what the page shows."""

import re
import shutil
import subprocess
from pathlib import Path

from projects import NO_TRACKING, Small
from snapshots import fits

PAGE = (Path(__file__).parents[3] / "docs" / "reproduce.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Return the page's blocks of one language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S)


def said(small: Small, line: str) -> str:
    """Return the output of one command."""
    words, _, target = line.partition(" > ")
    if words.split()[0] != "magical":
        subprocess.run(line, shell=True, check=True, cwd=small.root)
        return ""
    answer = small.command(*[str(small.root / w) if w.endswith(".json") else w for w in words.split()[1:]])
    if target:
        (small.root / target).write_text(answer.out, encoding="utf-8")
        return ""
    return answer.err + answer.out


def test_the_transcript(tmp_path: Path) -> None:
    small = Small(tmp_path / "shop")
    small.write("workflow.py", blocks("python")[0])
    small.write("settings.toml", NO_TRACKING)
    small.write("orders.csv", "id,net\n1,10.0\n2,60.0\n3,80.0\n")
    for block in blocks("console"):
        if "reproduce record.json" in block:  # another clone has neither store nor journal
            shutil.rmtree(small.root / ".magical", ignore_errors=True)
        for command, quoted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            out = said(small, command)
            assert not quoted or fits(quoted.replace("<RUN>", "<...>"), out), out
