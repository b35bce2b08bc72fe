"""The campaign example, copied into a temporary folder."""

import shutil
from pathlib import Path

import pytest

from magical.stores.local.store import LocalStore
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
    """The campaign, run once with two trials an experiment; tests must not change it."""
    campaign = copy_campaign(tmp_path_factory.mktemp("finished") / "campaign")
    done = campaign.process("run", *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    return campaign.root


@pytest.fixture
def campaign(tmp_path: Path) -> Small:
    """A fresh copy of the example, not yet run."""
    return copy_campaign(tmp_path / "campaign")


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Small:
    """A copy of the finished campaign that a test may change; its paths are its own, so it is drawn anew."""
    shutil.copytree(finished, tmp_path / "campaign")
    store = LocalStore(tmp_path / "campaign" / ".magical" / "store", trust=True)
    assert all(store.find_record(p.parent.name + p.stem) for p in store.folder.glob("records/*/*.json"))
    return Small(tmp_path / "campaign")
