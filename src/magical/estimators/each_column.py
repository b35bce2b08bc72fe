"""EachColumn: an encoder of skrub, fitted on each of several columns."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["EachColumn"]


class EachColumn(TransformerMixin, BaseEstimator):
    """Fit a copy of an encoder of skrub on each column, and set what they make side by side.

    skrub's ``ApplyToCols`` wants a frame, and a column without any text, or with fewer rows than components,
    fails in it. Here the first gives a column of zeros, and the second fewer components than it has rows.

    Example:
        >>> from skrub import DatetimeEncoder
        >>> dates = pd.DataFrame({"when": pd.to_datetime(["2024-01-31", None])})
        >>> EachColumn(DatetimeEncoder(resolution=None)).fit_transform(dates).tolist()
        [[1706659200.0], [nan]]
    """

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a copy on each column."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray[Any, Any]:
        """Fit a copy on each column, and transform."""
        validate_data(self, X, skip_check_array=True)
        frame = pd.DataFrame(X)
        self.encoders_: list[Any] = []
        self.seen_names_ = [str(n) for n in frame.columns]
        made = []
        for name, values in frame.items():
            column = _to_column(values, str(name))
            encoder = self._copy_for(column)
            made.append(np.zeros((len(column), 1)) if encoder is None else encoder.fit_transform(column))
            self.encoders_.append(encoder)
        return np.hstack([np.asarray(m, dtype=float) for m in made])

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Transform each column by its own copy."""
        check_is_fitted(self)
        made = []
        for encoder, (name, values) in zip(self.encoders_, pd.DataFrame(X).items(), strict=True):
            column = _to_column(values, str(name))
            made.append(np.zeros((len(column), 1)) if encoder is None else encoder.transform(column))
        return np.hstack([np.asarray(m, dtype=float) for m in made])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """Name what is made of each column."""
        check_is_fitted(self)
        given = getattr(self, "feature_names_in_", None) if input_features is None else input_features
        names = [f"x{i}" for i in range(self.n_features_in_)] if given is None else [str(n) for n in given]
        made: list[str] = []
        for name, seen, encoder in zip(names, self.seen_names_, self.encoders_, strict=True):
            outputs = [seen] if encoder is None else encoder.get_feature_names_out()
            # Behind an imputer the encoder saw an array, whose columns have numbers for names.
            made += [name + str(out).removeprefix(seen) for out in outputs]
        return np.array(made, dtype=object)

    def _copy_for(self, column: pd.Series) -> Any:
        """Make an unfitted copy of the encoder; None for a column in which it would find nothing."""
        encoder = clone(self.encoder)
        if column.dtype.kind == "M":
            return encoder
        texts = column.dropna().str.strip()
        # Topics are made of pairs of letters.
        shortest = 2 if type(encoder).__name__ == "GapEncoder" else 1
        if not (texts.str.len() >= shortest).any():
            return None
        if type(encoder).__name__ != "MinHashEncoder":  # that one learns nothing
            encoder.set_params(n_components=max(1, min(encoder.n_components, len(column) - 1)))
        return encoder


def _to_column(values: pd.Series, name: str) -> pd.Series:
    """Convert values to a column that skrub takes: dates, or texts."""
    if values.dtype.kind == "M":
        return values.rename(name)
    return values.astype("str").where(values.notna(), None).rename(name).astype("str")
