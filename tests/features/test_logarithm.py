"""Log: every number has a value, and only nulls stay null."""

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from magical.contracts.schema import Column, Schema
from magical.features import Log

SCHEMA = Schema("Customer", (Column("income", "float", nullable=True), Column("kids", "int")))


def logs(values: list[float | None]) -> list[float | None]:
    table = pl.DataFrame({"income": values}, schema={"income": pl.Float64})
    return table.select(Log("income").expressions(SCHEMA)).to_series().to_list()


def test_it_is_the_logarithm_of_one_more() -> None:
    assert logs([0.0, math.e - 1, None]) == [0.0, 1.0, None]


def test_it_promises_a_float_that_is_missing_where_the_number_is() -> None:
    assert Log("income").adds(SCHEMA) == (Column("log_income", "float", nullable=True),)
    assert Log("kids").adds(SCHEMA) == (Column("log_kids", "float", nullable=False),)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_it_keeps_the_order_and_is_always_a_number(values: list[float]) -> None:
    found = [x for x in logs(sorted(values)) if x is not None]
    assert len(found) == len(values)
    assert all(math.isfinite(x) for x in found)
    assert found == sorted(found)
