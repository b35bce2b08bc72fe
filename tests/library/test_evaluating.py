"""evaluate: the field's metrics with intervals, on rows that are matched and counted."""

from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as known

from library.conftest import Run
from library.tables import houses, people, pupils
from magical import Contract, Id, Target
from magical.errors import BrokenPromise
from magical.library import (
    Decision,
    EvaluateSettings,
    Linear,
    Metric,
    SplitSettings,
    evaluate,
    model_data,
    predict,
    split,
    train,
    transform,
)

OF_CLASSES = {"confusion", "classes", "calibration_error"}
BINARY = ["roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1", "precision", "recall"]


def predicted(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    parts = split(table, SplitSettings(kind="random", seed=2))
    model = train(parts.train, parts.validation, transform(parts.train), Linear())
    return predict(model, parts.test), parts.test


def test_two_classes() -> None:
    predictions, test = predicted(people())
    scores = evaluate(predictions, test)
    assert list(scores.metrics) == BINARY
    assert (scores.task, scores.target, scores.part, scores.positive) == ("binary", "bought", "test", "True")
    assert scores.rows == test.height
    truth, chance = test["bought"].to_numpy(), predictions["probability_True"].to_numpy()
    picked = predictions["prediction"].to_numpy()
    for name, value in {
        "roc_auc": known.roc_auc_score(truth, chance),
        "average_precision": known.average_precision_score(truth, chance),
        "log_loss": known.log_loss(truth, chance),
        "brier": known.brier_score_loss(truth, chance),
        "accuracy": known.accuracy_score(truth, picked),
        "f1": known.f1_score(truth, picked),
        "precision": known.precision_score(truth, picked),
        "recall": known.recall_score(truth, picked),
    }.items():
        assert scores[name] == pytest.approx(value, rel=1e-12)
        assert scores.metrics[name].low < value < scores.metrics[name].high


def test_many_classes() -> None:
    predictions, test = predicted(pupils())
    scores = evaluate(predictions, test)
    assert list(scores.metrics) == ["log_loss", "accuracy", "f1_macro", "roc_auc_ovr"]
    classes = ["poor", "fair", "good"]
    truth = np.array([classes.index(m) for m in test["mark"]])
    chances = predictions.select(f"probability_{c}" for c in classes).to_numpy()
    picked = [classes.index(m) for m in predictions["prediction"]]
    assert scores["log_loss"] == pytest.approx(known.log_loss(truth, chances, labels=[0, 1, 2]))
    assert scores["f1_macro"] == pytest.approx(known.f1_score(truth, picked, average="macro"))
    assert scores["roc_auc_ovr"] == pytest.approx(known.roc_auc_score(truth, chances, multi_class="ovr"))


def test_numbers() -> None:
    predictions, test = predicted(houses())
    scores = evaluate(predictions, test)
    assert list(scores.metrics) == ["rmse", "mae", "r2"]
    truth, picked = test["price"].to_numpy(), predictions["prediction"].to_numpy()
    assert scores["rmse"] == pytest.approx(known.root_mean_squared_error(truth, picked))
    assert scores["mae"] == pytest.approx(known.mean_absolute_error(truth, picked))
    assert scores["r2"] == pytest.approx(known.r2_score(truth, picked))


@pytest.mark.parametrize("table", [people, pupils, houses])
def test_rows_are_matched_by_id(table: Any) -> None:
    predictions, test = predicted(table())
    assert evaluate(predictions.sample(fraction=1, shuffle=True, seed=1), test) == evaluate(predictions, test)


def test_rows_that_do_not_match_are_refused() -> None:
    predictions, test = predicted(people())
    with pytest.raises(BrokenPromise, match=r"1 rows have no prediction, such as \(\d+,\)"):
        evaluate(predictions[1:], test)
    with pytest.raises(BrokenPromise, match="an id occurs twice"):
        evaluate(pl.concat([predictions, predictions[:1]]), test)
    with pytest.raises(BrokenPromise, match="2 predictions for 3 rows, and no Id"):
        evaluate(pl.DataFrame({"prediction": [1.0, 2.0]}), numbers([1.0, 2.0, 3.0]))
    with pytest.raises(BrokenPromise, match="lack 'prediction'"):
        evaluate(test.select("id"), test)


class Row(Contract):
    y: Target[float | None]


def numbers(values: list[float | None]) -> pl.DataFrame:
    return model_data(pl.DataFrame({"y": values}), Row)


def test_rows_without_an_outcome_are_left_out_and_counted(run: Run) -> None:
    scores = evaluate(pl.DataFrame({"prediction": [1.0, 2.0, None]}), numbers([1.0, None, 3.0]))
    assert scores.rows == 1
    assert scores["mae"] == 0
    assert any("2 rows without a target or a prediction are left out" in w for w in run.warnings)
    with pytest.raises(BrokenPromise, match="none of 1 rows has a y"):
        evaluate(pl.DataFrame({"prediction": [1.0]}), numbers([None]))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_prediction_that_is_no_number_is_none(run: Run, wrong: float) -> None:
    scores = evaluate(pl.DataFrame({"prediction": [1.0, wrong, 5.0]}), numbers([1.0, 2.0, 3.0]))
    assert (scores.rows, scores["mae"]) == (2, 1.0)
    assert any("1 rows without a target or a prediction are left out" in w for w in run.warnings)
    table = model_data(pl.DataFrame({"fraud": [True, False, True]}), Fraud)
    given = {"prediction": [True, False, True], "probability_False": [0.2, wrong, 0.1]}
    assert evaluate(pl.DataFrame({**given, "probability_True": [0.8, wrong, 0.9]}), table).rows == 2


def test_squares_of_huge_numbers_leave_out_what_needs_them(run: Run) -> None:
    scores = evaluate(pl.DataFrame({"prediction": [1e300, -1e300]}), numbers([2e300, 1e300]))
    assert list(scores.metrics) == ["mae"]
    assert str(scores).startswith("mae ")
    nothing = scores.model_copy(update={"metrics": {}})
    assert nothing.summary() == "no metric can be computed on these rows"


def test_a_decision_tells_its_worth_on_these_rows(run: Run) -> None:
    table = model_data(pl.DataFrame({"fraud": [True, False] * 20}), Fraud)
    chances = [0.9, 0.1, 0.3, 0.6] * 10
    given = {"prediction": [c >= 0.2 for c in chances], "probability_False": [1 - c for c in chances]}
    predictions = pl.DataFrame({**given, "probability_True": chances})
    costs = EvaluateSettings(decision=Decision(false_positive=1, false_negative=4))
    evaluate(predictions, table, how=costs)
    assert any("True from a probability of 0.2 on: a cost of 0.250" in line for line in run.lines)
    grades = model_data(pl.DataFrame({"grade": ["a", "b", "c"]}), Grade)
    evaluate(pl.DataFrame({"prediction": ["a", "b", "b"]}), grades, how=costs)
    assert "the decision is left out: it is about two classes with probabilities." in run.warnings


def half(truth: Any, guess: Any) -> float:
    return float("nan")


def test_a_metric_that_is_undefined_is_left_out_with_a_warning(run: Run) -> None:
    listed = (Metric("half", function=half), Metric("mae"))
    scores = evaluate(pl.DataFrame({"prediction": [1.0, 2.0]}), numbers([1.0, 3.0]), metrics=listed)
    assert list(scores.metrics) == ["mae", "rmse", "r2"]
    assert scores.primary == "rmse"  # the usual one, where the deciding one is undefined
    assert any("half cannot be computed on these rows, and is left out" in w for w in run.warnings)


def test_a_table_without_a_target_is_refused() -> None:
    class Bare(Contract):
        x: int

    with pytest.raises(BrokenPromise, match="Bare has no target"):
        evaluate(pl.DataFrame({"prediction": [1]}), model_data(pl.DataFrame({"x": [1]}), Bare))


def test_the_part_can_be_said() -> None:
    predictions, test = predicted(people())
    how = EvaluateSettings(part="validation")
    assert f"{test.height} validation rows" in evaluate(predictions, test, how=how).summary()


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (people, {"roc", "precision_recall", "gain", "score_histogram", *OF_CLASSES}),
        (pupils, OF_CLASSES),
        (houses, {"residuals", "residual_histogram", "predicted_truth"}),
    ],
)
def test_small_tables_are_kept_for_the_eye(run: Run, table: Any, names: set[str]) -> None:
    predictions, test = predicted(table())
    run.kept.clear()
    evaluate(predictions, test)
    assert set(run.kept) == names | {"_judged", "slices", "baselines", "calibration", "worst"}
    small = {
        n: t
        for n, t in run.kept.items()
        if n not in ("_judged", "slices", "predicted_truth", "calibration_error")
    }
    assert all(isinstance(t, pl.DataFrame) and 0 < t.height <= 101 for t in small.values())
    worst = run.kept["worst"]
    assert worst.columns[0] == "id"
    assert worst.height == 20
    by = "error" if table is houses else "surprise"
    assert worst[by].is_sorted(descending=True)
    if "confusion" in names:
        assert run.kept["confusion"]["rows"].sum() == test.height
    if "roc" in names:
        curve = run.kept["roc"]
        assert curve["true_positive_rate"].is_sorted()
        assert curve.row(-1)[1:3] == (1.0, 1.0)


@pytest.mark.parametrize("kind", ["yes and no", "three kinds"])
def test_classes_without_probabilities(kind: str) -> None:
    if kind == "yes and no":

        class Row(Contract):
            id: Id[int]
            answer: Target[Literal["yes", "no"]]

        truth, picked = ["yes", "yes", "no", "no"], ["yes", "no", "no", "no"]
    else:

        class Row(Contract):  # type: ignore[no-redef]
            id: Id[int]
            answer: Target[str]

        truth, picked = ["a", "b", "c", "a"], ["a", "b", "b", "a"]
    rows = model_data(pl.DataFrame({"id": range(4), "answer": truth}), Row)
    scores = evaluate(pl.DataFrame({"id": range(4), "prediction": picked}), rows)
    assert scores["accuracy"] == 0.75
    assert scores.task == ("binary" if kind == "yes and no" else "multiclass")
    assert scores.positive == ("no" if kind == "yes and no" else "")
    assert not {"log_loss", "roc_auc", "brier"} & set(scores.metrics)


class Fraud(Contract):
    fraud: Target[bool]


@pytest.mark.parametrize("positives", [1, 29, 30])
def test_few_rows_of_a_class_are_called_wide(run: Run, positives: int) -> None:
    truth = [i < positives for i in range(300)]
    table = model_data(pl.DataFrame({"fraud": truth}), Fraud)
    given = {"prediction": truth, "probability_False": [0.5] * 300, "probability_True": [0.5] * 300}
    scores = evaluate(pl.DataFrame(given), table, how=EvaluateSettings(part="test"))
    is_wide = positives < 30
    assert scores.is_wide is is_wide
    said = f"the intervals are wide: {positives} of 300 test rows are of the rarest class."
    assert (said in run.warnings) is is_wide
    assert (f", wide: {positives} of the rarest class" in scores.summary()) is is_wide


class Grade(Contract):
    grade: Target[str]


def test_a_class_without_a_row_is_said_and_counts_as_the_rarest(run: Run) -> None:
    truth = ["a", "b"] * 40
    table = model_data(pl.DataFrame({"grade": truth}), Grade)
    given = {"prediction": truth, **{f"probability_{c}": [1 / 3] * 80 for c in "abc"}}
    scores = evaluate(pl.DataFrame(given), table, how=EvaluateSettings(part="test"))
    assert (scores.rarest, scores.absent) == (0, ("c",))
    assert "no test row is of grade c, so nothing judges it." in run.warnings


def test_a_class_of_less_than_one_percent_is_said(run: Run) -> None:
    truth = [i < 40 for i in range(5000)]
    given = {"prediction": truth, "probability_False": [0.5] * 5000, "probability_True": [0.5] * 5000}
    table = model_data(pl.DataFrame({"fraud": truth}), Fraud)
    evaluate(pl.DataFrame(given), table, how=EvaluateSettings(part="test"))
    assert "accuracy says little: 40 of 5,000 test rows (0.80%) are of the rarest class." in run.warnings
