"""Parts by share, quota and time, and row hashes that never change."""

from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import BrokenPromise
from magical.library.part_assignment import (
    assign_by_quota,
    assign_by_share,
    assign_by_time,
    hash_rows,
    scale_hashes,
)

shares = st.floats(0.05, 0.45)


def in_order(rows: int) -> Any:
    return np.arange(rows, dtype=np.uint64)


def sizes(parts: object) -> dict[str, int]:
    return {str(k): v for k, v in pl.Series(np.asarray(parts).tolist()).value_counts().iter_rows()}


def test_by_share_the_borders_belong_to_the_next_part() -> None:
    assert assign_by_share(
        np.array([0.0, 0.2, 0.4, 1.0]), np.array([0.9, 0.0, 0.25, 0.9]), 0.2, 0.2
    ).tolist() == [
        "test",
        "validation",
        "train",
        "train",
    ]


@given(st.lists(st.integers(3, 60), min_size=2, max_size=5), shares, shares, st.integers(0, 99))
def test_by_quota_sizes_are_exact_and_no_class_is_forgotten(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    classes = pl.Series(np.repeat([f"c{i}" for i in range(len(counts))], counts).tolist())
    rng = np.random.default_rng(seed)
    for_test, for_rest = (rng.permutation(len(classes)).astype(np.uint64) for _ in range(2))
    parts = assign_by_quota(for_test, for_rest, classes, validation, test)
    found = sizes(parts)
    n = len(classes)
    lifted = len(counts)  # a small class may have one row more than its share
    assert abs(found["test"] - n * test) <= max(1, lifted)
    assert abs(found["validation"] - n * validation) <= max(1, lifted)
    for i, count in enumerate(counts):
        mine = sizes(parts[(classes == f"c{i}").to_numpy()])
        assert set(mine) == {"train", "validation", "test"}
        assert abs(mine["test"] - count * test) <= 1
        assert abs(mine["validation"] - count * validation) <= 2


def test_by_quota_is_exact_where_classes_are_large() -> None:
    classes = pl.Series(["a"] * 333 + ["b"] * 667)
    found = sizes(assign_by_quota(in_order(1000), in_order(1000), classes, 0.2, 0.2))
    assert found == {"test": 200, "validation": 200, "train": 600}


def test_by_quota_equal_hashes_stay_together() -> None:
    hashes = np.array([1, 1, 1, 2, 3, 4, 5, 6, 7, 8], dtype=np.uint64)
    parts = assign_by_quota(hashes, in_order(10), pl.Series(["a"] * 10), 0.2, 0.2)
    assert set(parts[:3]) == {"test"}
    parts = assign_by_quota(in_order(10)[::-1], hashes, pl.Series(["a"] * 10), 0.2, 0.2)
    assert set(parts[:3]) == {"validation"}


def test_a_class_of_one_or_two_rows_is_in_train() -> None:
    classes = pl.Series(["a"] * 50 + ["b"] * 2 + ["c"])
    parts = assign_by_quota(in_order(53), in_order(53), classes, 0.2, 0.2)
    assert "train" in parts[50:52]
    assert "test" not in parts[50:]
    assert parts[52] == "train"


@given(st.lists(st.integers(0, 30), min_size=3, max_size=200), shares, shares)
def test_by_time_is_in_order_and_parts_no_equal_times(
    times: list[int], validation: float, test: float
) -> None:
    series = pl.Series("t", times)
    if series.n_unique() < 3:
        with pytest.raises(BrokenPromise, match="three different times"):
            assign_by_time(series, validation, test)
        return
    parts, cuts = assign_by_time(series, validation, test)
    groups = {
        p: [t for t, q in zip(times, parts, strict=True) if q == p] for p in ("train", "validation", "test")
    }
    assert all(groups.values())
    assert max(groups["train"]) < cuts["validation"] == min(groups["validation"])
    assert max(groups["validation"]) < cuts["test"] == min(groups["test"])


def test_by_time_shares_are_kept_where_times_differ() -> None:
    parts, cuts = assign_by_time(pl.Series("t", range(100)), 0.2, 0.1)
    assert sizes(parts) == {"train": 70, "validation": 20, "test": 10}
    assert cuts == {"validation": 70, "test": 90}


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
