"""Random numbers that are the same on every machine."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.synthesis.rng import NumberArray, SeededRandom

SEEDS = st.text(max_size=8)


def digest(values: NumberArray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()[:12]


def test_the_bits_never_change() -> None:
    """A change here changes every pretended value, and so every cache key."""
    random = SeededRandom("seed", "column")
    assert random.bits(3).tolist() == [15389871293500951630, 12846540258958971340, 4643384889624507924]
    assert digest(SeededRandom("s").uniform(1000)) == "488a5899cce8"
    assert digest(SeededRandom("s").normal(1000)) == "4c326d7c97cb"


@given(SEEDS, st.integers(0, 50))
def test_the_same_seed_gives_the_same_numbers(seed: str, size: int) -> None:
    one, other = SeededRandom(seed), SeededRandom(seed)
    assert one.bits(size).tolist() == other.bits(size).tolist()
    assert one.integers(7, size).tolist() == other.integers(7, size).tolist()


def test_parts_of_a_seed_are_told_apart() -> None:
    seeds = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ()]
    assert len({SeededRandom(*s).integer(1 << 64) for s in seeds}) == len(seeds)


def test_later_numbers_go_on_where_earlier_ones_ended() -> None:
    random = SeededRandom("s")
    drawn = [*random.bits(3), *random.bits(2)]
    assert drawn == SeededRandom("s").bits(5).tolist()


@given(SEEDS, st.integers(1, 1 << 64) | st.sampled_from([1, 2, 1 << 32, (1 << 32) + 1, (1 << 64) - 1]))
def test_whole_numbers_are_below_their_count(seed: str, count: int) -> None:
    drawn = SeededRandom(seed).integers(count, 20)
    assert drawn.dtype == np.uint64
    assert all(0 <= int(n) < count for n in drawn)
    assert 0 <= SeededRandom(seed).integer(count) < count


@pytest.mark.parametrize("count", [2, 6, 1 << 33])
def test_whole_numbers_are_spread_evenly(count: int) -> None:
    drawn = SeededRandom("s").integers(count, 20_000).astype(np.float64)
    assert drawn.mean() == pytest.approx((count - 1) / 2, rel=0.02)
    assert set(drawn.tolist()) == {*range(count)} if count < 10 else drawn.max() > 0.99 * count


def test_uniform_numbers_fill_the_unit() -> None:
    drawn = SeededRandom("s").uniform(20_000)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert (drawn.mean(), drawn.std()) == pytest.approx((0.5, 12**-0.5), rel=0.02)


def test_normal_numbers_look_normal_and_have_no_outliers() -> None:
    drawn = SeededRandom("s").normal(20_000)
    assert abs(drawn).max() <= 3
    assert drawn.mean() == pytest.approx(0, abs=0.02)
    assert drawn.std() == pytest.approx(1, rel=0.02)
    assert np.mean(abs(drawn) < 1) == pytest.approx(0.68, abs=0.02)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_mask_has_about_its_share(share: float) -> None:
    drawn = SeededRandom("s").mask(share, 20_000)
    assert drawn.dtype == bool
    assert drawn.mean() == pytest.approx(share, abs=0.01)


@given(SEEDS, st.floats(0, 1, exclude_min=True), st.integers(1, 9))
def test_a_mask_has_at_least_one_place(seed: str, share: float, size: int) -> None:
    assert 1 <= SeededRandom(seed).mask(share, size).sum() <= size


def test_the_ends_of_a_share() -> None:
    assert not SeededRandom("s").mask(0, 9).any()
    assert not SeededRandom("s").mask(-1, 9).any()
    assert SeededRandom("s").mask(1, 9).all()
    assert SeededRandom("s").mask(0.5, 0).tolist() == []


def test_no_numbers_are_asked_for() -> None:
    random = SeededRandom("s")
    assert [random.bits(0).size, random.integers(5, 0).size, random.uniform(0).size] == [0, 0, 0]
