"""The small tables beside the scores."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as known

from magical.contracts.schema import Column
from magical.library.metrics.diagnostics import (
    CALIBRATION_BINS,
    MAX_CURVE_POINTS,
    WORST_ROWS,
    make_diagnostics,
)

BINARY = ("probability_no", "probability_yes")
ANSWER = Column("y", "str", choices=("no", "yes"))


def answers(truth: list[bool], yes: list[float], **more: Any) -> pl.DataFrame:
    chance = np.array(yes)
    return pl.DataFrame(
        {"id": range(len(yes)), "y": ["yes" if t else "no" for t in truth]}
        | {"prediction": ["yes" if c >= 0.5 else "no" for c in yes], **more}
        | {BINARY[0]: 1 - chance, BINARY[1]: chance}
    )


def made(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return make_diagnostics(rows, ANSWER, BINARY, ["id"])


def test_confusion_counts_the_pairs_that_occur() -> None:
    table = made(answers([True, True, False, False], [0.9, 0.1, 0.2, 0.3]))["confusion"]
    assert table.columns == ["truth", "prediction", "rows"]
    assert table.rows() == [("no", "no", 2), ("yes", "no", 1), ("yes", "yes", 1)]


def test_the_worst_rows_are_the_most_surprising_with_their_ids_first() -> None:
    table = made(answers([True] * 4, [0.9, 0.1, 0.5, 0.01], age=[30, 40, 50, 60]))["worst"]
    assert table.columns == ["id", "y", "prediction", "surprise", "age", *BINARY]
    assert table["id"].to_list() == [3, 1, 2, 0]
    assert table["surprise"][0] == pytest.approx(-np.log(0.01))


def test_only_so_many_rows_are_the_worst() -> None:
    assert made(answers([True] * 90, [0.5] * 90))["worst"].height == WORST_ROWS


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=60))
def test_the_curve_is_that_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    truth, scores = [t for t, _ in rows], [s / 10 for _, s in rows]
    curve = made(answers(truth, scores))["curve"]
    assert curve["threshold"].to_list() == sorted(set(scores), reverse=True)
    if len(set(truth)) == 2:
        false, true, _ = known.roc_curve(truth, scores, drop_intermediate=False)
        assert curve["false_positive_rate"].to_list() == pytest.approx(false[1:].tolist())
        assert curve["true_positive_rate"].to_list() == pytest.approx(true[1:].tolist())


def test_a_curve_of_many_scores_is_thinned_and_keeps_its_ends() -> None:
    scores = np.random.default_rng(0).random(1000)
    curve = made(answers([*(scores > 0.4)], [*scores]))["curve"]
    assert curve.height == MAX_CURVE_POINTS
    assert curve["threshold"][0] == scores.max()
    assert curve.row(-1) == (scores.min(), 1.0, 1.0)


def test_a_curve_without_one_of_the_classes_has_finite_rates() -> None:
    curve = made(answers([True, True], [0.4, 0.6]))["curve"]
    assert curve["true_positive_rate"].to_list() == [0.5, 1.0]
    assert curve["false_positive_rate"].to_list() == [0.0, 0.0]


def test_calibration_has_tenths_of_equal_size_in_order() -> None:
    scores = [i / 100 for i in range(100)][::-1]
    table = made(answers([s >= 0.5 for s in scores], scores))["calibration"]
    assert table.columns == ["tenth", "rows", "prediction", "truth"]
    assert table["rows"].to_list() == [10] * CALIBRATION_BINS
    assert table["prediction"].to_list() == pytest.approx([0.045 + i / 10 for i in range(10)])
    assert table["truth"].to_list() == [0.0] * 5 + [1.0] * 5


def test_calibration_of_few_rows_has_fewer_bins() -> None:
    table = made(answers([True, False, True], [0.9, 0.1, 0.5]))["calibration"]
    assert table["rows"].to_list() == [1, 1, 1]


def test_many_classes_have_neither_curve_nor_calibration() -> None:
    rows = pl.DataFrame({"y": ["a", "b", "c"], "prediction": ["a", "b", "b"]})
    names = [f"probability_{c}" for c in "abc"]
    rows = rows.with_columns(pl.Series(n, [0.5, 0.3, 0.2]) for n in names)
    assert set(make_diagnostics(rows, Column("y", "str"), names, [])) == {"confusion", "worst"}


def test_a_class_that_no_probability_is_for_is_a_finite_surprise() -> None:
    rows = answers([True, True], [0.9, 0.8]).with_columns(y=pl.Series(["yes", "maybe"]))
    worst = made(rows)["worst"]
    assert worst["id"][0] == 1
    assert worst["surprise"].is_finite().all()


def test_classes_without_probabilities_have_a_confusion_only() -> None:
    rows = pl.DataFrame({"y": [True, False], "prediction": [True, True]})
    tables = make_diagnostics(rows, Column("y", "bool"), [], [])
    assert set(tables) == {"confusion"}
    assert tables["confusion"].rows() == [("false", "true", 1), ("true", "true", 1)]


def test_numbers_have_errors_and_calibration() -> None:
    rows = pl.DataFrame({"id": ["a", "b", "c"], "y": [1.0, 2.0, 3.0], "prediction": [1.5, 0.0, 3.0]})
    tables = make_diagnostics(rows, Column("y", "float"), [], ["id"])
    assert set(tables) == {"calibration", "worst"}
    assert tables["worst"].rows() == [("b", 2.0, 0.0, 2.0), ("a", 1.0, 1.5, 0.5), ("c", 3.0, 3.0, 0.0)]
    assert tables["worst"].columns == ["id", "y", "prediction", "error"]
    assert tables["calibration"]["truth"].to_list() == [2.0, 1.0, 3.0]
