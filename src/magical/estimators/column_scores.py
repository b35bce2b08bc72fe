"""Scores of columns, by which scikit-learn's ``SelectKBest`` and ``SelectPercentile`` choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["ColumnScores"]

MAX_ROWS = 50_000  # a ranking of columns needs no more, and trees and neighbours are slow
Array = np.ndarray[Any, Any]


@dataclass
class ColumnScores:
    """Scores each column for the prediction of the target: for ``SelectKBest(score_func=...)``.

    Not a function with ``functools.partial``: skops does not load one.

    Attributes:
        by: ``f`` and ``mutual_info`` of scikit-learn; the importance in a ``model`` of extremely randomised
            trees; or the ``variance`` of the column stretched from 0 to 1, whatever scale it came on.
        is_regression: True if the target is a number, False if it is a class.

    Example:
        >>> scores = ColumnScores("variance", is_regression=True)
        >>> scores(np.array([[0.0, 5.0], [9.0, 5.0]]), None).tolist()
        [0.25, 0.0]
    """

    by: Literal["f", "mutual_info", "variance", "model"]
    is_regression: bool

    def __call__(self, X: Any, y: Any) -> Array:
        """Score the columns; those that do not vary, by which some scores would divide, have 0."""
        X = np.asarray(X, dtype=float)
        varies = np.ptp(X, axis=0) > 0
        scores = np.zeros(X.shape[1])
        if varies.any():
            # A column that tells the classes apart has an infinite score.
            with np.errstate(divide="ignore", invalid="ignore"):
                scores[varies] = np.nan_to_num(self._score(X[:, varies], y))
        return scores

    def _score(self, X: Array, y: Any) -> Any:
        import sklearn.ensemble as trees
        import sklearn.feature_selection as measures

        if self.by == "variance":
            return ((X - X.min(axis=0)) / np.ptp(X, axis=0)).var(axis=0)
        if self.by == "f":
            return (measures.f_regression if self.is_regression else measures.f_classif)(X, y)[0]
        step = 1 + len(y) // MAX_ROWS
        X, y = X[::step], np.asarray(y)[::step]
        if self.by == "mutual_info":
            estimate = measures.mutual_info_regression if self.is_regression else measures.mutual_info_classif
            return estimate(X, y, random_state=0)
        forest = trees.ExtraTreesRegressor if self.is_regression else trees.ExtraTreesClassifier
        return forest(random_state=0, min_samples_leaf=3).fit(X, y).feature_importances_
