"""Metrics of the settings: equal to scikit-learn's, paired, weighted, and clear where they fail."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import sklearn.metrics
from sklearn.dummy import DummyClassifier, DummyRegressor

from magical.contracts.schema import Column
from magical.errors import BrokenPromise, StepError, WiringError
from magical.library import Metric
from magical.library.metrics.metric_values import compute_metric, read_weights
from magical.library.metrics.metrics import METRICS_BY_TASK
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.metrics.scorer_names import SCORER_TASKS
from magical.library.metrics.table_metrics import resample_metrics

ROWS = 60
RNG = np.random.default_rng(4)
WEIGHTS = {"w": RNG.random(ROWS)}
HERE = __name__


def classes(size: int) -> PredictedRows:
    truth = RNG.integers(0, size, ROWS)
    chances = RNG.random((ROWS, size)) + 0.4 * np.eye(size)[truth]
    chances /= chances.sum(axis=1, keepdims=True)
    task = "binary" if size == 2 else "multiclass"
    return PredictedRows(task, truth, chances.argmax(axis=1), chances, WEIGHTS)


PREDICTED = {
    "binary": classes(2),
    "multiclass": classes(4),
    "regression": PredictedRows("regression", RNG.random(ROWS) + 1, RNG.random(ROWS) + 1, weights=WEIGHTS),
}
NAMES = sorted({*SCORER_TASKS, *(n for names in METRICS_BY_TASK.values() for n in names)})


def profit(truth: Any, probability: Any) -> Any:
    return 5.0 * truth[probability > 0.5].sum()


def ordered(truth: Any, guess: Any) -> Any:
    return guess[np.arange(len(truth)), truth].mean()


def broken(truth: Any, guess: Any) -> Any:
    return 1 / int(np.zeros(1)[0])


def rate(truth: Any, guess: Any) -> Any:
    return 1 / int(truth.sum())


def several(truth: Any, guess: Any) -> Any:
    return truth * 2.0


def nothing(truth: Any, guess: Any) -> Any:
    return None


def hits(truth: Any, guess: Any, sample_weight: Any) -> Any:
    truth[:] = True  # must not reach the next metric
    return sample_weight.sum()


def own(name: str, **more: Any) -> Metric:
    return Metric(name, function=f"{HERE}:{name}", **more)


def by_scikit_learn(name: str, p: PredictedRows) -> float:
    """Compute the number of scikit-learn's scorer, with an estimator that was fitted and then told."""
    truth, guess, chances = p.truth, p.prediction, p.probability
    plain = {
        "log_loss": "neg_log_loss", "brier": "neg_brier_score", "mae": "neg_mean_absolute_error",
        "rmse": "neg_root_mean_squared_error",
    }  # fmt: skip
    scorer = sklearn.metrics.get_scorer(plain.get(name, name))
    model: Any = (DummyRegressor if p.task == "regression" else DummyClassifier)()
    model.fit(np.zeros((len(truth), 1)), truth)

    def predict(rows: Any) -> Any:  # scikit-learn looks at the names
        return guess

    def predict_proba(rows: Any) -> Any:
        return chances

    model.predict, model.predict_proba = predict, predict_proba
    value = float(scorer(model, np.zeros((len(truth), 1)), truth))
    return -value if name in plain else value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", PREDICTED)
def test_each_metric_equals_that_of_scikit_learn_or_is_refused(task: str, name: str) -> None:
    metric, predicted = Metric(name), PREDICTED[task]
    if metric.fits([task]):
        assert compute_metric(metric, predicted) == pytest.approx(by_scikit_learn(name, predicted), rel=1e-9)
    else:
        with pytest.raises(WiringError, match=f"The metric {name} is for"):
            compute_metric(metric, predicted)


def test_weights_are_those_of_scikit_learn() -> None:
    p, weight = PREDICTED["binary"], WEIGHTS["w"]
    assert p.probability is not None
    found = compute_metric(Metric("roc_auc", weights="w"), p)
    assert found == pytest.approx(
        sklearn.metrics.roc_auc_score(p.truth, p.probability[:, 1], sample_weight=weight)
    )
    with pytest.raises(BrokenPromise, match="neg_max_error cannot be computed"):
        compute_metric(Metric("neg_max_error", weights="w"), PREDICTED["regression"])


def test_a_function_gets_what_it_needs() -> None:
    p = PREDICTED["binary"]
    assert p.probability is not None
    assert compute_metric(own("profit"), p) == 5 * (p.truth[p.probability[:, 1] > 0.5]).sum()
    assert compute_metric(own("hits", weights="w", needs="prediction"), p) == WEIGHTS["w"].sum()
    assert set(p.truth) == {0, 1}
    many = PREDICTED["multiclass"]
    assert many.probability is not None
    assert compute_metric(own("ordered"), many) == many.probability[np.arange(ROWS), many.truth].mean()
    fbeta = Metric("mse", function="sklearn.metrics:mean_squared_error", greater_is_better=False)
    numbers = PREDICTED["regression"]
    assert compute_metric(fbeta, numbers) == pytest.approx(((numbers.truth - numbers.prediction) ** 2).mean())


def test_an_unknown_class_is_one_that_has_no_chance() -> None:
    truth = np.where(np.arange(ROWS) < 3, -1, PREDICTED["multiclass"].truth)
    many = PredictedRows("multiclass", truth, PREDICTED["multiclass"].prediction, classes(4).probability)
    assert compute_metric(own("ordered"), many) < compute_metric(
        own("ordered"), many.take(np.arange(3, ROWS))
    )
    assert compute_metric(Metric("log_loss"), many) > 1
    two = PREDICTED["binary"]
    unknown = PredictedRows("binary", np.where(two.truth == 0, -1, 1), two.prediction, two.probability)
    assert compute_metric(own("profit"), unknown) == compute_metric(own("profit"), two)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", rf"The metric broken \({HERE}:broken\) raised ZeroDivisionError \(test_metric_values.py:"),
        ("several", "returned a value of type ndarray of shape .60,., not a number"),
        ("nothing", "returned None, not a number"),
    ],
)
def test_a_function_that_fails_is_named(name: str, words: str) -> None:
    with pytest.raises(StepError, match=words):
        compute_metric(own(name), PREDICTED["binary"])


def test_labels_have_no_probabilities() -> None:
    p = PREDICTED["binary"]
    labels = PredictedRows("binary", p.truth, p.prediction, None)
    assert compute_metric(Metric("balanced_accuracy"), labels) > 0.5
    for metric in (Metric("roc_auc"), Metric("neg_log_loss"), own("profit")):
        with pytest.raises(BrokenPromise, match="needs probabilities, and the predictions have none"):
            compute_metric(metric, labels)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, -1.0], "1 of 2 are -1.0"),
        ([1.0, None], "1 of 2 are None"),
        ([float("nan"), 1.0], "1 of 2 are nan"),
        ([0, 0], "all are 0"),
        (["a", "2"], "1 of 2 are a"),
        ([[1], [2]], "a column of List"),
    ],
)
def test_weights_are_numbers_of_at_least_0(values: list[Any], words: str) -> None:
    with pytest.raises(BrokenPromise, match=words):
        read_weights(pl.DataFrame({"w": values}), [Metric("rmse", weights="w")])
    with pytest.raises(BrokenPromise, match="which is no column of these rows"):
        read_weights(pl.DataFrame({"v": values}), [Metric("rmse", weights="w")])


def test_weights_that_a_csv_has_as_texts_are_read() -> None:
    read = read_weights(pl.DataFrame({"w": ["2", "0.5"]}), [Metric("rmse", weights="w")])
    assert read["w"].tolist() == [2.0, 0.5]


def rows(task: str = "binary") -> pl.DataFrame:
    p = PREDICTED[task]
    if p.probability is None:
        return pl.DataFrame({"y": p.truth, "prediction": p.prediction, **WEIGHTS})
    names = [f"probability_{c}" for c in ("False", "True")]
    chances = dict(zip(names, p.probability.T, strict=True))
    return pl.DataFrame({"y": p.truth == 1, "prediction": p.prediction == 1, **chances, **WEIGHTS})


ANSWER, CHANCES = Column("y", "bool", role="target"), ["probability_False", "probability_True"]


def test_resamples_are_those_of_our_metrics() -> None:
    plain = resample_metrics(rows(), ANSWER, CHANCES).values
    listed = [Metric("neg_brier_score"), Metric("accuracy"), own("profit")]
    found = resample_metrics(rows(), ANSWER, CHANCES, listed).values
    assert list(found)[:4] == ["neg_brier_score", "accuracy", "profit", "roc_auc"]
    np.testing.assert_allclose(found["neg_brier_score"], -plain["brier"])
    for name, values in plain.items():  # ours are the same to the last bit
        np.testing.assert_array_equal(found[name], values)


def test_large_tables_have_fewer_resamples() -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"y": rng.random(100_000), "prediction": rng.random(100_000)})
    listed = [Metric("neg_mean_absolute_error")]
    found = resample_metrics(table, Column("y", "float", role="target"), (), listed).values
    assert len(found["neg_mean_absolute_error"]) == 182
    np.testing.assert_allclose(
        np.std(found["neg_mean_absolute_error"][1:]), np.std(found["mae"][1:]), rtol=0.2
    )


def test_a_resample_without_a_class_is_left_out() -> None:
    table = rows().with_columns(y=pl.int_range(ROWS) == 0)
    values = resample_metrics(table, ANSWER, CHANCES, [own("rate")]).values["rate"]
    assert np.isfinite(values[0])
    assert 0 < np.isnan(values).sum() < 500
