"""The small tables beside the scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as known

from magical.contracts.schema import Column, Schema
from magical.library.decision import Decision
from magical.library.judging.baselines import EvaluatedRows
from magical.library.judging.calibration import BINS
from magical.library.judging.curves import MAX_POINTS
from magical.library.judging.diagnostics import JUDGED, WORST_ROWS, make_diagnostics

BINARY = ("probability_no", "probability_yes")
ANSWER = Column("y", "str", choices=("no", "yes"))


def answers(truth: list[bool], yes: list[float], **more: Any) -> pl.DataFrame:
    chance = np.array(yes)
    return pl.DataFrame(
        {"id": range(len(yes)), "y": ["yes" if t else "no" for t in truth]}
        | {"prediction": ["yes" if c >= 0.5 else "no" for c in yes], **more}
        | {BINARY[0]: 1 - chance, BINARY[1]: chance}
    )


def made(
    rows: pl.DataFrame,
    target: Column = ANSWER,
    names: Sequence[str] = BINARY,
    decision: Decision | None = None,
) -> dict[str, Any]:
    ids = [Column("id", "int", role="id")] if "id" in rows.columns else []
    schema = Schema("Row", (*ids, target))
    return make_diagnostics(EvaluatedRows(rows, target, names, ()), schema, decision)


def test_confusion_counts_the_pairs_that_occur() -> None:
    table = made(answers([True, True, False, False], [0.9, 0.1, 0.2, 0.3]))["confusion"]
    assert table.columns == ["truth", "prediction", "rows"]
    assert table.rows() == [("no", "no", 2), ("yes", "no", 1), ("yes", "yes", 1)]


def test_the_worst_rows_are_the_most_surprising_with_their_ids_first() -> None:
    table = made(answers([True] * 4, [0.9, 0.1, 0.5, 0.01], age=[30, 40, 50, 60]))["worst"]
    assert table.columns == ["id", "y", "prediction", "surprise", "age", *BINARY]
    assert table["id"].to_list() == [3, 1, 2, 0]
    assert table["surprise"][0] == pytest.approx(-np.log(0.01))


def test_a_column_with_the_name_of_the_loss_gives_way_to_it() -> None:
    rows = answers([True, True], [0.9, 0.1], surprise=["a", "b"])
    assert made(rows)["worst"]["surprise"][0] == pytest.approx(-np.log(0.1))


def test_only_so_many_rows_are_the_worst() -> None:
    assert made(answers([True] * 90, [0.5] * 90))["worst"].height == WORST_ROWS


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=60))
def test_the_curve_is_that_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    truth, scores = [t for t, _ in rows], [s / 10 for _, s in rows]
    tables = made(answers(truth, scores))
    assert ("roc" in tables) == (len(set(truth)) == 2)
    if "roc" in tables:
        curve = tables["roc"]
        assert curve["threshold"].to_list() == [None, *sorted(set(scores), reverse=True)]
        false, true, _ = known.roc_curve(truth, scores, drop_intermediate=False)
        assert curve["false_positive_rate"].to_list() == pytest.approx(false.tolist())
        assert curve["true_positive_rate"].to_list() == pytest.approx(true.tolist())
        precision, recall, _ = known.precision_recall_curve(truth, scores)
        pairs = tables["precision_recall"]["recall", "precision"].rows()
        assert pairs == [pytest.approx(p) for p in zip(recall[-2::-1], precision[-2::-1], strict=True)]
        assert tables["gain"].row(-1)[1:4] == (1.0, 1.0, 1.0)


def test_a_curve_of_many_scores_is_thinned_and_keeps_its_ends() -> None:
    scores = np.random.default_rng(0).random(1000)
    curve = made(answers([*(scores > 0.4)], [*scores]))["roc"]
    assert curve.height == MAX_POINTS + 1
    assert curve.row(0)[1:3] == (0.0, 0.0)
    assert curve.row(-1)[:3] == (scores.min(), 1.0, 1.0)


def test_bands_hold_the_curve_and_are_wider_for_fewer_rows() -> None:
    scores = np.random.default_rng(0).random(2000)
    truth = np.random.default_rng(1).random(2000) < scores
    widths = []
    for count in (100, 2000):
        tables = made(answers([*truth[:count]], [*scores[:count]]))
        for name, value in (
            ("roc", "true_positive_rate"),
            ("precision_recall", "precision"),
            ("gain", "captured"),
        ):
            known_band = tables[name].drop_nulls()
            assert (known_band["low"] <= known_band[value] + 1e-9).all()
            assert (known_band[value] <= known_band["high"] + 1e-9).all()
        widths.append((tables["roc"]["high"] - tables["roc"]["low"]).mean())
    assert widths[0] > 2 * widths[1]


def test_a_decision_by_costs_has_its_cost_at_each_threshold_and_marks_the_own_one() -> None:
    rows = answers([False, False, True, True], [0.1, 0.6, 0.4, 0.9])
    table = made(rows, decision=Decision(false_positive=1, false_negative=10))["decision"]
    assert table["threshold"].round(6).to_list() == [0.1, 0.4, 0.5, 0.6, 0.9, 0.9]
    assert table["value"].to_list() == [0.5, 0.25, 2.75, 2.75, 2.5, 5.0]  # the last calls no row positive
    assert table.filter("chosen")["threshold"].to_list() == [0.5]  # from 0.6 on, rows are called yes
    assert (table["low"] <= table["value"]).all()
    by_metric = made(rows, decision=Decision(metric="accuracy"))["decision"]
    assert by_metric["value"].to_list() == [0.5, 0.75, 0.5, 0.5, 0.75, 0.5]
    assert (by_metric["low"] <= by_metric["value"]).all()
    assert (by_metric["value"] <= by_metric["high"]).all()
    other = made(rows, decision=Decision(metric="balanced_accuracy"))["decision"].filter("chosen")
    assert other["low"][0] <= other["value"][0] <= other["high"][0]


def test_classes_have_the_scores_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    truth, guess = (rng.choice(["a", "b", "c"], 200) for _ in range(2))
    table = made(pl.DataFrame({"y": truth, "prediction": guess}), Column("y", "str"), [])["classes"]
    scores = known.precision_recall_fscore_support(truth, guess)
    for name, values in zip(("precision", "recall", "f1", "rows"), scores, strict=True):
        assert table[name].to_list() == pytest.approx(values.tolist())
    assert (table["f1_low"] < table["f1"]).all()
    assert (table["f1"] < table["f1_high"]).all()


def test_the_judged_rows_have_what_a_comparison_needs() -> None:
    table = made(answers([True, False], [0.9, 0.1], age=[3, 4]))[JUDGED]
    assert table.columns == ["id", "y", "prediction", *BINARY]
    without = made(answers([True, False], [0.9, 0.1]).drop("id"))[JUDGED]
    assert without["row"].to_list() == [0, 1]


def test_calibration_has_tenths_of_equal_size_in_order() -> None:
    scores = [i / 100 for i in range(100)][::-1]
    table = made(answers([s >= 0.5 for s in scores], scores))["calibration"]
    assert table.columns == ["tenth", "rows", "prediction", "truth", "low", "high"]
    assert table["rows"].to_list() == [10] * BINS
    assert table["prediction"].to_list() == pytest.approx([0.045 + i / 10 for i in range(10)])
    assert table["truth"].to_list() == [0.0] * 5 + [1.0] * 5


def test_calibration_of_few_rows_has_fewer_bins() -> None:
    table = made(answers([True, False, True], [0.9, 0.1, 0.5]))["calibration"]
    assert table["rows"].to_list() == [1, 1, 1]


def test_many_classes_have_no_curve() -> None:
    rows = pl.DataFrame({"y": ["a", "b", "c"], "prediction": ["a", "b", "b"]})
    names = [f"probability_{c}" for c in "abc"]
    rows = rows.with_columns(pl.Series(n, [0.5, 0.3, 0.2]) for n in names)
    tables = made(rows, Column("y", "str"), names)
    assert set(tables) == {
        JUDGED,
        "slices",
        "confusion",
        "classes",
        "worst",
        "calibration",
        "calibration_error",
    }


def test_a_class_that_no_probability_is_for_is_a_finite_surprise() -> None:
    rows = answers([True, True], [0.9, 0.8]).with_columns(y=pl.Series(["yes", "maybe"]))
    worst = made(rows)["worst"]
    assert worst["id"][0] == 1
    assert worst["surprise"].is_finite().all()


def test_classes_without_probabilities_have_neither_curves_nor_worst_rows() -> None:
    rows = pl.DataFrame({"y": [True, False], "prediction": [True, True]})
    tables = made(rows, Column("y", "bool"), [])
    assert set(tables) == {JUDGED, "slices", "confusion", "classes"}
    assert tables["confusion"].rows() == [("false", "true", 1), ("true", "true", 1)]


def test_numbers_have_errors_and_calibration() -> None:
    rows = pl.DataFrame({"id": ["a", "b", "c"], "y": [1.0, 2.0, 3.0], "prediction": [1.5, 0.0, 3.0]})
    tables = made(rows, Column("y", "float"), [])
    residuals = {"residuals", "residual_histogram", "predicted_truth"}
    assert set(tables) == {JUDGED, "slices", "calibration", "worst", *residuals}
    assert tables["residual_histogram"]["rows"].sum() == 3
    assert tables["worst"].rows() == [("b", 2.0, 0.0, 2.0), ("a", 1.0, 1.5, 0.5), ("c", 3.0, 3.0, 0.0)]
    assert tables["worst"].columns == ["id", "y", "prediction", "error"]
    assert tables["calibration"]["truth"].to_list() == [2.0, 1.0, 3.0]
