"""A run under Prefect that was killed: how it ended is marked there by whoever comes next, and work goes on."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from flow_runs import Shown, begun, ran
from magical.integrations.prefect import reconcile
from magical.integrations.prefect.reconcile import OpenFlowRuns, reconcile_flow_runs
from projects import Small, one

pytest.importorskip("prefect")

SLOW = """
import time
from pathlib import Path

HERE = Path(__file__).parent


@step
def early() -> int:
    (HERE / "early.txt").write_text("x" * (1 + len(read("early.txt"))))
    return 1


def read(name: str) -> str:
    path = HERE / name
    return path.read_text() if path.exists() else ""


@step
def slow(x: int) -> int:
    (HERE / "began").write_text("")
    until = time.monotonic() + 60
    while not (HERE / "go").exists() and time.monotonic() < until:
        time.sleep(0.05)
    return x + 1


@step
def last(x: int) -> int:
    return x + 1


@workflow
def NAME() -> int:
    return last(slow(early()))
"""


QUICK = """
@step
def quick() -> int:
    return 1


@workflow
def at_once() -> int:
    return quick()
"""


def slow(root: Path, name: str) -> Small:
    return one(root, SLOW.replace("NAME", name))


@contextmanager
def under_way(small: Small, api: str) -> "Iterator[subprocess.Popen[str]]":
    """A run in the middle of its slow step; it is gone when the test is over."""
    process = begun(small, api, small.root / "began")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed(small: Small, api: str) -> None:
    """Kill a run in the middle of its slow step."""
    with under_way(small, api) as process:
        time.sleep(2)  # until the server has heard of the task that runs
        process.send_signal(signal.SIGKILL)
    small.write("go", "")


@pytest.mark.slow
def test_the_next_run_marks_a_killed_one_and_goes_on(tmp_path: Path, prefect_server: str) -> None:
    small, shown = slow(tmp_path, "killed"), Shown(prefect_server)
    killed(small, prefect_server)
    run = shown.flow_run("killed", "Running")
    shown.states(run, {"early": "Completed", "slow": "Running"})
    ran(small, prefect_server)
    run = shown.flow_run("killed", "Crashed")
    shown.states(run, {"early": "Completed", "slow": "Crashed"})
    again = shown.flow_run("killed", "Completed", 1)
    shown.states(again, {"early": "Cached", "slow": "Completed", "last": "Completed"})
    assert (small.root / "early.txt").read_text() == "x"
    assert not list(small.root.glob(".magical/runs/*/prefect.json"))


@pytest.mark.slow
def test_sync_marks_a_killed_run_and_one_in_which_nothing_is_left_to_say(
    tmp_path: Path, prefect_server: str
) -> None:
    small, shown = slow(tmp_path, "synced"), Shown(prefect_server)
    killed(small, prefect_server)
    answer = small.process("sync")
    assert answer.returncode == 0, answer.stderr
    run = shown.flow_run("synced", "Crashed")
    shown.states(run, {"early": "Completed", "slow": "Crashed"})
    assert not list(small.root.glob(".magical/runs/*/prefect.json"))
    again = small.process("sync")
    assert again.returncode == 0, again.stderr
    assert shown.flow_run("synced")["state"]["timestamp"] == run["state"]["timestamp"]


@pytest.mark.slow
def test_a_run_that_lives_is_left_alone(tmp_path: Path, prefect_server: str) -> None:
    small, shown = slow(tmp_path, "living"), Shown(prefect_server)
    with under_way(small, prefect_server) as process:
        run = shown.flow_run("living", "Running")
        answer = small.process("sync")
        assert answer.returncode == 0, answer.stderr
        os.kill(process.pid, 0)
        assert shown.flow_run("living")["state"] == run["state"]
        small.write("go", "")
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    shown.states(shown.flow_run("living", "Completed"), dict.fromkeys(["early", "slow", "last"], "Completed"))


def test_the_password_of_a_server_is_in_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = one(tmp_path, QUICK)
    name, project = small.run().name, small.load()
    marks, asked = OpenFlowRuns(project.journal.folder), []
    server = "http://me:tigertiger@prefect.example/api"
    marks.note(name, server, "7", ended=False)
    assert "tiger" not in (marks.folder / name / marks.NAME).read_text()
    monkeypatch.setattr(reconcile, "_is_reachable", lambda where: True)
    monkeypatch.setattr(reconcile, "_reconcile_flow_run", lambda where, *_: asked.append(where) or True)
    assert reconcile_flow_runs(project, server) == [name]
    assert asked == [server]
    assert list(marks.find_open()) == []


@pytest.mark.slow
def test_a_server_that_takes_calls_in_silence_keeps_nobody_waiting(tmp_path: Path) -> None:
    small = one(tmp_path, QUICK)
    runs = [small.run().name]
    small.edit("workflow.py", "return 1", "return 2")
    runs.append(small.run().name)
    project = small.load()
    marks = OpenFlowRuns(project.journal.folder)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        for run in runs:
            marks.note(run, api, str(uuid4()), ended=False)
        began = time.monotonic()
        assert reconcile_flow_runs(project) == []
    assert time.monotonic() - began < 8
    assert [run for run, _, _ in marks.find_open()] == runs, "they are left for the next time"
