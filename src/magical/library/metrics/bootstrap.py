"""Intervals by the percentile bootstrap (Efron 1979), fast for any number of rows.

Rows are dealt at random into at most a thousand blocks, and whole blocks are resampled. Up to a thousand
rows, a block is a row, which is the plain bootstrap. Above, blocks are random samples of equal size, so their
means vary as those of rows do. A resample is a row of weights, one for each block.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from magical.contracts.schema import Schema
from magical.library.metrics.metrics import Array

__all__ = ["Resamples", "bin_scores", "number_units", "percentile_interval", "wilson_interval"]

RESAMPLES = 500
MAX_BLOCKS = 1000
BINS = 500


class Resamples:
    """Bootstrap weights of a table's rows: row 0 is the table itself, the others are resamples.

    Args:
        rows: the number of rows.
        seed: equal seeds give equal resamples.
        number: the number of resamples.
        units: the number of each row's unit, from 0: rows of one unit are drawn together. Rows of one group
            go wrong together, so drawing them apart would promise too narrow an interval.

    Attributes:
        number: the number of resamples; with 0 there is the table only.

    Example:
        >>> sums = Resamples(rows=3, seed=0).sums(np.array([[1.0], [2.0], [3.0]]))
        >>> sums.shape, sums[0].tolist()
        ((501, 1), [6.0])
    """

    def __init__(self, rows: int, seed: int, number: int = RESAMPLES, units: Array | None = None) -> None:
        self.number = number
        rng = np.random.default_rng(seed)
        count = rows if units is None else int(units.max()) + 1
        self._block_count = min(count, MAX_BLOCKS)
        blocks = rng.permutation(count) % self._block_count if count > self._block_count else np.arange(count)
        self._row_blocks = blocks if units is None else blocks[units]
        even = np.full(self._block_count, 1 / self._block_count)
        drawn = rng.multinomial(self._block_count, even, size=number)
        self._weights = np.vstack([np.ones(self._block_count), drawn]).astype(np.float64)

    def sums(self, values: Array) -> Array:
        """Sum each column of ``values`` over the table and over each resample.

        Returns:
            Sums of shape (1 + resamples, columns).
        """
        columns = [np.bincount(self._row_blocks, weights=v, minlength=self._block_count) for v in values.T]
        # optimize=True may call BLAS, whose order of adding, and so the last bit, depends on the machine.
        sums: Array = np.einsum("rb,cb->rc", self._weights, np.array(columns), optimize=False)
        return sums

    def draw_rows(self, number: int) -> Array:
        """Return the positions of the rows of one resample, each as often as it is drawn; 0 is the table.

        Example:
            >>> Resamples(rows=3, seed=0).draw_rows(0).tolist()
            [0, 1, 2]
        """
        times = self._weights[number].astype(np.int64)[self._row_blocks]
        return np.repeat(np.arange(len(times)), times)

    def counts(self, codes: Array, size: int, chosen: Array | None = None) -> Array:
        """Count each code in the table and in each resample.

        Args:
            codes: integers from 0 to ``size - 1``, one for each row.
            size: the number of codes.
            chosen: a mask of the rows to count; all rows by default.

        Returns:
            Counts of shape (1 + resamples, size).
        """
        blocks = self._row_blocks
        if chosen is not None:
            blocks, codes = blocks[chosen], codes[chosen]
        cells = np.bincount(blocks * size + codes, minlength=self._block_count * size)
        # The counts are whole, so the order in which BLAS adds them changes nothing here.
        return self._weights @ cells.reshape(self._block_count, size).astype(np.float64)


def number_units(table: pl.DataFrame, schema: Schema) -> Array | None:
    """Number the groups of rows that a contract marks with the role ``Group``; None without one.

    Rows of one group go wrong together, so a bootstrap draws them together. A row without a group is its own.

    Example:
        >>> from magical.contracts.schema import Column
        >>> schema = Schema("Visit", (Column("patient", "str", role="group"),))
        >>> number_units(pl.DataFrame({"patient": ["a", "b", "a"]}), schema).tolist()
        [0, 1, 0]
    """
    groups = [n for n in schema.names_with_role("group") if n in table.columns]
    if not groups:
        return None
    group = table.select(groups[0]).to_series()
    alone = pl.int_range(table.height, eager=True) + table.height
    numbers = group.rank("dense").cast(pl.Int64).fill_null(alone)
    return np.unique(numbers.to_numpy(), return_inverse=True)[1]


def percentile_interval(values: Array) -> tuple[Array, Array]:
    """Return the middle 95 % of the resamples (entries 1 and more), NaN where none is finite.

    Example:
        >>> [float(bound) for bound in percentile_interval(np.array([9.0, 1.0, np.nan, 3.0]))]
        [1.05, 2.95]
    """
    drawn = np.where(np.isfinite(values[1:]), values[1:], np.nan)
    if not len(drawn):
        nothing = np.full(values.shape[1:], np.nan)
        return nothing, nothing
    undefined = np.isnan(drawn).all(axis=0)
    low, high = np.nanpercentile(np.where(undefined, 0.0, drawn), [2.5, 97.5], axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def bin_scores(scores: Array) -> tuple[Array, int]:
    """Rank the scores, with one rank for equal scores; above 500 ranks, number quantile bins instead.

    Returns:
        An integer for each row, ascending with the score, and the number of ranks or bins.

    Example:
        >>> bin_scores(np.array([0.5, 0.1, 0.5]))
        (array([1, 0, 1]), 2)
    """
    distinct, ranks = np.unique(scores, return_inverse=True)
    if len(distinct) <= BINS:
        return ranks, len(distinct)
    # Quantiles repeat where many scores are equal; a bin between equal edges would be empty.
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, scores, side="right"), len(edges) + 1


def wilson_interval(share: float, rows: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share of a number of rows (Wilson 1927); it has a width even at 0 and 1.

    A mean of values between 0 and 1 varies at most as a share does, so for it the interval is a cautious one.

    Example:
        >>> [round(bound, 2) for bound in wilson_interval(1.0, 3)]
        [0.44, 1.0]
    """
    square = 1.96**2
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    half = 1.96 / (1 + square / rows) * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    return max(0.0, centre - half), min(1.0, centre + half)
