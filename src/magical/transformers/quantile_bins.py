"""QuantileBins: scikit-learn's quantile bins, with columns that are named by their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.utils.validation import _check_feature_names_in

from magical.added_names import name_bins

__all__ = ["QuantileBins"]


class QuantileBins(KBinsDiscretizer):
    """Bins with about equal numbers of rows; the outer ones are open.

    Columns are named ``income_bin`` if they are ordinal, else ``income_bin=20000 to 50000``.

    Example:
        >>> bins = QuantileBins(2, encode="onehot-dense").fit(np.array([[1.0], [2.0], [3.0], [4.0]]))
        >>> list(bins.get_feature_names_out(["income"]))
        ['income_bin=below 2.5', 'income_bin=2.5 and above']
    """

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the columns that it makes."""
        names = _check_feature_names_in(self, input_features)
        if self.encode == "ordinal":
            return np.asarray([f"{name}_bin" for name in names], dtype=object)
        pairs = zip(names, self.bin_edges_, strict=True)  # the outer edges bound nothing: those bins are open
        return np.asarray(
            [f"{n}_bin={b}" for n, edges in pairs for b in name_bins(edges[1:-1])], dtype=object
        )
