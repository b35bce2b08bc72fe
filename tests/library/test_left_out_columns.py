"""Which features are left out, and why."""

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.library.left_out_columns import find_usable_columns


def leave_out(train: pl.DataFrame, *columns: Column, named: tuple[str, ...] = ()) -> list[str]:
    return [str(c) for c in find_usable_columns(train, Schema("Row", columns), named).left_out]


def test_texts_that_hardly_repeat_are_kept_if_a_feature_names_them() -> None:
    names = pl.DataFrame({"name": [f"name {i}" for i in range(100)]})
    column = Column("name", "str")
    assert leave_out(names, column) == ["name (100 different texts in 100 rows)"]
    assert leave_out(names, column, named=("name",)) == []


def test_constants_are_left_out_though_a_feature_names_them() -> None:
    table = pl.DataFrame({"a": ["x", "x"], "b": [1, None]})
    columns = Column("a", "str"), Column("b", "int", nullable=True)
    assert leave_out(table, *columns, named=("a",)) == ["a (one value only)"]
