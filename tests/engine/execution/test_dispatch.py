"""The dispatcher: which bodies go to a cluster, how their events come back, and several runs on one store."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from magical.engine.artifacts import Record
from magical.engine.execution.dispatch import has_cluster_work, is_dispatchable
from magical.engine.execution.executor import LocalExecutor
from magical.engine.execution.remote_task import RemoteTask
from magical.engine.execution.scheduler import Scheduler
from magical.engine.run import ActiveRun, RunContext, RunResult
from magical.errors import StepError
from magical.events import Event, LogLine
from magical.project.run_setup import create_run_context
from projects import Small, one, python

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
    tasks: list[RemoteTask] = field(default_factory=list)
    fails: StepError | None = None

    def submit(self, task: RemoteTask, emit: Callable[[Event], None]) -> "Future[Record]":
        self.tasks.append(task)
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
    assert [task.node for task in cluster.tasks] == ["number", "twice"]
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


# --- several runs at once on one store, also while garbage is collected ----------------------------------------------

COUNTED = """
import os
import time


def count(step: str, *words: object) -> None:
    with open(os.environ["COUNTED"], "a") as file:
        file.write(" ".join(map(str, (step, *words))) + "\\n")
    time.sleep(0.03)
"""

WORK = """
class Fit:
    def __init__(self, sum: int) -> None:
        self.sum = sum


class WorkSettings(Settings):
    n: int = 3


@step
def start(n: int) -> Frame:
    count("start", n)
    return pl.DataFrame({"x": range(n * 1000)})


@step
def part(table: Frame, number: int) -> Frame:
    count("part", table.height, number)
    (scratch() / "half").write_text("x")
    keep("number", {"number": number})
    return table.select(pl.col("x") * number)


@step
def fitted(table: Frame) -> Fit:
    count("fitted", table.height)
    return Fit(table["x"].sum())


@step(writes="world")
def publish(total: int) -> int:
    count("publish", total)
    return total


@step
def total(tables: list[Frame], fit: Fit) -> int:
    return sum(t["x"].sum() for t in tables) + fit.sum


@workflow
def flow(s: WorkSettings) -> int:
    table = start(s.n)
    parts = [part(table, number) for number in range(6)]
    return publish(total(parts, fitted(table)))
"""


def right(n: int) -> int:
    return sum(range(n * 1000)) * (sum(range(6)) + 1)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted"))
    return one(tmp_path / "work", WORK, top=COUNTED)


def counted(work: Small) -> Counter[str]:
    path = work.root.parent / "counted"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


def begin(work: Small, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "magical.cli", *words, "--project", str(work.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(runs: Iterable[subprocess.Popen[str]]) -> list[str]:
    """See that all end well, and give what they said."""
    runs = list(runs)
    said = [r.communicate() for r in runs]
    assert [r.returncode for r in runs] == [0] * len(runs), said
    assert not [err for _, err in said if "Traceback" in err], said
    return [out for out, _ in said]


def until(happened: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def together(work: Small, processes: int, n: int, *collecting: str) -> None:
    """Run several processes, with the garbage collected in a loop, and see them all end well."""
    runs = [begin(work, "run", f"n={n}", "--register", "--json") for _ in range(processes)]
    swept = 0
    while any(r.poll() is None for r in runs):
        collected = work.process("gc", *collecting, *(["--verify"] if swept % 2 else []))
        assert collected.returncode == 0, collected.stderr
        swept += 1
    said = ended(runs)
    assert swept > 0
    assert {json.loads(out)["results"]["publish"] for out in said} == {str(right(n))}


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_runs_at_once_do_each_work_once_while_garbage_is_collected(work: Small, processes: int) -> None:
    for n in range(10, 14):
        work.load(register=True).run(n=n)  # garbage
    before = counted(work)
    together(work, processes, 4, "--keep", str(processes))
    assert counted(work) - before == {
        "start 4": 1,
        **{f"part 4000 {number}": 1 for number in range(6)},
        "fitted 4000": 1,
        f"publish {right(4)}": 1,
    }
    assert work.load().gc(keep=processes).records == 0
    runs = len(list(work.load().runs())) - 4  # one that begins when others have ended is none
    assert work.load().gc(keep=0).records == 10 * (1 + processes - runs), "of each kept run"


@pytest.mark.slow
def test_what_is_in_use_is_not_collected_even_if_nothing_is_kept(work: Small) -> None:
    together(work, 2, 4, "--keep", "0")
    assert work.load(register=True).run(n=4).result == right(4)


SLOW = """
import time

@step
def slow(n: int) -> int:
    emit("under way")
    time.sleep(n)
    return n

@step
def after(n: int) -> int:
    return n + 1

class S(Settings):
    n: int = 2

@workflow
def flow(s: S) -> int:
    return after(slow(s.n))
"""


def events(small: Small, name: str) -> list[dict[str, Any]]:
    return [e for e in small.events() if e["event"] == name]


@pytest.mark.slow
def test_who_waits_for_another_run_says_so_once(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    first = begin(small, "run")
    until(lambda: any(e["text"] == "under way" for e in events(small, "LogLine")))
    second = small.run()
    first.communicate()
    assert first.returncode == 0
    assert second.result == 3
    assert "slow" not in second.executed
    texts = [e["text"] for e in events(small, "LogLine") if e["step"] == "slow"]
    assert texts == ["under way", "waits for another run that is computing it."]
    finished = [e["step"] for e in events(small, "StepFinished")]
    assert sorted(finished) == ["after", "slow"]
    assert [e["step"] for e in events(small, "StepCached")].count("slow") == 1
    assert small.load().runs()[0].executed == second.executed


def test_a_killed_run_holds_nobody_up(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    first = begin(small, "run", "n=60")
    until(lambda: any(e["text"] == "under way" for e in events(small, "LogLine")))
    second = begin(small, "run", "n=60")
    until(lambda: any("waits" in e["text"] for e in events(small, "LogLine")))
    first.kill()
    first.communicate()
    until(lambda: [e["text"] for e in events(small, "LogLine")].count("under way") == 2)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    small.run(n=0)
    assert {r.state for r in small.load().runs()} == {"killed", "done"}
    small.load().gc(keep=0)
    left = [
        p for name in ("locks", "pins", "scratch") for p in (tmp_path / ".magical/store" / name).glob("*")
    ]
    assert left == []


def test_a_run_that_waits_for_another_can_be_stopped(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    first = begin(small, "run", "n=60")
    until(lambda: any(e["text"] == "under way" for e in events(small, "LogLine")))
    second = begin(small, "run", "n=60")
    until(lambda: any("waits" in e["text"] for e in events(small, "LogLine")))
    began = time.monotonic()
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert second.returncode == 130
    assert "flow: stopped. 0 steps finished and are kept; slow was under way." in err
    assert "Traceback" not in err
    first.kill()
    first.communicate()


@pytest.mark.slow
def test_what_fails_in_one_run_is_tried_by_the_other(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        import pathlib
        import time

        @step
        def slow(n: int) -> int:
            emit("under way")
            first = not pathlib.Path("TRIED").exists()
            pathlib.Path("TRIED").touch()
            time.sleep(1)
            if first:
                raise ValueError("not the first time")
            return n

        @workflow
        def flow() -> int:
            return slow(3)
        """.replace("TRIED", str(tmp_path / "tried")),
    )
    first = begin(small, "run")
    until(lambda: any(e["text"] == "under way" for e in events(small, "LogLine")))
    second = small.run()
    first.communicate()
    assert first.returncode == 1
    assert second.result == 3
    assert second.executed == ["slow"]


def test_a_source_in_the_world_is_asked_by_each_run(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        import time

        @step(reads="world")
        def source() -> int:
            emit("asked")
            time.sleep(0.3)
            return 1

        @workflow
        def flow() -> int:
            return source()
        """,
    )
    ended(begin(small, "run") for _ in range(2))
    assert [e["text"] for e in events(small, "LogLine")].count("asked") == 2
    assert all(r.executed == ["source"] for r in small.load().runs())


@pytest.mark.slow
def test_what_two_runs_find_damaged_one_makes_again(work: Small) -> None:
    (work.root / "settings.toml").write_text("n = 1\n")
    run = work.run()
    assert set(counted(work).values()) == {1}
    for path in (work.root / ".magical/store/objects").rglob("*.parquet"):
        path.write_bytes(b"x" * path.stat().st_size)
    work.edit("workflow.py", "+ fit.sum\n", "+ fit.sum + 0\n")
    ended(begin(work, "run") for _ in range(3))
    assert work.run().result == run.result
    assert max(counted(work).values()) == 2, counted(work)
    assert counted(work)[f"publish {right(1)}"] == 1


@pytest.mark.slow
def test_processes_that_begin_at_the_same_moment(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    ended(begin(small, "run", f"n={n % 2}") for n in range(6))
    names = small.load().journal.names()
    assert len(names) == len(set(names))
    assert {e["event"] for e in small.events()} >= {"RunStarted", "StepFinished", "RunFinished"}
    assert [r.state for r in small.load().runs()] == ["done"] * len(names)


@pytest.mark.slow
def test_kills_among_several_runs_lose_nothing(work: Small) -> None:
    moments = random.Random(os.getpid())
    for _ in range(4):
        runs = [begin(work, "run") for _ in range(3)]
        time.sleep(0.3 + moments.random() * 0.8)
        for run in runs[1:]:
            run.send_signal(signal.SIGKILL)
        collected = python("-m", "magical.cli", "gc", "--project", str(work.root))
        assert collected.returncode == 0, collected.stderr
        said = runs[0].communicate()
        assert runs[0].returncode == 0, said
        for run in runs[1:]:
            run.communicate()
    assert work.run().result == right(3)
    finished = Counter((e["step"], e["key"]) for e in work.events() if e["event"] == "StepFinished")
    assert set(finished.values()) == {1}


def test_a_source_in_the_world_keeps_what_it_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        import subprocess, sys
        from pathlib import Path

        class FlowSettings(Settings):
            n: int = 2

        @step(reads="world")
        def source(n: int) -> Frame:
            return pl.DataFrame({"x": range(n)})

        @step
        def between(source: Frame) -> int:
            words = ["gc", "--keep", "0", "--project", str(Path(__file__).parent)]
            subprocess.run([sys.executable, "-m", "magical.cli", *words], check=True)
            return source.height

        @step
        def later(source: Frame, between: int) -> int:
            return source.height + between

        @workflow
        def flow(s: FlowSettings) -> int:
            t = source(s.n)
            return later(t, between(t))
        """,
    )
    run = small.run(n=3, policy={"steps": {"source": {"timeout": 60}}})
    assert run.result == 6
    assert run["source"].height == 3
    assert [e["step"] for e in small.events() if e["event"] == "StepStarted"] == [
        "source",
        "between",
        "later",
    ]
