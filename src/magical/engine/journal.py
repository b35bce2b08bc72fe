"""The journal of runs: for each run a folder with append-only JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magical.errors import UsageError
from magical.events import Event

__all__ = ["Journal", "RunSummary", "git_state"]


@dataclass
class RunSummary:
    """One run, read from its journal.

    Attributes:
        name: such as ``2026-01-31-101500-ab12``.
        workflow: the workflow's name.
        state: ``done``, ``failed``, ``stopped``, or ``killed`` where the journal just ends.
        started: seconds since the epoch.
        seconds: how long it took, if it ended.
        keys: for each node that was fresh or finished, its key.
        executed: the nodes whose bodies ran.
        failed: the nodes that failed, with their messages.
        settings: the settings it ran with.
        facts: what else the first line says.
    """

    name: str
    workflow: str = ""
    state: str = "killed"
    started: float = 0.0
    seconds: float = 0.0
    keys: dict[str, str] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class Journal:
    """Writes and reads the runs of a project.

    Args:
        folder: where the runs are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> str:
        """Make a folder for a new run and give its name; names sort by time."""
        while True:
            now = time.time()
            fraction = int(now % 1 * 4096)  # runs of one second sort by time too
            moment = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(now))
            name = f"{moment}-{fraction:03x}{secrets.token_hex(1)}"
            try:
                (self.folder / name).mkdir(parents=True)
            except FileExistsError:
                continue
            return name

    def write(self, run: str, event: Event) -> None:
        """Append one event."""
        line = json.dumps({"at": round(time.time(), 3), **event.to_json()}, ensure_ascii=False, default=str)
        with (self.folder / run / "journal.jsonl").open("ab") as file:
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            file.flush()

    def names(self) -> list[str]:
        """Give the names of all runs, newest first."""
        if not self.folder.is_dir():
            return []
        return sorted(
            (p.name for p in self.folder.iterdir() if (p / "journal.jsonl").is_file()), reverse=True
        )

    def find(self, name: str) -> str:
        """Give the full name of a run from its beginning or end, or ``last``.

        Raises:
            UsageError: there is none, or more than one.
        """
        names = self.names()
        found = names[:1] if name == "last" else [n for n in names if n.startswith(name) or n.endswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{len(found)} runs are called {name!r}.", hint=f"say more of: {', '.join(found[:4])}"
            )
        raise UsageError.unknown("run", name, names[:8])

    def events(self, run: str) -> Iterator[Mapping[str, Any]]:
        """Give the events of a run; a last line that a kill cut short is passed over."""
        with (self.folder / run / "journal.jsonl").open("rb") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue

    def read(self, run: str) -> RunSummary:
        """Give a run's summary."""
        summary = RunSummary(run)
        for event in self.events(run):
            with contextlib.suppress(KeyError, TypeError, AttributeError):  # a damaged line
                _enter(summary, event)
        return summary

    def runs(self) -> Iterator[RunSummary]:
        """Give the summaries of all runs, newest first."""
        return (self.read(name) for name in self.names())


def _enter(summary: RunSummary, event: Mapping[str, Any]) -> None:
    match event.get("event"):
        case "RunStarted":
            summary.workflow, summary.settings = event["workflow"], event["settings"]
            summary.started = event["at"]
            summary.facts = {k: event[k] for k in ("git", "profile", "versions", "nodes")}
        case "StepCached":
            summary.keys[event["step"]] = event["key"]
        case "StepFinished":
            summary.keys[event["step"]] = event["key"]
            summary.executed.append(event["step"])
        case "StepFailed":
            summary.failed[event["step"]] = event["message"]
        case "RunFinished":
            summary.state, summary.seconds = event["state"], event["seconds"]


def git_state(folder: Path) -> dict[str, Any]:
    """Give the commit a folder is at and whether it has changes, or nothing outside a repository."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if done.returncode:
        return {}
    lines = done.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), "")
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}
