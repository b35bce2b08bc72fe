"""The journal: each run in a folder, as lines that a person can read."""

import itertools
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from magical.engine.journal import MAX_TEXT, Journal, git_state
from magical.errors import StoreError, UsageError
from magical.events import (
    LogLine,
    Progress,
    RunFinished,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepStarted,
)
from magical.system.processes import machine_name
from projects import ALL, Small, is_well_worded


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "runs")


def begun(journal: Journal, **facts: Any) -> str:
    run = journal.create_run()
    journal.write(run, RunStarted(run=run, workflow="flow", settings={"a": 1}, nodes=["x", "y"], **facts))
    return run


def test_a_run_is_read_back(journal: Journal) -> None:
    run = begun(journal, profile="quick", pretend="all", rows=30, origin=["x"])
    for event in (
        StepCached(step="x", key="k1"),
        StepStarted(step="y", key="k2"),
        LogLine(step="y", text="ü\nsecond line"),
        StepFinished(step="y", key="k2", seconds=0.5),
        StepFailed(step="z", key="k3", message="z failed:\n  why"),
        RunFinished(run=run, state="failed", seconds=1.5, executed=1),
    ):
        journal.write(run, event)
    read = journal.read(run)
    assert (read.name, read.workflow, read.state, read.seconds) == (run, "flow", "failed", 1.5)
    assert read.keys == {"x": "k1", "y": "k2"}
    assert read.executed == ["y"]
    assert read.failed == {"z": "z failed:\n  why"}
    assert read.settings == {"a": 1}
    assert read.facts["profile"] == "quick"
    assert [read.facts[name] for name in ("pretend", "rows", "origin")] == ["all", 30, ["x"]]
    assert read.started > 0
    assert len((journal.folder / run / "journal.jsonl").read_text().splitlines()) == 7


def test_a_run_whose_journal_just_ends_was_killed(journal: Journal) -> None:
    run = begun(journal)
    journal.write(run, StepFinished(step="x", key="k", seconds=0.1))
    path = journal.folder / run / "journal.jsonl"
    for cut in (0, 1, 20):
        path.write_bytes(path.read_bytes()[: len(path.read_bytes()) - cut])
        assert journal.read(run).state == "killed"
    assert journal.read(run).executed == []


def test_texts_that_are_not_unicode_are_written_too(journal: Journal) -> None:
    run = begun(journal)
    journal.write(run, LogLine(step="x", text="\udcff"))
    assert len(list(journal.events(run))) == 2


def test_runs_are_listed_newest_first(journal: Journal) -> None:
    assert journal.names() == []
    runs = {begun(journal) for _ in range(3)}
    (journal.folder / "empty").mkdir()
    assert set(journal.names()) == runs
    assert journal.names() == sorted(runs, reverse=True)
    assert [r.name for r in journal.runs()] == journal.names()


def test_a_run_is_found_by_a_part_of_its_name(journal: Journal) -> None:
    run = begun(journal)
    assert (
        journal.find(run) == journal.find(run[-4:]) == journal.find(run[:12]) == journal.find("last") == run
    )
    with pytest.raises(UsageError, match="There is no run 'nope'"):
        journal.find("nope")
    begun(journal)
    with pytest.raises(UsageError, match="2 runs are called '20'"):
        journal.find("20")


def test_lines_from_several_threads_do_not_mix(journal: Journal) -> None:
    run = begun(journal)

    def write(number: int) -> None:
        for i in range(50):
            journal.write(run, LogLine(step=str(number), text="x" * 100 * (i % 3)))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(journal.events(run))) == 201


def test_what_a_run_writes(small: Small) -> None:
    small.run()
    events = list(small.events())
    assert [e["event"] for e in events] == ["RunStarted", *["StepStarted", "StepFinished"] * 5, "RunFinished"]
    assert [e["step"] for e in events if e["event"] == "StepFinished"] == ALL
    assert events[0]["settings"] == {"source": "x.csv", "max_id": 90, "unread": 1}
    assert set(events[0]["versions"]) >= {"polars"}
    assert events[-1]["state"] == "done"
    assert set(events[-1]["keys"]) == set(ALL)
    (run,) = small.load().runs()
    assert run.executed == ALL
    small.run()
    assert len(small.load().runs()) == 1, "a run with nothing to do leaves nothing"


def test_the_state_of_git_is_noted(small: Small) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run(["git", *identity, "-C", str(small.root), *words], check=True, capture_output=True)

    assert git_state(small.root) == {} or "commit" in git_state(small.root)
    git("init", "-q")
    git("add", "workflow.py")
    git("commit", "-qm", "one")
    clean = git_state(small.root)
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    small.edit("workflow.py", "unread: int = 1", "unread: int = 2")
    assert git_state(small.root)["dirty"]
    small.run()
    assert small.load().runs()[0].facts["git"] == {"commit": clean["commit"], "dirty": True}


# --- the clock ----------------------------------------------------------------------------------------------------


def test_the_newest_run_is_the_newest_also_when_the_clock_jumps_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = itertools.accumulate((1_790_000_000.999, 0, -3600, -86400 * 400, 0.001, 10, -5, 0))
    moments = [moment for moment in now for _ in range(3)]  # the name, and two lines
    monkeypatch.setattr(time, "time", lambda: moments.pop(0) if len(moments) > 1 else moments[0])
    names = [begun(journal) for _ in range(8)]
    assert journal.names() == sorted(names, reverse=True) == names[::-1]
    assert journal.find("last") == names[-1]


def test_more_runs_than_the_clock_has_ticks(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_798_761_599.9999)  # the last moment of a year
    names = [journal.create_run() for _ in range(20)]
    assert names == sorted(names)


def test_what_else_lies_among_the_runs_is_passed_over(journal: Journal) -> None:
    for name in ("zzz", "2999-01-01", "9999-99-99-999999-fffab"):
        (journal.folder / name).mkdir(parents=True)
    runs = [begun(journal) for _ in range(20)]
    assert journal.names() == runs[::-1]


def test_several_processes_may_begin_at_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000.5)
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(begun(journal))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 16
    later = begun(journal)
    assert journal.names() == sorted([*names, later], reverse=True)
    assert journal.names()[0] == later


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        Journal(tmp_path / "runs").create_run()
    assert is_well_worded(str(caught.value))


def test_a_body_that_began_is_known_by_its_key(journal: Journal) -> None:
    run = begun(journal)
    journal.write(run, StepStarted(step="x", key="k1"))
    assert journal.read(run).begun == {"x": "k1"}


@pytest.mark.parametrize(
    "line", [b'{"event": "StepCached", "ste`": "a"}', b"7", b'{"event": "RunStarted"}', b"\xff"]
)
def test_a_damaged_line_is_passed_over(tmp_path: Path, line: bytes) -> None:
    journal = Journal(tmp_path)
    run = journal.create_run()
    journal.write(run, StepCached(step="a", key="k"))
    with (tmp_path / run / "journal.jsonl").open("ab") as file:
        file.write(line + b"\n")
    journal.write(run, RunFinished(run=run, state="done", seconds=1, executed=0))
    (summary,) = journal.runs()
    assert (summary.keys, summary.state) == ({"a": "k"}, "done")


def test_a_run_whose_process_died_is_described_with_its_step(journal: Journal) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for process, host, described in (
        (gone.pid, machine_name(), True),
        (os.getpid(), machine_name(), False),
        (gone.pid, "elsewhere", False),
    ):
        run = begun(journal, process=process, host=host)
        assert journal.describe_orphan() == ""  # no body was under way
        journal.write(run, StepStarted(step="y", key="k2"))
        assert ("died while y was under way" in journal.describe_orphan()) is described
        assert not described or is_well_worded(journal.describe_orphan())
        journal.write(run, RunFinished(run=run, state="failed", seconds=1.5, executed=1))
        assert journal.describe_orphan() == ""


def test_a_text_of_any_length_is_cut(journal: Journal) -> None:
    run = begun(journal)
    journal.write(run, Progress(step="x", done=1, total=2, text="x" * 1_000_000))
    assert [e["text"] for e in journal.events(run) if e["event"] == "Progress"] == [
        "x" * (MAX_TEXT - 1) + "…"
    ]
