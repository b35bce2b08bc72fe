"""Metrics of a table of predictions, each as scikit-learn computes it from rows, with its interval."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as known

from library.conftest import Run
from magical.contracts.schema import Column
from magical.errors import BrokenPromise
from magical.library.metrics.table_metrics import resample_metrics

BINARY = ["probability_no", "probability_yes"]
ANSWER = Column("y", "str", role="target")
PRICE = Column("y", "float", role="target")


def chances(rows: int = 400, seed: int = 0) -> pl.DataFrame:
    """Predictions of two classes that tell something of the truth."""
    rng = np.random.default_rng(seed)
    yes = rng.random(rows)
    truth = np.where(rng.random(rows) < yes, "yes", "no")
    picked = np.where(yes > 0.5, "yes", "no")
    return pl.DataFrame({"y": truth, "prediction": picked, BINARY[0]: 1 - yes, BINARY[1]: yes})


def numbers(truth: list[Any], predicted: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"y": truth, "prediction": predicted})


def test_numbers() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    predicted = truth + rng.normal(size=300) / 3
    found = resample_metrics(pl.DataFrame({"y": truth, "prediction": predicted}), PRICE)
    assert (found.task, found.positive, list(found.summarize())) == ("regression", "", ["rmse", "mae", "r2"])
    assert found.summarize()["rmse"].value == pytest.approx(known.root_mean_squared_error(truth, predicted))
    assert found.summarize()["r2"].value == pytest.approx(known.r2_score(truth, predicted))
    assert all(s.low < s.value < s.high for s in found.summarize().values())


def test_a_large_mean_does_not_swallow_the_variance() -> None:
    truth = np.arange(20.0)
    found = resample_metrics(numbers([*(truth + 1e9)], [*(truth + 1e9 + 1)]), PRICE)
    assert found.summarize()["r2"].value == pytest.approx(known.r2_score(truth, truth + 1))


def test_whole_numbers_are_scored_as_floats() -> None:
    found = resample_metrics(numbers([1, 2, 4], [1, 3, 3]), Column("y", "int"))
    assert found.summarize()["mae"].value == pytest.approx(2 / 3)


def test_a_truth_that_never_varies_has_no_r2() -> None:
    assert list(resample_metrics(numbers([2, 2, 2], [1, 2, 3]), PRICE).summarize()) == ["rmse", "mae"]


def test_two_classes() -> None:
    rows = chances()
    found = resample_metrics(rows, ANSWER, BINARY)
    truth, yes = (rows["y"] == "yes").to_numpy(), rows[BINARY[1]].to_numpy()
    picked = (rows["prediction"] == "yes").to_numpy()
    assert (found.task, found.positive) == ("binary", "yes")
    assert {name: score.value for name, score in found.summarize().items()} == pytest.approx(
        {
            "roc_auc": known.roc_auc_score(truth, yes),
            "average_precision": known.average_precision_score(truth, yes),
            "log_loss": known.log_loss(truth, yes),
            "brier": known.brier_score_loss(truth, yes),
            "accuracy": known.accuracy_score(truth, picked),
            "f1": known.f1_score(truth, picked),
            "precision": known.precision_score(truth, picked),
            "recall": known.recall_score(truth, picked),
        }
    )
    assert next(iter(found.summarize())) == "roc_auc"


def test_the_last_column_of_probabilities_is_the_positive_class() -> None:
    rows = chances()
    found = resample_metrics(rows, ANSWER, BINARY[::-1])
    assert found.positive == "no"
    area = resample_metrics(rows, ANSWER, BINARY).summarize()["roc_auc"].value
    assert found.summarize()["roc_auc"].value == pytest.approx(area)


def test_with_more_scores_than_bins_the_value_is_exact() -> None:
    rows = chances(5000)
    area = resample_metrics(rows, ANSWER, BINARY).summarize()["roc_auc"]
    exact = known.roc_auc_score(rows["y"] == "yes", rows[BINARY[1]])
    assert area.value == pytest.approx(exact, rel=1e-12)
    assert area.low < exact < area.high
    assert 0.01 < area.high - area.low < 0.04


def test_many_classes() -> None:
    rng = np.random.default_rng(0)
    names, chance = ["a", "b", "c"], rng.dirichlet([1, 1, 1], 300)
    truth, picked = rng.integers(0, 3, 300), chance.argmax(axis=1)
    rows = pl.DataFrame(
        {"y": [names[i] for i in truth], "prediction": [names[i] for i in picked]}
        | {f"probability_{n}": chance[:, i] for i, n in enumerate(names)}
    )
    found = resample_metrics(rows, ANSWER, rows.columns[2:])
    assert (found.task, found.positive) == ("multiclass", "")
    assert {name: score.value for name, score in found.summarize().items()} == pytest.approx(
        {
            "log_loss": known.log_loss(truth, chance),
            "accuracy": known.accuracy_score(truth, picked),
            "f1_macro": known.f1_score(truth, picked, average="macro"),
            "roc_auc_ovr": known.roc_auc_score(truth, chance, multi_class="ovr"),
        }
    )


def test_a_class_without_rows_has_no_part_in_the_area() -> None:
    rows = pl.DataFrame(
        {"y": ["a", "b", "a"], "prediction": ["a", "b", "b"], "probability_a": [0.8, 0.2, 0.4]}
        | {"probability_b": [0.1, 0.7, 0.5], "probability_c": [0.1, 0.1, 0.1]}
    )
    assert resample_metrics(rows, ANSWER, rows.columns[2:]).summarize()["roc_auc_ovr"].value == 1


def test_one_class_in_the_rows_leaves_out_what_needs_two() -> None:
    rows = chances().filter(pl.col("y") == "yes")
    found = resample_metrics(rows, ANSWER, BINARY).summarize()
    assert "roc_auc" not in found
    assert found["accuracy"].value == (rows["prediction"] == "yes").mean()


def test_a_class_that_was_not_in_train_is_a_wrong_prediction_and_a_warning(run: Run) -> None:
    rows = chances(20).with_columns(y=pl.lit("maybe"))
    found = resample_metrics(rows, ANSWER, BINARY)
    assert found.task == "multiclass"
    assert found.summarize()["accuracy"].value == 0
    assert np.isfinite(found.summarize()["log_loss"].value)
    assert run.warnings == ["maybe of y were not in train: each is counted as a wrong prediction."]


def test_a_prediction_without_a_probability_is_refused() -> None:
    rows = chances(20).with_columns(prediction=pl.lit("odd"))
    with pytest.raises(BrokenPromise, match="a prediction is none of the classes no, yes") as error:
        resample_metrics(rows, ANSWER, BINARY)
    assert "probability_CLASS" in error.value.hint


def test_booleans_are_classes() -> None:
    rows = chances().with_columns(pl.col("y", "prediction") == "yes")
    rows = rows.rename({BINARY[0]: "probability_False", BINARY[1]: "probability_True"})
    found = resample_metrics(rows, Column("y", "bool"), rows.columns[2:])
    assert (found.positive, found.summarize()) == (
        "True",
        resample_metrics(chances(), ANSWER, BINARY).summarize(),
    )


def test_labels_of_two_classes_are_in_the_order_of_the_choices() -> None:
    rows = numbers(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])
    found = resample_metrics(rows, ANSWER)
    assert (found.task, found.positive) == ("binary", "yes")
    assert list(found.summarize()) == ["accuracy", "f1", "precision", "recall"]
    assert (found.summarize()["precision"].value, found.summarize()["recall"].value) == (1, 0.5)
    chosen = resample_metrics(rows, Column("y", "str", choices=("yes", "never", "no")))
    assert chosen.positive == "no"
    assert chosen.summarize()["recall"].value == 1


def test_labels_of_many_classes() -> None:
    truth, picked = ["a", "b", "c", "a"], ["a", "b", "b", "d"]
    found = resample_metrics(numbers(truth, picked), ANSWER)
    assert (found.task, list(found.summarize())) == ("multiclass", ["accuracy", "f1_macro"])
    f1 = known.f1_score(truth, picked, average="macro", zero_division=0)
    assert found.summarize()["f1_macro"].value == pytest.approx(f1)


def test_the_same_rows_give_the_same_intervals() -> None:
    first, second = (resample_metrics(chances(), ANSWER, BINARY) for _ in range(2))
    assert first.summarize() == second.summarize()


def rare(positives: int, count: int = 60) -> pl.DataFrame:
    """Rows whose few positives all have the highest probabilities, so that resamples of them do not differ."""
    truth = [i < positives for i in range(count)]
    likely = [0.9 - i / 100 if t else 0.3 - i / 300 for i, t in enumerate(truth)]
    return pl.DataFrame(
        {
            "y": truth,
            "prediction": truth,
            "probability_False": [1 - p for p in likely],
            "probability_True": likely,
        }
    )


@pytest.mark.parametrize(("positives", "least"), [(1, 0.75), (3, 0.5), (10, 0.25), (29, 0.1)])
def test_a_score_that_hangs_on_few_rows_of_a_class_has_a_wide_interval(positives: int, least: float) -> None:
    column = Column("y", "bool", role="target")
    found = resample_metrics(rare(positives), column, ["probability_False", "probability_True"])
    assert found.rarest == positives
    for name in ("roc_auc", "average_precision", "f1", "precision", "recall"):
        score = found.summarize()[name]
        assert (score.value, score.high) == (1, 1), name
        assert score.high - score.low > least, name
    labels = resample_metrics(rare(positives), column)
    assert labels.rarest == positives
    assert labels.summarize()["recall"].high - labels.summarize()["recall"].low > least


def test_with_thirty_rows_of_each_class_the_interval_is_the_bootstraps() -> None:
    column = Column("y", "bool", role="target")
    found = resample_metrics(rare(30), column, ["probability_False", "probability_True"])
    assert found.rarest == 30
    assert found.summarize()["roc_auc"].low == 1


def test_numbers_have_no_rarest_class() -> None:
    table = pl.DataFrame({"y": [1.0, 2.0, 4.0], "prediction": [1.0, 2.5, 4.0]})
    assert resample_metrics(table, Column("y", "float", role="target")).rarest is None
