"""One step: called plainly it is its function; its signature is its contract."""

import functools
from typing import Any, TypeVar

import polars as pl
import pytest

from magical import (
    Contract,
    Field,
    Frame,
    Id,
    Parts,
    Receipt,
    contract_of,
    partition,
    step,
    workflow,
)
from magical.contracts.contract import schema_of
from magical.contracts.promises import promise_of
from magical.contracts.schema import Column, Schema
from magical.errors import UnwrittenStep, WiringError
from magical.settings import Settings
from magical.steps import Step

C = TypeVar("C")


class Row(Contract):
    id: Id[int]
    x: int = Field(ge=0)


TABLE = pl.DataFrame({"id": [1, 2, 3], "x": [4, 5, 6]})


@step
def doubled(table: Frame[Row], by: int = 2) -> Frame[Row]:
    """Double it."""
    return table.with_columns(x=pl.col("x") * by)


@step
def typed(table: Frame, contract: type[C]) -> Frame[C]:
    return table.clone()


@step
def split(table: Frame[C]) -> Parts[C]:
    return partition(table, ["train", "validation", "test"])


@step
def pair(table: Frame[C]) -> tuple[Frame[C], int]:
    return table.clone(), table.height


def with_a_column(table: Any, name: str) -> Schema:
    return table.with_columns([Column(name, "int")], "More")


@step(promises=with_a_column)
def widened(table: Frame, name: str) -> Frame:
    return table.with_columns(pl.lit(1).alias(name))


def test_a_step_is_its_function() -> None:
    assert doubled(TABLE)["x"].to_list() == [8, 10, 12]
    assert doubled(TABLE, by=3)["x"].to_list() == [12, 15, 18]
    assert doubled.__name__ == "doubled"
    assert doubled.__doc__ == "Double it."
    assert repr(doubled).startswith("<step doubled (test_steps.py:")
    assert isinstance(doubled, Step)


def test_a_plain_call_marks_what_it_can() -> None:
    """So that the next step, called plainly, knows the contract as it does in a run."""
    assert contract_of(doubled(TABLE)).name == "Row"
    one = typed(TABLE, Row)
    assert contract_of(one).name == "Row"
    assert [contract_of(p).name for p in split(one)] == ["Row"] * 3
    assert contract_of(pair(one)[0]).name == "Row"
    assert contract_of(widened(one, "y")).names == ["id", "x", "y"]


class Sizes(Settings):
    seed: int = 0


@step
def sized(table: int, how: Sizes = Sizes(), more: tuple[Sizes, ...] = ()) -> int:  # noqa: B008
    return table + how.seed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"how": {"seed": 1}}, "how must be Sizes, got {'seed': 1}.\nHint: such as how=Sizes(...)."),
        ({"more": "a"}, "more must be a tuple of Sizes, got 'a'.\nHint: such as more=(Sizes(...),)."),
        ({"more": (Sizes(), "a")}, "more must be a tuple of Sizes, got 'a'."),
        ({"seed": 1}, "takes no argument 'seed'.\nHint: there are: table, how, more."),
    ],
)
def test_a_plain_call_refuses_what_is_no_settings(arguments: dict[str, Any], text: str) -> None:
    assert sized(1, Sizes(seed=2), (Sizes(),)) == 3
    with pytest.raises(WiringError) as caught:
        sized(1, **arguments)
    assert text in str(caught.value)


def test_the_result_of_a_step_is_taken_for_settings_in_a_drawing() -> None:
    @step
    def choose_size() -> Sizes:
        return Sizes(seed=2)

    @workflow
    def flow() -> int:
        return sized(1, choose_size(), (choose_size(),))

    assert len(flow.draw().nodes) == 3


def test_a_plain_call_of_a_plain_table_is_not_marked() -> None:
    with pytest.raises(Exception, match="promises nothing"):
        contract_of(split(TABLE).train)


def test_what_it_promises_is_computed() -> None:
    row = promise_of(Frame[Row])
    assert str(typed.compute_promise({"contract": Row}, {"table": promise_of(Frame)})) == "Frame[Row]"
    assert str(split.compute_promise({}, {"table": row})) == "Parts[Row]"
    assert str(pair.compute_promise({}, {"table": row})) == "tuple[Frame[Row], int]"
    assert widened.compute_promise({"table": None, "name": "y"}, {"table": row}).schema == schema_of(
        Row
    ).with_columns([Column("y", "int")], "More")


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing a required argument: 'table'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"byy": 2}, "did you mean 'by'"),
        ((1,), {"table": 2}, "multiple values for argument 'table'"),
    ],
)
def test_arguments_are_bound_strictly(args: tuple[Any, ...], kwargs: dict[str, Any], said: str) -> None:
    with pytest.raises(WiringError, match=r"doubled \(test_steps.py:\d+\)") as caught:
        doubled.bind(args, kwargs)
    assert said in str(caught.value)


def test_defaults_are_bound() -> None:
    assert doubled.bind((1,), {}) == {"table": 1, "by": 2}


# --- unwritten --------------------------------------------------------------------------------------------------


@step
def dots() -> int: ...


@step
def words() -> int:
    """Only words."""


@step
def words_and_dots() -> int:
    """Words."""
    ...


@step
def not_implemented() -> int:
    raise NotImplementedError


@step
def not_implemented_yet() -> int:
    """Words."""
    raise NotImplementedError("later")


@step
def passed() -> int:  # type: ignore[empty-body]
    pass


@step
def dots_and_more() -> int:  # type: ignore[return]
    ...
    ...


@step
def returning_dots() -> Any:
    return ...


@step
def raising_another() -> int:
    raise ValueError


@step
def one_line() -> int:
    return 3


def same(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@step
@same
def decorated_dots() -> int: ...


UNWRITTEN = [dots, words, words_and_dots, not_implemented, not_implemented_yet, decorated_dots]
WRITTEN = [passed, dots_and_more, returning_dots, raising_another, one_line, doubled]


@pytest.mark.parametrize("one", UNWRITTEN, ids=lambda s: s.name)
def test_an_unwritten_step_is_found(one: Step[Any, Any]) -> None:
    assert one.unwritten
    with pytest.raises(UnwrittenStep, match=rf"{one.name} \(test_steps.py:\d+\) has no body yet") as caught:
        one()
    assert "magical pretend" in caught.value.hint


@pytest.mark.parametrize("one", WRITTEN, ids=lambda s: s.name)
def test_a_written_step_is_not(one: Step[Any, Any]) -> None:
    assert not one.unwritten


def test_without_source_a_step_counts_as_written() -> None:
    made: dict[str, Any] = {}
    exec("def one() -> int: ...", made)
    assert not step(made["one"]).unwritten


# --- facts ------------------------------------------------------------------------------------------------------


@step(writes="world")
def published(x: int) -> Receipt:
    raise AssertionError("it must not run")


def test_a_step_that_writes_to_the_world_called_plainly_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    receipt = published(3)
    assert not receipt.done
    assert (
        capsys.readouterr().err == "published writes to the world: called outside a run it writes nothing.\n"
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"read": "world"}, "@step knows no fact 'read'"),
        ({"retries": 3}, "@step knows no fact 'retries'"),
        ({"reads": "moon"}, 'the only possible value is "world"'),
        ({"writes": True}, 'the only possible value is "world"'),
    ],
)
def test_facts_are_strict(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(WiringError, match=said) as caught:
        step(**facts)
    assert caught.value.hint


def test_facts_are_kept() -> None:
    one = step(reads="world", random=True, training_only=True)(lambda: 3)
    assert (one.reads, one.writes, one.random, one.training_only, one.promises) == (
        "world",
        "",
        True,
        True,
        None,
    )


def test_hints_that_cannot_be_read_are_said() -> None:
    @step
    def odd(table: "Nope") -> int:  # type: ignore[name-defined]  # noqa: F821
        return 1

    with pytest.raises(WiringError, match="a type hint cannot be read: name 'Nope' is not defined"):
        _ = odd.signature
