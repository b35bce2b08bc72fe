"""kill -9 of the whole process group at random moments: the next run goes on, and nothing finished runs again."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from examples import test_kills as campaign_kills
from examples.conftest import QUICK
from torture.running import kill_often, left_parts, patient

KILLS = int(os.environ.get("KILLS", "100"))
SHARES = 4
whole = campaign_kills.whole


@pytest.mark.parametrize("share", range(SHARES))
def test_steps_on_threads(tmp_path: Path, share: int) -> None:
    small = patient(tmp_path / "p", workers=1 + share)
    kills = -(-KILLS // SHARES // 2)
    assert kill_often(small, kills, share) >= kills
    assert small.process("gc").returncode == 0
    assert not left_parts(small)


@pytest.mark.parametrize("share", range(SHARES))
def test_steps_in_child_processes(tmp_path: Path, share: int) -> None:
    kills = -(-KILLS // SHARES // 4)
    assert kill_often(patient(tmp_path / "p", in_children=True, workers=1 + share), kills, share) >= kills


@pytest.mark.parametrize("share", range(SHARES))
def test_the_campaign_with_its_registry(whole: tuple[campaign_kills.Small, float, Path], share: int) -> None:
    campaign, seconds, empty = whole
    dice = random.Random(100 + share)
    for _ in range(-(-KILLS // SHARES // 4)):
        campaign_kills._renew(campaign, empty)
        run = campaign_kills._start(campaign)
        time.sleep(dice.uniform(0.2, seconds))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        after = campaign.process("run", *QUICK)
        assert after.returncode == 0, after.stdout + after.stderr
        finished = [e["key"] for e in campaign.events() if e["event"] == "StepFinished"]
        assert len(finished) == len(set(finished)), "a finished step ran again"
        campaign_kills._one_version(campaign)
