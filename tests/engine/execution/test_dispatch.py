"""Where a body runs: what travels, what stays, and how a run hears of it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from magical.engine.artifacts import Record
from magical.engine.execution.dispatch import has_cluster_work, is_dispatchable
from magical.engine.execution.executor import LocalExecutor
from magical.engine.execution.remote_task import ERROR, EVENT, RemoteTask, pack_answer, unpack_answer
from magical.engine.execution.scheduler import Scheduler
from magical.engine.run import ActiveRun, RunContext, RunResult
from magical.errors import StepError, StepStopped
from magical.events import Event, LogLine
from magical.project.run_setup import create_run_context
from projects import Small, one

FLOW = """
class FlowSettings(Settings):
    wrong: bool = False

@step
def made() -> Frame: ...

@step
def number(wrong: bool) -> int:
    return 3

@step
def twice(number: int) -> int:
    return number * 2

@step(writes="world")
def publish(twice: int) -> dict[str, Any]:
    return {"told": twice}

@workflow
def flow(s: FlowSettings) -> int:
    twofold = twice(number(s.wrong))
    publish(twofold)
    return twofold
"""


@dataclass
class Elsewhere:
    """A cluster in this very process."""

    run: RunContext | None = None
    errands: list[RemoteTask] = field(default_factory=list)
    fails: StepError | None = None

    def submit(self, task: RemoteTask, emit: Callable[[Event], None]) -> "Future[Record]":
        self.errands.append(task)
        future: Future[Record] = Future()
        emit(LogLine(step=task.node, text="from afar", level="print"))
        if self.fails is not None:
            future.set_exception(self.fails)
            return future
        assert self.run is not None
        known = {name: Record.from_json(data) for name, data in task.records.items()}
        node = self.run.graph.by_name[task.node]
        executor = LocalExecutor(ActiveRun(self.run, RunResult(task.run, records=known), emit))
        future.set_result(executor.execute(node, self.run.planner.plan_node(node, known), known))
        return future


def run_with(small: Small, cluster: Elsewhere, policy: str = "") -> RunResult:
    cluster.run = replace(context_of(small), echo=False)
    return Scheduler(cluster.run, cluster).run()  # type: ignore[arg-type]


def context_of(small: Small, **settings: Any) -> RunContext:
    context = small.load().context(settings)
    return create_run_context(context, context.draw())


def test_what_writes_to_the_world_stays(tmp_path: Path) -> None:
    small, cluster = one(tmp_path, FLOW), Elsewhere()
    result = run_with(small, cluster)
    assert [errand.node for errand in cluster.errands] == ["number", "twice"]
    assert set(result.executed) == {"number", "twice", "publish"}
    said = [e["step"] for e in small.events() if e["event"] == "LogLine" and e["text"] == "from afar"]
    assert said == ["number", "twice"]


def test_an_error_from_afar_is_the_step_s_own(tmp_path: Path) -> None:
    error = StepError("number raised ValueError:", hint="look.")
    result = run_with(one(tmp_path, FLOW), Elsewhere(fails=error))
    assert result.errors == {"number": error}


@pytest.mark.parametrize(("settings", "wanted"), [({}, False), ({"policy": {"cluster": "dask"}}, True)])
def test_a_cluster_is_wanted_only_where_something_travels(
    tmp_path: Path, settings: dict[str, Any], wanted: bool
) -> None:
    small = one(tmp_path, FLOW)
    assert has_cluster_work(context_of(small, **settings)) is wanted
    small.run()
    assert not has_cluster_work(context_of(small, **settings))


def test_what_is_made_up_stays(tmp_path: Path) -> None:
    graph = one(tmp_path, FLOW.replace("return number * 2", "...")).load().context().draw().graph
    assert {n.name: is_dispatchable(n) for n in graph.nodes if n.name == "twice"} == {"twice": False}


class Odd(Exception):
    """Something that cannot be sent."""

    def __reduce__(self) -> Any:
        raise TypeError("no")


def test_what_cannot_be_sent_is_told_as_a_line() -> None:
    there = unpack_answer("clean", pack_answer(EVENT, LogLine(step="clean", text=Odd("x"))))  # type: ignore[arg-type]
    assert isinstance(there, LogLine)
    assert there.step == "clean"
    error = StepStopped("clean stopped.", hint="look.")
    error.__dict__["odd"] = Odd("x")
    assert str(unpack_answer("clean", pack_answer(ERROR, error))) == str(error)
