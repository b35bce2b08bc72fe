"""The table ``decision``: the cost of a row, or the metric of the decision, at each threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from magical.library.decision import Decision, list_thresholds, score_counts, score_thresholds
from magical.library.metrics.bootstrap import Resamples, percentile_interval
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metric_values import choose_resamples, resample_metric
from magical.library.metrics.metrics import Array
from magical.library.metrics.predicted_rows import PredictedRows

__all__ = ["make_decision_table"]


def make_decision_table(
    decision: Decision, rows: PredictedRows, resamples: Resamples, listed: Sequence[Metric] = ()
) -> pl.DataFrame:
    """Compute what a decision is worth at each threshold, with a 95 % interval.

    Costs, ``accuracy``, ``f1``, ``precision`` and ``recall`` have intervals everywhere; any other metric,
    which is a call for each resample, has one at the threshold of the model only.

    Args:
        decision: the costs, or the metric.
        rows: of two classes; the predicted ones are those that the model has chosen.
        resamples: of the same rows.
        listed: the metrics of the settings.

    Returns:
        ``threshold``, ``value``, ``low``, ``high``, and ``chosen`` at the threshold of the model.
        At the first threshold all rows are called positive, at the last none.

    Example:
        >>> costs = Decision(false_positive=1, false_negative=4)
        >>> probability, truth = np.array([[0.9, 0.1], [0.7, 0.3]]), np.array([0, 1])
        >>> rows = PredictedRows("binary", truth, truth, probability)
        >>> table = make_decision_table(costs, rows, Resamples(2, seed=0))
        >>> table.filter("chosen")["threshold", "value"].rows()
        [(0.2, 0.0)]
    """
    assert rows.probability is not None, "a threshold is one of probabilities"
    probability, positive, chosen = rows.probability[:, 1], rows.truth == 1, rows.prediction == 1
    own = _find_own_threshold(probability, chosen, decision)
    none = np.nextafter(probability.max(), 2.0)  # calls no row positive, as the lowest one calls all
    thresholds = np.unique([*list_thresholds(probability), own, none])
    values = score_thresholds(decision, probability, positive, thresholds, listed)
    low, high = np.full(len(thresholds), np.nan), np.full(len(thresholds), np.nan)
    drawn = _resample_values(decision, probability, positive, thresholds, resamples)
    if drawn is not None:
        low, high = percentile_interval(drawn)
    else:
        # As a threshold sees the rows: what is not of the positive class is of the other.
        seen = PredictedRows(
            "binary", positive.astype(int), (probability >= own).astype(int), rows.probability
        )
        metric = decision.find_metric(listed)
        number = choose_resamples(len(probability), 1, resamples.number)
        place = int(np.flatnonzero(thresholds == own)[0])
        low[place], high[place] = percentile_interval(resample_metric(metric, seen, resamples, number))
    table = pl.DataFrame({"threshold": thresholds, "value": values, "low": low, "high": high})
    return table.fill_nan(None).with_columns(chosen=pl.col("threshold") == own)


def _find_own_threshold(probability: Array, chosen: Array, decision: Decision) -> float:
    """Find the threshold of a model from what it calls positive; the ideal one, or a half, if that serves."""
    # All that is called positive is at or above it, and nothing else is.
    above, below = probability[chosen].min(initial=np.inf), probability[~chosen].max(initial=-np.inf)
    for usual in (decision.ideal_threshold, 0.5):
        if below < usual <= above:
            return usual
    return float(above) if np.isfinite(above) else float(np.nextafter(below, 2.0))


def _resample_values(
    decision: Decision, probability: Array, positive: Array, thresholds: Array, resamples: Resamples
) -> Array | None:
    """Compute the cost of a row, or a metric of counts, on each resample; None for any other metric."""
    # The number of thresholds that a row reaches: it is called positive by those up to it.
    codes, size = np.searchsorted(thresholds, probability, side="right"), len(thresholds) + 1
    below = [np.cumsum(resamples.counts(codes, size, c), axis=1) for c in (positive, ~positive)]
    positives, negatives = (b[:, -1:] for b in below)
    hits, false = positives - below[0][:, :-1], negatives - below[1][:, :-1]
    return score_counts(decision, hits, false, positives, negatives)
