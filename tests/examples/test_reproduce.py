"""A run of the main job, exported in one clone, is reproduced in another."""

import json
import subprocess
from pathlib import Path

import pytest

from examples.conftest import QUICK, copy_campaign
from projects import Small


def git(folder: Path, *words: str) -> None:
    """Run git there."""
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def cloned(origin: Path, folder: Path) -> Small:
    """A fresh clone."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    git(origin, "clone", "-q", str(origin), str(folder))
    return Small(folder)


@pytest.mark.slow
def test_a_record_of_one_clone_agrees_on_every_artifact_in_another(tmp_path: Path) -> None:
    origin = copy_campaign(tmp_path / "origin")
    origin.write(".gitignore", ".magical/\n__pycache__/\n")
    origin.write("requirements.lock", "polars==2.1.0\n")
    git(origin.root, "init", "-q")
    git(origin.root, "add", "-A")
    git(origin.root, "commit", "-qm", "the campaign")
    first = cloned(origin.root, tmp_path / "a")
    done = first.process("run", *QUICK, "experiments.linear.trials=1", "experiments.boosting.rounds=20")
    assert done.returncode == 0, done.stderr
    exported = first.process("runs", "last", "--json")
    assert str(tmp_path) not in exported.stdout
    record = tmp_path / "record.json"
    record.write_text(exported.stdout, encoding="utf-8")
    clone = cloned(origin.root, tmp_path / "elsewhere" / "b")
    again = clone.process("reproduce", str(record), "--json")
    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout)
    assert answer["changes"] == []
    found = {step["step"]: step["level"] for step in answer["steps"]}
    assert found.pop("register") == "left out"
    assert len(found) == 16
    assert set(found.values()) == {"same"}
    assert not (clone.root / ".magical").exists()


@pytest.mark.slow
def test_neither_registry_nor_tracking_of_the_project_hears_of_it(done: Small) -> None:
    def kept() -> dict[str, tuple[int, bytes]]:
        home = done.root / ".magical"
        found = (p for p in home.rglob("*") if p.is_file() and not p.is_relative_to(home / "drawn"))
        return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in found if p.name != "lock"}

    before = kept()
    done.edit("workflow.py", '"YOLO")', '"Married")')
    again = done.process("reproduce", "last")
    assert again.returncode == 1
    assert "workflow.SINGLE (workflow.py:" in again.stderr
    assert "clean differs: marital_status has other values in " in again.stdout
    assert "tune[boosting] differs: its predictions for the validation part of split: " in again.stdout
    assert "1 left out (register: it writes to the world)" in again.stdout
    assert kept() == before
