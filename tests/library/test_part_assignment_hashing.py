"""Row hashes: the same for ever, whatever the order, the width of integers and the version of polars."""

from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.library.part_assignment import hash_rows, scale_hashes


def hashes(values: Any, seed: int = 0, dtype: Any = None) -> list[int]:
    return hash_rows(pl.DataFrame({"x": pl.Series(values, dtype=dtype)}), ["x"], seed).tolist()  # type: ignore[no-any-return]


GOLDEN = {
    "int": ([0, 1, -1, None], None),
    "str": (["", "a", "é", None], None),
    "float": ([0.0, 1.5, None], None),
    "bool": ([True, False], None),
    "date": ([date(2014, 6, 29)], None),
    "datetime": ([datetime(2014, 6, 29, 12)], None),
    "list": ([[1, 2], None], None),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_they_never_change(kind: str) -> None:
    """A split that was made must come out the same after any update: these numbers are a promise."""
    values, dtype = GOLDEN[kind]
    assert hashes(values, 7, dtype) == EXPECTED[kind]


EXPECTED = {
    "int": [12010500973176252475, 12653888272491001354, 4029801531964002761, 14127877887744831944],
    "str": [5204039726652312950, 1012393623189774823, 8752720928006212880, 14127877887744831944],
    "float": [12010500973176252475, 11798739110049157941, 14127877887744831944],
    "bool": [12653888272491001354, 12010500973176252475],
    "date": [13586037158554670444],
    "datetime": [9490246392497161011],
    "list": [12859012468902786161, 14127877887744831944],
}


def test_how_a_value_is_stored_does_not_matter() -> None:
    assert hashes([1, 2], dtype=pl.Int8) == hashes([1, 2], dtype=pl.UInt64) == hashes([1, 2], dtype=pl.Int64)
    assert hashes([0.5], dtype=pl.Float32) == hashes([0.5], dtype=pl.Float64)
    assert hashes([0.0]) == hashes([-0.0])
    assert hashes([None, 1.0]) == hashes([float("nan"), 1.0])
    assert hashes(["a", "b"], dtype=pl.Categorical) == hashes(["a", "b"])
    moment = [datetime(2014, 1, 1)]
    assert hashes(moment, dtype=pl.Datetime("ms")) == hashes(moment, dtype=pl.Datetime("ns"))


def test_missing_is_no_value() -> None:
    assert len(set(hashes([0, None]))) == 2
    assert len(set(hashes(["", None]))) == 2
    assert len(set(hashes([False, None]))) == 2
    assert len(set(hashes([time(0), None]))) == 2
    assert len(set(hashes([timedelta(0), None]))) == 2


def test_the_order_of_columns_does_not_matter_and_their_values_do() -> None:
    table = pl.DataFrame({"a": [1, 2], "b": [2, 1]})
    one, other = hash_rows(table, ["a", "b"], 0)
    assert one != other
    assert hash_rows(table.select("b", "a"), ["b", "a"], 0).tolist() == [one, other]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.integers(0, 2**63))
def test_a_row_has_the_same_hash_among_any_others(values: list[int], seed: int) -> None:
    assert hashes(values, seed) == [hashes([v], seed, pl.Int64)[0] for v in values]


def test_they_are_spread_evenly_and_seeds_are_unrelated() -> None:
    table = pl.DataFrame({"id": range(20_000)})
    one, other = (scale_hashes(hash_rows(table, ["id"], seed)) for seed in (1, 2))
    assert abs(np.histogram(one, 10, (0, 1))[0] - 2000).max() < 200
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03
