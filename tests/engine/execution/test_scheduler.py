"""How a run is carried out: turns, retries, limits, timeouts in processes of their own, and stopping."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.engine.execution.scheduler import STOP_SECONDS, ReadyQueue
from magical.engine.plan import NodePlan, Planner
from magical.errors import (
    DamagedArtifact,
    InputError,
    SettingsError,
    StepError,
    StepStopped,
    StoreError,
)
from magical.graph import Graph, Node
from magical.refs import Link
from magical.stores.local.objects import LocalObjects
from magical.stores.local.store import LocalStore
from projects import Small, is_well_worded, one

TIMES = '''
from pathlib import Path
import os, time
from magical import Receipt

HERE = Path(__file__).parent

def count(name):
    """Note a call, and say how many there were."""
    with (HERE / f"{name}.calls").open("a") as file:
        file.write("x")
    return (HERE / f"{name}.calls").stat().st_size
'''

FLAKY = (
    TIMES
    + """
class FlowSettings(Settings):
    good: int = 3

@step
def source() -> int:
    return count("source")

@step
def flaky(x: int, good: int) -> int:
    if count("flaky") < good:
        raise ConnectionError("the line is down")
    return x

@step
def other(x: int) -> int:
    return count("other")

@step
def last(x: int) -> int:
    return x + 1

@workflow
def flow(s: FlowSettings) -> Any:
    x = source()
    return last(flaky(x, s.good)), other(x)
"""
)


def calls(small: Small, name: str) -> int:
    path = small.root / f"{name}.calls"
    return path.stat().st_size if path.exists() else 0


def policy(**wishes: Any) -> dict[str, Any]:
    return {"policy": wishes}


# --- retries ------------------------------------------------------------------------------------------------------


def test_a_step_that_fails_twice_succeeds_the_third_time(tmp_path: Path) -> None:
    small = one(tmp_path, FLAKY)
    run = small.run(**policy(retries=2, backoff=0.01))
    assert run.state == "done"
    assert calls(small, "flaky") == 3
    assert calls(small, "source") == calls(small, "other") == 1
    retried = [e for e in small.events() if e["event"] == "StepRetried"]
    assert [(e["step"], e["attempt"], e["wait"]) for e in retried] == [("flaky", 1, 0.01), ("flaky", 2, 0.02)]
    assert "the line is down" in retried[0]["message"]


def test_a_step_fails_for_good_when_its_retries_are_used_up(tmp_path: Path) -> None:
    small = one(tmp_path, FLAKY)
    result = small.load().execute("", policy(retries=1, backoff=0.01))
    assert list(result.errors) == ["flaky"]
    assert calls(small, "flaky") == 2
    assert result.left_out == {"last": "flaky failed"}
    assert "other" in result.executed


def test_without_a_wish_nothing_is_tried_again(tmp_path: Path) -> None:
    small = one(tmp_path, FLAKY)
    assert list(small.fails()) == ["flaky"]
    assert calls(small, "flaky") == 1


@pytest.mark.parametrize("name", ["flaky", '"flaky"'])
def test_wishes_for_one_step_come_before_those_for_all(tmp_path: Path, name: str) -> None:
    small = one(tmp_path, FLAKY)
    small.write(
        "settings.toml",
        f"[tracking]\nenabled=false\n[policy]\nbackoff=0.01\n[policy.steps.{name}]\nretries=2\n",
    )
    assert small.run().state == "done"
    assert small.fails(good=99, policy={"steps": {"flaky": {"retries": 0}}})


def test_a_broken_promise_is_not_tried_again(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        TIMES
        + "@step\ndef a() -> int:\n    count('a')\n    return 'x'\n\n@workflow\ndef f() -> int:\n    return a()\n",
    )
    assert small.fails(**policy(retries=3, backoff=0.01))
    assert calls(small, "a") == 1


def test_other_steps_go_on_while_one_waits_for_its_retry(tmp_path: Path) -> None:
    small = one(tmp_path, FLAKY)
    small.run(good=2, **policy(retries=1, backoff=0.3, workers=1))
    order = [(e["event"], e.get("step")) for e in small.events()]
    assert order.index(("StepFinished", "other")) < order.index(("StepFinished", "flaky"))


def test_a_retry_costs_no_key(tmp_path: Path) -> None:
    small = one(tmp_path, FLAKY)
    small.run(**policy(retries=2, backoff=0.01))
    assert small.ran(**policy(retries=0, timeout=50, workers=1)) == []


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"steps": {"flaki": {"retries": 1}}}, "did you mean 'flaky'"),
        ({"steps": {"flaky": {"retry": 1}}}, "did you mean 'retries'"),
        ({"retries": -1}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"backoff": "soon"}, "backoff"),
        ({"steps": 3}, "steps"),
    ],
)
def test_a_wrong_wish_is_said_before_anything_runs(tmp_path: Path, wish: dict[str, Any], said: str) -> None:
    small = one(tmp_path, FLAKY)
    with pytest.raises(SettingsError) as caught:
        small.run(policy=wish)
    assert said in str(caught.value)
    assert is_well_worded(str(caught.value))
    assert calls(small, "source") == 0


# --- workers of one step ------------------------------------------------------------------------------------------

CROWD = (
    TIMES
    + """
@step
def big(n: int) -> int:
    (HERE / f"{n}.in").touch()
    time.sleep(0.1)
    inside = len(list(HERE.glob("*.in")))
    time.sleep(0.1)
    (HERE / f"{n}.in").unlink()
    return inside

@step
def most(inside: list[int]) -> int:
    return max(inside)

@workflow
def flow() -> int:
    return most([big(n) for n in range(6)])
"""
)


@pytest.mark.parametrize(
    ("wish", "most"),
    [({}, 3), ({"steps": {"big": {"workers": 1}}}, 1), ({"steps": {"big": {"workers": 2}}}, 2)],
)
def test_so_many_nodes_of_a_step_run_at_a_time(tmp_path: Path, wish: dict[str, Any], most: int) -> None:
    assert one(tmp_path, CROWD).run(policy={"workers": 3, **wish}).result == most


# --- timeouts, in a process of their own --------------------------------------------------------------------------

SLOW = (
    TIMES
    + """
import subprocess, sys

class FlowSettings(Settings):
    seconds: float = 0.0
    how: str = ""

@step
def table() -> Frame:
    return pl.DataFrame({"x": [1, 2, 3]})

@step
def slow(table: Frame, seconds: float, how: str) -> Frame:
    print("begun in", os.getpid())
    (HERE / "slow.pid").write_text(str(os.getpid()))
    keep("height", table.height)
    if how == "die":
        os.kill(os.getpid(), 9)
    if how == "crash":
        os.abort()
    if how == "raise":
        raise ValueError("no luck")
    if how == "shell":
        os.system("echo said by a shell")
    if how == "nest":
        nested = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        (HERE / "nested.pid").write_text(str(nested.pid))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    emit("half way")
    return table.with_columns(y=pl.col("x") * 2)

@step
def beside(table: Frame) -> int:
    return table.height

@step
def total(slow: Frame, beside: int) -> int:
    return slow["y"].sum() + beside

@workflow
def flow(s: FlowSettings) -> int:
    t = table()
    return total(slow(t, s.seconds, s.how), beside(t))
"""
)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def pid(small: Small, name: str = "slow") -> int:
    return int((small.root / f"{name}.pid").read_text())


def alone(seconds: float) -> dict[str, Any]:
    return {"policy": {"steps": {"slow": {"timeout": seconds}}}}


def test_a_step_with_a_timeout_runs_in_a_process_of_its_own_and_gives_the_same(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    run = small.run(**alone(60))
    assert run.result == 15
    assert run.kept("slow") == {"height": 3}
    assert pid(small) != os.getpid()
    said = [(e["text"], e["level"]) for e in small.events() if e["event"] == "LogLine"]
    assert ("half way", "info") in said
    assert (f"begun in {pid(small)}", "print") in said
    assert small.ran() == []  # the key is the same without a timeout
    assert not is_alive(pid(small))


def test_what_a_shell_writes_there_is_told_too(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    small.run(how="shell", **alone(60))
    assert "said by a shell" in [e["text"] for e in small.events() if e["event"] == "LogLine"]


def test_a_step_that_takes_too_long_is_stopped_and_the_rest_goes_on(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    began = time.monotonic()
    result = small.load().execute("", {"seconds": 300, "how": "nest", **alone(4)})
    assert time.monotonic() - began < 30
    error = result.errors["slow"]
    assert isinstance(error, StepStopped)
    assert str(error) == (
        f"slow (workflow.py:{_line(small, 'def slow') - 1}) was promised to end within 4 s, and did not: it was stopped.\n"
        "Hint: give it longer: policy.steps.slow.timeout=8"
    )
    assert result.left_out == {"total": "slow failed"}
    assert "beside" in result.executed
    assert not is_alive(pid(small))
    assert not is_alive(pid(small, "nested"))


@pytest.mark.slow_except("crash-SIGABRT")
@pytest.mark.parametrize(("how", "said"), [("die", "SIGKILL"), ("crash", "SIGABRT")])
def test_a_process_that_dies_costs_its_step_only(tmp_path: Path, how: str, said: str) -> None:
    small = one(tmp_path, SLOW)
    result = small.load().execute("", {"how": how, **alone(60)})
    assert isinstance(result.errors["slow"], StepStopped)
    assert said in str(result.errors["slow"])
    assert is_well_worded(str(result.errors["slow"]))
    assert "beside" in result.executed
    assert small.run(**alone(60)).result == 15


def test_what_a_body_raises_there_is_said_as_here(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    there = small.load().execute("", {"how": "raise", **alone(60)}).errors["slow"]
    here = small.load().execute("", {"how": "raise"}).errors["slow"]
    assert isinstance(there, StepError)
    assert str(there) == str(here)
    assert "no luck" in there.__dict__["trace"]


def test_a_source_that_raises_there_is_tried_again(tmp_path: Path) -> None:
    small = one(tmp_path, FLAKY)
    run = small.run(policy={"retries": 2, "backoff": 0.01, "steps": {"flaky": {"timeout": 60}}})
    assert run.state == "done"
    assert calls(small, "flaky") == 3


def test_files_that_change_while_it_runs_are_noticed(tmp_path: Path) -> None:
    text = SLOW.replace(
        "    return pl.DataFrame", '    (HERE / "helpers.py").write_text("TWO = 3")\n    return pl.DataFrame'
    )
    small = one(
        tmp_path,
        text.replace("import subprocess, sys", "import subprocess, sys\nfrom helpers import TWO").replace(
            'pl.col("x") * 2', 'pl.col("x") * TWO'
        ),
    )
    small.write("helpers.py", "TWO = 2")
    error = small.load().execute("", alone(60)).errors["slow"]
    assert "changed" in str(error)
    assert is_well_worded(str(error))


# --- stopping -----------------------------------------------------------------------------------------------------


def begun(small: Small, *words: str) -> "subprocess.Popen[str]":
    """A run whose step slow is under way."""
    (small.root / "slow.pid").unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "magical.cli",
        "run",
        "--project",
        str(small.root),
        "seconds=300",
        *words,
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    until = time.monotonic() + 60
    while not (small.root / "slow.pid").exists() or not (small.root / "slow.pid").read_text():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.3)
    return process


@pytest.mark.slow_except("thread-2", "thread-Signals.SIGINT")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [(), ("policy.steps.slow.timeout=600",)], ids=["thread", "process"])
def test_a_run_that_is_stopped_keeps_what_is_finished_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals, words: tuple[str, ...]
) -> None:
    small = one(tmp_path, SLOW)
    process = begun(small, *words)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert (
        "flow: stopped. 2 steps finished and are kept; slow was under way.\nHint: magical run goes on from there.\n"
        in err
    )
    assert not is_alive(pid(small))
    ended = [e for e in small.events() if e["event"] == "RunFinished"]
    assert [e["state"] for e in ended] == ["stopped"]
    assert small.ran(seconds=0.0) == ["slow", "total"]


def test_a_second_interrupt_leaves_at_once(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    process = begun(small)
    process.send_signal(signal.SIGINT)
    until = time.monotonic() + 10
    while not (waits := [e for e in small.events() if e.get("text", "").startswith("stopping; waiting")]):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in err) == (130, False)
    (ended,) = (e for e in small.events() if e["event"] == "RunFinished")
    assert ended["state"] == "stopped"
    assert ended["at"] - waits[0]["at"] < STOP_SECONDS


def test_the_process_of_a_step_dies_with_its_run(tmp_path: Path) -> None:
    small = one(tmp_path, SLOW)
    process = begun(small, "policy.steps.slow.timeout=600", "how=nest")
    process.kill()
    process.communicate()
    until = time.monotonic() + 10
    while is_alive(pid(small)) or is_alive(pid(small, "nested")):
        assert time.monotonic() < until
        time.sleep(0.05)


def _line(small: Small, text: str) -> int:
    lines = (small.root / "workflow.py").read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.startswith(text))


MANY = """
import time
from pathlib import Path
from magical.errors import DamagedArtifact

HERE = Path(__file__).parent

class FlowSettings(Settings):
    n: int = 1
    file: InputPath = InputPath("there.txt")

@step
def table() -> Frame:
    return pl.DataFrame({"x": [1, 2]})

@step
def soon(table: Frame, n: int) -> int:
    return read(table, 0.0) + n

@step
def late(table: Frame, n: int) -> int:
    return read(table, 1.5) + n

@step
def reads(table: Frame, file: InputPath) -> int:
    return len(file.read_bytes())

def read(table: pl.DataFrame, seconds: float) -> int:
    if (HERE / "damaged").exists() and not (HERE / str(seconds)).exists():
        (HERE / str(seconds)).touch()
        blob = (HERE / "damaged").read_text()
        time.sleep(seconds)
        raise DamagedArtifact("It is damaged.", hint="wait.", blob=blob)
    return table.height

@workflow
def flow(s: FlowSettings) -> tuple[int, int, int]:
    t = table()
    return soon(t, s.n), late(t, s.n), reads(t, s.file)
"""


def test_who_hears_of_damage_when_all_is_mended_has_another_turn(tmp_path: Path) -> None:
    small = one(tmp_path, MANY)
    small.write("there.txt", "four")
    small.run()
    (path,) = (tmp_path / ".magical/store/objects").glob("*/*.parquet")
    small.write("damaged", path.parent.name + path.name)
    run = small.run(n=2, policy={"workers": 3})
    assert run.result == [4, 4, 4]
    assert sorted(run.executed) == ["late", "soon", "table"]


def test_a_file_that_is_missing_costs_the_step_that_reads_it_only(tmp_path: Path) -> None:
    small = one(tmp_path, MANY)
    result = small.load().execute("", {})
    assert result.state == "failed"
    assert isinstance(result.errors["reads"], InputError)
    assert sorted(result.executed) == ["late", "soon", "table"]


ODD = """
import asyncio
from magical.errors import MagicalError

class Mine(MagicalError):
    def __init__(self, number: int) -> None:
        super().__init__(f"number {number}")
        self.number = number

class Thing:
    def summary(self, much: int) -> str:
        return "no summary of ours"

class Stubborn:
    def __init__(self) -> None:
        self.x = 1

    def __setstate__(self, state: object) -> None:
        raise RuntimeError("no way back")

@step
def panics() -> int:
    raise pl.exceptions.PanicException("polars gave up")

@step
def cancelled() -> int:
    raise asyncio.CancelledError("by itself")

@step
def empty() -> Frame:
    return pl.DataFrame({"x": pl.Series("x", [{}], dtype=pl.Struct([]))})

@step
def mine() -> int:
    raise Mine(3)

@step
def thing() -> Thing:
    return Thing()

@step
def stubborn() -> Stubborn:
    return Stubborn()

@step
def loads(it: Stubborn) -> int:
    return 1

@step
def fine() -> int:
    return 1

@workflow
def flow() -> tuple[int, Any, Any, int, Thing, int, int]:
    return panics(), cancelled(), empty(), mine(), thing(), loads(stubborn()), fine()
"""


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_whatever_a_body_raises_or_gives_costs_its_own_step_only(
    tmp_path: Path, timeout: float | None
) -> None:
    policy = {"steps": {name: {"timeout": timeout} for name in ("panics", "mine", "empty")}}
    result = one(tmp_path, ODD).load().execute("", {"policy": policy if timeout else {}})
    assert sorted(result.executed) == ["fine", "stubborn", "thing"]
    said = {name: str(error).splitlines()[0] for name, error in result.errors.items()}
    assert "raised PanicException" in said["panics"]
    assert "raised CancelledError" in said["cancelled"]
    assert "raised InvalidOperationError" in said["empty"]
    assert said["mine"].endswith("number 3")
    assert "no way back" in said["loads"]
    assert "stubborn" not in said


def test_tracking_that_cannot_begin_costs_no_step_in_a_process_of_its_own(tmp_path: Path) -> None:
    small = one(tmp_path / "odd#name", SLOW)
    small.write("settings.toml", "")
    assert small.run(**alone(60)).result == 15


TWINS = """
import os

class FlowSettings(Settings):
    n: int = 1

class Odd:
    def __init__(self) -> None:
        self.x = os.urandom(8)

@step
def table() -> Frame:
    return pl.DataFrame({"x": [1, 2]})

@step
def height(table: Frame, n: int) -> int:
    return table.height + n

@step
def odd() -> Odd:
    return Odd()

@step
def uses(odd: Odd, n: int) -> int:
    return n

@workflow
def flow(s: FlowSettings) -> tuple[int, int, int, int]:
    t, u = table(), table()
    return height(t, s.n), height(u, s.n), height(t, 5), uses(odd(), s.n)
"""


def test_damage_is_mended_where_the_same_work_has_two_names(tmp_path: Path) -> None:
    small = one(tmp_path, TWINS)
    small.run()
    (path,) = (tmp_path / ".magical/store/objects").glob("*/*.parquet")
    path.write_bytes(b"x")
    assert small.run(n=2, policy={"workers": 4}).result == [4, 4, 7, 2]


def test_a_disk_that_damages_everything_does_not_keep_a_run_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path, TWINS)
    small.run()

    def get(self: LocalObjects, blob: str) -> bytes:
        raise DamagedArtifact("It is damaged.", hint="magical run", blob=blob)

    monkeypatch.setattr(LocalObjects, "get", get)
    result = small.load().execute("uses", {"n": 2})
    assert isinstance(result.errors["uses"], DamagedArtifact)


def test_ctrl_c_under_a_debugger_waits_for_nothing(tmp_path: Path) -> None:
    text = """
    @step
    def interrupted() -> int:
        raise KeyboardInterrupt

    @workflow
    def flow() -> int:
        return interrupted()
    """
    project = one(tmp_path, text).load()
    project.context().draw()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="interrupted was under way"):
        project.execute("", {}, (), lambda error: None)
    assert time.monotonic() - began < 2.5


# --- a store that falls silent --------------------------------------------------------------------------------------

STORED = """
@step
def first() -> Frame:
    return pl.DataFrame({"x": [1, 2]})

@step
def reader(first: Frame, n: int) -> int:
    return first.height + n

@step
def after(reader: int) -> int:
    return reader + 1

@step
def other(n: int) -> int:
    return n

class S(Settings):
    n: int = 1

@workflow
def flow(s: S) -> Any:
    return after(reader(first(), s.n)), other(s.n)
"""


def silent(*words: object) -> Any:
    raise StoreError("The store s3://bucket/x cannot be used: no answer.", hint="is the network up?")


def test_a_store_that_is_silent_between_two_steps_costs_the_next_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path, STORED)
    whole = Planner.plan_node

    def decide(planner: Planner, node: Node, known: Any) -> NodePlan:
        return silent() if node.name == "after" else whole(planner, node, known)

    monkeypatch.setattr(Planner, "plan_node", decide)
    answer = small.command("run", "policy.workers=1")
    assert answer.code == 1, answer
    assert "cannot be used: no answer.\nHint: is the network up?\n" in answer.out
    assert "Traceback" not in answer.out + answer.err
    (run,) = small.load().runs()
    assert (run.state, run.executed, list(run.failed)) == ("failed", ["first", "reader", "other"], ["after"])
    monkeypatch.undo()
    assert small.ran() == ["after"]


def test_a_damaged_result_that_cannot_be_forgotten_costs_its_reader_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path, STORED)
    small.run()
    (table,) = (tmp_path / ".magical/store/objects").rglob("*.parquet")
    table.write_bytes(b"x" * table.stat().st_size)
    monkeypatch.setattr(LocalStore, "drop_record", silent)
    run = small.load().execute("", {"n": 2})
    assert (run.state, run.executed, list(run.errors)) == ("failed", ["other"], ["reader"])
    assert isinstance(run.errors["reader"], DamagedArtifact)
    monkeypatch.undo()
    assert small.ran(n=2) == ["first", "reader", "after"]


# --- the ready queue: every node once, after its inputs, in the order of drawing -------------------------------------

PROMISE = {"kind": "value", "text": "int"}


def graph_of(*parents: set[int]) -> Graph:
    """A graph in which node n takes the results of ``parents[n]``."""
    nodes = [
        Node(f"n{i}", "w:f", "", "", {"x": tuple(Link(f"n{p}") for p in sorted(given))}, PROMISE)
        for i, given in enumerate(parents)
    ]
    return Graph("w", tuple(nodes))


def queue_of(*parents: set[int]) -> ReadyQueue:
    return ReadyQueue(graph_of(*parents), [f"n{i}" for i in range(len(parents))])


@given(st.data())
def test_each_node_is_yielded_once_after_its_inputs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    parents = [
        set(data.draw(st.lists(st.integers(0, i - 1), max_size=3))) if i else set() for i in range(count)
    ]
    ready, under_way, done, seen = queue_of(*parents), [], set(), []
    while True:
        for name in ready:
            assert {f"n{p}" for p in parents[int(name[1:])]} <= done
            under_way.append(name)
            seen.append(name)
        if not under_way:
            break
        name = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        done.add(name)
        ready.mark_done(name)
    assert sorted(seen) == sorted(f"n{i}" for i in range(count))


def test_one_worker_goes_in_the_order_of_drawing() -> None:
    ready = queue_of(set(), {0}, set(), {1, 2})
    assert list(ready) == ["n0", "n2"]
    ready.mark_done("n2")
    ready.mark_done("n0")
    assert list(ready) == ["n1"]


def test_what_needs_a_lost_node_does_not_wait_for_the_others() -> None:
    ready = queue_of(set(), set(), {0, 1})
    assert list(ready) == ["n0", "n1"]
    ready.mark_done("n0", lost=True)
    assert list(ready) == ["n2"]
    ready.mark_done("n2", lost=True)
    ready.mark_done("n1")
    assert list(ready) == []


def test_a_value_is_unused_when_the_last_that_needs_it_is_settled() -> None:
    ready = queue_of(set(), {0}, {0})
    assert list(ready) == ["n0"]
    assert ready.mark_done("n0") == []
    assert list(ready) == ["n1", "n2"]
    assert ready.mark_done("n1") == ["n1"]
    assert ready.mark_done("n2") == ["n2", "n0"]


def test_a_damaged_result_is_waited_for_and_those_that_are_done_do_not_run_again() -> None:
    ready = queue_of(set(), {0}, {0}, {1, 2})
    assert list(ready) == ["n0"]
    ready.mark_done("n0")
    assert list(ready) == ["n1", "n2"]
    ready.mark_done("n1")
    ready.mark_undone("n0")  # n2 found it damaged
    ready.requeue("n2")
    assert list(ready) == ["n0"]
    assert ready.mark_done("n0") == [], "n2 still needs it"
    assert list(ready) == ["n2"]
    assert ready.mark_done("n2") == ["n0"]
    assert list(ready) == ["n3"]


def test_a_node_that_was_ready_waits_again_for_an_input_that_is_marked_undone() -> None:
    ready = queue_of(set(), {0})
    assert list(ready) == ["n0"]
    ready.mark_done("n0")
    ready.mark_undone("n0")  # n1 was next
    assert list(ready) == ["n0"]
    ready.mark_done("n0")
    assert list(ready) == ["n1"]
