"""QuantileBins: scikit-learn's quantile bins, with columns that are named by their edges."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.utils.validation import _check_feature_names_in

from magical.derived_names import name_bins

__all__ = ["QuantileBins"]

_NARROWEST = 1e-8  # scikit-learn joins narrower bins, and fails if all of a column are


class QuantileBins(KBinsDiscretizer):
    """Bins with about equal numbers of rows; the outer ones are open.

    Columns are named ``income_bin`` if they are ordinal, else ``income_bin=20000 to 50000``, with edges of
    six digits. Numbers below 1 are scaled up first, so that bins of small ones are not joined.

    Example:
        >>> bins = QuantileBins(2, encode="onehot-dense").fit(np.array([[1.0], [2.0], [3.0], [4.0]]))
        >>> list(bins.get_feature_names_out(["income"]))
        ['income_bin=below 2.5', 'income_bin=2.5 and above']
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the edges of the bins; numbers that hardly differ are in one bin."""
        values = np.asarray(X, dtype=float)
        exponents = np.frexp(np.abs(values).max(axis=0))[1]
        scale = np.exp2(-np.clip(exponents, -1000, 0))  # a power of two: no digit is lost
        self.factors_ = np.where(np.ptp(values, axis=0) * scale > _NARROWEST, scale, 0.0)
        super().fit(X * self.factors_, y, sample_weight)
        return self

    def transform(self, X: Any) -> Any:
        """Return the bins of numbers."""
        return super().transform(X * self.factors_)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the columns that it makes."""
        names = _check_feature_names_in(self, input_features)
        if self.encode == "ordinal":
            return np.asarray([f"{name}_bin" for name in names], dtype=object)
        fitted = zip(names, self.bin_edges_, self.factors_, strict=True)
        # The outer edges bound nothing, since those bins are open.
        bins = ((name, name_bins(_shorten(edges[1:-1] / factor))) for name, edges, factor in fitted)
        return np.asarray([f"{name}_bin={text}" for name, texts in bins for text in texts], dtype=object)


def _shorten(edges: np.ndarray[Any, Any]) -> list[float]:
    """Round edges to six digits, where they stay different."""
    rounded = [float(f"{edge:.6g}") for edge in edges]
    return rounded if len(set(rounded)) == len(rounded) else edges.tolist()
