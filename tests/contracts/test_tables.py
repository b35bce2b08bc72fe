"""Tables of any kind get the canonical types of their contract without a loss; a split cuts them into parts."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical import Contract, Frame, Id, Target, partition
from magical.contracts.dtypes import DTYPES
from magical.contracts.promises import PARTS, attach_promise, promise_of
from magical.contracts.schema import Column, Schema
from magical.contracts.tables import coerce_table, to_polars
from magical.errors import BrokenPromise

DAY, NOON = dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12)
MIDNIGHT = dt.datetime(2024, 1, 31)
TZ = dt.UTC


def schema(kind: str, **facts: Any) -> Schema:
    return Schema("Row", (Column("x", kind, nullable=True, **facts),))


def values(table: Any, kind: str) -> list[Any]:
    frame = coerce_table(table, schema(kind))
    assert frame.schema == {"x": DTYPES[kind]}
    return frame["x"].to_list()


PANDAS: dict[str, tuple[Any, str, list[Any]]] = {
    "int64": (pd.Series([1, 2]), "int", [1, 2]),
    "float64 with NaN": (pd.Series([1.0, np.nan]), "int", [1, None]),
    "Int64": (pd.Series([1, None], dtype="Int64"), "int", [1, None]),
    "UInt8": (pd.Series([1, None], dtype="UInt8"), "int", [1, None]),
    "object of ints": (pd.Series([1, None], dtype=object), "int", [1, None]),
    "object of big ints": (pd.Series([2**40, None], dtype=object), "int", [2**40, None]),
    "bool as int": (pd.Series([True, False]), "int", [1, 0]),
    "float64": (pd.Series([0.5, np.nan]), "float", [0.5, None]),
    "Float64": (pd.Series([0.5, None], dtype="Float64"), "float", [0.5, None]),
    "int as float": (pd.Series([1, 2]), "float", [1.0, 2.0]),
    "object of floats": (pd.Series([0.5, np.nan, None], dtype=object), "float", [0.5, None, None]),
    "bool": (pd.Series([True, False]), "bool", [True, False]),
    "boolean": (pd.Series([True, None], dtype="boolean"), "bool", [True, None]),
    "object of bools": (pd.Series([True, None], dtype=object), "bool", [True, None]),
    "0 and 1 as bool": (pd.Series([0, 1]), "bool", [False, True]),
    "0.0, 1.0 and NaN as bool": (pd.Series([0.0, 1.0, np.nan]), "bool", [False, True, None]),
    "str": (pd.Series(["a", None]), "str", ["a", None]),
    "object of texts": (pd.Series(["a", None, np.nan], dtype=object), "str", ["a", None, None]),
    "string": (pd.Series(["a", pd.NA], dtype="string"), "str", ["a", None]),
    "category": (pd.Series(["a", None], dtype="category"), "str", ["a", None]),
    "datetime64[ns]": (pd.Series([NOON, None], dtype="datetime64[ns]"), "datetime", [NOON, None]),
    "datetime64[s]": (pd.Series([NOON, None], dtype="datetime64[s]"), "datetime", [NOON, None]),
    "datetime64 with zone": (pd.Series([NOON.replace(tzinfo=TZ)]), "datetime", [NOON]),
    "midnights as dates": (pd.Series([MIDNIGHT, None], dtype="datetime64[ns]"), "date", [DAY, None]),
    "object of dates": (pd.Series([DAY, None], dtype=object), "date", [DAY, None]),
    "object of datetimes": (pd.Series([NOON, None], dtype=object), "datetime", [NOON, None]),
    "timedelta64": (pd.Series([dt.timedelta(1), None]), "duration", [dt.timedelta(1), None]),
    "object of times": (pd.Series([dt.time(1), None], dtype=object), "time", [dt.time(1), None]),
    "nothing but None": (pd.Series([None, None], dtype=object), "int", [None, None]),
    "nothing but NaN": (pd.Series([np.nan, np.nan]), "str", [None, None]),
    "no rows": (pd.Series([], dtype=object), "date", []),
}  # fmt: skip


@pytest.mark.parametrize("name", PANDAS)
def test_from_pandas(name: str) -> None:
    series, kind, wanted = PANDAS[name]
    assert values(pd.DataFrame({"x": series}), kind) == wanted
    assert values(pd.DataFrame({"x": series}).set_axis(range(5, 5 + len(series))), kind) == wanted


POLARS: dict[str, tuple[pl.Series, str, list[Any]]] = {
    "UInt8": (pl.Series([1, None], dtype=pl.UInt8), "int", [1, None]),
    "Float32": (pl.Series([0.5, float("nan")], dtype=pl.Float32), "float", [0.5, None]),
    "Categorical": (pl.Series(["a", None], dtype=pl.Categorical), "str", ["a", None]),
    "Enum": (pl.Series(["a", None], dtype=pl.Enum(["a"])), "str", ["a", None]),
    "Datetime of ms": (pl.Series([NOON], dtype=pl.Datetime("ms")), "datetime", [NOON]),
    "Date as datetime": (pl.Series([DAY]), "datetime", [MIDNIGHT]),
    "a zone": (pl.Series([NOON.replace(tzinfo=TZ)]).dt.convert_time_zone("Europe/Vienna"), "datetime", [NOON]),
    "Null": (pl.Series([None]), "bool", [None]),
    "Object": (pl.Series([1, None], dtype=pl.Object), "int", [1, None]),
}  # fmt: skip


@pytest.mark.parametrize("name", POLARS)
def test_from_polars(name: str) -> None:
    series, kind, wanted = POLARS[name]
    assert values(pl.DataFrame({"x": series}), kind) == wanted
    assert values(pl.DataFrame({"x": series}).lazy(), kind) == wanted


REFUSED: dict[str, tuple[Any, str]] = {
    "a text as int": (["1"], "int"),
    "a half as int": ([1.5, 2.0], "int"),
    "infinity as int": ([float("inf")], "int"),
    "an int that is too big": (pl.Series([2**63], dtype=pl.UInt64), "int"),
    "2 as bool": ([0, 2], "bool"),
    "0.5 as bool": ([0.5], "bool"),
    "a text as bool": (["true"], "bool"),
    "noon as date": ([NOON], "date"),
    "a text as date": (["2024-01-31"], "date"),
    "a number as text": ([1], "str"),
    "a number as date": ([20240131], "date"),
    "a list as text": ([["a"]], "str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_lost_is_refused(name: str) -> None:
    given_, kind = REFUSED[name]
    with pytest.raises(BrokenPromise, match=f"A table of Row promised x: {kind}") as caught:
        coerce_table(pl.DataFrame({"x": given_}), schema(kind))
    assert len(str(caught.value).splitlines()) <= 5


def test_only_the_promised_columns_come_in_their_order() -> None:
    both = Schema("Row", (Column("b", "int"), Column("a", "str")))
    table = pl.DataFrame({"a": ["x"], "more": [1], "b": [2]})
    assert coerce_table(table, both).to_dict(as_series=False) == {"b": [2], "a": ["x"]}


def test_a_missing_column_is_named() -> None:
    with pytest.raises(
        BrokenPromise, match=r"size \(workflow.py:3\) promised 1 columns; missing: x"
    ) as caught:
        coerce_table(pl.DataFrame({"xx": [1]}), schema("int"), label="size (workflow.py:3)")
    assert "did you mean 'xx'" in caught.value.hint


def test_rows_as_dictionaries_are_a_table() -> None:
    assert to_polars([{"x": 1}, {"x": 2, "y": None}]).shape == (2, 2)


@pytest.mark.parametrize(
    "thing", [3, None, "x.csv", {"x": [1]}, [1, 2], np.zeros((2, 2)), pl.Series([1])], ids=type
)
def test_what_is_no_table_is_refused(thing: Any) -> None:
    with pytest.raises(BrokenPromise, match="A table was expected, not"):
        to_polars(thing)


@given(st.lists(st.integers(-(2**53), 2**53) | st.none(), min_size=1))
def test_whole_numbers_with_gaps_come_through_pandas_unharmed(numbers: list[int | None]) -> None:
    for frame in (
        pd.DataFrame({"x": pd.Series(numbers, dtype="Int64")}),
        pd.DataFrame({"x": pd.Series(numbers, dtype="float64")}),
    ):
        assert values(frame, "int") == numbers


# --- partition ------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("in_time", "name"), [(False, "_fold"), (True, "_time_fold")])
def test_folds_are_a_column_of_train_validation_and_the_assignment(in_time: bool, name: str) -> None:
    parts = partition(TABLE, SIDES, folds=[0, 1, 1, 0, 7, None], in_time=in_time)
    assert [p.get_column(name, default=pl.Series()).to_list() for p in parts] == [[0, 1], [1, 0], []]
    assert parts.assignment[name].to_list() == [0, 1, 1, 0, None, None]


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ([0, 1], "6 rows and 2 folds"),
        ([0] * 6, "at least two different ones.*got 0"),
        ([0, 1, None, 0, 0, 0], "got None, 0, 1"),
        (["a", "b"] * 3, "whole numbers"),
        ([0.5, 1.0] * 3, "whole numbers"),
    ],
)
def test_what_are_no_folds_is_refused(folds: list[Any], said: str) -> None:
    with pytest.raises(BrokenPromise, match=said) as caught:
        partition(TABLE, SIDES, folds=folds)
    assert caught.value.hint


@given(st.lists(st.sampled_from([*PARTS, None]), min_size=3, max_size=30))
def test_every_row_with_a_part_is_in_that_part_once(sides: list[str | None]) -> None:
    sides = [*PARTS, *sides]
    table = pl.DataFrame({"id": range(len(sides))})
    parts = partition(table, pl.Series(sides, dtype=pl.String))
    for name in PARTS:
        assert getattr(parts, name)["id"].to_list() == [i for i, s in enumerate(sides) if s == name]
