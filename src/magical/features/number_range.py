"""The numbers that every estimator takes: finite, and within the range of 32 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from magical.contracts.model import LARGEST_NUMBER

__all__ = ["limit_numbers"]


def limit_numbers(values: Any) -> Any:
    """Limit numbers to the range of 32-bit floats, in which trees of scikit-learn compute.

    A scaler or a product may make such a number of a value far outside of those that it was fitted on.

    Example:
        >>> limit_numbers(np.array([[1.0, -np.inf, 1e300]])).tolist()
        [[1.0, -3.4028234663852886e+38, 3.4028234663852886e+38]]
    """
    values = np.asarray(values, dtype=float)  # texts, which a transformer may leave, are an error here
    if not values.size or (values.max() <= LARGEST_NUMBER and values.min() >= -LARGEST_NUMBER):
        return values  # the usual case, without a copy
    return np.clip(values, -LARGEST_NUMBER, LARGEST_NUMBER)
