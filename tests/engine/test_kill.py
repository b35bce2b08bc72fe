"""``kill -9`` at any moment loses at most the step in flight; the next run goes on."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from projects import IMPORTS, Small, project

KILLS = 8
STEPS = 8
SLOW = (
    IMPORTS
    + """
import time


@step
def start(n: int) -> Frame:
    return pl.DataFrame({"x": range(n)})


@step
def slow(table: Frame, number: int) -> Frame:
    time.sleep(0.08)
    keep("number", number)
    (scratch() / "half").write_text("x")
    time.sleep(0.08)
    return table.with_columns(x=pl.col("x") + number)


@step
def total(tables: list[Frame]) -> int:
    return sum(t["x"].sum() for t in tables)


@workflow
def flow() -> int:
    table = start(50_000)
    tables = []
    for number in range(8):
        table = slow(table, number)
        tables.append(table)
    return total(tables)
"""
)


@pytest.mark.slow
def test_killed_runs_lose_at_most_the_step_in_flight(tmp_path: Path) -> None:
    small = project(tmp_path / "p", {"workflow.py": SLOW})
    moments = random.Random(os.getpid())
    command = [sys.executable, "-m", "magical.cli", "run", "--project", str(small.root)]
    began = time.monotonic()
    subprocess.run([*command[:-3], "plan", *command[-2:]], check=True, capture_output=True)
    startup = time.monotonic() - began
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(startup * moments.uniform(0.3, 1.0) + moments.uniform(0, 0.5))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed, "no run was killed in time"
    done = small.process("run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "done"
    finished = Counter((e["step"], e["key"]) for e in small.events() if e["event"] == "StepFinished")
    assert len(finished) <= STEPS + 2
    assert set(finished.values()) == {1}, "a finished step ran again"
    result = sum(sum(range(50_000)) + 50_000 * sum(range(k + 1)) for k in range(STEPS))
    assert small.run().result == result
    assert small.ran() == []
    assert {r.state for r in small.load().runs()} <= {"killed", "done"}
    assert not list((small.root / ".magical/store/scratch").iterdir())


def test_an_interrupted_run_says_that_it_goes_on(tmp_path: Path) -> None:
    small = Small(project(tmp_path / "p", {"workflow.py": SLOW.replace("0.08", "0.5")}).root)
    command = [sys.executable, "-m", "magical.cli", "run", "--project", str(small.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not any(e["event"] == "StepFinished" for e in small.events()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, (out, err)
    assert re.search(r"flow: stopped\. \d steps? finished", err)
    assert err.endswith("Hint: magical run goes on from there.\n")
    assert "Traceback" not in err
    (run,) = small.load().runs()
    assert run.state == "stopped"
    assert small.states()["start"] == "fresh"
