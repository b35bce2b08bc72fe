"""HashEncoder: a category as one of a fixed number of buckets."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import murmurhash3_32
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from magical.estimators.value_codes import number_values

__all__ = ["HashEncoder"]


class HashEncoder(TransformerMixin, BaseEstimator):
    """Encode each value as 1 in the bucket that its MurmurHash3 chooses; a missing value is 0 in all of them.

    Nothing is learned of the values: new ones have buckets too. scikit-learn's ``FeatureHasher`` takes lists
    of tokens, and mixes the columns.

    Example:
        >>> HashEncoder(3).fit_transform(pd.DataFrame({"city": ["Rome", "Oslo", None]})).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, width: int = 16) -> None:
        self.width = width

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the number of columns, and their names."""
        validate_data(self, X, skip_check_array=True)
        return self

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Set the bucket of each value."""
        check_is_fitted(self)
        frame = pd.DataFrame(X)
        result = np.zeros((len(frame), self.n_features_in_ * self.width))
        for i, (_, values) in enumerate(frame.items()):
            codes, texts = number_values(values)
            rows = np.flatnonzero(codes >= 0)
            buckets = np.array([murmurhash3_32(t, positive=True) % self.width for t in texts], dtype=int)
            if len(rows):
                result[rows, i * self.width + buckets[codes[rows]]] = 1.0
        return result

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """Name the buckets of each column."""
        names = _check_feature_names_in(self, input_features)
        return np.array([f"{n} (bucket {i})" for n in names for i in range(self.width)], dtype=object)
