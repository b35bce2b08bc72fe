"""Checksums of floats: by them alone a difference of more than 1e-9 is seen, and no smaller one."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.project.reproduce.float_checksum import (
    TOLERANCE,
    checksum_floats,
    compare_checksums,
    compare_floats,
)

FLOATS = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: x if abs(x) > 1e-6 else 0.0)
HUGE = st.sampled_from([1e20, -3.4e38, 1.79e308])


@given(st.lists(FLOATS | HUGE, min_size=1, max_size=60), st.integers(0, 2**32))
def test_what_is_nowhere_further_than_1e_9_is_never_said_to_differ(values: list[float], seed: int) -> None:
    old = np.array(values)
    new = old * (1 + np.random.default_rng(seed).uniform(-0.999e-9, 0.999e-9, len(old)))
    apart = compare_checksums(checksum_floats(old), checksum_floats(new))
    assert apart is not None
    assert apart <= TOLERANCE * 1.000001
    assert (compare_floats(old, new)[1] or 0.0) <= TOLERANCE * 1.000001


@given(st.lists(FLOATS, min_size=8, max_size=60), HUGE, st.data())
def test_a_value_that_is_another_is_seen_beside_a_huge_one(
    values: list[float], huge: float, data: Any
) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    old = np.array([*values, huge])
    new = old.copy()
    new[at] += 1e-3 * max(1.0, np.abs(values).max())
    assert (compare_checksums(checksum_floats(old), checksum_floats(new)) or 0.0) > TOLERANCE
    assert (compare_floats(old, new)[1] or 0.0) > TOLERANCE


@given(st.lists(FLOATS, min_size=1, max_size=60), st.data())
def test_a_value_that_is_another_by_a_thousandth_of_all_is_seen(values: list[float], data: Any) -> None:
    old, at = np.array(values), data.draw(st.integers(0, len(values) - 1))
    new = old.copy()
    new[at] += 1e-3 * max(1.0, np.abs(old).max())
    apart = compare_checksums(checksum_floats(old), checksum_floats(new))
    assert apart is not None
    assert apart > TOLERANCE


NAN, INF = float("nan"), float("inf")


def apart(old: list[float], new: list[float]) -> float | None:
    return compare_checksums(checksum_floats(np.array(old)), checksum_floats(np.array(new)))


@given(st.lists(st.floats(), max_size=60))
def test_a_checksum_agrees_with_itself_after_json(values: list[float]) -> None:
    checksum = checksum_floats(np.array(values, dtype=np.float64))
    assert compare_checksums(checksum, json.loads(json.dumps(checksum))) in (0.0, None)
    if np.isfinite(values).all() and np.abs(values).max(initial=0) < 1e300:
        assert compare_checksums(checksum, checksum) == 0.0


def test_no_floats() -> None:
    assert apart([], []) == 0.0
    assert apart([], [1.0]) is None
    assert compare_floats(np.array([]), np.array([])) == (0, 0.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [([1.0, NAN], [NAN, 1.0]), ([1.0, INF], [1.0, -INF]), ([1.0, NAN], [1.0, INF]), ([1.0], [NAN])],
)
def test_other_holes_cannot_be_compared(old: list[float], new: list[float]) -> None:
    assert apart(old, new) is None
    count, difference = compare_floats(np.array(old), np.array(new))
    assert count >= 1
    assert difference is None


def test_the_same_holes_are_no_difference() -> None:
    holes = [1.0, NAN, INF, -INF]
    assert apart(holes, holes) == 0.0
    assert compare_floats(np.array(holes), np.array(holes)) == (0, 0.0)


def test_a_swap_of_two_values_is_seen() -> None:
    assert (apart([1.0, 2.0, 3.0], [2.0, 1.0, 3.0]) or 0) > TOLERANCE


def test_what_cancels_in_a_sum_is_seen() -> None:
    assert (apart([1.0, -1.0], [2.0, -2.0]) or 0) > TOLERANCE


def test_records_of_earlier_releases_have_no_logarithms() -> None:
    old, new = (checksum_floats(np.array([1.0, x])) for x in (2.0, 2.5))
    del old["logs"]
    assert compare_checksums(old, new) == 0.2


def test_floats_that_differ_are_counted() -> None:
    old = np.array([1.0, 2.0, 4.0, NAN, 1e-17])
    new = np.array([1.0, 2.5, 5.0, NAN, 2e-17])
    assert compare_floats(old, new) == (3, 0.2)
    assert compare_floats(old[[0, 4]], new[[0, 4]]) == (1, 0.0), "beside 1 it is rounding"
