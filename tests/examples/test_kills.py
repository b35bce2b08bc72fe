"""kill -9 at random moments: the next run completes, no finished step runs again, one model version a key."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.conftest import QUICK, copy_campaign
from projects import Small

KILLS = 2  # and a hundred in tests/torture


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, float, Path]:
    """A project, how long its run takes from nothing, and a new database to begin with (it costs 3 s to make)."""
    campaign = copy_campaign(tmp_path_factory.mktemp("kills") / "campaign")
    campaign.process("models")
    database = campaign.root / ".magical" / "mlflow.db"
    empty = database.rename(campaign.root / "empty.db")
    shutil.rmtree(campaign.root / ".magical")
    began = time.monotonic()
    _renew(campaign, empty)
    assert _start(campaign).wait(120) == 0
    return campaign, time.monotonic() - began, empty


def _renew(campaign: Small, empty: Path) -> None:
    shutil.rmtree(campaign.root / ".magical", ignore_errors=True)
    (campaign.root / ".magical").mkdir()
    shutil.copy(empty, campaign.root / ".magical" / "mlflow.db")


def _start(campaign: Small) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "magical.cli", "run", *QUICK, "--project", str(campaign.root)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command,
        stdout=quiet,
        stderr=quiet,
        env={**os.environ, "DO_NOT_TRACK": "true"},
        start_new_session=True,
    )


@pytest.mark.slow
def test_killed_at_random_moments(whole: tuple[Small, float, Path]) -> None:
    campaign, seconds, empty = whole
    dice = random.Random(0)
    for half in range(KILLS):  # one in the first half of the run, one in the second
        moment = dice.uniform(0.2 + half * seconds / KILLS, (half + 1) * seconds / KILLS)
        _renew(campaign, empty)
        process = _start(campaign)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        after = campaign.process("run", *QUICK)
        assert after.returncode == 0, f"killed after {moment:.2f} s: {after.stdout}{after.stderr}"
        finished = [e["key"] for e in campaign.events() if e["event"] == "StepFinished"]
        assert len(finished) == len(set(finished)), f"killed after {moment:.2f} s: a finished step ran again"
        assert len(finished) == 17
        _one_version(campaign)
        assert not list((campaign.root / ".magical").glob("upload-*"))


def _one_version(campaign: Small) -> None:
    with contextlib.closing(sqlite3.connect(campaign.root / ".magical" / "mlflow.db")) as database:
        versions = database.execute("select version from model_versions").fetchall()
        aliases = database.execute("select alias, version from registered_model_aliases").fetchall()
    assert versions == [(1,)]
    assert aliases == [("champion", 1)]
