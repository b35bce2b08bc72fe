"""The promotion gate: which criteria hold, which block, and why."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import Finding
from magical.library.metrics.scores import Score, Scores
from magical.library.scorer.promotion_gate import (
    Criterion,
    check_class_rows,
    check_findings,
    check_thresholds,
    find_blockers,
    format_distinct,
    summarize_gate,
    tabulate_criteria,
)

HELD = Criterion("auc", ">= 0.7", "0.8", True)
BROKEN = Criterion("f1", ">= 0.7", "0.6", False, "f1 0.6 < 0.7 required")
OPEN = Criterion("LEAK002 overlap", "passed", "not assessed", None)


def scores(part: str = "test", **metrics: float) -> Scores:
    found = {name: Score(value=value, low=value, high=value) for name, value in metrics.items()}
    return Scores(task="binary", target="y", part=part, rows=9, metrics=found)


@pytest.mark.parametrize(
    ("metric", "value", "held", "threshold", "reason"),
    [
        ("roc_auc", 0.7, True, ">= 0.7", ""),
        ("roc_auc", 0.68, False, ">= 0.7", "roc_auc 0.68 < 0.7 required"),
        ("log_loss", 0.7, True, "<= 0.7", ""),
        ("log_loss", 0.72, False, "<= 0.7", "log_loss 0.72 > 0.7 required"),
        ("rmse", 0.6, True, "<= 0.7", ""),
        ("r2", 0.6999999, False, ">= 0.7", "r2 0.6999999 < 0.7 required"),
    ],
)
def test_a_score_is_compared_the_way_that_is_better(
    metric: str, value: float, held: bool, threshold: str, reason: str
) -> None:
    (found,) = check_thresholds({metric: 0.7}, scores(**{metric: value}))
    assert (found.criterion, found.threshold, found.held, found.reason) == (metric, threshold, held, reason)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_no_number_holds_nothing(metric: str) -> None:
    (found,) = check_thresholds({metric: 0.7}, scores(**{metric: math.nan}))
    assert found.held is False
    assert found.value == "nan"
    assert find_blockers([found])


def test_a_score_that_was_not_computed_blocks_and_names_those_that_were() -> None:
    (found,) = check_thresholds({"brier": 0.2}, scores(roc_auc=0.8, f1=0.5))
    assert (found.threshold, found.value, found.held) == ("<= 0.2", "", False)
    assert found.reason == "brier is required and was not computed; there are: roc_auc, f1"
    (found,) = check_thresholds({"brier": 0.2}, scores())
    assert found.reason.endswith("there are: none")


@pytest.mark.parametrize("part", ["train", "validation"])
def test_scores_of_rows_that_a_model_has_seen_block(part: str) -> None:
    first, second = check_thresholds({"f1": 0.5}, scores(part, f1=0.8))
    assert first.held is False
    assert first.reason == f"the scores are of the {part} part, not of test"
    assert second.held


def test_without_a_bound_nothing_is_required_of_any_part() -> None:
    assert check_thresholds({}, scores("train", f1=0.1)) == []


def test_leaks_in_the_workflow_block_and_other_findings_do_not() -> None:
    leak = Finding("LEAK001", "error", "fit", "learns from test.")
    other = Finding("WIRE001", "warning", "rows", "is odd.")
    first, *rest = check_findings([other, leak, leak])
    assert (first.held, first.reason) == (
        False,
        "LEAK001: fit learns from test.; fit learns from test.",
    )
    assert len(rest) == 9
    assert {c.held for c in rest} == {None}
    passed, *again = check_findings([other])
    assert (passed.held, passed.value, passed.reason) == (True, "passed", "")
    assert again == rest


def test_what_is_not_assessed_does_not_block() -> None:
    assert find_blockers([HELD, BROKEN, OPEN]) == ["f1 0.6 < 0.7 required"]
    assert find_blockers([Criterion("auc", "", "0.6", False)]) == ["auc: 0.6"]
    assert find_blockers([]) == []


def test_the_gate_in_one_line() -> None:
    assert summarize_gate([HELD, OPEN]) == "held"
    assert summarize_gate([]) == "held"
    assert summarize_gate([BROKEN, BROKEN]) == f"not held: {BROKEN.reason}; {BROKEN.reason}"
    assert len(summarize_gate([BROKEN] * 99)) < 420


def test_the_table_has_its_types_without_rows_as_well() -> None:
    table = tabulate_criteria(iter([HELD, BROKEN, OPEN]))
    assert table["held"].to_list() == [True, False, None]
    assert table.row(1) == ("f1", ">= 0.7", "0.6", False)
    assert tabulate_criteria([]).schema == table.schema
    assert table.schema["held"] == pl.Boolean


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_two_numbers_that_differ_look_different(value: float, other: float) -> None:
    text = format_distinct(value, other)
    assert float(text) == pytest.approx(value, rel=1e-3)
    if value != pytest.approx(other, rel=1e-14, abs=0):
        assert text != f"{other:.4g}"


def test_digits_are_no_more_than_are_needed() -> None:
    assert format_distinct(0.68123456, 0.7) == "0.6812"
    assert format_distinct(0.700001, 0.7) == "0.700001"
    assert format_distinct(0.7, 0.7) == "0.7"
    assert format_distinct(52210.25, 53090.5) == "52210"
    assert format_distinct(52210.25, 52210.5) == "52210.2"


@pytest.mark.parametrize(
    ("rarest", "least", "held"), [(1, 5, False), (4, 5, False), (5, 5, True), (1, 1, True), (0, 0, True)]
)
def test_a_score_of_hardly_any_rows_of_a_class_blocks(rarest: int, least: int, held: bool) -> None:
    scores = Scores(task="binary", target="fraud", part="test", rows=60, rarest=rarest, metrics={})
    (criterion,) = check_class_rows(least, scores)
    assert (criterion.criterion, criterion.threshold, criterion.value) == (
        "rows of the rarest class", f">= {least}", str(rarest),
    )  # fmt: skip
    assert bool(find_blockers([criterion])) is not held
    assert criterion.reason.startswith(f"{rarest} of 60 test rows ") or held


def test_scores_of_numbers_have_no_class_to_miss() -> None:
    scores = Scores(task="regression", target="price", part="test", rows=60, metrics={})
    assert check_class_rows(5, scores) == []
