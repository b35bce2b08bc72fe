"""Prefect as a runner, on a real server: the conformance suite, and a worker that dies."""

import _thread
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flow_runs import Shown
from magical.events import RunStarted
from magical.integrations.prefect.flow_run import FlowRun
from magical.integrations.prefect.prefect_runner import PrefectRunner
from magical.testing import RunnerConformance
from projects import one

pytest.importorskip("prefect")

DYING = """
import os
from pathlib import Path

HERE = Path(__file__).parent

def note(name):
    with (HERE / f"{name}.ran").open("a") as file:
        file.write("x")

@step
def table() -> Frame:
    note("table")
    return pl.DataFrame({"x": [1, 2, 3]})

@step
def dies(table: Frame) -> int:
    note("dies")
    if len((HERE / "dies.ran").read_text()) == 1:
        os.kill(os.getpid(), 9)
    return table.height

@step
def beside(table: Frame) -> int:
    note("beside")
    return 1

@step
def total(dies: int, beside: int) -> int:
    return dies + beside

@workflow
def flow() -> int:
    t = table()
    return total(dies(t), beside(t))
"""


@pytest.mark.slow_except(
    "test_a_project_runs_on_it",
    "test_as_many_run_at_a_time_as_asked_for",
    "test_an_exception_comes_back_as_it_was",
)
class TestPrefectRunner(RunnerConformance):
    @pytest.fixture(autouse=True)
    def _server(self, prefect_server: str) -> None:
        self.server = prefect_server

    def runner(self, workers: int) -> PrefectRunner:
        return PrefectRunner(workers, server=self.server)


@pytest.mark.slow
class TestPrefectOnDask(TestPrefectRunner):
    policy: ClassVar[dict[str, Any]] = {"cluster": "dask"}


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_step_only(prefect_server: str, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
    from prefect.settings import PREFECT_API_URL, temporary_settings

    small = one(tmp_path, DYING)
    words = ["policy.runner=prefect", f"policy.server={prefect_server}", "policy.cluster=dask"]
    done = small.process("run", *words, "policy.workers=2", "--json")
    assert done.returncode == 0, done.stderr
    assert [len((tmp_path / f"{name}.ran").read_text()) for name in ("table", "dies", "beside")] == [1, 2, 1]
    told = [e["text"] for e in small.events() if e["event"] == "LogLine" and e["step"] == "dies"]
    assert "the worker it ran on died; it runs again on another one." in told

    def states() -> dict[str, str]:
        which = FlowRunFilter(name=FlowRunFilterName(any_=[next(iter(small.events()))["run"]]))
        (run,) = client.read_flow_runs(flow_run_filter=which, limit=2, sort=FlowRunSort.NAME_ASC)
        assert run.state is not None
        by_start = TaskRunSort.EXPECTED_START_TIME_ASC
        tasks = client.read_task_runs(flow_run_filter=which, limit=20, sort=by_start)
        return {"run": run.state.name, **{t.name: t.state.name for t in tasks if t.state is not None}}

    names = ["run", "table", "dies", "beside", "total"]
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        until = time.monotonic() + 30
        while states() != dict.fromkeys(names, "Completed") and time.monotonic() < until:
            time.sleep(0.2)  # the server enters the end of a task a little later
        assert states() == dict.fromkeys(names, "Completed")


def test_a_run_that_is_stopped_before_its_flow_run_is_open_leaves_none_open(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []
    begun = FlowRun._attach

    def slowly(flow: FlowRun, run: Any, **facts: Any) -> None:
        _thread.interrupt_main()  # as Ctrl-C does
        time.sleep(0.5)
        begun(flow, run, **facts)

    monkeypatch.setattr(FlowRun, "_attach", slowly)
    runner = PrefectRunner(server=prefect_server, on_flow_run=lambda *note: notes.append(note))
    runner.on(RunStarted(run="early", workflow="interrupted", settings={}, nodes=[]))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts jobs without it
    try:
        with pytest.raises(KeyboardInterrupt), runner:
            pass
    finally:
        signal.signal(signal.SIGINT, handler)
    run = Shown(prefect_server).flow_run("interrupted", "Cancelled")
    assert notes == [("early", prefect_server, run["id"], True)]
