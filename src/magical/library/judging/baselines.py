"""Baselines: a constant and a linear model, judged on the same rows as the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from magical.contracts.model import Model
from magical.contracts.promises import contract_of
from magical.contracts.schema import Column
from magical.errors import BrokenPromise, StepError, shorten
from magical.library.column_plan import build_pipeline
from magical.library.experiments import Linear
from magical.library.metrics.bootstrap import percentile_interval
from magical.library.metrics.metric_settings import PINBALL, Metric, find_deciding
from magical.library.metrics.metrics import LOWER_IS_BETTER, Array
from magical.library.metrics.table_metrics import ResampledMetrics, resample_metrics
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import (
    PROBABILITY_PREFIX,
    Examples,
    encode_classes,
    infer_task,
    make_examples,
)
from magical.library.preprocessing import plan_pipeline
from magical.library.remarks import log_warnings, mute_events, warn
from magical.library.thread_limits import limit_threads

__all__ = ["CONSTANT", "LINEAR", "EvaluatedRows", "judge_baselines", "tabulate_baselines"]

CONSTANT, LINEAR = "constant", "linear"
FITTED_ROWS = 20_000  # more change the score of a linear model in the third digit only

_SCHEMA = {
    "baseline": pl.String,
    "metric": pl.String,
    **dict.fromkeys(("value", "low", "high", "gain", "gain_low", "gain_high"), pl.Float64),
}


class EvaluatedRows(NamedTuple):
    """Rows with the target and predictions, and how they are judged.

    Attributes:
        table: the rows, without a null in the target and the prediction.
        target: the column of the true values.
        names: the columns of probabilities, in the order of the classes.
        metrics: the metrics of the settings.
        units: the number of each row's unit, from 0; None if each row is one.
    """

    table: pl.DataFrame
    target: Column
    names: Sequence[str]
    metrics: tuple[Metric, ...]
    units: Array | None = None

    def resample(self, predictions: pl.DataFrame | None = None, most: int | None = None) -> ResampledMetrics:
        """Compute all metrics of the predictions, or of others for the same rows, on the same resamples."""
        table = self.table
        if predictions is not None:
            table = table.drop("prediction", *self.names).hstack(predictions)
        return resample_metrics(table, self.target, self.names, self.metrics[:most], self.units)


def judge_baselines(rows: EvaluatedRows, train: pl.DataFrame | None) -> dict[str, ResampledMetrics]:
    """Judge what any model must beat on the same rows and the same resamples of them.

    ``constant`` predicts the shares of the classes, or the mean (for ``mae`` alone the median, for
    ``pinball`` the quantile), of train; without ``train`` of the rows themselves, which is as good as a
    constant can be.
    ``linear`` is the library's linear model with its usual preprocessing, on at most 20,000 rows of train.
    A baseline that fails is left out, with a warning.
    """
    # A metric that is called for each resample is costly, so baselines have only the first. One of ours by
    # weights would pass as the plain one of its name, which the model does not have.
    left_out = {m.name for m in rows.metrics[1:] if not m.is_fast}
    judged: dict[str, ResampledMetrics] = {}
    for name, predictions in _predict_baselines(rows, train):
        try:
            with mute_events():
                found = rows.resample(predictions, most=1)
                if name == CONSTANT and "mae" in found.values and find_quantile(rows.metrics) is None:
                    found = _with_median(found, rows, train)
        except (BrokenPromise, StepError) as error:
            warn(f"the baseline {name} cannot be judged: {error.lines[0]}")
            continue
        values = {metric: drawn for metric, drawn in found.values.items() if metric not in left_out}
        judged[name] = found._replace(values=values)
    return judged


def _with_median(
    found: ResampledMetrics, rows: EvaluatedRows, train: pl.DataFrame | None
) -> ResampledMetrics:
    """Replace the mean absolute error of the mean by that of the median, the best constant for it."""
    known = (rows.table if train is None else train).get_column(rows.target.name).drop_nulls()
    median = pl.DataFrame({"prediction": [float(np.median(known.cast(pl.Float64)))] * rows.table.height})
    values = rows.resample(median, most=1).values
    names = ("mae", "neg_mean_absolute_error")
    better: dict[str, Array] = {name: values[name] for name in names if name in values}
    return found._replace(values={**found.values, **better})


def tabulate_baselines(
    model: ResampledMetrics, baselines: Mapping[str, ResampledMetrics], metrics: Sequence[Metric] = ()
) -> pl.DataFrame:
    """Make a line for each baseline and metric, with the paired gain of the model over it.

    Returns:
        ``baseline``, ``metric``, ``value``, ``low``, ``high``, and ``gain``, ``gain_low``, ``gain_high``:
        positive where the model is better, with a 95 % interval.
    """
    falling = LOWER_IS_BETTER | {m.name for m in metrics if m.direction == "minimize"}
    lines: list[tuple[Any, ...]] = []
    for baseline, judged in baselines.items():
        for metric, score in judged.summarize().items():
            if metric not in model.values:
                continue
            both = min(len(model.values[metric]), len(judged.values[metric]))
            gain = model.values[metric][:both] - judged.values[metric][:both]
            gain = -gain if metric in falling else gain
            low, high = percentile_interval(gain)
            numbers = score.value, score.low, score.high, float(gain[0]), float(low), float(high)
            lines.append((baseline, metric, *numbers))
    return pl.DataFrame(lines, schema=_SCHEMA, orient="row").fill_nan(None)


def _predict_baselines(rows: EvaluatedRows, train: pl.DataFrame | None) -> Iterator[tuple[str, pl.DataFrame]]:
    for name, predict in ((CONSTANT, _predict_constant), (LINEAR, _predict_linear)):
        if name == LINEAR and (train is None or find_quantile(rows.metrics) is not None):
            continue
        try:
            # Its warnings are about no model of the project.
            with mute_events(), log_warnings(), limit_threads():
                predictions = predict(rows, train)
        except (MemoryError, OSError):
            raise
        except Exception as error:
            reason = shorten(f"{type(error).__name__}: {error}", 200)
            warn(f"the baseline {name} cannot be judged: {reason}")
            continue
        yield name, predictions


def find_quantile(metrics: Sequence[Metric]) -> float | None:
    """Return the quantile that the deciding metric judges; None for a mean."""
    deciding = find_deciding(metrics)
    return deciding.quantile if deciding and deciding.name == PINBALL else None


def _predict_constant(rows: EvaluatedRows, train: pl.DataFrame | None) -> pl.DataFrame:
    known = (rows.table if train is None else train).get_column(rows.target.name).drop_nulls()
    if not rows.target.is_class and not rows.names:
        return pl.DataFrame({"prediction": [_constant_number(known, rows.metrics)] * rows.table.height})
    # Without probabilities the metrics compare classes as polars writes them.
    known = known if rows.names else known.cast(pl.String)
    classes = [n.removeprefix(PROBABILITY_PREFIX) for n in rows.names] or sorted(set(known))
    codes = encode_classes(known, classes)
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    shares = counts / max(int(counts.sum()), 1)
    return _tabulate(np.tile(shares, (rows.table.height, 1)), classes, rows)


def _constant_number(known: pl.Series, metrics: Sequence[Metric]) -> float:
    numbers, quantile = known.cast(pl.Float64).to_numpy(), find_quantile(metrics)
    return float(numbers.mean() if quantile is None else np.quantile(numbers, quantile))


def _predict_linear(rows: EvaluatedRows, train: pl.DataFrame | None) -> pl.DataFrame:
    assert train is not None
    model = _fit_linear(train)
    if model.task == "regression":
        return model.predict(rows.table).select("prediction")
    found = {f"{PROBABILITY_PREFIX}{c}": i for i, c in enumerate(model.classes)}
    values = model.probabilities(rows.table)
    names = [n.removeprefix(PROBABILITY_PREFIX) for n in rows.names]
    classes = names or [str(c) for c in model.classes]
    places = [found.get(f"{PROBABILITY_PREFIX}{c}") for c in classes]
    nothing = np.zeros(len(values))
    return _tabulate(np.column_stack([nothing if p is None else values[:, p] for p in places]), classes, rows)


def _fit_linear(train: pl.DataFrame) -> Model:
    """Fit the library's linear model on a sample of train, with the usual preprocessing."""
    experiment, task, schema = Linear(), infer_task(train), contract_of(train)
    pipeline = plan_pipeline(train)
    inputs = find_pipeline_inputs(pipeline, schema)
    sample = train.sample(min(train.height, FITTED_ROWS), seed=experiment.seed)
    examples = make_examples(sample, task, inputs)
    fitted = Examples(pipeline.fit_transform(examples.X, examples.y), examples.y)
    estimator = experiment.estimator(task.kind, experiment.defaults(task.kind))
    estimator = experiment.fit(estimator, fitted, fitted)
    whole = build_pipeline(*pipeline.steps, ("estimator", estimator))
    return Model(whole, task.kind, task.target, inputs, task.classes)


def _tabulate(shares: Array, classes: Sequence[str], rows: EvaluatedRows) -> pl.DataFrame:
    """Tabulate probabilities as predictions: for two classes by the threshold 0.5."""
    places = (shares[:, 1] >= 0.5).astype(int) if len(classes) == 2 else shares.argmax(axis=1)
    predicted = pl.Series("prediction", list(classes)).gather(pl.Series(places, dtype=pl.UInt32))
    columns = [pl.Series(f"{PROBABILITY_PREFIX}{c}", shares[:, i]) for i, c in enumerate(classes)]
    return pl.DataFrame([predicted, *(columns if rows.names else [])])
