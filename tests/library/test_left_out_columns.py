"""Which features are left out, and why."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from library.conftest import Run
from magical import Contract, Target
from magical.contracts.schema import Column, Schema
from magical.features import Encode, Scale
from magical.library import model_data, transform
from magical.library.left_out_columns import LeftOutColumn, find_usable_columns, report_left_out


def leave_out(train: pl.DataFrame, *columns: Column, named: tuple[str, ...] = ()) -> list[str]:
    used, left_out = find_usable_columns(train, Schema("Row", columns), named)
    assert {c.column.name for c in used} | {c.column for c in left_out} == {c.name for c in columns}
    return [str(c) for c in left_out]


def test_texts_that_hardly_repeat_are_kept_if_a_feature_names_them() -> None:
    names = pl.DataFrame({"name": [f"name {i}" for i in range(100)]})
    column = Column("name", "str")
    assert leave_out(names, column) == ["name (100 different texts in 100 rows)"]
    assert leave_out(names, column, named=("name",)) == []


def test_constants_are_left_out_though_a_feature_names_them() -> None:
    nan, inf = float("nan"), float("inf")
    table = pl.DataFrame(
        {"a": ["x", "x"], "b": [1, None], "c": [None, None], "d": [nan, -inf], "e": [nan, 1.0]}
    )
    columns = [
        Column(n, t, nullable=n != "a") for n, t in zip("abcde", ("str", "int", *["float"] * 3), strict=True)
    ]
    assert leave_out(table, *columns, named=("a",)) == [f"{n} (one value only)" for n in "acd"]


@pytest.mark.parametrize(
    ("first", "second", "is_copy"),
    [
        (("int", [1, 2]), ("int", [1, 2]), True),
        (("int", [1, 2]), ("float", [1.0, 2.0]), True),
        (("int", [0, 1]), ("bool", [False, True]), True),
        (("float", [0.0, 1.0]), ("float", [-0.0, 1.0]), True),
        (("float", [None, 1.0]), ("float", [float("nan"), 1.0]), True),
        (("float", [None, 1.0]), ("float", [float("inf"), 1.0]), True),
        (("int", [None, 1]), ("int", [None, 1]), True),
        (("int", [None, 1]), ("int", [0, 1]), False),
        (("str", ["a", "b"]), ("str", ["a", "b"]), True),
        (("str", ["1", "2"]), ("int", [1, 2]), False),
        (("date", [dt.date(2024, 1, d) for d in (1, 2)]), ("datetime", [dt.datetime(2024, 1, d) for d in (1, 2)]), True),
        (("int", [1, 2]), ("int", [2, 1]), False),
        (("bool", [True, False]), ("bool", [False, True]), False),
    ],
)  # fmt: skip
def test_equal_columns_are_used_once(
    first: tuple[str, list[object]], second: tuple[str, list[object]], is_copy: bool
) -> None:
    # Long enough that the columns are equal in their first rows, and the last row decides.
    table = pl.DataFrame({"a": [first[1][0]] * 999 + first[1], "b": [second[1][0]] * 999 + second[1]})
    columns = [Column(n, kind, nullable=True) for n, (kind, _) in zip("ab", (first, second), strict=True)]
    assert leave_out(table, *columns) == (["b (a copy of a)"] if is_copy else [])


def test_equal_numbers_of_a_closed_set_are_no_copy_of_an_amount() -> None:
    table = pl.DataFrame({"rooms": [1, 2], "grade": [1, 2], "level": [1, 2]})
    grade, level = (Column(n, "int", choices=(1, 2)) for n in ("grade", "level"))
    assert leave_out(table, Column("rooms", "int"), grade, level) == ["level (a copy of grade)"]


def test_of_equal_columns_those_that_features_name_are_used() -> None:
    table = pl.DataFrame({n: [1, 2] for n in "abc"})
    columns = [Column(n, "int") for n in "abc"]
    assert leave_out(table, *columns, named=("b",)) == ["a (a copy of b)", "c (a copy of b)"]
    assert leave_out(table, *columns, named=("b", "c")) == ["a (a copy of b)"]


@pytest.mark.slow
def test_three_thousand_columns_are_compared() -> None:
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(3_000)]
    # Flags that are mostly off have equal first rows, and often equal counts.
    values = np.zeros((10_000, 3_000), dtype=bool)
    values[rng.integers(0, 10_000, (10, 3_000)), range(3_000)] = True
    values[:, 1_500] = values[:, 7]
    table, columns = pl.DataFrame(values, schema=names), [Column(n, "bool") for n in names]
    assert leave_out(table, *columns) == ["c1500 (a copy of c7)"]


def test_what_is_left_out_is_said_in_a_line_and_kept_as_a_table(run: Run) -> None:
    report_left_out([])
    assert not run.lines
    assert not run.kept
    report_left_out([LeftOutColumn("a", "one value only"), LeftOutColumn("b", "a copy of c", "c")])
    assert run.lines == ["left out: a (one value only), b (a copy of c)"]
    assert run.kept["left_out"].rows() == [("a", "one value only", ""), ("b", "a copy of c", "c")]


class Client(Contract):
    name: str
    flag: bool
    age: int
    years: float
    bought: Target[bool]


def test_features_that_name_what_is_left_out_are_remarked(run: Run) -> None:
    raw = {"name": [f"n{i}" for i in range(100)], "flag": True, "age": [i % 9 for i in range(100)]}
    table = pl.DataFrame(raw).with_columns(years=pl.col("age"), bought=pl.col("age") > 4)
    features = (
        Scale(("age", "years"), "robust"),
        Encode("flag", "one_hot"),
        Encode("type:category", "ordinal"),
    )
    transform(model_data(table, Client), features)
    assert run.lines == [
        "left out: name (100 different texts in 100 rows), flag (one value only), years (a copy of age)",
        "Scale(columns=('age', 'years'), how='robust') names columns that are left out: years.",
        "Encode(columns='flag') is left out with its columns: flag.",
        "Encode(columns='type:category', how='ordinal') is left out with its columns: name.",
    ]
    transform(model_data(table, Client), (Encode("name", "hash"),))
    assert "name (bucket 0)" in run.kept["transformed"].columns
