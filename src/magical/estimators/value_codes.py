"""The values of a column as texts, numbered: what encoders of categories look up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["number_values"]


def number_values(values: Any) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Number the distinct values of a column as they appear, -1 for a missing one, and list their texts.

    A whole number is a text without a point, so that a column of ints is the same with and without nulls.

    Example:
        >>> codes, texts = number_values([2.0, None, 7.0, 2.0])
        >>> codes.tolist(), texts
        ([0, -1, 1, 0], ['2', '7'])
    """
    codes, distinct = pd.factorize(np.asarray(values))
    return codes, [_to_text(v) for v in distinct]


def _to_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
