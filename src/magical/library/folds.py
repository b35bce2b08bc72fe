"""Folds over train and validation: which rows a fit sees, and which it predicts without having seen them.

``split`` assigns rows to folds, by hash, by quota of each class, or by time; a fit finds them in its tables.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.contracts.promises import FOLD, TIME_FOLD
from magical.library.part_assignment import Hashes, hash_rows, rank_in_class, scale_hashes

__all__ = ["Fold", "find_fold_problem", "find_folds", "fold_by_quota", "fold_by_share", "fold_by_time"]


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


def fold_by_share(hashes: Hashes, count: int) -> NDArray[np.int64]:
    """Assign each row to one of ``count`` folds by its hash alone.

    Example:
        >>> fold_by_share(np.array([0, 2**62, 2**63], dtype=np.uint64), 4).tolist()
        [0, 1, 2]
    """
    return (scale_hashes(hashes) * count).astype(np.int64)


def fold_by_quota(hashes: Hashes, classes: pl.Series, count: int) -> NDArray[np.int64]:
    """Assign the rows of each class in the order of their hashes, so that each fold gets its share of it.

    The folds' numbers of rows of a class differ by one at most. Rows with equal hashes stay together.

    Example:
        >>> folds = fold_by_quota(np.arange(9, dtype=np.uint64), pl.Series(["a"] * 6 + ["b"] * 3), 3)
        >>> folds.tolist()
        [0, 0, 1, 1, 2, 2, 1, 2, 0]
    """
    texts = classes.cast(pl.String)
    codes = texts.rank("dense").to_numpy().astype(np.int64) - 1
    slices = rank_in_class(hashes, codes) * count // np.bincount(codes)[codes]
    # Where many classes are small, the first slice of each must not always be the same fold.
    start = hash_rows(texts.to_frame("class"), ["class"], 0) % np.uint64(count)
    folds: NDArray[np.int64] = (slices + start.astype(np.int64)) % count
    return folds


def fold_by_time(times: pl.Series, count: int) -> NDArray[np.int64]:
    """Assign rows to block 0 and ``count`` folds after it, of equal size in the order of time.

    Equal times stay together, so a block may be larger or, where a time has very many rows, empty.

    Example:
        >>> fold_by_time(pl.Series([5, 1, 2, 3, 4, 4]), 2).tolist()
        [2, 0, 0, 1, 2, 2]
    """
    first, last = (times.rank(method).to_numpy().astype(np.int64) for method in ("min", "max"))
    middle = (first - 1 + last) / 2  # of the places that the rows of one time take
    return (middle * (count + 1) / len(times)).astype(np.int64)


def find_fold_problem(
    folds: NDArray[np.int64], classes: pl.Series | None, count: int, *, in_time: bool, every_class: bool
) -> str:
    """Describe why folds from 0 cannot be fitted or predicted; empty if they can.

    Each needs rows, and a fit on rows of every class.

    Args:
        folds: of each row.
        classes: of each row; None for numbers.
        count: the number of folds.
        in_time: True if there is a block 0 before them, and each is predicted by fits on earlier ones.
        every_class: True if the folds themselves need rows of every class, too.

    Example:
        >>> folds, classes = np.array([0, 1, 1, 0]), pl.Series("left", [False, True, True, False])
        >>> find_fold_problem(folds, classes, 2, in_time=False, every_class=False)
        'fold 0 would have no row of left False to fit on'
    """
    texts = pl.repeat("", len(folds), eager=True) if classes is None else classes.cast(pl.String)
    codes = texts.rank("dense").to_numpy().astype(np.int64) - 1
    blocks, first = count + in_time, int(in_time)
    sizes = np.bincount(codes * blocks + folds, minlength=(codes.max() + 1) * blocks).reshape(-1, blocks)
    fitted = sizes.cumsum(axis=1) - sizes if in_time else sizes.sum(axis=1, keepdims=True) - sizes
    for counts, place in ((sizes, "in it"), (fitted, "to fit on")):
        empty = np.flatnonzero(counts.sum(axis=0)[first:] == 0)
        if len(empty):
            return f"fold {empty[0] + first} would have no row {place}"
    if classes is None:
        return ""
    for counts, place in ((fitted, "to fit on"), *([(sizes, "in it")] if every_class else [])):
        for fold, code in np.argwhere(counts.T[first:] == 0):
            value = classes.filter(codes == code)[0]
            return f"fold {fold + first} would have no row of {classes.name} {value} {place}"
    return ""
