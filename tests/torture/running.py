"""Runs in their own processes that are killed, started together or measured."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projects import IMPORTS, NO_TRACKING, Small, project

WIDE = 4
LONG = 5
STEPS = 2 + WIDE + LONG + 1
"""The nodes of the workflow below."""

PATIENT = (
    IMPORTS
    + f"""
import os
import time


class Job(Settings):
    seed: int = 0
    log: OutputPath = OutputPath("log.txt")


@step
def start(seed: int) -> Frame:
    return pl.DataFrame({{"x": range(20_000)}}).with_columns(x=pl.col("x") + seed)


@step
def wide(table: Frame, number: int) -> Frame:
    time.sleep(0.04)
    (scratch() / "half").write_text("x")
    keep("number", number)
    time.sleep(0.04)
    return table.with_columns(x=pl.col("x") + number)


@step
def long(table: Frame, number: int) -> Frame:
    time.sleep(0.03)
    return table.with_columns(x=pl.col("x") + 1)


@step
def total(tables: list[Frame]) -> int:
    return sum(t["x"].sum() for t in tables)


@step(writes="world")
def publish(total: int, seed: int, log: OutputPath) -> dict[str, int]:
    line = f"{{seed}} {{total}}\\n"
    if not log.exists() or line not in log.read_text():
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line.encode())
        os.close(handle)
    time.sleep(0.03)
    return {{"total": total}}


@workflow
def patient(s: Job) -> dict[str, int]:
    table = start(s.seed)
    tables = [wide(table, number) for number in range({WIDE})]
    for number in range({LONG}):
        table = long(table, number)
    return publish(total([*tables, table]), s.seed, s.log)
"""
)


def result_of(seed: int) -> int:
    """Compute the expected result of ``total``."""
    rows = 20_000
    each = sum(range(rows)) + rows * seed
    return (WIDE + 1) * each + rows * (sum(range(WIDE)) + LONG)


def patient(root: Path, *, in_children: bool = False, workers: int = 3) -> Small:
    """Write the workflow above; with a timeout, each step runs in its own child process."""
    policy = f"[policy]\nworkers = {workers}\n"
    if in_children:
        policy += "timeout = 600\n"
    return project(root, {"workflow.py": PATIENT, "settings.toml": f"{policy}\n{NO_TRACKING}"})


@dataclass
class Started:
    """A process in its own group, whose descendants have a mark in their environment."""

    process: subprocess.Popen[str]
    mark: str

    def kill(self) -> bool:
        """Kill the whole group; return True if it was still alive."""
        alive = self.process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        return alive

    def strays(self, patience: float = 5.0) -> list[str]:
        """List the commands of descendants that are still alive after a while."""
        deadline = time.monotonic() + patience
        while (found := list(_marked(self.mark))) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found


def _marked(mark: str) -> Iterator[str]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if mark.encode() in (folder / "environ").read_bytes():
                    yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def start(small: Small, *words: str, **environment: str) -> Started:
    """Start the command and do not wait."""
    mark = f"mark-{uuid.uuid4().hex}"
    process = subprocess.Popen(
        [sys.executable, "-m", "magical.cli", *words, "--project", str(small.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "DO_NOT_TRACK": "true", "MAGICAL_MARK": mark, **environment},
    )
    return Started(process, mark)


def answer(started: Started, patience: float = 120) -> Any:
    """Wait for a run with ``--json``; it must end well."""
    out, err = started.process.communicate(timeout=patience)
    assert started.process.returncode == 0, f"exit code {started.process.returncode}:\n{out}\n{err}"
    return json.loads(out)


def kill_often(small: Small, kills: int, seed: int) -> int:
    """Kill runs at random moments, and let another finish each; return how many were killed in time."""
    dice, killed, rounds = random.Random(seed), 0, 0
    temporary = small.root.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    place = {"TMPDIR": str(temporary)}
    began = time.monotonic()
    answer(start(small, "run", "--json", "--register", "seed=-1", **place))
    seconds = time.monotonic() - began
    while killed < kills and rounds < 3 * kills:
        rounds += 1
        words = ("run", "--json", "--register", f"seed={rounds}")
        for _ in range(dice.choice([1, 1, 2])):
            run = start(small, *words, **place)
            time.sleep(dice.uniform(0.1, seconds))
            killed += run.kill()
            assert not run.strays(), run.strays(0)
        before = {(e["step"], e["key"]) for e in small.events() if e["event"] == "StepFinished"}
        began = time.monotonic()
        last = start(small, *words, **place)
        ended = answer(last)
        seconds = min(seconds, 2 * (time.monotonic() - began))  # the machine may have got faster
        assert not last.strays(), last.strays(0)
        assert ended["state"] == "done"
        _nothing_lost(small, before)
        assert small.run(seed=rounds)["total"] == result_of(rounds)
    lines = (small.root / "log.txt").read_text().splitlines()
    assert lines == [f"{n} {result_of(n)}" for n in (-1, *range(1, rounds + 1))]
    assert not list((small.root / ".magical/store/scratch").iterdir())
    assert len(list(temporary.rglob("*"))) <= rounds, "temporary files grow"
    return killed


def _nothing_lost(small: Small, before: set[tuple[str, str]]) -> None:
    finished = Counter((e["step"], e["key"]) for e in small.events() if e["event"] == "StepFinished")
    assert before <= set(finished)
    assert set(finished.values()) == {1}, "a finished step ran again"
    damaged = [e for e in small.events() if e["event"] == "LogLine" and "damaged" in e["text"]]
    assert not damaged, damaged


def left_parts(small: Small) -> list[Path]:
    """List the temporary files that kills left in the store."""
    return [p for p in (small.root / ".magical").rglob("*") if p.name.startswith(".part-")]


def run_together(small: Small, count: int, seed: int) -> None:
    """Run the same workflow several times at once, while ``magical gc`` runs in a loop."""
    runs = [start(small, "run", "--json", "--register", f"seed={seed}") for _ in range(count)]
    while any(run.process.poll() is None for run in runs):
        done = small.process("gc")
        assert done.returncode == 0, done.stdout + done.stderr
    for run in runs:
        assert answer(run)["state"] == "done"
    finished = Counter((e["step"], e["key"]) for e in small.events() if e["event"] == "StepFinished")
    assert set(finished.values()) == {1}, "two runs did the same work"
    again = small.run(seed=seed)
    assert again.executed == []
    assert again["total"] == result_of(seed)
    assert (small.root / "log.txt").read_text().splitlines().count(f"{seed} {result_of(seed)}") == 1


def cpu_of(small: Small, *words: str) -> tuple[float, str]:
    """Run the command; return its CPU seconds and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = small.process(*words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"{words}: {done.stdout[-500:]}{done.stderr[-1500:]}"
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout
