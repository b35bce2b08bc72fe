"""The campaign example, copied into a temporary folder."""

import os
import shutil
from pathlib import Path

import pytest

from magical.stores.local.store import LocalStore
from magical.system.file_locks import exclusive_lock
from projects import Small

ROOT = Path(__file__).parents[2]
QUICK = (
    "split.folds=1",
    "experiments.linear.trials=2",
    "experiments.boosting.trials=2",
    "experiments.boosting.rounds=100",
    "--register",
)
"""Two trials an experiment, judged on validation: the same workflow, with its last step, in less time."""

QUICK_SETTINGS = {
    "split": {"folds": 1},
    "experiments": {"linear": {"trials": 2}, "boosting": {"trials": 2, "rounds": 100}},
}
"""The same for a run from Python."""


def copy_campaign(folder: Path) -> Small:
    """Copy the example without the files of earlier runs."""
    shutil.copytree(
        ROOT / "examples" / "campaign", folder, ignore=shutil.ignore_patterns(".magical", "__pycache__")
    )
    return Small(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaign, run once for all processes with two trials an experiment; tests must not change it.

    Its output is in a file beside it, ``said.txt``.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    said = folder / "said.txt"
    with exclusive_lock(folder.with_suffix(".lock")):
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed to run it
            done = copy_campaign(folder / "campaign").process("run", *QUICK)
            assert done.returncode == 0, done.stderr
            shutil.copytree(folder / "campaign", folder / "untouched")
            said.write_text(done.stdout, encoding="utf-8")
    return folder / "campaign"


@pytest.fixture
def campaign(tmp_path: Path) -> Small:
    """A fresh copy of the example, not yet run."""
    return copy_campaign(tmp_path / "campaign")


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Small:
    """A copy of the finished campaign that a test may change; its paths are its own, so it is drawn anew."""
    shutil.copytree(finished.parent / "untouched", tmp_path / "campaign")
    store = LocalStore(tmp_path / "campaign" / ".magical" / "store", trust=True)
    assert all(store.find_record(p.parent.name + p.stem) for p in store.folder.glob("records/*/*.json"))
    return Small(tmp_path / "campaign")
