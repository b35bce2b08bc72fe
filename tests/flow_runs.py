"""What a Prefect server shows of runs, asked over its API; and a run as a command that a test can disturb."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen
from uuid import uuid4

from projects import Small

T = TypeVar("T")


@dataclass
class Shown:
    """What a server shows; it hears of tasks a second or so late, so one asks until it does.

    Args:
        api: its address.
    """

    api: str

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a flow, oldest first."""
        asked = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 50}
        return list(self.ask("flow_runs/filter", asked))

    def flow_run(self, flow: str, state: str = "", number: int = 0) -> dict[str, Any]:
        """Wait for one run of a flow, until it has a state of this name."""

        def found() -> dict[str, Any] | None:
            runs = self.flow_runs(flow)
            if len(runs) <= number or (state and runs[number]["state"]["name"] != state):
                return None
            return runs[number]

        return until(found, lambda: [r["state"] for r in self.flow_runs(flow)])

    def tasks(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the tasks of a flow run by their names."""
        asked = {"flow_runs": {"id": {"any_": [run["id"]]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
        found = list(self.ask("task_runs/filter", asked))
        assert len({task["name"] for task in found}) == len(found), "two tasks of one name"
        return {task["name"]: task for task in found}

    def states(self, run: dict[str, Any], expected: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Return the tasks of a flow run once their states are these."""

        def found() -> dict[str, dict[str, Any]] | None:
            tasks = self.tasks(run)
            return tasks if {n: t["state"]["name"] for n, t in tasks.items()} == expected else None

        return until(found, lambda: {n: t["state"]["name"] for n, t in self.tasks(run).items()})

    def logs(self, task: dict[str, Any], text: str, of: str = "task_run_id") -> list[str]:
        """Return the lines of a task's log, or of a flow run's, once one of them has this text."""

        def lines() -> list[str]:
            asked = {"logs": {of: {"any_": [task["id"]]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
            return [line["message"] for line in self.ask("logs/filter", asked)]

        return until(lambda: found if text in " ".join(found := lines()) else None, lines)

    def artifacts(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the artifacts of a flow run."""
        asked = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}, "sort": "KEY_ASC", "limit": 200}
        return list(self.ask("artifacts/filter", asked))

    def ask(self, path: str, asked: dict[str, Any]) -> Any:
        """Post a question."""
        client = str(uuid4())
        with urlopen(f"{self.api}/csrf-token?client={client}", timeout=10) as answer:
            token = json.load(answer)["token"]
        headers = {
            "Content-Type": "application/json",
            "Prefect-Csrf-Token": token,
            "Prefect-Csrf-Client": client,
        }
        request = Request(f"{self.api}/{path}", json.dumps(asked).encode(), headers)
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)


def until(found: Callable[[], T | None], what: Callable[[], object] = lambda: "", seconds: float = 15.0) -> T:
    """Call a function until its result is true, and return that."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"not within {seconds} s, but: {what()}"
        time.sleep(0.1)
    return value


def words(small: Small, api: str, *more: str) -> list[str]:
    """Return the command that runs a project under Prefect."""
    own = ["run", "policy.runner=prefect", f"policy.server={api}", *more, "--project", str(small.root)]
    return [sys.executable, "-m", "magical.cli", *own]


def ran(
    small: Small, api: str, *more: str, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a project under Prefect, and hold it to its exit code."""
    answer = subprocess.run(
        words(small, api, *more),
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "DO_NOT_TRACK": "true", **environment},
        check=False,
    )
    assert answer.returncode == code, answer.stdout + answer.stderr
    return answer


def begun(small: Small, api: str, mark: Path, *more: str) -> "subprocess.Popen[str]":
    """Begin a run under Prefect, and come back when one of its steps has written a file."""
    process = subprocess.Popen(
        words(small, api, *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DO_NOT_TRACK": "true"},
        start_new_session=True,
    )

    def seen() -> bool:
        assert process.poll() is None, process.communicate()[0]
        return mark.exists()

    try:
        until(seen, seconds=60)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process
