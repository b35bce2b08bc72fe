"""PolynomialTerms: scikit-learn's polynomial features, with names that a person reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.validation import _check_feature_names_in

from magical.derived_names import name_product

__all__ = ["PolynomialTerms"]


class PolynomialTerms(PolynomialFeatures):
    """Products and powers of columns, named such as ``income_squared`` and ``income_x_age``.

    Example:
        >>> terms = PolynomialTerms((2, 2), include_bias=False).fit(np.array([[1.0, 2.0]]))
        >>> list(terms.get_feature_names_out(["income", "age"]))
        ['income_squared', 'income_x_age', 'age_squared']
    """

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the columns that it makes."""
        names = _check_feature_names_in(self, input_features)
        factors = ([(names[i], int(row[i])) for i in np.flatnonzero(row)] for row in self.powers_)
        return np.asarray([name_product(f) for f in factors], dtype=object)
