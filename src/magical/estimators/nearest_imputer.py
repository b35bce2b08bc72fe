"""NearestImputer: missing values as the mean of the rows that are nearest, on one scale for all columns."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.impute import KNNImputer
from sklearn.utils.validation import _check_feature_names_in

__all__ = ["NearestImputer"]

MAX_ROWS = 10_000  # each row with a gap is compared with all of them
_STEP, _LIMIT = 2.0**-10, 2.0**10


class NearestImputer(KNNImputer):
    """Impute by the nearest rows; by scikit-learn's own the column with the largest numbers would decide.

    Distances are those of standardised columns, to at most 10,000 rows, spread evenly over those fitted on.

    Example:
        >>> rows = np.array([[1.0, 100.0], [2.0, 200.0], [np.nan, 100.0]])
        >>> NearestImputer(n_neighbors=1).fit_transform(rows)[2].round(2).tolist()
        [1.0, 100.0]
    """

    def __init__(self, n_neighbors: int = 5) -> None:
        super().__init__(n_neighbors=n_neighbors, keep_empty_features=True)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the scale of each column, and keep rows to compare with."""
        values = np.asarray(X, dtype=float)
        is_there = np.isfinite(values)
        count = np.maximum(is_there.sum(axis=0), 1)
        filled = np.where(is_there, values, 0.0)
        self.mean_ = filled.sum(axis=0) / count
        spread = np.sqrt(np.where(is_there, (values - self.mean_) ** 2, 0.0).sum(axis=0) / count)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        kept = X[:: 1 + len(values) // MAX_ROWS]
        super().fit(self._standardise(kept), y)
        return self

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Fill the missing values; the others stay as they are."""
        values = np.asarray(X, dtype=float)
        filled = np.asarray(super().transform(self._standardise(X)))
        return np.where(np.isnan(values), filled * self.spread_ + self.mean_, values)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """Name the columns as they come: scikit-learn forgets those that it keeps although they are empty."""
        return np.asarray(_check_feature_names_in(self, input_features))

    def _standardise(self, X: Any) -> Any:
        # Rounded so that distances are exact sums: otherwise ties between rows, which are common among whole
        # numbers, would be broken by the last bit, and that differs between one row and a batch.
        scaled = (X - self.mean_) / self.spread_
        return (scaled / _STEP).round().clip(-_LIMIT / _STEP, _LIMIT / _STEP) * _STEP
