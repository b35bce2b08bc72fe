"""CountEncoder: a category as the number of rows that have it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from magical.estimators.value_codes import number_values

__all__ = ["CountEncoder"]


class CountEncoder(TransformerMixin, BaseEstimator):
    """Encode a value as the number of rows fitted on that have it: 0 if it is new; null is a value too.

    Example:
        >>> encoder = CountEncoder().fit(pd.DataFrame({"city": ["Rome", "Rome", None]}))
        >>> encoder.transform(pd.DataFrame({"city": ["Rome", "Oslo", None]})).tolist()
        [[2.0], [0.0], [1.0]]
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Count the values of each column."""
        validate_data(self, X, skip_check_array=True)
        self.counts_: list[dict[str, int]] = []
        self.missing_: list[int] = []
        for _, values in pd.DataFrame(X).items():
            codes, texts = number_values(values)
            counts = np.bincount(codes + 1, minlength=len(texts) + 1).tolist()
            self.missing_.append(counts[0])
            self.counts_.append(dict(zip(texts, counts[1:], strict=True)))
        return self

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Look the counts up."""
        check_is_fitted(self)
        frame = pd.DataFrame(X)
        result = np.empty(frame.shape)
        for i, (_, values) in enumerate(frame.items()):
            codes, texts = number_values(values)
            # The last place is of code -1: a missing value.
            found = [*(self.counts_[i].get(t, 0) for t in texts), self.missing_[i]]
            result[:, i] = np.asarray(found, dtype=float)[codes]
        return result

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """Name the counts."""
        names = _check_feature_names_in(self, input_features)
        return np.array([f"{name} (count)" for name in names], dtype=object)
