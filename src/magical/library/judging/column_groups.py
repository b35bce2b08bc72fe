"""Groups of columns of which one tells much about another: shuffling one alone would say too little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from magical.library.metrics.metrics import Array

__all__ = ["group_columns"]

_SHARE = 0.8  # of the variance of the ranks that the other column explains: a correlation of 0.9
_BINS, _LEAST_IN_BIN, _ROWS = 20, 5, 2_000


def group_columns(table: pl.DataFrame) -> list[tuple[str, ...]]:
    """Group columns of which one explains another: correlated ones, and functions of one another.

    A column is cut into twenty bins of equal size, or into its frequent values. It explains another if the
    mean rank of the other (or the share of each of its values) differs so much between bins that this is four
    fifths of all variance. So are found: monotone relations, such as prices with and without tax; others,
    such as a number and its square; and categories with their parts, such as cities and countries. A time
    explains nothing, but can be explained.

    Returns:
        All columns, in order; a group stands at the place of its first column.

    Example:
        >>> x = np.random.default_rng(0).normal(size=300)
        >>> group_columns(pl.DataFrame({"x": x, "other": x[::-1], "square": x**2}))
        [('x', 'square'), ('other',)]
    """
    if table.height > _ROWS:
        table = table.sample(_ROWS, seed=0)
    names = table.columns
    codes = [_cut(c) for c in table.get_columns()]
    explained = np.zeros((len(names), len(names)), dtype=bool)
    if table.height >= _BINS * _LEAST_IN_BIN // 2:
        parts = [_spread_values(c, k) for c, k in zip(table.get_columns(), codes, strict=True)]
        owners = np.repeat(np.arange(len(names)), [p.shape[1] for p in parts])
        values = np.column_stack(parts)
        values = values - values.mean(axis=0)
        for row, code in enumerate(codes):
            # Whatever changes slowly is a function of the time, and would be of its group.
            if table.dtypes[row].is_temporal():
                continue
            explained[row] = _explain(code, values, owners, len(names)) >= _SHARE
    return list(_join(names, explained | explained.T))


def _explain(code: Array, values: Array, owners: Array, columns: int) -> Array:
    """Compute the share of each column's variance that bins explain, less what they would by chance."""
    bins, rows = int(code.max(initial=-1)) + 1, len(code)
    if bins < 2:
        return np.zeros(columns)
    onehot = np.zeros((rows, bins))
    onehot[np.arange(rows), code] = 1
    between = ((onehot.T @ values) ** 2 / onehot.sum(axis=0)[:, None]).sum(axis=0)
    total = (values**2).sum(axis=0)
    sums = [np.bincount(owners, weights=w, minlength=columns) for w in (between, total)]
    share = np.divide(sums[0], sums[1], out=np.zeros(columns), where=sums[1] > 1e-9)
    adjusted: Array = 1 - (1 - share) * (rows - 1) / (rows - bins)
    return adjusted


def _cut(values: pl.Series) -> Array:
    """Number the bin of each row from 0: of quantiles, or of values; few rows share the last one."""
    if _is_ordered(values) and values.n_unique() > _BINS:
        ranks = values.rank("dense").fill_null(0).to_numpy()
        codes = np.searchsorted(np.unique(np.quantile(ranks, np.linspace(0, 1, _BINS + 1)[1:-1])), ranks)
    else:
        codes = _number_values(values)
    counts = np.bincount(codes)
    kept = np.argsort(-counts, kind="stable")[:_BINS]
    kept = kept[counts[kept] >= _LEAST_IN_BIN]
    places = np.full(len(counts), len(kept))
    places[kept] = np.arange(len(kept))
    return np.unique(places[codes], return_inverse=True)[1]


def _spread_values(values: pl.Series, codes: Array) -> Array:
    """Return the ranks of a column, or a column of zeros and ones for each of its frequent values."""
    if _is_ordered(values):
        ranks = values.rank("average").cast(pl.Float64)
        filled = ranks.fill_null(ranks.mean() or 0.0)
        return (filled.to_numpy() / max(len(values), 1))[:, None]
    return np.eye(int(codes.max(initial=0)) + 1)[codes]


def _is_ordered(values: pl.Series) -> bool:
    return values.dtype.is_numeric() or values.dtype.is_temporal()


def _number_values(values: pl.Series) -> Array:
    if values.dtype.is_nested() or values.dtype == pl.Object:
        return np.zeros(len(values), dtype=np.int64)
    return values.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _join(names: Sequence[str], linked: Array) -> Iterator[tuple[str, ...]]:
    """Yield the groups of columns that are linked, also by way of others."""
    left = dict.fromkeys(range(len(names)))
    while left:
        group = [next(iter(left))]
        for place in group:
            left.pop(place, None)
            group += [o for o in left if linked[place, o] and o not in group]
        yield tuple(names[place] for place in sorted(group))
