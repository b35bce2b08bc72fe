"""The metrics of a table of predictions and truth, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.schema import Column
from magical.errors import BrokenPromise, join_names
from magical.library.metrics.auc_interval import delong_interval
from magical.library.metrics.bootstrap import Resamples, percentile_interval, wilson_interval
from magical.library.metrics.fast_metrics import resample_fast
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metric_values import choose_resamples, read_weights, resample_metric
from magical.library.metrics.metrics import Array
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.metrics.scores import Score
from magical.library.prediction_task import PROBABILITY_PREFIX, encode_classes
from magical.library.rare_classes import FEW_ROWS, count_rarest
from magical.library.remarks import warn

__all__ = [
    "BOOTSTRAP_SEED",
    "ResampledMetrics",
    "compute_intervals",
    "read_predicted",
    "resample_metrics",
    "resample_predicted",
]

BOOTSTRAP_SEED = 1979
# All between 0 and 1. They hang on the rows of one class; accuracy and the losses on all rows.
_METRICS_OF_CLASSES = {
    "roc_auc", "average_precision", "f1", "precision", "recall", "f1_macro", "roc_auc_ovr",
    "balanced_accuracy", "jaccard", "jaccard_macro", "precision_macro", "recall_macro", "roc_auc_ovo",
}  # fmt: skip


class ResampledMetrics(NamedTuple):
    """The metrics of one table of predictions: on the table itself, and on each resample of its rows.

    Two tables of predictions for the same rows have the same resamples, so their entries are paired.

    Attributes:
        values: by metric, the primary one first: entry 0 of all rows, the others of the resamples.
        positive: the positive class, for ``binary``.
        rarest: the rows of the rarest class that has any; None if the target is a number.
        absent: the predicted classes that have no row.
        auc: the interval of ``roc_auc`` by DeLong's method; None where rows are no independent units.
    """

    task: str
    values: dict[str, Array]
    positive: str = ""
    rarest: int | None = None
    absent: tuple[str, ...] = ()
    auc: tuple[float, float] | None = None

    def summarize(self) -> dict[str, Score]:
        """Return each metric with its interval: entry 0, and the middle 95 % of the resamples."""
        return compute_intervals(self.values, self.rarest, self.auc)

    @property
    def undefined(self) -> dict[str, float]:
        """The share of the resamples on which a metric is undefined, by metric, where there are any."""
        shares = {n: float(np.mean(~np.isfinite(v[1:]))) for n, v in self.values.items() if len(v) > 1}
        return {name: share for name, share in shares.items() if share}


def resample_metrics(
    rows: pl.DataFrame,
    target: Column,
    names: Sequence[str] = (),
    metrics: Sequence[Metric] = (),
    units: Array | None = None,
) -> ResampledMetrics:
    """Compute the metrics of predictions on all rows and on resamples of them.

    Ours have 500 resamples. Those of the settings that are none of ours have the first of the same ones: as
    many for a small table, fewer for many rows, at least 100.

    Args:
        rows: a table with the target, ``prediction`` and the probabilities, without nulls.
        target: the column of the true values.
        names: the columns of probabilities, in the order of the classes; of two, the last is positive.
        metrics: the metrics of the settings; they come first.
        units: the number of each row's unit, from 0, to draw rows of one unit together.

    Raises:
        BrokenPromise: a predicted class has no probability, or a metric cannot be computed.
        StepError: the function of a metric raises, or returns no number.
        WiringError: a metric does not fit the target.

    Example:
        >>> rows = pl.DataFrame({"price": [1.0, 2.0, 3.0], "prediction": [1.0, 2.0, 4.0]})
        >>> resample_metrics(rows, Column("price", "float", role="target")).values["mae"].shape
        (501,)
    """
    classes = _list_classes(rows, target, names)
    predicted = _read_rows(rows, target, names, classes)
    resamples = Resamples(rows.height, BOOTSTRAP_SEED, units=units)
    values = resample_fast(predicted, resamples)
    auc = None
    if units is None and predicted.task == "binary" and predicted.probability is not None:
        auc = delong_interval(predicted.probability[:, 1], predicted.truth == 1)
    if metrics:
        seen = replace(read_predicted(rows, target, names)[1], weights=read_weights(rows, metrics))
        values = _resample_listed(seen, metrics, values, resamples)
    truth = rows.get_column(target.name)
    rarest = count_rarest(truth) if target.is_class else None
    seen_classes = set(map(str, truth.unique()))
    absent = tuple(c for c in classes if c not in seen_classes) if target.is_class else ()
    positive = classes[-1] if predicted.task == "binary" else ""
    return ResampledMetrics(predicted.task, values, positive, rarest, absent, auc)


def read_predicted(
    rows: pl.DataFrame, target: Column, names: Sequence[str] = ()
) -> tuple[list[str], PredictedRows]:
    """Read the rows as tune and select see them: with the classes of the model, which the task follows from.

    Returns:
        The classes (none for numbers), and the rows.

    Example:
        >>> rows = pl.DataFrame({"ill": ["no", "yes"], "prediction": ["no", "no"]})
        >>> classes, seen = read_predicted(rows, Column("ill", "str", role="target"))
        >>> classes, seen.truth.tolist(), seen.prediction.tolist()
        (['no', 'yes'], [0, 1], [0, 0])
    """
    classes = [n.removeprefix(PROBABILITY_PREFIX) for n in names] or _list_classes(rows, target, names)
    return classes, _read_rows(rows, target, names, classes)


def resample_predicted(
    predicted: PredictedRows, resamples: Resamples, metrics: Sequence[Metric] = ()
) -> dict[str, Array]:
    """Compute our metrics of predictions, and those of the settings, on all rows and on resamples of them.

    Raises:
        As ``resample_metrics``.
    """
    values = dict(resample_fast(predicted, resamples))
    return _resample_listed(predicted, metrics, values, resamples) if metrics else values


def _resample_listed(
    seen: PredictedRows, metrics: Sequence[Metric], ours: Mapping[str, Array], resamples: Resamples
) -> dict[str, Array]:
    """Compute the metrics of the settings that are none of ours, and put all of them first."""
    slow = [m for m in metrics if not (m.is_fast and m.name in ours)]
    number = choose_resamples(len(seen.truth), len(slow), resamples.number)
    computed = {**ours, **{m.name: resample_metric(m, seen, resamples, number) for m in slow}}
    return {m.name: computed[m.name] for m in metrics} | computed


def _list_classes(rows: pl.DataFrame, target: Column, names: Sequence[str]) -> list[str]:
    """List the classes in order, those that have no probability last; none for numbers."""
    if not target.is_class and not names:
        return []
    if names:
        classes = [n.removeprefix(PROBABILITY_PREFIX) for n in names]
        seen = map(str, rows.get_column(target.name).unique().to_list())
        if unknown := sorted(set(seen) - set(classes)):
            warn(
                f"{join_names(unknown)} of {target.name} were not in train: each is counted as a "
                "wrong prediction."
            )
        return [*classes, *unknown]
    texts = rows.select(pl.col(target.name, "prediction").cast(pl.String))
    present = set(texts[target.name]) | set(texts["prediction"])
    chosen = [str(c) for c in target.choices if str(c) in present]
    return chosen + sorted(present - set(chosen))


def _read_rows(
    rows: pl.DataFrame, target: Column, names: Sequence[str], classes: Sequence[str]
) -> PredictedRows:
    """Read the rows with these classes; a class without a column gets probability 0."""
    if not classes:
        truth, prediction = (
            rows.get_column(n).cast(pl.Float64).to_numpy() for n in (target.name, "prediction")
        )
        return PredictedRows("regression", truth, prediction)
    if not names:  # as texts, as the classes were listed
        rows = rows.select(pl.col(target.name, "prediction").cast(pl.String))
    truth, prediction = (encode_classes(rows.get_column(n), classes) for n in (target.name, "prediction"))
    task = "binary" if len(classes) == 2 else "multiclass"
    if not names:
        return PredictedRows(task, truth, prediction)
    if (prediction < 0).any():
        raise BrokenPromise(
            f"evaluate: a prediction is none of the classes {join_names(classes)}.",
            hint="name each column of probabilities probability_CLASS.",
        )
    probability = rows.select(names).to_numpy().astype(np.float64)
    missing = np.zeros((len(probability), len(classes) - len(names)))
    return PredictedRows(task, truth, prediction, np.hstack([probability, missing]))


def compute_intervals(
    resampled: Mapping[str, Array], rarest: int | None = None, auc: tuple[float, float] | None = None
) -> dict[str, Score]:
    """Take a metric's entry 0 as value, the middle 95 % of the others as interval; omit undefined ones.

    Args:
        resampled: by metric: entry 0 of all rows, the others of resamples.
        rarest: the rows of the rarest class.
        auc: the interval of ``roc_auc``, in the place of that of its resamples.

    With few rows of a class, resamples repeat the same few: its metrics get at least the interval of a share.
    """
    scores = {}
    for name, values in resampled.items():
        # A resample without a class has no such metric; a metric that none has is left out.
        low, high = map(float, percentile_interval(values))
        if np.isfinite(values[0]) and np.isfinite(low):
            if name == "roc_auc" and auc is not None:
                low, high = auc
            if rarest and rarest < FEW_ROWS and name in _METRICS_OF_CLASSES:
                cautious = wilson_interval(float(values[0]), rarest)
                low, high = min(low, cautious[0]), max(high, cautious[1])
            scores[name] = Score(value=float(values[0]), low=low, high=high)
    return scores
