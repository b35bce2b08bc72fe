"""Curves of two classes by the threshold: ROC, precision and recall, gain, and the scores of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from magical.library.metrics.bootstrap import Resamples, bin_scores, percentile_interval
from magical.library.metrics.metrics import Array

__all__ = ["ThresholdCounts", "count_by_threshold", "make_curves"]

MAX_POINTS = 100
HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class ThresholdCounts:
    """The rows at or above each threshold, of the table (entry 0) and of its resamples.

    Attributes:
        thresholds: descending, of shape (points,).
        positives: the positive rows above; shape (1 + resamples, points).
        negatives: the negative rows above, in the same shape.
    """

    thresholds: Array
    positives: Array
    negatives: Array

    @property
    def recall(self) -> Array:
        """The share of the positive rows that are above."""
        return divide(self.positives, self.positives[:, -1:])

    @property
    def false_positive_rate(self) -> Array:
        """The share of the negative rows that are above."""
        return divide(self.negatives, self.negatives[:, -1:])

    @property
    def precision(self) -> Array:
        """The share of the rows above that are positive."""
        return divide(self.positives, self.positives + self.negatives)

    @property
    def share(self) -> Array:
        """The share of all rows that are above."""
        rows = self.positives + self.negatives
        return divide(rows, rows[:, -1:])


def divide(part: Array, whole: Array) -> Array:
    """Divide arrays; NaN where the divisor is 0."""
    whole = np.broadcast_to(whole, part.shape)
    shares: Array = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return shares


def count_by_threshold(scores: Array, positive: Array, resamples: Resamples) -> ThresholdCounts:
    """Count the rows above each score, or above at most 500 quantiles of many scores.

    Example:
        >>> resamples = Resamples(rows=3, seed=0, number=0)
        >>> counts = count_by_threshold(np.array([0.1, 0.8, 0.8]), np.array([False, True, False]), resamples)
        >>> counts.thresholds.tolist(), counts.positives.tolist()
        ([0.8, 0.1], [[1.0, 1.0]])
    """
    bins, size = bin_scores(scores)
    lowest = np.full(size, np.inf)
    np.minimum.at(lowest, bins, scores)
    above = [np.cumsum(resamples.counts(bins, size, c)[:, ::-1], axis=1) for c in (positive, ~positive)]
    return ThresholdCounts(lowest[::-1], *above)


def make_curves(scores: Array, positive: Array, resamples: Resamples) -> dict[str, pl.DataFrame]:
    """Make the tables ``roc``, ``precision_recall`` and ``gain`` with 95 % bands, and ``score_histogram``.

    A band is at the same threshold: for the ROC curve that of the true positive rate. A table has at most
    100 points. With one class there is only the histogram.

    Args:
        scores: the probability of the positive class.
        positive: whether a row is of the positive class.
        resamples: of the same rows.

    Example:
        >>> scores, positive = np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, False, True, True])
        >>> make_curves(scores, positive, Resamples(4, seed=0))["roc"]["true_positive_rate"].to_list()
        [0.0, 0.5, 1.0, 1.0, 1.0]
    """
    histogram = {"score_histogram": _histogram(scores, positive)}
    if positive.all() or not positive.any():
        return histogram
    counts = count_by_threshold(scores, positive, resamples)
    last = len(counts.thresholds) - 1
    shown = np.unique(np.linspace(0, last, min(MAX_POINTS, last + 1)).astype(int))
    threshold = counts.thresholds[shown]

    def table(**columns: Array) -> pl.DataFrame:
        return pl.DataFrame({"threshold": threshold, **columns}).fill_nan(None)

    precision, captured = counts.precision[:, shown], counts.recall[:, shown]
    low, high = percentile_interval(precision)
    tables = {
        "roc": _roc_table(counts, shown),
        "precision_recall": table(recall=captured[0], precision=precision[0], low=low, high=high),
    }
    share = counts.share[:, shown]
    low, high = percentile_interval(captured)
    lift = divide(captured[0], share[0])
    tables["gain"] = table(share=share[0], captured=captured[0], lift=lift, low=low, high=high)
    return tables | histogram


def _roc_table(counts: ThresholdCounts, shown: Array) -> pl.DataFrame:
    """Make the ROC curve, from the corner where no row is above the threshold."""
    rates = (counts.false_positive_rate[:, shown], counts.recall[:, shown])
    false, true = (np.hstack([np.zeros((len(rate), 1)), rate]) for rate in rates)
    low, high = percentile_interval(true)
    columns = {"false_positive_rate": false[0], "true_positive_rate": true[0], "low": low, "high": high}
    return pl.DataFrame({"threshold": [None, *counts.thresholds[shown]], **columns}).fill_nan(None)


def _histogram(scores: Array, positive: Array) -> pl.DataFrame:
    """Count the scores of each class in twenty bins, as shares of the class."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    tables = []
    for name, rows in (("positive", positive), ("negative", ~positive)):
        found, _ = np.histogram(np.clip(scores[rows], 0, 1), edges)
        share = found / max(int(rows.sum()), 1)
        tables.append(
            pl.DataFrame({"left": edges[:-1], "right": edges[1:], "share": share}).select(
                pl.lit(name).alias("class"), pl.all()
            )
        )
    return pl.concat(tables)
