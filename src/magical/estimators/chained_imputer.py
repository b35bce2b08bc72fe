"""ChainedImputer: missing values as what is predicted from the other columns, for a row alone too."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

__all__ = ["ChainedImputer"]


class ChainedImputer(IterativeImputer):
    """Impute by scikit-learn's IterativeImputer, of which a row alone gives what it gives among others.

    Example:
        >>> table = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, np.nan], [np.nan, 8.0]])
        >>> imputer = ChainedImputer(random_state=0, tol=0.1).fit(table)
        >>> nothing = np.full((1, 2), np.nan)
        >>> bool((imputer.transform(nothing) == imputer.transform(np.vstack([table, nothing]))[-1]).all())
        True
    """

    def transform(self, X: Any) -> Any:
        """Fill the missing values."""
        # Of rows in which nothing at all is known, scikit-learn returns its first guesses, and the rounds' of
        # the same rows among others: a row of zeros makes it go through the rounds.
        X = np.vstack([X, np.zeros((1, np.shape(X)[1]))])
        return super().transform(X)[:-1]
