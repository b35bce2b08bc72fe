"""What holds for a project's run, whoever runs it and wherever its bodies do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from magical.engine.protocols import Runner, WorkItem
from magical.engine.run import RunResult
from magical.errors import StepError, StepStopped
from magical.events import Event, LogLine, StepFinished, StepRetried
from magical.testing.suite import Conformance

__all__ = [
    "ProjectRunSuite",
    "RunnerConformance",
]

WORKFLOW_SOURCE = """\
import time
from pathlib import Path

import polars as pl

from magical import Contract, Frame, Id, Parts, Settings, partition, step, workflow

HERE = Path(__file__).parent


class Row(Contract):
    id: Id[int]


class HowMany(Settings):
    rows: int = 40
    fails: int = 0
    seconds: float = 0.0


@step
def raw(rows: int) -> Frame[Row]:
    print("so many rows:", rows)
    return pl.DataFrame({"id": range(rows)})


@step
def split(rows: Frame[Row]) -> Parts[Row]:
    return partition(rows, ["train"] * (rows.height - 2) + ["test", "validation"])


@step
def size(table: Frame[Row]) -> int:
    return table.height


@step
def often(rows: Frame[Row], fails: int, seconds: float) -> Frame[Row]:
    with (HERE / "tries").open("a") as tries:
        tries.write(".")
    time.sleep(seconds)
    if len((HERE / "tries").read_text()) <= fails:
        raise OSError("it did not answer")
    return rows.with_columns(twice=pl.col("id") * 2)


@step
def after(rows: Frame[Row]) -> int:
    return int(rows["twice"].sum())


@step
def both(one: int, two: int) -> list[int]:
    return [one, two]


@workflow
def flow(s: HowMany) -> list[int]:
    rows = raw(s.rows)
    train, validation, test = split(rows)
    return both(size(train), after(often(rows, s.fails, s.seconds)))
"""

STEP_NAMES = {"raw", "split", "size", "often", "after", "both"}


@dataclass
class _EventRecorder:
    """A listener that keeps what it hears."""

    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


class ProjectRunSuite(Conformance):
    """Hold a runner to what a run of a project promises; a part of ``RunnerConformance``.

    Attributes:
        policy: what the project's ``settings.toml`` says under ``[policy]``, such as where bodies run.
    """

    policy: ClassVar[Mapping[str, Any]] = {}

    def runner(self, workers: int) -> Runner:
        """Give a new runner that does so many pieces of work at a time."""
        raise NotImplementedError(f"{type(self).__name__} must say how it is made: def runner(self, workers)")

    def test_a_project_runs_on_it(self, tmp_path: Path) -> None:
        """Runner.submit: a whole project runs on it, and its second run executes only what changed."""
        first, _ = self._run_project(tmp_path)
        assert set(first.executed) == STEP_NAMES
        again, _ = self._run_project(tmp_path)
        assert again.executed == []
        fewer, _ = self._run_project(tmp_path, rows=10)
        assert fewer.state == "done"
        assert fewer.records["both"].result.content != first.records["both"].result.content

    def test_results_are_those_of_a_local_run(self, tmp_path: Path) -> None:
        """Runner.submit: tables and values are, by content, what they are in threads of one process."""
        from magical.project import load

        here, there = tmp_path / "here", tmp_path / "there"
        result, _ = self._run_project(there)
        _write_project(here, {})
        load(here).run()
        plans = load(here).plan()
        contents = {name: record.result.content for name, record in result.records.items()}
        assert contents == {name: p.record.result.content for name, p in plans.items() if p.record}
        assert set(contents) == STEP_NAMES

    def test_a_step_that_fails_costs_its_followers_only(self, tmp_path: Path) -> None:
        """Runner.submit: after a step that fails for good, what does not need it is finished."""
        result, _ = self._run_project(tmp_path, fails=100)
        assert result.state == "failed"
        assert set(result.errors) == {"often"}
        assert isinstance(result.errors["often"], StepError)
        assert "it did not answer" in str(result.errors["often"])
        assert set(result.left_out) == {"after", "both"}
        assert set(result.executed) == {"raw", "split", "size"}

    def test_a_failed_step_is_retried_as_policy_says(self, tmp_path: Path) -> None:
        """Runner.submit: with two retries, a step that fails twice succeeds the third time, and says so."""
        result, events = self._run_project(tmp_path, {"retries": 2, "backoff": 0.05}, fails=2)
        assert result.state == "done"
        assert (tmp_path / "tries").read_text() == "..."
        retried = [(e.step, e.attempt) for e in events if isinstance(e, StepRetried)]
        assert retried == [("often", 1), ("often", 2)]

    def test_printed_text_is_emitted_under_its_step(self, tmp_path: Path) -> None:
        """Runner.submit: what a body prints is told once, under its step's name, before that is finished."""
        _, events = self._run_project(tmp_path)
        said = [e for e in events if isinstance(e, LogLine) and e.level == "print"]
        assert [(e.step, e.text) for e in said] == [("raw", "so many rows: 40")]
        finished = next(n for n, e in enumerate(events) if isinstance(e, StepFinished) and e.step == "raw")
        assert events.index(said[0]) < finished

    def test_a_step_that_takes_too_long_is_stopped(self, tmp_path: Path) -> None:
        """Runner.submit: a step is stopped when its time is up, and costs its followers only."""
        result, _ = self._run_project(tmp_path, {"steps": {"often": {"timeout": 5}}}, seconds=60.0)
        assert isinstance(result.errors["often"], StepStopped)
        assert "within 5 s" in str(result.errors["often"])
        assert result.seconds < 40
        assert set(result.executed) == {"raw", "split", "size"}

    def _run_project(
        self, root: Path, policy: Mapping[str, Any] | None = None, **settings: Any
    ) -> tuple[RunResult, list[Event]]:
        from magical.project import load
        from magical.project.run_setup import run_drawing

        _write_project(root, {**self.policy, **(policy or {})})
        context, heard = load(root).context(settings), _EventRecorder()
        return run_drawing(context, context.draw(), (heard,), runner=self.runner(2)), heard.events


def _write_project(root: Path, policy: Mapping[str, Any]) -> None:
    root.mkdir(exist_ok=True)
    (root / "workflow.py").write_text(WORKFLOW_SOURCE)
    lines = [
        "[tracking]",
        "enabled = false",
        "[policy]",
        *(f"{k} = {_format_toml(v)}" for k, v in policy.items()),
    ]
    (root / "settings.toml").write_text("\n".join(lines) + "\n")


def _format_toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_format_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


class RunnerConformance(ProjectRunSuite):
    """Hold a runner to what `magical.engine.protocols.Runner` promises.

    Example:
        >>> from magical.engine.execution.local_runner import LocalRunner
        >>> class TestLocalRunner(RunnerConformance):
        ...     def runner(self, workers):
        ...         return LocalRunner(workers)

    What a project has to say for it to run there, ``policy`` says: ``policy = {"cluster": "dask"}``.
    """

    def test_work_gives_its_result(self) -> None:
        """Runner.submit: gives a future of what the work returns."""
        with self.runner(2) as runner:
            futures = [runner.submit(WorkItem(partial(pow, n, 2), f"square[{n}]")) for n in range(20)]
            assert [f.result(timeout=30) for f in futures] == [n * n for n in range(20)]

    def test_work_is_done_once(self) -> None:
        """Runner.submit: does each piece of work once, also when it raises."""
        done: list[int] = []

        def fail() -> None:
            done.append(-1)
            raise ValueError("no")

        with self.runner(2) as runner:
            wait([runner.submit(WorkItem(partial(done.append, n), str(n))) for n in range(5)], timeout=30)
            wait([runner.submit(WorkItem(fail, "fails"))], timeout=30)
        assert sorted(done) == [-1, *range(5)]

    def test_an_exception_comes_back_as_it_was(self) -> None:
        """Runner.submit: the future holds the very exception that the work raised; the next work is done."""

        class Odd(Exception):
            pass

        error = Odd("why", 3)

        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(WorkItem(work, "odd")).exception(timeout=30) is error
            assert runner.submit(WorkItem(lambda: 3, "after it")).result(timeout=30) == 3

    @pytest.mark.parametrize(
        "error", [SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=lambda e: type(e).__name__
    )
    def test_no_exception_ends_a_worker(self, error: BaseException) -> None:
        """Runner.submit: an exception that would end a thread or a process ends no worker."""

        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(WorkItem(work, "ends")).exception(timeout=30) is error
            assert runner.submit(WorkItem(lambda: 3, "after it")).result(timeout=30) == 3

    def test_as_many_run_at_a_time_as_asked_for(self) -> None:
        """Runner.submit: as many pieces of work run at a time as there are workers, and no more."""
        inside, most, lock = [0], [0], threading.Lock()

        def work() -> None:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            with lock:
                inside[0] -= 1

        for workers in (1, 3):
            most[0] = 0
            with self.runner(workers) as runner:
                wait([runner.submit(WorkItem(work, str(n))) for n in range(9)], timeout=30)
            assert most[0] == workers

    def test_leaving_waits_for_what_has_begun(self) -> None:
        """Runner.__exit__: waits for all that was submitted."""
        done: list[int] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(1)

        with self.runner(2) as runner:
            for n in range(4):
                runner.submit(WorkItem(work, str(n)))
        assert done == [1] * 4

    def test_leaving_on_an_exception_begins_nothing_more(self) -> None:
        """Runner.__exit__: left by an exception, it begins nothing more, and lets the exception through."""
        done: list[int] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(1)

        def fail() -> None:
            with self.runner(1) as runner:
                for n in range(10):
                    runner.submit(WorkItem(work, str(n)))
                raise KeyError("stop")

        with pytest.raises(KeyError, match="stop"):
            fail()
        assert len(done) <= 2

    def test_work_may_be_submitted_from_where_results_are_awaited(self) -> None:
        """Runner.submit: a piece of work may await the result of an earlier one."""
        with self.runner(1) as runner:
            first = runner.submit(WorkItem(lambda: 1, "first"))
            second = runner.submit(WorkItem(lambda: first.result() + 1, "second"))
            assert second.result(timeout=30) == 2
