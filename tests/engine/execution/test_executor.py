"""One node in this process: its inputs, its body, its output and its record, or an error that names it."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from magical import Contract, Frame, Model, Parts, Receipt
from magical.contracts.promises import promise_of
from magical.contracts.validation import LazyOutput
from magical.engine.artifacts import Record
from magical.engine.execution.executor import LocalExecutor, generate_output, validate_output
from magical.engine.run import ActiveRun, RunContext, RunResult
from magical.errors import BrokenPromise, DamagedArtifact, InputError, MagicalError, StepError
from magical.events import Event, LogLine
from magical.graph import Node
from magical.project.run_setup import create_run_context
from projects import Small, is_well_worded, one

NODE = Node("made", "workflow:made", "", "workflow.py:1", {}, {})
TABLE = pl.DataFrame({"a": [1, None]})


class Point(Contract):
    x: float
    y: float | None = None


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


class Colour(enum.Enum):
    RED = "red"


# --- what a body returns --------------------------------------------------------------------------------------------

COERCED = [
    *[(float, 1, 1.0), (int, np.int64(3), 3), (float, np.float32(0.5), 0.5), (bool, np.bool_(True), True)],
    *[
        (list[float], [np.float64(1), 2], [1.0, 2.0]),
        (Point, {"x": 1}, Point(x=1.0)),
        (tuple[int, ...], [1], (1,)),
    ],
    (Frame, TABLE.lazy(), TABLE),
]


@pytest.mark.parametrize(("hint", "value", "wanted"), COERCED, ids=lambda v: str(v)[:20].replace("\n", " "))
def test_what_is_nearly_what_was_promised_becomes_it(hint: Any, value: Any, wanted: Any) -> None:
    given = validate_output(value, promise_of(hint), NODE)
    assert type(given) is type(wanted)
    assert given.equals(wanted) if isinstance(wanted, pl.DataFrame) else given == wanted
    if isinstance(wanted, list):
        assert [type(member) for member in given] == [type(member) for member in wanted]


WRONG = [
    *[(int, "three"), (int, 1.5), (int, None), (str, 3), (Point, None), (Point, 3), (list[int], [1, "a"])],
    *[(Frame, None), (Frame, [1]), (Frame, pd.DataFrame({"a": [1]})), (Parts, TABLE), (Parts, None)],
    *[(tuple[int, int], (1,)), (tuple[Frame, int], [TABLE, 1]), (list[Frame], TABLE), (list[Frame], [1])],
    *[
        (Model, 3),
        (Receipt, "done"),
        (Plain, 3),
        (Colour, "blue"),
        (np.ndarray, [1]),
        (dict, [1]),
        (bool, None),
    ],
]


@pytest.mark.parametrize(("hint", "value"), WRONG, ids=lambda v: str(v)[:20].replace("\n", " "))
def test_something_else_than_was_promised_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises(BrokenPromise, match=r"^made \(workflow.py:1\)") as caught:
        validate_output(value, promise_of(hint), NODE)
    assert "promised" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5
    if value is None:
        assert "returned None" in str(caught.value)


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (Frame, pd.DataFrame({"a": [1]}), ["1 rows (pandas.DataFrame)", "pl.from_pandas(table)"]),
        (Frame, pd.Series([1]), ["pandas.Series", ".reset_index()"]),
        (list[int], [1, "a"], ["1: ", "valid integer"]),
        (Frame, None, ["is a return missing?"]),
        (Parts, TABLE, ["DataFrame", "return partition(table, assignment)."]),
    ],
)
def test_the_error_says_what_came_and_what_to_do(hint: Any, value: Any, words: list[str]) -> None:
    with pytest.raises(BrokenPromise) as caught:
        validate_output(value, promise_of(hint), NODE)
    assert is_well_worded(str(caught.value))
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_table_keeps_its_contract_or_is_refused() -> None:
    good = pl.DataFrame({"x": [1.0], "y": [None]}, schema={"x": pl.Float64, "y": pl.Float64})
    assert validate_output(good, promise_of(Frame[Point]), NODE) is good
    with pytest.raises(BrokenPromise, match=r"made \(workflow.py:1\)"):
        validate_output(good.with_columns(x=pl.lit(None, pl.Float64)), promise_of(Frame[Point]), NODE)


def test_a_lazy_table_is_not_computed_yet() -> None:
    def never(frame: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError

    lazy = TABLE.lazy().map_batches(never)
    given = validate_output(lazy, replace(promise_of(Frame), kind="lazy"), NODE)
    assert isinstance(given, LazyOutput)
    assert given.label == "made (workflow.py:1)"


# --- one node -------------------------------------------------------------------------------------------------------

WORK = """
class S(Settings):
    source: InputPath = InputPath("x.csv")
    fail: bool = False

@step
def table(source: InputPath) -> Frame:
    return pl.read_csv(source)

@step
def height(table: Frame, fail: bool) -> int:
    (scratch() / "half").write_text("x")
    table.insert_column(0, pl.Series("z", range(table.height)))
    emit("half way")
    keep("note", {"columns": table.columns})
    if fail:
        raise ValueError("no luck\\nat all\\never")
    return table.height

@step
def twice(n: int, by: int = 2, /) -> int:
    return n * by

@step
def wrong(n: int) -> int:
    return "text" * n

@step
def interrupted(n: int) -> int:
    raise KeyboardInterrupt

@step
def exits(n: int) -> int:
    raise SystemExit(3)

class Mute(ValueError):
    def __str__(self):
        raise RuntimeError("never")

    __repr__ = __str__

@step
def mute(n: int) -> int:
    raise ValueError("no luck") from Mute()

@step
def muter(n: int) -> int:
    raise Mute

@step
def mutest(n: int) -> int:
    return Mute()

@workflow
def flow(s: S) -> Any:
    n = height(table(s.source), s.fail)
    return twice(n), wrong(n), interrupted(n), exits(n), mute(n), muter(n), mutest(n)
"""


@dataclass
class Bench:
    """An executor, and what it emits."""

    executor: LocalExecutor
    context: RunContext
    result: RunResult
    events: list[Event]

    def run(self, *names: str) -> Record:
        """Execute nodes, and return the record of the last one."""
        for name in names:
            node, records = self.context.graph.by_name[name], self.result.records
            plan = self.context.planner.plan_node(node, records)
            records[name] = self.executor.execute(node, plan, records)
        return self.result.records[names[-1]]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    def make(**settings: Any) -> Bench:
        small: Small = one(tmp_path / "p", WORK)
        small.write("x.csv", "a,b\n1,2\n3,4\n")
        project = small.load().context(settings)
        context = create_run_context(project, project.draw())
        result, events = RunResult("run-1"), list[Event]()
        return Bench(LocalExecutor(ActiveRun(context, result, events.append)), context, result, events)

    return make


def test_a_node_leaves_a_record_with_its_result_and_what_it_kept(bench: Callable[..., Bench]) -> None:
    here = bench()
    record = here.run("table", "height")
    store = here.context.store
    assert store.find_record(record.key) == record
    assert store.load(record.result, promise_of(int)) == 2
    assert store.load(record.kept["note"], promise_of(dict)) == {"columns": ["z", "a", "b"]}
    assert (record.node, record.step, record.run, record.origin) == ("height", "workflow:height", "run-1", ())
    assert [e.text for e in here.events if isinstance(e, LogLine)] == ["half way"]


def test_a_body_that_changes_its_table_changes_it_for_nobody_else(bench: Callable[..., Bench]) -> None:
    here = bench()
    here.run("table")
    # As a body gives it that returns its input: the table has been marked with a promise before.
    here.executor.set_value("table", here.executor.load_value("table"))
    here.run("height")
    assert here.executor.load_value("table").columns == ["a", "b"]


def test_scratch_is_cleared_after_success_and_kept_after_a_failure(bench: Callable[..., Bench]) -> None:
    here = bench()
    record = here.run("table", "height")
    assert not (here.context.store.scratch(record.key) / "half").exists()
    here = bench(fail=True)
    with pytest.raises(StepError):
        here.run("table", "height")
    key = here.context.planner.plan_node(here.context.graph.by_name["height"], here.result.records).key
    assert (here.context.store.scratch(key) / "half").exists()
    assert here.context.store.find_record(key) is None


def test_what_a_body_raises_is_said_with_its_line_and_how_to_open_it(bench: Callable[..., Bench]) -> None:
    here = bench(fail=True)
    with pytest.raises(StepError) as caught:
        here.run("table", "height")
    first, *rest = caught.value.lines
    assert first.startswith("height (workflow.py:")
    assert "raised ValueError (workflow.py:" in first
    assert 'raise ValueError("no luck' in first
    assert rest == ["  no luck", "  at all"]
    assert caught.value.hint == "open it with its inputs: magical replay last height --pdb"
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_exit_fails_the_step_and_an_interrupt_ends_the_run(bench: Callable[..., Bench]) -> None:
    here = bench()
    here.run("table", "height")
    with pytest.raises(StepError, match=r"exits .* raised SystemExit"):
        here.run("exits")
    with pytest.raises(KeyboardInterrupt):
        here.run("interrupted")
    with pytest.raises(BrokenPromise, match=r"wrong \(workflow.py:\d+\) promised int"):
        here.run("wrong")
    assert set(here.result.records) == {"table", "height"}


def test_objects_whose_text_cannot_be_made_are_named_by_their_class(bench: Callable[..., Bench]) -> None:
    here = bench()
    here.run("table", "height")
    with pytest.raises(StepError, match=r"mute .* raised ValueError"):
        here.run("mute")
    with pytest.raises(
        StepError, match=r"muter .* raised Mute .*\n.*<Mute without a text: its __str__ raises"
    ):
        here.run("muter")
    with pytest.raises(
        BrokenPromise, match="returned <Mute without a text: its __repr__ raises RuntimeError>"
    ):
        here.run("mutest")


def test_a_debugger_gets_what_the_body_raised(bench: Callable[..., Bench]) -> None:
    here, seen = bench(fail=True), list[BaseException]()
    here.context = replace(here.context, on_error=seen.append)
    here.executor = LocalExecutor(ActiveRun(here.context, here.result, here.events.append))
    with pytest.raises(StepError):
        here.run("table", "height")
    assert [type(error) for error in seen] == [ValueError]


def test_a_body_can_be_called_outside_of_a_run_and_positionally(bench: Callable[..., Bench]) -> None:
    here = bench()
    node = here.context.graph.by_name["twice"]
    assert here.executor.call_body(node, {"n": 4, "by": 3}) == 12
    assert here.events == []
    with pytest.raises(StepError, match="raised TypeError"):
        here.executor.call_body(node, {"n": None, "by": None})


def test_a_value_is_taken_from_memory_and_from_the_store_if_it_was_dropped(
    bench: Callable[..., Bench],
) -> None:
    here = bench()
    here.run("table", "height")
    here.executor.set_value("height", 100)
    node = here.context.graph.by_name["twice"]
    assert here.executor.load_arguments(node, here.result.records)["n"] == 100
    here.executor.drop_value("height")
    here.executor.drop_value("height")
    assert here.executor.load_arguments(node, here.result.records)["n"] == 2
    assert here.executor.load_value("height") == 2


def test_a_stored_input_that_is_gone_is_said(bench: Callable[..., Bench]) -> None:
    here = bench()
    record = here.run("table")
    here.executor.drop_value("table")
    for path in here.context.store.objects.paths():
        path.unlink()
    with pytest.raises(DamagedArtifact, match="gone") as caught:
        here.run("height")
    assert caught.value.blob in record.blobs()


def test_a_file_that_changed_while_it_was_read_is_not_stored_under_the_old_key(
    bench: Callable[..., Bench],
) -> None:
    here = bench()
    node = here.context.graph.by_name["table"]
    plan = here.context.planner.plan_node(node, {})
    Path(here.context.info.root, "x.csv").write_text("a,b\n5,6\n")
    with pytest.raises(InputError, match=r"table .*: x.csv changed while it was read") as caught:
        here.executor.execute(node, plan, {})
    assert caught.value.hint == "run it again."
    assert here.context.store.find_record(plan.key) is None


PRETENDED = """
class Row(Contract):
    id: Id[int]
    x: int = Field(ge=0, le=9)

@step
def made() -> Frame[Row]: ...

@workflow
def flow() -> Frame[Row]:
    return made()
"""


def test_a_pretended_output_keeps_its_contract_and_is_the_same_each_time(tmp_path: Path) -> None:
    project = one(tmp_path, PRETENDED).load().context()
    node = project.draw().graph.by_name["made"]

    def load(*words: Any) -> Any:
        raise AssertionError("it has no inputs")

    def generated(rows: int, name: str = "made") -> pl.DataFrame:
        return generate_output(replace(node, name=name, facts={**node.facts, "pretended": rows}), load)

    table = generated(20)
    assert (table.height, table["id"].n_unique()) == (20, 20)
    assert table["x"].is_between(0, 9).all()
    assert table.equals(generated(20))
    assert not table.equals(generated(20, "other"))


def test_what_magical_raises_is_named_once(bench: Callable[..., Bench]) -> None:
    here = bench()
    here.run("table", "height")
    with pytest.raises(MagicalError) as caught:
        here.run("wrong")
    assert str(caught.value).count("wrong (workflow.py") == 1
