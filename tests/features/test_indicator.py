"""Indicator: where a value is missing."""

import math

import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import Indicator

SCHEMA = Schema(
    "Customer",
    (
        Column("x", "float", nullable=True),
        Column("t", "str", nullable=True),
        Column("y", "bool", role="target"),
    ),
)


def test_nulls_and_nan_are_missing_and_empty_texts_are_not() -> None:
    table = pl.DataFrame({"x": [1.0, None, math.nan, math.inf], "t": ["", None, "a", " "]})
    made = table.select(Indicator(["x", "t"]).expressions(SCHEMA))
    assert made.to_dict(as_series=False) == {
        "x_is_missing": [False, True, True, False],
        "t_is_missing": [False, True, False, False],
    }
    assert Indicator(["x", "t"]).adds(SCHEMA) == (
        Column("x_is_missing", "bool"),
        Column("t_is_missing", "bool"),
    )


def test_the_target_tells_nothing() -> None:
    with pytest.raises(WiringError, match="the target of Customer"):
        Indicator("y").adds(SCHEMA)
