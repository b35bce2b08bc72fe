"""Folds over train and validation: which rows a fit sees, and which it predicts without having seen them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.contracts.promises import FOLD, TIME_FOLD

__all__ = ["FOLD", "TIME_FOLD", "Fold", "find_folds"]


class Fold(NamedTuple):
    """The rows of one fit, and those that it predicts: row numbers in train followed by validation."""

    fit: NDArray[Any]
    held_out: NDArray[Any]


def find_folds(train: pl.DataFrame, validation: pl.DataFrame) -> list[Fold]:
    """Find the folds that ``split`` made; without any, one that is fitted on train and predicts validation.

    Example:
        >>> rows = pl.DataFrame({"x": [1, 2], "_fold": [0, 1]})
        >>> [(f.fit.tolist(), f.held_out.tolist()) for f in find_folds(rows, rows)]
        [([1, 3], [0, 2]), ([0, 2], [1, 3])]
    """
    for name in (FOLD, TIME_FOLD):
        if name in train.columns and name in validation.columns:
            folds = np.concatenate([train[name].to_numpy(), validation[name].to_numpy()])
            return _cut(folds, in_time=name == TIME_FOLD)
    size = train.height + validation.height
    return [Fold(np.arange(train.height), np.arange(train.height, size))]


def _cut(folds: NDArray[Any], *, in_time: bool) -> list[Fold]:
    numbers = np.unique(folds)
    if in_time:
        return [Fold(np.flatnonzero(folds < n), np.flatnonzero(folds == n)) for n in numbers[1:]]
    return [Fold(np.flatnonzero(folds != n), np.flatnonzero(folds == n)) for n in numbers]
