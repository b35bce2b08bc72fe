"""Runs during which Prefect's server ends, or that are stopped by hand: no work is lost."""

import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from flow_runs import Shown, begun, until
from magical.project.servers.hosting import Server, await_servers, describe_prefect_server, find_free_port
from projects import Small, one

pytest.importorskip("prefect")
pytestmark = pytest.mark.slow

SLOW = """
import time
from pathlib import Path

HERE = Path(__file__).parent


@step
def early() -> int:
    return 1


@step
def slow(x: int) -> int:
    (HERE / "began").write_text("")
    until = time.monotonic() + 120
    while not (HERE / "go").exists() and time.monotonic() < until:
        time.sleep(0.05)
    print("told while away")
    return x + 1


@step
def last(x: int) -> int:
    (HERE / "ended").write_text("")
    return x + 1


@workflow
def NAME() -> int:
    return last(slow(early()))
"""


class Coming:
    """A server that a test starts and stops, always in one folder and on one port."""

    def __init__(self, folder: Path) -> None:
        self.server: Server = describe_prefect_server(folder, find_free_port())
        self.api = f"{self.server.address}/api"
        self._running: AbstractContextManager[object] | None = None

    def __enter__(self) -> "Coming":
        self.come()
        return self

    def __exit__(self, *exc: object) -> None:
        self.go()

    def come(self) -> None:
        """Start it, and wait until it answers."""
        running = self.server.start()
        process = running.__enter__()
        self._running = running
        await_servers([(self.server, process)])

    def go(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.__exit__(None, None, None)
        self._running = None


def slow(root: Path, name: str) -> Small:
    return one(root / "project", SLOW.replace("NAME", name))


def knows(api: str, flow: str, task: str) -> None:
    """Wait until the server has stored the end of a task; events in its memory end with it."""
    shown = Shown(api)
    run = shown.flow_run(flow)
    until(lambda: shown.tasks(run).get(task, {}).get("state_name") == "Completed", lambda: shown.tasks(run))


@pytest.mark.slow
def test_a_server_that_comes_back_learns_how_the_run_ended(tmp_path: Path) -> None:
    small = slow(tmp_path, "back")
    with Coming(tmp_path / "server") as server:
        process = begun(small, server.api, small.root / "began")
        try:
            knows(server.api, "back", "early")
            server.go()
            time.sleep(1)
            server.come()
            small.write("go", "")
            output, _ = process.communicate(timeout=45)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 0, output
        assert "Traceback" not in output
        shown = Shown(server.api)
        run = shown.flow_run("back", "Completed")
        shown.states(run, dict.fromkeys(["early", "slow", "last"], "Completed"))
    assert not list(small.root.glob(".magical/runs/*/prefect.json"))


@pytest.mark.slow
def test_a_server_that_stays_away_keeps_no_run_from_ending(tmp_path: Path) -> None:
    small = slow(tmp_path, "gone")
    with Coming(tmp_path / "server") as server:
        process = begun(small, server.api, small.root / "began")
        try:
            knows(server.api, "gone", "early")
            server.go()
            small.write("go", "")
            until((small.root / "ended").exists, seconds=60)
            began = time.monotonic()
            output, _ = process.communicate(timeout=45)
            took = time.monotonic() - began
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 0, output
        where = server.api.removesuffix("/api")
        note = [
            f"Prefect's server at {where} was lost during the run.",
            "Hint: magical sync sends it the missing states.",
        ]
        assert output.splitlines()[:3] == ["│ slow  told while away", *note]
        assert "Error" not in output
        assert took < 30, f"it ended {took:.0f} s after its steps"
        assert small.load().runs()[0].state == "done"
        server.come()
        shown = Shown(server.api)
        assert shown.flow_run("gone")["state"]["name"] == "Running"
        answer = small.process("sync")
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.endswith("Prefect knows how it ended.\n")
        run = shown.flow_run("gone", "Completed")
        shown.states(run, dict.fromkeys(["early", "slow", "last"], "Completed"))
    assert not list(small.root.glob(".magical/runs/*/prefect.json"))


@pytest.mark.slow
def test_a_run_that_is_stopped_by_hand_is_cancelled(tmp_path: Path, prefect_server: str) -> None:
    small, shown = slow(tmp_path, "stopped"), Shown(prefect_server)
    process = begun(small, prefect_server, small.root / "began")
    try:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, output
    assert "Traceback" not in output
    shown.flow_run("stopped", "Cancelled")
    commands = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    assert [c for c in commands if str(small.root) in c] == []
    assert [c for c in commands if "prefect.server" in c] == [], "Prefect's own, begun by accident"
    answer = small.process("sync")  # the task in flight is still open there
    assert answer.returncode == 0, answer.stderr
    assert not list(small.root.glob(".magical/runs/*/prefect.json"))
