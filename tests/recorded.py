"""Records of runs, and other clones of a project to reproduce them in."""

import shutil
from pathlib import Path

from projects import Answer, Small


def record(small: Small, path: Path) -> Path:
    """Export the last run."""
    said = small.command("runs", "last", "--json")
    assert said.code == 0, said.err
    path.write_text(said.out, encoding="utf-8")
    return path


def clone(small: Small, folder: Path) -> Small:
    """Copy the project, without the files of its runs."""
    shutil.copytree(small.root, folder, ignore=shutil.ignore_patterns(".magical", "__pycache__"))
    return Small(folder)


def levels(answer: Answer) -> dict[str, str]:
    """Return the level of agreement of each step."""
    return {step["step"]: step["level"] for step in answer.json["steps"]}
