"""Parts of a split, and the marks that say which contract a table keeps."""

import copy
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical import Contract, Frame, Id, Parts, Target, contract_of, partition
from magical.contracts.contract import schema_of
from magical.contracts.promises import PARTS, Promise, attach_promise, attached_promise, promise_of
from magical.errors import BrokenPromise, ContractError


class Row(Contract):
    id: Id[int]
    y: Target[bool]


TABLE = pl.DataFrame({"id": [3, 1, 2, 4, 6, 5], "y": [True, False] * 3})
SIDES: list[str | None] = ["train", "train", "validation", "validation", "test", "test"]


def marked() -> pl.DataFrame:
    return attach_promise(TABLE, promise_of(Frame[Row]))


def test_a_table_is_cut_in_three_in_its_order() -> None:
    parts = partition(TABLE, SIDES)
    assert [p["id"].to_list() for p in parts] == [[3, 1], [2, 4], [6, 5]]
    assert parts.assignment.to_dict(as_series=False) == {"row": [0, 1, 2, 3, 4, 5], "part": SIDES}


def test_with_a_contract_the_assignment_names_ids() -> None:
    assert partition(marked(), SIDES).assignment.columns == ["id", "part"]


def test_a_row_without_a_part_is_in_none() -> None:
    sides: list[str | None] = [None, *SIDES]
    more = attach_promise(
        pl.concat([TABLE[:1].with_columns(id=pl.lit(9, pl.Int64)), TABLE]), promise_of(Frame[Row])
    )
    cut = partition(more, sides)
    assert sum(p.height for p in cut) == 6
    assert cut.assignment["part"].to_list() == sides


WRONG = {
    "too few": (SIDES[:-1], "6 rows and 5 assignments"),
    "another name": ([*SIDES[:-1], "valid"], "unknown part 'valid'"),
    "an empty part": (["train"] * 4 + ["validation"] * 2, "The test part of the split is empty"),
    "no row at all": ([None] * 6, "The train part of the split is empty"),
    "one class": (
        ["train", "train", "train", "validation", "validation", "test"],
        "The test part has one class only: y is",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_split_is_refused(name: str) -> None:
    sides, said = WRONG[name]
    with pytest.raises(BrokenPromise, match=said) as caught:
        partition(marked(), sides)
    assert caught.value.hint


def test_without_a_contract_classes_are_not_looked_at() -> None:
    assert partition(TABLE, WRONG["one class"][0]).test.height == 1


@given(st.lists(st.sampled_from([*PARTS, None]), min_size=3, max_size=30))
def test_every_row_with_a_part_is_in_that_part_once(sides: list[str | None]) -> None:
    sides = [*PARTS, *sides]
    table = pl.DataFrame({"id": range(len(sides))})
    parts = partition(table, pl.Series(sides, dtype=pl.String))
    for name in PARTS:
        assert getattr(parts, name)["id"].to_list() == [i for i, s in enumerate(sides) if s == name]


# --- marks ----------------------------------------------------------------------------------------------------


def test_a_marked_table_tells_its_contract() -> None:
    assert contract_of(marked()) == schema_of(Row).without_constraints()
    with pytest.raises(ContractError, match="promises nothing"):
        contract_of(TABLE)
    with pytest.raises(ContractError, match="promises nothing"):
        contract_of(3)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.filter(pl.col("id") > 1),
        lambda t: t.drop("y"),
        lambda t: t.with_columns(z=1),
        lambda t: t.clone(),
        lambda t: t[:2],
        lambda t: t.lazy().collect(),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_no_copy_inherits_the_mark(change: Any) -> None:
    """What a step makes of a table keeps what the step promises, not what the table kept."""
    assert attached_promise(change(marked())) is None


def test_a_table_is_marked_without_changing_the_mark_of_another() -> None:
    class Other(Contract):
        id: Id[int]

    one = marked()
    other = attach_promise(one, promise_of(Frame[Other]))
    assert contract_of(one).name == "Row"
    assert contract_of(other).name == "Other"
    assert attach_promise(one, promise_of(Frame[Row])) is one
    assert attached_promise(attach_promise(one, promise_of(Frame))) is None


def test_groups_are_marked_through_and_through() -> None:
    parts = attach_promise(partition(TABLE, SIDES), promise_of(Parts[Row]))
    assert [contract_of(p).name for p in parts] == ["Row"] * 3
    promise = attached_promise(parts)
    assert promise is not None
    assert (promise.kind, promise.schema) == ("parts", schema_of(Row).without_constraints())
    pair = attach_promise((TABLE, 3), promise_of(tuple[Frame[Row], int]))
    assert contract_of(pair[0]).name == "Row"
    assert isinstance(pair, tuple)
    both = attach_promise([TABLE, TABLE], promise_of(list[Frame[Row]]))
    assert [contract_of(t).name for t in both] == ["Row", "Row"]
    assert attached_promise([3]) is None


def test_values_are_not_marked() -> None:
    assert attach_promise(3, Promise("value", int)) == 3
    assert attached_promise(3) is None
