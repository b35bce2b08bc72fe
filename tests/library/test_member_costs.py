"""The gate of the members of an automatic experiment, from costs that are given as data."""

import pytest

from magical.library.member_costs import FIT_COSTS, FitCost, MemberGate, Work

COSTS = {"cheap": FitCost(1.0, 0.0, 0.0), "dear": FitCost(5.0, 0.0, 0.0)}
TWO_FITS = Work(fits=(80, 80), refits=(100, 100), columns=3)


def test_a_member_starts_only_if_its_fits_and_refits_fit_into_what_is_left() -> None:
    gate = MemberGate(10.0, COSTS)
    assert gate.find_refusal("cheap", TWO_FITS, spent=6.0) == ""
    assert gate.find_refusal("cheap", TWO_FITS, spent=7.0) == "needs 4 s, and 3 s are left"
    assert gate.find_refusal("dear", TWO_FITS, spent=0.0) == "needs 20 s, and 10 s are left"
    assert MemberGate(costs=COSTS).find_refusal("dear", TWO_FITS, spent=1e9) == ""


def test_the_refits_of_members_that_may_be_kept_are_reserved_and_of_no_others() -> None:
    gate = MemberGate(20.0, COSTS)
    gate.note("cheap", TWO_FITS, seconds=2.0, loss=1.0)
    assert gate.find_refusal("cheap", TWO_FITS, spent=14.0) == ""  # 2 s for the refits of the first
    assert gate.find_refusal("cheap", TWO_FITS, spent=14.5) != ""
    gate.note("cheap", TWO_FITS, seconds=2.0, loss=0.5)  # twice as good: the first will not be kept
    assert gate.find_refusal("cheap", TWO_FITS, spent=14.0) == ""
    gate.note("cheap", TWO_FITS, seconds=2.0, loss=float("inf"))  # nor will one that failed
    assert gate.find_refusal("cheap", TWO_FITS, spent=14.0) == ""


def test_guesses_are_scaled_by_what_members_really_took() -> None:
    gate = MemberGate(100.0, COSTS)
    gate.note("cheap", TWO_FITS, seconds=6.0, loss=1.0)
    assert gate.guess("cheap", TWO_FITS) == pytest.approx((6.0, 6.0))
    assert gate.guess("dear", TWO_FITS) == pytest.approx((30.0, 30.0))  # of other members, if of none alike
    gate.note("dear", TWO_FITS, seconds=5.0, loss=1.0)
    assert gate.guess("dear", TWO_FITS) == pytest.approx((5.0, 5.0))


def test_costs_grow_with_rows_columns_and_classes() -> None:
    for cost in FIT_COSTS.values():
        small = cost.guess(1_000, 10, 1, is_number=False)
        assert small < cost.guess(9_000, 10, 1, is_number=False)
        assert small < cost.guess(1_000, 90, 1, is_number=False)
        assert small <= cost.guess(1_000, 10, 4, is_number=False)
