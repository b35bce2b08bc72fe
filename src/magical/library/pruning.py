"""Pruning: a trial that is clearly worse than the best one stops before its last fold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["Pruner"]

CLEARLY = 2.0  # standard errors


class Pruner:
    """The losses of complete trials in each fold, by which a later trial is judged after each of its folds.

    A trial is compared with the best complete one in the folds that both have. How far its mean gap there may
    be from the gap in all folds is known from earlier trials: their gaps to the best one scatter from fold to
    fold by some standard deviation s. After k of K folds the trial stops if its gap is above twice
    ``s * sqrt(1 / k - 1 / K)``. While there is only one complete trial, s is that of its own losses.

    Time plays no part in it, so that a study that was killed goes the same way again.

    Example:
        >>> pruner = Pruner()
        >>> pruner.note([0.50, 0.70, 0.60])
        >>> pruner.is_hopeless([0.9]), pruner.is_hopeless([0.55])
        (True, False)
        >>> pruner.note([0.52, 0.71, 0.61])
        >>> pruner.is_hopeless([0.55])
        True
    """

    def __init__(self) -> None:
        self._complete: list[list[float]] = []

    def note(self, losses: Sequence[float]) -> None:
        """Note the losses of a complete trial in all folds; one that has no number somewhere is left out."""
        if all(map(math.isfinite, losses)):
            self._complete.append(list(losses))

    def is_hopeless(self, losses: Sequence[float]) -> bool:
        """Return True if a trial is clearly worse than the best one, by its losses in the first folds."""
        if not self._complete or not 1 <= len(losses) < len(self._complete[0]):
            return False
        complete = np.array(self._complete)
        best, done = complete[complete.mean(axis=1).argmin()], len(losses)
        gaps = complete - best
        scatter = (gaps - gaps.mean(axis=1, keepdims=True)) if len(complete) > 1 else best - best.mean()
        freedom = (best.size - 1) * max(1, len(complete) - 1)  # the gap of the best to itself is none
        deviation = math.sqrt((scatter**2).sum() / freedom)
        gap = float(np.mean(losses - best[:done]))
        return gap > CLEARLY * deviation * math.sqrt(1 / done - 1 / best.size)  # False for NaN
