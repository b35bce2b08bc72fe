"""The metrics of a table of predictions and truth, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.schema import Column
from magical.errors import BrokenPromise, join_names
from magical.library.metrics.bootstrap import Resamples, bin_scores, wilson_interval
from magical.library.metrics.metrics import (
    Array,
    compute_confusion_metrics,
    compute_log_losses,
    compute_ranking_metrics,
    compute_residual_metrics,
)
from magical.library.metrics.scores import Score
from magical.library.prediction_task import PROBABILITY_PREFIX, encode_classes
from magical.library.rare_classes import FEW_ROWS, count_rarest
from magical.library.remarks import warn

__all__ = ["ResampledMetrics", "resample_metrics"]

BOOTSTRAP_SEED = 1979
# All between 0 and 1. They hang on the rows of one class; accuracy and the losses on all rows.
_METRICS_OF_CLASSES = {
    "roc_auc", "average_precision", "f1", "precision", "recall", "f1_macro", "roc_auc_ovr",
}  # fmt: skip


class ResampledMetrics(NamedTuple):
    """The metrics of one table of predictions: on the table itself, and on each resample of its rows.

    Two tables of predictions for the same rows have the same resamples, so their entries are paired.

    Attributes:
        values: by metric, the primary one first: entry 0 of all rows, the others of the resamples.
        positive: the positive class, for ``binary``.
        rarest: the rows of the rarest class; None if the target is a number.
    """

    task: str
    values: dict[str, Array]
    positive: str = ""
    rarest: int | None = None

    def summarize(self) -> dict[str, Score]:
        """Return each metric with its interval: entry 0, and the middle 95 % of the resamples."""
        return _compute_intervals(self.values, self.rarest)


def resample_metrics(rows: pl.DataFrame, target: Column, names: Sequence[str] = ()) -> ResampledMetrics:
    """Compute the metrics of predictions on all rows and on 500 resamples of them.

    Args:
        rows: a table with the target, ``prediction`` and the probabilities, without nulls.
        target: the column of the true values.
        names: the columns of probabilities, in the order of the classes; of two, the last is positive.

    Raises:
        BrokenPromise: a predicted class has no probability.

    Example:
        >>> rows = pl.DataFrame({"price": [1.0, 2.0, 3.0], "prediction": [1.0, 2.0, 4.0]})
        >>> resample_metrics(rows, Column("price", "float", role="target")).values["mae"].shape
        (501,)
    """
    if names:
        return _resample_probabilities(rows, target, names)
    return (_resample_labels if target.is_class else _resample_numbers)(rows, target)


def _resample_numbers(rows: pl.DataFrame, target: Column) -> ResampledMetrics:
    truth = rows.get_column(target.name).cast(pl.Float64).to_numpy()
    error = rows.get_column("prediction").cast(pl.Float64).to_numpy() - truth
    centred = truth - truth.mean()  # a large mean would swallow the variance in the sum of squares
    values = np.column_stack([np.ones(len(error)), np.abs(error), error**2, centred, centred**2])
    sums = Resamples(len(error), BOOTSTRAP_SEED).sums(values)
    return ResampledMetrics("regression", compute_residual_metrics(sums))


def _resample_probabilities(rows: pl.DataFrame, target: Column, names: Sequence[str]) -> ResampledMetrics:
    classes, probabilities = _read_probabilities(rows, target, names)
    truth = encode_classes(rows.get_column(target.name), classes)
    predicted = encode_classes(rows.get_column("prediction"), classes)
    if (predicted < 0).any():
        raise BrokenPromise(
            f"evaluate: a prediction is none of the classes {join_names(classes)}.",
            hint="name each column of probabilities probability_CLASS.",
        )
    resamples, size = Resamples(len(truth), BOOTSTRAP_SEED), len(classes)
    rarest = count_rarest(rows.get_column(target.name))
    by_class = _score_confusion(resamples, truth, predicted, size)
    errors = probabilities[:, -1] - (truth == size - 1)
    losses = compute_log_losses(probabilities, truth)
    count, logs, squares = resamples.sums(np.column_stack([np.ones(len(truth)), losses, errors**2])).T
    if size == 2:
        metrics = _score_ranking(resamples, probabilities[:, 1], truth == 1)
        metrics |= {"log_loss": logs / count, "brier": squares / count, "accuracy": by_class["accuracy"]}
        metrics |= {name: by_class[name][:, 1] for name in ("f1", "precision", "recall")}
        return ResampledMetrics("binary", metrics, classes[-1], rarest)
    metrics = {
        "log_loss": logs / count,
        "accuracy": by_class["accuracy"],
        "f1_macro": by_class["f1"].mean(axis=1),
    }
    # A class that no row has, or that all have, has no ROC curve.
    ranked = [c for c in range(size) if 0 < (truth == c).sum() < len(truth)]
    if areas := [_score_ranking(resamples, probabilities[:, c], truth == c)["roc_auc"] for c in ranked]:
        metrics["roc_auc_ovr"] = np.mean(areas, axis=0)
    return ResampledMetrics("multiclass", metrics, rarest=rarest)


def _resample_labels(rows: pl.DataFrame, target: Column) -> ResampledMetrics:
    texts = rows.select(pl.col(target.name, "prediction").cast(pl.String))
    seen = set(texts[target.name]) | set(texts["prediction"])
    classes = [*(str(c) for c in target.choices if str(c) in seen)]
    classes += sorted(seen - set(classes))
    truth, predicted = (encode_classes(texts.get_column(n), classes) for n in (target.name, "prediction"))
    by_class = _score_confusion(Resamples(len(truth), BOOTSTRAP_SEED), truth, predicted, len(classes))
    metrics, rarest = {"accuracy": by_class["accuracy"]}, count_rarest(texts[target.name])
    if len(classes) == 2:
        metrics |= {name: by_class[name][:, 1] for name in ("f1", "precision", "recall")}
        return ResampledMetrics("binary", metrics, classes[-1], rarest)
    metrics["f1_macro"] = by_class["f1"].mean(axis=1)
    return ResampledMetrics("multiclass", metrics, rarest=rarest)


def _read_probabilities(rows: pl.DataFrame, target: Column, names: Sequence[str]) -> tuple[list[str], Array]:
    """Return the classes and their probabilities; a class that was not in train gets probability 0."""
    classes = [n.removeprefix(PROBABILITY_PREFIX) for n in names]
    probabilities = rows.select(names).to_numpy().astype(np.float64)
    seen = map(str, rows.get_column(target.name).unique().to_list())
    unknown = sorted(set(seen) - set(classes))
    if unknown:
        warn(
            f"{join_names(unknown)} of {target.name} were not in train: each is counted as a "
            "wrong prediction."
        )
    return [*classes, *unknown], np.hstack([probabilities, np.zeros((len(probabilities), len(unknown)))])


def _score_confusion(resamples: Resamples, truth: Array, predicted: Array, size: int) -> dict[str, Array]:
    # A pair of class numbers is one code, so a confusion matrix is one count.
    counts = resamples.counts(truth * size + predicted, size * size)
    return compute_confusion_metrics(counts.reshape(-1, size, size))


def _score_ranking(resamples: Resamples, scores: Array, positive: Array) -> dict[str, Array]:
    """Compute the ranking metrics: entry 0 from exact ranks, those of the resamples from binned scores."""
    ranks, size = bin_scores(scores)
    metrics = compute_ranking_metrics(*(resamples.counts(ranks, size, c) for c in (positive, ~positive)))
    distinct, exact_ranks = np.unique(scores, return_inverse=True)
    if len(distinct) > size:
        # Bins bias a metric a little: compute the table's own from exact ranks, and shift the resamples.
        sides = (np.bincount(exact_ranks[c], minlength=len(distinct)) for c in (positive, ~positive))
        exact = compute_ranking_metrics(*(side[None].astype(float) for side in sides))
        metrics = {name: values + (exact[name][0] - values[0]) for name, values in metrics.items()}
    return metrics


def _compute_intervals(resampled: Mapping[str, Array], rarest: int | None = None) -> dict[str, Score]:
    """Take a metric's entry 0 as value, the middle 95 % of the others as interval; omit undefined ones.

    With few rows of a class, resamples repeat the same few: its metrics get at least the interval of a share.
    """
    scores = {}
    for name, values in resampled.items():
        # A resample without a class has no such metric; a metric that none has is left out.
        drawn = values[1:][np.isfinite(values[1:])]
        if np.isfinite(values[0]) and len(drawn):
            low, high = np.percentile(drawn, [2.5, 97.5])
            if rarest and rarest < FEW_ROWS and name in _METRICS_OF_CLASSES:
                cautious = wilson_interval(float(values[0]), rarest)
                low, high = min(low, cautious[0]), max(high, cautious[1])
            scores[name] = Score(value=float(values[0]), low=float(low), high=float(high))
    return scores
