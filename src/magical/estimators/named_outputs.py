"""NamedOutputs: a transformer that does not name its columns, with names."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

__all__ = ["NamedOutputs"]


class NamedOutputs(TransformerMixin, BaseEstimator):
    """Name what a transformer makes: as its inputs, if there are as many, or else ``NAME0``, ``NAME1``.

    Example:
        >>> class Total:
        ...     def fit(self, X, y=None):
        ...         return self
        ...
        ...     def transform(self, X):
        ...         return X.sum(axis=1, keepdims=True)
        >>> NamedOutputs(Total(), "total").fit(np.ones((2, 3))).get_feature_names_out(
        ...     ["a", "b", "c"]
        ... ).tolist()
        ['total0']
    """

    def __init__(self, transformer: Any, name: str) -> None:
        self.transformer = transformer
        self.name = name

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a copy of the transformer."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit a copy and transform, by its own ``fit_transform`` if it has one: that may cross-fit."""
        self.fitted_ = clone(self.transformer, safe=False)
        self.inputs_ = [str(n) for n in getattr(X, "columns", [f"x{i}" for i in range(np.shape(X)[1])])]
        if hasattr(self.fitted_, "fit_transform"):
            made = self.fitted_.fit_transform(X, y)
        else:
            made = self.fitted_.fit(X, y).transform(X)
        made = self._to_columns(made, np.shape(X)[0])
        self.width_ = made.shape[1]
        return made

    def transform(self, X: Any) -> Any:
        """Transform by the fitted copy."""
        check_is_fitted(self)
        return self._to_columns(self.fitted_.transform(X), np.shape(X)[0])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """Name the columns."""
        check_is_fitted(self)
        names = self.inputs_ if input_features is None else [str(n) for n in input_features]
        if len(names) != self.width_:
            names = [f"{self.name}{i}" for i in range(self.width_)]
        return np.array(names, dtype=object)

    def _to_columns(self, made: Any, rows: int) -> Any:
        """Turn one dimension into one column; refuse another number of rows than there were."""
        made = made if hasattr(made, "tocsr") else np.asarray(made)
        if np.shape(made)[:1] != (rows,):
            raise ValueError(f"{self.name} made an array of shape {np.shape(made)} of {rows:,} rows")
        return made.reshape(-1, 1) if made.ndim == 1 else made
