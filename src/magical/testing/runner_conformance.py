"""The conformance suite of runners: single work items, and runs of a small project."""

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

__all__ = ["ProjectRunSuite", "RunnerConformance"]

WORKFLOW_SOURCE = """\
import time
from pathlib import Path

import polars as pl

from magical import Contract, Frame, Id, Parts, Settings, partition, step, workflow

HERE = Path(__file__).parent


class Row(Contract):
    id: Id[int]


class FlowSettings(Settings):
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
def flow(s: FlowSettings) -> list[int]:
    rows = raw(s.rows)
    train, validation, test = split(rows)
    return both(size(train), after(often(rows, s.fails, s.seconds)))
"""

STEP_NAMES = {"raw", "split", "size", "often", "after", "both"}


@dataclass
class _EventRecorder:
    """A listener that collects the events."""

    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


class ProjectRunSuite(Conformance):
    """Checks of a project's run under a runner; a part of ``RunnerConformance``.

    Attributes:
        policy: the ``[policy]`` of the project's ``settings.toml``, such as where bodies run.
    """

    policy: ClassVar[Mapping[str, Any]] = {}

    def runner(self, workers: int) -> Runner:
        """Create a runner that executes up to ``workers`` work items at a time."""
        raise NotImplementedError(f"{type(self).__name__} must say how it is made: def runner(self, workers)")

    def test_a_project_runs_on_it(self, tmp_path: Path) -> None:
        """Runner.submit: a whole project runs, and its second run executes only what changed."""
        first, _ = self._run_project(tmp_path)
        assert set(first.executed) == STEP_NAMES
        again, _ = self._run_project(tmp_path)
        assert again.executed == []
        fewer, _ = self._run_project(tmp_path, rows=10)
        assert fewer.state == "done"
        assert fewer.records["both"].result.content != first.records["both"].result.content

    def test_results_are_those_of_a_local_run(self, tmp_path: Path) -> None:
        """Runner.submit: results have the same content as in threads of one process."""
        from magical.project import load

        result, _ = self._run_project(tmp_path / "ours")
        local = tmp_path / "local"
        _write_project(local, {})
        load(local).run()
        plans = load(local).plan()
        contents = {name: record.result.content for name, record in result.records.items()}
        assert contents == {name: p.record.result.content for name, p in plans.items() if p.record}
        assert set(contents) == STEP_NAMES

    def test_a_failed_step_leaves_out_only_its_followers(self, tmp_path: Path) -> None:
        """Runner.submit: steps that do not need a failed step are finished."""
        result, _ = self._run_project(tmp_path, fails=100)
        assert result.state == "failed"
        assert set(result.errors) == {"often"}
        assert isinstance(result.errors["often"], StepError)
        assert "it did not answer" in str(result.errors["often"])
        assert set(result.left_out) == {"after", "both"}
        assert set(result.executed) == {"raw", "split", "size"}

    def test_a_failed_step_is_retried_as_policy_says(self, tmp_path: Path) -> None:
        """Runner.submit: with two retries, a step that fails twice succeeds the third time."""
        result, events = self._run_project(tmp_path, {"retries": 2, "backoff": 0.05}, fails=2)
        assert result.state == "done"
        assert (tmp_path / "tries").read_text() == "..."
        retried = [(e.step, e.attempt) for e in events if isinstance(e, StepRetried)]
        assert retried == [("often", 1), ("often", 2)]

    def test_printed_text_is_emitted_under_its_step(self, tmp_path: Path) -> None:
        """Runner.submit: printed lines are emitted once, under the step's name, before it is finished."""
        _, events = self._run_project(tmp_path)
        printed = [e for e in events if isinstance(e, LogLine) and e.level == "print"]
        assert [(e.step, e.text) for e in printed] == [("raw", "so many rows: 40")]
        finished = next(n for n, e in enumerate(events) if isinstance(e, StepFinished) and e.step == "raw")
        assert events.index(printed[0]) < finished

    def test_a_step_that_takes_too_long_is_stopped(self, tmp_path: Path) -> None:
        """Runner.submit: a step is stopped after its timeout; only its followers are left out."""
        result, _ = self._run_project(tmp_path, {"steps": {"often": {"timeout": 2}}}, seconds=60.0)
        assert isinstance(result.errors["often"], StepStopped)
        assert "within 2 s" in str(result.errors["often"])
        assert result.seconds < 40
        assert set(result.executed) == {"raw", "split", "size"}

    def _run_project(
        self, root: Path, policy: Mapping[str, Any] | None = None, **settings: Any
    ) -> tuple[RunResult, list[Event]]:
        """Write the project, run its workflow with some settings, and return the result and all events."""
        from magical.project import load
        from magical.project.run_setup import run_drawing

        _write_project(root, {**self.policy, **(policy or {})})
        context, recorder = load(root).context(settings), _EventRecorder()
        # The runner is passed directly: the policy cannot name the runner of a third party.
        return run_drawing(context, context.draw(), (recorder,), runner=self.runner(2)), recorder.events


def _write_project(root: Path, policy: Mapping[str, Any]) -> None:
    root.mkdir(exist_ok=True)
    (root / "workflow.py").write_text(WORKFLOW_SOURCE)
    lines = [f"{key} = {_format_toml(value)}\n" for key, value in policy.items()]
    (root / "settings.toml").write_text("[tracking]\nenabled = false\n[policy]\n" + "".join(lines))


def _format_toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_format_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


class RunnerConformance(ProjectRunSuite):
    """Checks that a runner does what `magical.engine.protocols.Runner` promises.

    If a project needs settings to run there, set ``policy``: ``policy = {"cluster": "dask"}``.

    Example:
        >>> from magical.engine.execution.local_runner import LocalRunner
        >>> class TestLocalRunner(RunnerConformance):
        ...     def runner(self, workers):
        ...         return LocalRunner(workers)
    """

    def test_work_gives_its_result(self) -> None:
        """Runner.submit: returns a future of what the work returns."""
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
        """Runner.submit: the future holds the same exception object that the work raised."""

        class CustomError(Exception): ...

        self._assert_comes_back(CustomError("why", 3))

    @pytest.mark.parametrize(
        "error", [SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=lambda e: type(e).__name__
    )
    def test_no_exception_ends_a_worker(self, error: BaseException) -> None:
        """Runner.submit: an exception that would end a thread or a process ends no worker."""
        self._assert_comes_back(error)

    def _assert_comes_back(self, error: BaseException) -> None:
        """Assert that the future has this exception, and that the only worker goes on working."""

        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(WorkItem(work, "raises")).exception(timeout=30) is error
            # With one worker, this hangs if the exception has ended it.
            assert runner.submit(WorkItem(lambda: 3, "next")).result(timeout=30) == 3

    def test_as_many_run_at_a_time_as_asked_for(self) -> None:
        """Runner.submit: as many pieces of work run at a time as there are workers."""
        inside, most, lock = [0], [0], threading.Lock()

        def work() -> None:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.02)  # long enough for every free worker to come in
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
        """Runner.__exit__: left by an exception, it starts no more work, and lets the exception through."""
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
        assert len(done) <= 2  # one under way, and one that its worker may have taken already

    def test_work_may_be_submitted_from_where_results_are_awaited(self) -> None:
        """Runner.submit: a piece of work may await the result of an earlier one."""
        # One worker takes work in the order of submission, or this would wait for itself.
        with self.runner(1) as runner:
            first = runner.submit(WorkItem(lambda: 1, "first"))
            second = runner.submit(WorkItem(lambda: first.result() + 1, "second"))
            assert second.result(timeout=30) == 2
