"""The table ``decision``: the cost of a row, or the metric of the decision, at each threshold."""

from __future__ import annotations

import numpy as np
import polars as pl

from magical.library.decision import Decision, list_thresholds, value_thresholds
from magical.library.judging.curves import middle_of
from magical.library.metrics.bootstrap import Resamples
from magical.library.metrics.metrics import Array

__all__ = ["make_decision_table"]


def make_decision_table(
    decision: Decision, probability: Array, positive: Array, chosen: Array, resamples: Resamples
) -> pl.DataFrame:
    """Compute what a decision is worth at each threshold, with a 95 % interval for costs.

    Args:
        decision: the costs, or the metric.
        probability: of the positive class.
        positive: whether a row is of the positive class.
        chosen: whether the model calls a row positive.
        resamples: of the same rows.

    Returns:
        ``threshold``, ``value``, ``low``, ``high``, and ``chosen`` at the threshold of the model.

    Example:
        >>> costs = Decision(false_positive=1, false_negative=4)
        >>> probability, positive = np.array([0.1, 0.3]), np.array([False, True])
        >>> table = make_decision_table(costs, probability, positive, positive, Resamples(2, seed=0))
        >>> table.filter("chosen")["threshold", "value"].rows()
        [(0.3, 0.0)]
    """
    # All that is called positive is at or above the model's threshold; nothing else is.
    own = float(probability[chosen].min()) if chosen.any() else float(np.nextafter(probability.max(), 2.0))
    thresholds = np.unique([*list_thresholds(probability), own])
    values = value_thresholds(decision, probability, positive, thresholds)
    low = high = np.full(len(thresholds), np.nan)
    if decision.by_costs:
        low, high = middle_of(_resample_costs(decision, probability, positive, thresholds, resamples))
    table = pl.DataFrame({"threshold": thresholds, "value": values, "low": low, "high": high})
    return table.fill_nan(None).with_columns(chosen=pl.col("threshold") == own)


def _resample_costs(
    decision: Decision, probability: Array, positive: Array, thresholds: Array, resamples: Resamples
) -> Array:
    assert decision.false_positive is not None
    assert decision.false_negative is not None
    # The number of thresholds that a row reaches: it is called positive by those up to it.
    codes, size = np.searchsorted(thresholds, probability, side="right"), len(thresholds) + 1
    below = [np.cumsum(resamples.counts(codes, size, c), axis=1) for c in (positive, ~positive)]
    positives, negatives = (b[:, -1:] for b in below)
    missed, false = below[0][:, :-1], negatives - below[1][:, :-1]
    costs: Array = decision.false_positive * false + decision.false_negative * missed
    rows: Array = positives + negatives
    return costs / rows
