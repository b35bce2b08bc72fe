"""NumberCrosses: sums, differences and quotients of the numbers that tell most about a target."""

from __future__ import annotations

import itertools
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

__all__ = ["NumberCrosses"]

MAX_ROWS = 20_000  # a ranking of columns needs no more
Array = np.ndarray[Any, Any]


class NumberCrosses(TransformerMixin, BaseEstimator):
    """Add, subtract and divide each pair of the columns that matter most to one regression tree.

    Trees split at one number after another: a quotient, or a direction across a map, takes them many splits.
    A quotient by 0 is NaN, and so is what is made of NaN.

    Args:
        columns: the number of columns that are crossed; of fewer, all.

    Example:
        >>> X = np.array([[1.0, 2.0], [3.0, 0.0]])
        >>> crosses = NumberCrosses().fit(X, [1, 2])
        >>> crosses.transform(X).tolist()
        [[3.0, -1.0, 0.5], [3.0, 3.0, nan]]
        >>> list(crosses.get_feature_names_out(["rooms", "people"]))
        ['rooms + people', 'rooms - people', 'rooms / people']
    """

    def __init__(self, columns: int = 5) -> None:
        self.columns = columns

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the columns by their importance in a tree; ``y`` is numbers."""
        from sklearn.tree import DecisionTreeRegressor

        values = np.asarray(X, dtype=np.float64)
        step = 1 + len(values) // MAX_ROWS
        tree = DecisionTreeRegressor(max_leaf_nodes=128, min_samples_leaf=20, random_state=0)
        importances = tree.fit(values[::step], np.asarray(y)[::step]).feature_importances_
        best = np.argsort(-importances, kind="stable")[: self.columns]
        self.chosen_ = np.sort(best)
        self.n_features_in_ = values.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: Any) -> Array:
        """Compute the sum, the difference and the quotient of each pair of the chosen columns."""
        check_is_fitted(self)
        values = np.asarray(X, dtype=np.float64)
        made = []
        with np.errstate(divide="ignore", invalid="ignore"):
            for a, b in self._pairs:
                left, right = values[:, a], values[:, b]
                made += [left + right, left - right, np.where(right == 0, np.nan, left / right)]
        return np.stack(made, axis=1) if made else np.empty((len(values), 0))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns that it makes."""
        names = _check_feature_names_in(self, input_features)
        made = [f"{names[a]} {sign} {names[b]}" for a, b in self._pairs for sign in "+-/"]
        return np.asarray(made, dtype=object)

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(itertools.combinations(self.chosen_, 2))
