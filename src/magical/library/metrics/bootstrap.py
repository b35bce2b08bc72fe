"""Intervals by the percentile bootstrap (Efron 1979), fast for any number of rows.

Rows are dealt at random into at most a thousand blocks, and whole blocks are resampled. With fewer rows than
that a block is a row, which is the plain bootstrap; with more, the blocks are random samples of equal size,
so that their means vary as those of rows do. A resample is a row of weights, one for each block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Resamples", "bin_scores"]

Array = np.ndarray[Any, Any]

RESAMPLES = 500
MAX_BLOCKS = 1000
BINS = 500


class Resamples:
    """Bootstrap weights for a number of rows: the first line is the table itself, the others are resamples.

    Args:
        rows: of the table.
        seed: of the drawing.

    Example:
        >>> sums = Resamples(rows=3, seed=0).sums(np.array([[1.0], [2.0], [3.0]]))
        >>> sums.shape, sums[0].tolist()
        ((501, 1), [6.0])
    """

    def __init__(self, rows: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._block_count = min(rows, MAX_BLOCKS)
        self._row_blocks = (
            rng.permutation(rows) % self._block_count if rows > self._block_count else np.arange(rows)
        )
        even = np.full(self._block_count, 1 / self._block_count)
        drawn = rng.multinomial(self._block_count, even, size=RESAMPLES)
        self._weights = np.vstack([np.ones(self._block_count), drawn]).astype(np.float64)

    def sums(self, values: Array) -> Array:
        """Give the sum of each column over the table and over each resample.

        Args:
            values: of shape (rows, columns).

        Returns:
            Sums of shape (1 + resamples, columns).
        """
        columns = [np.bincount(self._row_blocks, weights=v, minlength=self._block_count) for v in values.T]
        sums: Array = np.einsum("rb,cb->rc", self._weights, np.array(columns), optimize=False)
        return sums

    def counts(self, codes: Array, size: int, chosen: Array | None = None) -> Array:
        """Give how often each code comes up in the table and in each resample.

        Args:
            codes: whole numbers from 0 up to ``size``, one for each row.
            size: how many codes there are.
            chosen: which rows count; all unless given.

        Returns:
            Counts of shape (1 + resamples, size). They are whole, so that no order of adding changes them.
        """
        block, code = (
            (self._row_blocks, codes) if chosen is None else (self._row_blocks[chosen], codes[chosen])
        )
        cells = np.bincount(block * size + code, minlength=self._block_count * size)
        return self._weights @ cells.reshape(self._block_count, size).astype(np.float64)


def bin_scores(scores: Array) -> tuple[Array, int]:
    """Give the ranks of scores, equal ones as one, or, of too many, the numbers of equally full bins.

    Returns:
        A whole number for each row, ascending with the score, and how many there are.

    Example:
        >>> bin_scores(np.array([0.5, 0.1, 0.5]))
        (array([1, 0, 1]), 2)
    """
    different, ranks = np.unique(scores, return_inverse=True)
    if len(different) <= BINS:
        return ranks, len(different)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, scores, side="right"), len(edges) + 1
