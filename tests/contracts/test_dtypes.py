"""The types of polars have the names that contracts use."""

from typing import Any

import polars as pl
import pytest

from magical.contracts.dtypes import DTYPES, MAX_EXACT_FLOAT, dtype_kind


def test_types_of_one_kind_have_one_name() -> None:
    assert {dtype_kind(t) for t in (pl.Int8, pl.UInt64, pl.Int128)} == {"int"}
    assert {dtype_kind(t()) for t in (pl.String, pl.Categorical)} == {"str"}
    assert dtype_kind(pl.Enum(["a"])) == "str"
    assert dtype_kind(pl.List(pl.Int8)) == dtype_kind(pl.Array(pl.Int8, 2)) == "list"
    assert dtype_kind(pl.Struct({"a": pl.Int8})).startswith("Struct")


@pytest.mark.parametrize("name", DTYPES)
def test_the_type_of_a_name_has_that_name(name: str) -> None:
    assert dtype_kind(DTYPES[name]) == name
    assert dtype_kind(pl.Series([None], dtype=DTYPES[name]).dtype) == name


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (pl.Float32(), "float"),
        (pl.Datetime("ns", "Europe/Berlin"), "datetime"),
        (pl.Datetime, "datetime"),
        (pl.Duration("ms"), "duration"),
        (pl.Null(), "null"),
        (pl.Binary(), "Binary"),
        (pl.Decimal(10, 2), str(pl.Decimal(10, 2))),
        (pl.Object(), "Object"),
    ],
)
def test_units_and_zones_do_not_matter_and_other_types_keep_their_names(dtype: Any, name: str) -> None:
    assert dtype_kind(dtype) == name


def test_beyond_the_largest_exact_float_numbers_are_lost() -> None:
    assert float(MAX_EXACT_FLOAT - 1) != float(MAX_EXACT_FLOAT)
    assert float(MAX_EXACT_FLOAT + 1) == float(MAX_EXACT_FLOAT)
