"""Which part a row goes to: exact sizes, whole groups of equals, and time in order."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import BrokenPromise
from magical.library.part_assignment import assign_by_quota, assign_by_share, assign_by_time

shares = st.floats(0.05, 0.45)


def sizes(parts: object) -> dict[str, int]:
    return {str(k): v for k, v in pl.Series(np.asarray(parts).tolist()).value_counts().iter_rows()}


def test_by_share_the_borders_belong_to_the_next_part() -> None:
    assert assign_by_share(np.array([0.0, 0.2, 0.4, 1.0]), 0.2, 0.2).tolist() == [
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
    hashes = np.random.default_rng(seed).permutation(len(classes)).astype(np.uint64)
    parts = assign_by_quota(hashes, classes, validation, test)
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
    found = sizes(assign_by_quota(np.arange(1000, dtype=np.uint64), classes, 0.2, 0.2))
    assert found == {"test": 200, "validation": 200, "train": 600}


def test_by_quota_equal_hashes_stay_together() -> None:
    hashes = np.array([1, 1, 1, 2, 3, 4, 5, 6, 7, 8], dtype=np.uint64)
    parts = assign_by_quota(hashes, pl.Series(["a"] * 10), 0.2, 0.2)
    assert set(parts[:3]) == {"test"}


def test_a_class_of_one_or_two_rows_is_in_train() -> None:
    classes = pl.Series(["a"] * 50 + ["b"] * 2 + ["c"])
    parts = assign_by_quota(np.arange(53, dtype=np.uint64), classes, 0.2, 0.2)
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
