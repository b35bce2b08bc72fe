"""DropSimilarColumns: one of each group of columns that tell the same."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["DropSimilarColumns"]


class DropSimilarColumns(SelectorMixin, BaseEstimator):
    """Drop each column whose correlation with a kept one before it is at least ``threshold``.

    skrub's ``DropSimilar`` makes a contingency table of every pair: minutes for hundreds of columns.

    Example:
        >>> DropSimilarColumns().fit_transform(np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 1.0], [3.0, 6.0, 4.0]]))
        array([[1., 5.],
               [2., 1.],
               [3., 4.]])
    """

    def __init__(self, threshold: float = 0.95) -> None:
        self.threshold = threshold

    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose the columns to keep."""
        X = validate_data(self, X, dtype=float)
        centred = X - X.mean(axis=0)
        norms = np.sqrt((centred**2).sum(axis=0))
        unit = centred / np.where(norms > 0, norms, 1.0)
        is_similar = np.abs(unit.T @ unit) >= self.threshold - 1e-9
        kept = np.zeros(X.shape[1], dtype=bool)
        for i in range(X.shape[1]):
            kept[i] = not (is_similar[i, :i] & kept[:i]).any()
        self.kept_ = kept
        return self

    def _get_support_mask(self) -> np.ndarray[Any, Any]:
        check_is_fitted(self)
        return self.kept_
