"""The interval of an area under the ROC curve by DeLong's method, on the logit scale."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from magical.library.metrics.metrics import Array

__all__ = ["delong_interval"]


def delong_interval(scores: Array, positive: Array) -> tuple[float, float] | None:
    """Compute the 95 % interval of the area under the ROC curve.

    The variance is that of DeLong et al. (1988), computed from ranks (Sun and Xu 2014); the interval is
    symmetric on the logit scale, so it stays between 0 and 1 and holds more often with few positives.

    Returns:
        The bounds; None without a variance: the area is 0 or 1, or a class has fewer than two rows.

    Example:
        >>> scores = np.array([0.1, 0.4, 0.35, 0.8, 0.7, 0.2])
        >>> low, high = delong_interval(scores, np.array([0, 0, 1, 1, 1, 0], dtype=bool))
        >>> round(low, 2), round(high, 2)
        (0.26, 0.99)
    """
    ones, zeros = scores[positive], scores[~positive]
    m, n = len(ones), len(zeros)
    if m < 2 or n < 2:
        return None
    together = _rank(np.concatenate([ones, zeros]))
    # The share of the other class that a row beats; ties count half.
    wins = (together[:m] - _rank(ones)) / n
    losses = 1.0 - (together[m:] - _rank(zeros)) / m
    area = float(wins.mean())
    variance = float(wins.var(ddof=1)) / m + float(losses.var(ddof=1)) / n
    if not 0 < area < 1 or variance <= 0:
        return None
    centre, half = math.log(area / (1 - area)), 1.96 * math.sqrt(variance) / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-min(max(x, -700.0), 700.0))) for x in (centre - half, centre + half))
    return low, high


def _rank(values: Array) -> Array:
    """Rank values from 1; equal ones share their mean rank."""
    return pl.Series(values).rank("average").to_numpy()
