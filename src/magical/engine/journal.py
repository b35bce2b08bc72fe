"""The journal of runs: for each run a folder with an append-only file of JSON lines."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from magical.brand import mark_not_real
from magical.engine.artifacts import Record
from magical.errors import StoreError, UsageError, join_names
from magical.events import Event, RunStarted
from magical.masking import mask
from magical.system.atomic_files import wrap_disk_errors
from magical.system.processes import is_process_alive, machine_name
from magical.system.state_files import (
    DAMAGE_ERRORS,
    is_plain_file,
    list_folder,
    open_plain,
    parse_state,
    read_plain,
    refuse_links,
)

__all__ = ["Journal", "RunSummary", "git_state"]

T = TypeVar("T")

MAX_TEXT = 25_000
"""Characters of one text of an event that are kept."""


@dataclass
class RunSummary:
    """One run, read from its journal.

    Attributes:
        name: such as ``2026-01-31-101500-ab12``.
        state: ``done``, ``failed``, ``stopped``, or ``killed`` if the journal has no last line.
        started: seconds since the epoch.
        seconds: its duration; 0 if it was killed.
        keys: the key of each node that was fresh or finished.
        executed: the nodes whose bodies ran to their end.
        failed: the message of each node that failed.
        pending: the key of each node whose registry did not answer.
        facts: the other fields of its first event.
        begun: the key of each node whose body began to run.
        left_out: the reason for each node that was not run.
        contents: the digest of the result of each node in ``keys``.
        summaries: the text about the result of each of them, where the journal has one.
    """

    name: str
    workflow: str = ""
    state: str = "killed"
    started: float = 0.0
    seconds: float = 0.0
    keys: dict[str, str] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    summaries: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<run {self}>"

    def __str__(self) -> str:
        many = len(self.executed)
        words = [self.name, self.state, f"{many} step{'' if many == 1 else 's'} ran"]
        words += [f"{self.seconds:.1f} s"] if self.seconds else []
        words += [mark_not_real(join_names(origin, 3))] if (origin := self.facts.get("origin")) else []
        return ", ".join(words)

    @property
    def under_way(self) -> list[str]:
        """The nodes whose bodies began and did not end."""
        return [n for n in self.begun if n not in {*self.keys, *self.failed, *self.pending}]


class Journal:
    """Writes and reads the runs of a project, each in a folder of its own.

    Example:
        >>> import tempfile
        >>> journal = Journal(Path(tempfile.mkdtemp()))
        >>> run = journal.create_run()
        >>> _ = journal.write(run, RunStarted(run=run, workflow="campaign", settings={}, nodes=[]))
        >>> journal.read(run).state
        'killed'
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._truncated: set[str] = set()

    def create_run(self) -> str:
        """Create the folder of a new run and return its name; names sort in the order of their runs.

        Raises:
            StoreError: the disk is full, read-only or gone.
        """
        refuse_links(self.folder, self.folder)
        with wrap_disk_errors(self.folder):
            while True:
                self.folder.mkdir(parents=True, exist_ok=True)
                name = f"{_next_run_prefix(os.listdir(self.folder))}{secrets.token_hex(1)}"
                try:
                    (self.folder / name).mkdir()
                except FileExistsError:  # another process was quicker
                    continue
                return name

    def write(self, run: str, event: Event) -> str:
        """Append one event; return a warning when writing begins to fail, else an empty text.

        Raises:
            StoreError: the first event cannot be written: nothing has run yet.
        """
        fields = {"at": round(time.time(), 3), **{k: _cut_text(v) for k, v in event.to_json().items()}}
        line = json.dumps(fields, ensure_ascii=False, default=lambda other: mask(str(other)))
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        path = self.folder / run / _FILE
        truncated = run in self._truncated
        try:
            with wrap_disk_errors(path):
                _append(path, b"\n" * truncated + data)  # a line that was cut short must not swallow this one
        except StoreError as error:
            if isinstance(event, RunStarted):
                raise
            self._truncated.add(run)
            return "" if truncated else f"The run goes on, but its journal is not whole: {error.lines[0]}"
        self._truncated.discard(run)
        return ""

    def names(self) -> list[str]:
        """List the names of all runs, newest first."""
        runs = _wrap_unreadable(self.folder, lambda: list_folder(self.folder, self.folder))
        return sorted((p.name for p in runs if is_plain_file(p / _FILE, p)), reverse=True)

    def find(self, name: str) -> str:
        """Find the full name of a run by its beginning or end, or by ``last``.

        Raises:
            UsageError: no run has that name, or more than one.
        """
        names = self.names()
        found = names[:1] if name == "last" else [n for n in names if n.startswith(name) or n.endswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{len(found)} runs are called {name!r}.", hint=f"say more of: {', '.join(found[:4])}"
            )
        hint = "" if names else "magical run makes the first one."
        raise UsageError.unknown("run", name, names[:8], hint=hint)

    def events(self, run: str) -> Iterator[Mapping[str, Any]]:
        """Yield the events of a run; a line that is damaged or was cut short is skipped.

        Raises:
            StoreError: the journal cannot be read.
        """
        path = self.folder / run / _FILE
        with _wrap_unreadable(path, lambda: open_plain(path, self.folder)) as file:
            yield from filter(None, (parse_state(line, _build_event) for line in file))

    def warnings(self, run: str, records: Mapping[str, Record]) -> Iterator[tuple[str, str]]:
        """Yield the warnings of a run, and those of the runs that its fresh results are from, by node.

        A journal that is gone, or on another machine, has none.

        Args:
            run: the run; an empty name for none.
            records: the results of the run by node; they tell the run and the node that computed them.
        """
        nodes: dict[tuple[str, str], list[str]] = {}
        for name, record in records.items():
            nodes.setdefault((record.run, record.node), []).append(name)
        for other in dict.fromkeys(filter(None, [run, *(computed for computed, _ in nodes)])):
            try:
                events = list(self.events(other))
            except StoreError:
                continue
            for event in events:
                if event["event"] == "LogLine" and event.get("level") in ("warning", "error"):
                    step = str(event.get("step", ""))
                    for name in nodes.get((other, step), [step] if other == run else []):
                        yield name, str(event.get("text", ""))

    def read(self, run: str) -> RunSummary:
        """Read a run's summary."""
        summary = RunSummary(run)
        for event in self.events(run):
            with suppress(*DAMAGE_ERRORS):  # a line of another release, or a damaged one
                _apply_event(summary, event)
        return summary

    def describe_orphan(self) -> str:
        """Describe what the newest run was at when its process died; empty if it ended or still runs."""
        newest = next(iter(self.names()), "")
        try:
            # Most runs have an end, which is found without parsing each line.
            if not newest or _END in read_plain(self.folder / newest / _FILE, self.folder):
                return ""
        except OSError:  # no run writes such a journal
            return ""
        run = self.read(newest)
        host, process = run.facts.get("host"), run.facts.get("process", 0)
        if not run.under_way or host != machine_name() or is_process_alive(process):
            return ""
        return (
            f"The process of the last run died while {join_names(run.under_way, 4)} was under way: "
            "killed, out of memory, or crashed in compiled code.\n"
            "Hint: if it dies again, PYTHONFAULTHANDLER=1 magical run shows the line of a crash."
        )

    def runs(self) -> Iterator[RunSummary]:
        """Read the summaries of all runs, newest first."""
        return (self.read(name) for name in self.names())


_FILE = "journal.jsonl"
_FIRST = RunStarted(run="", workflow="", settings={}, nodes=[])
_END = b'"event": "RunFinished"'
_TIME_FORMAT = "%Y-%m-%d-%H%M%S"
_RUN_NAME = re.compile(r"(\d{4}-\d\d-\d\d-\d{6})-([0-9a-f]{3})[0-9a-f]{2}")


def _next_run_prefix(names: Iterable[str]) -> str:
    """Return the start of a new run's name; it sorts after all names, even if the clock was set back."""
    now = time.time()
    moment = dt.datetime.fromtimestamp(now)
    fraction = int(now % 1 * 4096)  # three hexadecimal digits, which order the runs of one second
    for name in sorted(names, reverse=True):
        newest = _RUN_NAME.fullmatch(name)
        if not newest:
            continue
        with suppress(ValueError, OverflowError):  # a folder that is only named like a run
            last, ticks = dt.datetime.strptime(newest[1], _TIME_FORMAT), int(newest[2], 16) + 1
            if (f"{moment:{_TIME_FORMAT}}", f"{fraction:03x}") <= newest.groups():
                moment, fraction = last + dt.timedelta(seconds=ticks // 4096), ticks % 4096
            break
    return f"{moment:{_TIME_FORMAT}}-{fraction:03x}"


def _cut_text(value: Any) -> Any:
    """Cut a text that an event class of a project made too long for a journal; pass on any other value."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[: MAX_TEXT - 1]}…"
    return value


def _append(path: Path, data: bytes) -> None:
    try:
        file = path.open("ab", buffering=0)
    except FileNotFoundError:  # somebody deleted it during the run
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab", buffering=0)
    with file:
        while data:  # an unbuffered write may take a part only; one call for all, so that lines do not mix
            data = data[file.write(data) or 0 :]


def _apply_event(summary: RunSummary, event: Mapping[str, Any]) -> None:
    match event.get("event"):
        case "RunStarted":
            settings, started = _as_object(event["settings"]), _seconds(event["at"])
            summary.workflow, summary.settings, summary.started = _text(event["workflow"]), settings, started
            fields = {"event", "at", "run", "workflow", "settings"}
            # One of another type is damaged; what another release writes beside is kept.
            facts = {k: v for k, v in event.items() if k not in fields}
            summary.facts = {k: v for k, v in facts.items() if isinstance(v, type(getattr(_FIRST, k, v)))}
        case "StepStarted" if "key" in event:
            summary.begun[_text(event["step"])] = _text(event["key"])
        case "StepCached" | "StepFinished":
            step, key, content = map(_text, (event["step"], event["key"], event.get("content", "")))
            summary.keys[step], summary.contents[step] = key, content
            if text := _text(event.get("summary", "")):
                summary.summaries[step] = text
            if event["event"] == "StepFinished":
                summary.executed.append(step)
        case "StepFailed":
            summary.failed[_text(event["step"])] = _text(event["message"])
        case "StepLeftOut":
            summary.left_out[_text(event["step"])] = _text(event["reason"])
        case "StepPending":
            summary.pending[_text(event["step"])] = _text(event["key"])
        case "RunFinished":
            summary.state, summary.seconds = _text(event["state"]), _seconds(event["seconds"])


def _text(value: object) -> str:
    """Return a text of a journal's line; raise a TypeError if it is none."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value


def _seconds(value: float) -> float:
    """Return a number of seconds of a journal's line; raise a ValueError if no calendar can hold it."""
    if not 0 <= value < 1e11:
        raise ValueError("no number of seconds")
    return value


def _as_object(value: Any) -> dict[str, Any]:
    """Return a JSON object; raise a TypeError if the value is none."""
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} is no object")
    return value


def _build_event(value: Any) -> dict[str, Any]:
    """Return the object of a journal's line; raise one of ``DAMAGE_ERRORS`` if it has no time or kind."""
    fields = _as_object(value)
    _text(fields["event"]), _seconds(fields.get("at", 0.0))
    return fields


def _wrap_unreadable(path: Path, read: Callable[[], T]) -> T:
    """Call a function that reads a file; turn its OSError into a StoreError that names the file."""
    try:
        return read()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror or error}.", hint="check its permissions."
        ) from error


def git_state(folder: Path) -> dict[str, Any]:
    """Read the commit of a folder, and whether tracked files have changes; empty outside a repository.

    Example:
        >>> git_state(Path("/"))
        {}
    """
    # Without the variable, git status takes a lock to refresh its index, and a commit in another shell fails.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        status = subprocess.run(
            command, capture_output=True, text=True, timeout=5, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if status.returncode:
        return {}
    lines = status.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), "")
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}
