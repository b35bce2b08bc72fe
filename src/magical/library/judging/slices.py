"""Slices: the parts of a table where a model errs more than elsewhere, declared or found.

Weak slices are sought on one half of the rows, by a tree of depth 3 on the losses (Chung et al. 2019) and
among all pairs of bins; those that stand out are tested on the other half, and the tests corrected for their
number (Benjamini & Hochberg 1995). A slice that only the seeking made weak fails on the other half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.errors import BrokenPromise, did_you_mean
from magical.library.judging.conditions import Condition, Slice, cut_column, merge_conditions, write_slice
from magical.library.metrics.metrics import Array

__all__ = ["find_slices"]

_SCHEMA = {
    "slice": pl.String,
    "kind": pl.String,
    "rows": pl.Int64,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "difference": pl.Float64,
    "p": pl.Float64,
    "confirmed": pl.Boolean,
}
_SEED = 1995
_SOUGHT_ROWS = 20_000  # of the half that finds; the pairs of 400 bins then take a fifth of a second
_LEAST_ROWS, _LEAST_SHARE = 8, 0.02  # of a half, of one slice
_CANDIDATES = 10  # tested on the other half: each more costs power
_FALSE_SHARE = 0.05  # of the slices called weak, on average at most so many are not
_DECLARED_VALUES = 30  # of one declared column
_BINS, _LEVELS = 5, 10


def find_slices(
    table: pl.DataFrame,
    losses: Array,
    metric: str = "log_loss",
    declared: Sequence[str] = (),
    units: Array | None = None,
) -> pl.DataFrame:
    """Judge the slices of declared columns, and find further slices where the loss is larger than elsewhere.

    Args:
        table: the columns to cut by: those of the evaluated table, without ids, target and predictions.
        losses: the loss of each row, such as minus the logarithm of the probability of the truth.
        metric: the name of the loss.
        declared: columns of the table of which every value is judged (at most the 30 most frequent), or
            fifths, if a number or a date has more values.
        units: the number of each row's group, from 0: rows of one group err together, and stay in one half.

    Returns:
        A line for each slice, the declared ones first. ``value`` is its mean loss with a 95 % interval,
        ``difference`` that to all other rows, ``p`` the chance of so much in rows that are as all others,
        corrected for the number of slices; ``confirmed`` is true below 0.05. Of a found slice these come
        from the rows that it was not found on, and only confirmed ones are listed; ``rows`` are all of it.

    Raises:
        BrokenPromise: a declared column is not in the table.

    Example:
        >>> table = pl.DataFrame({"country": ["DE", "FR"] * 200, "age": range(400)})
        >>> losses = np.where(table["country"] == "DE", 2.0, 1.0) + np.arange(400) % 7 / 7
        >>> find_slices(table, losses)["slice", "rows", "kind"].rows()
        [("country = 'DE'", 200, 'found')]
    """
    for name in declared:
        if name not in table.columns:
            raise BrokenPromise(
                f"evaluate: there is no column {name!r} to slice by.", hint=did_you_mean(name, table.columns)
            )
    losses = np.asarray(losses, dtype=np.float64)
    units = np.arange(len(losses)) if units is None else units
    everywhere = np.ones(len(losses), dtype=bool)
    known = [(s,) for name in declared for s in cut_column(table[name], _BINS, _DECLARED_VALUES)]
    judged = [_judge(s, _select(s, table), everywhere, losses, units) for s in known]
    lines = [(*line[:1], "declared", *line[1:]) for line in _correct(judged)]
    finding = _halve(units)
    weak = list(_seek(table.filter(finding), losses[finding])) if finding.sum() >= 2 * _LEAST_ROWS else []
    judged = [_judge(s, _select(s, table), ~finding, losses, units) for s in weak if s not in known]
    found = [(*line[:1], "found", *line[1:]) for line in _correct(judged) if line[-1]]
    rows = [(text, kind, n, metric, *rest) for text, kind, n, *rest in lines + found]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _halve(units: Array) -> NDArray[np.bool_]:
    """Mark the rows of one half of the units, chosen at random."""
    chosen = np.random.default_rng(_SEED).permutation(int(units.max(initial=-1)) + 1) % 2 == 0
    half: NDArray[np.bool_] = chosen[units]
    return half


def _select(conditions: Slice, table: pl.DataFrame) -> NDArray[np.bool_]:
    masks = [c.select(table[c.column]) for c in conditions]
    selected: NDArray[np.bool_] = np.logical_and.reduce(masks)
    return selected


def _judge(
    conditions: Slice, inside: NDArray[np.bool_], part: NDArray[np.bool_], losses: Array, units: Array
) -> tuple[str, int, float | None, float | None, float | None, float | None, float]:
    """Compute text, rows, mean loss, interval, difference to all other rows, and p on a part of the rows."""
    from scipy import stats

    text, rows = write_slice(conditions), int(inside.sum())
    (count, mean, variance) = _summarize(losses, units, inside & part)
    (others, rest, spread) = _summarize(losses, units, ~inside & part)
    if not count:
        return text, rows, None, None, None, None, 1.0
    if count < 2 or others < 2:
        return text, rows, mean, None, None, mean - rest if others else None, 1.0
    half = float(stats.t.ppf(0.975, count - 1)) * variance**0.5
    error, difference = (variance + spread) ** 0.5, mean - rest
    if error == 0:
        p = 0.0 if difference > 0 else 1.0
    else:  # Welch 1947: the two variances differ
        freedom = (variance + spread) ** 2 / (variance**2 / (count - 1) + spread**2 / (others - 1))
        p = float(stats.t.sf(difference / error, freedom))
    low = max(mean - half, min(float(losses.min()), 0.0))  # no mean of losses of at least 0 is below it
    return text, rows, mean, low, mean + half, difference, p


def _summarize(losses: Array, units: Array, chosen: NDArray[np.bool_]) -> tuple[int, float, float]:
    """Return the number of units, the mean loss of the chosen rows, and the variance of that mean."""
    if not chosen.any():
        return 0, 0.0, 0.0
    values, places = losses[chosen], np.unique(units[chosen], return_inverse=True)[1]
    mean, count = float(values.mean()), int(places.max()) + 1
    # Of units, not rows: a mean of rows that err together varies more than that of as many single ones.
    deviations = np.bincount(places, weights=values - mean)
    return count, mean, float((deviations**2).sum() / len(values) ** 2 * count / max(count - 1, 1))


def _correct(lines: Sequence[tuple]) -> list[tuple]:  # type: ignore[type-arg]
    """Replace the last entry p by its correction for the number of lines, and add if it is small."""
    if not lines:
        return []
    from scipy import stats

    corrected = stats.false_discovery_control([line[-1] for line in lines])
    return [(*line[:-1], float(p), bool(p <= _FALSE_SHARE)) for line, p in zip(lines, corrected, strict=True)]


def _seek(table: pl.DataFrame, losses: Array) -> Iterator[Slice]:
    """Yield the slices that stand out most, each of other rows than those before it."""
    if len(losses) > _SOUGHT_ROWS:
        rows = np.sort(np.random.default_rng(_SEED).choice(len(losses), _SOUGHT_ROWS, replace=False))
        table, losses = table[rows], losses[rows]
    losses = np.minimum(losses, np.quantile(losses, 0.99))  # one monstrous row makes no slice
    columns = [c for c in table.get_columns() if not (c.dtype.is_nested() or c.dtype == pl.Object)]
    bins = [b for c in columns for b in cut_column(c, _BINS, _LEVELS)]
    if not bins or losses.std() == 0:
        return
    least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(losses)))
    onehot = np.column_stack([b.select(table[b.column]) for b in bins])
    slices = dict.fromkeys(
        [*_pair_bins(bins, onehot, losses, least), *_grow_tree(bins, table, losses, least)]
    )
    ranked = []
    for conditions in slices:
        inside = _select(conditions, table)
        if least <= int(inside.sum()) <= len(losses) - least:
            # A shorter slice is preferred to a longer one that stands out as much.
            ranked.append((_stand_out(inside, losses) - 0.7 * (len(conditions) - 1), conditions, inside))
    ranked.sort(key=lambda r: -r[0])
    yield from _skip_repeated(ranked, losses)


def _stand_out(inside: NDArray[np.bool_], losses: Array) -> float:
    """Compute the difference of the mean losses inside and of all, in standard errors."""
    count = int(inside.sum())
    error = losses.std() / (count / (1 - count / len(losses))) ** 0.5
    return float((losses[inside].mean() - losses.mean()) / error)


def _skip_repeated(
    ranked: Iterable[tuple[float, Slice, NDArray[np.bool_]]], losses: Array
) -> Iterator[Slice]:
    """Skip slices that stand out only by rows of those before them."""
    covered, taken = np.zeros(len(losses), dtype=bool), 0
    for excess, conditions, inside in ranked:
        if excess < 1 or taken == _CANDIDATES:
            return
        fresh = inside & ~covered
        if fresh.sum() > 0.5 * inside.sum() and _stand_out(fresh, losses) > 1:
            covered, taken = covered | inside, taken + 1
            yield conditions


def _pair_bins(
    bins: Sequence[Condition], onehot: NDArray[np.bool_], losses: Array, least: int
) -> Iterator[Slice]:
    """Yield the bins, and the pairs of bins of two columns, whose mean loss stands out most."""
    ones = onehot.astype(np.float32)
    centred = ((losses - losses.mean()) / losses.std()).astype(np.float32)
    counts, sums = ones.T @ ones, (ones * centred[:, None]).T @ ones  # of all pairs at once
    excess = np.where(counts >= least, sums / np.sqrt(np.maximum(counts, 1)), -np.inf)
    excess[np.tril_indices(len(bins), -1)] = -np.inf
    for place in np.argsort(-excess, axis=None, kind="stable")[:60]:
        first, second = divmod(int(place), len(bins))
        if excess[first, second] > 1:
            yield (bins[first],) if first == second else (bins[first], bins[second])
    for place in np.argsort(-np.diag(excess), kind="stable")[:20]:
        yield (bins[int(place)],)


def _grow_tree(bins: Sequence[Condition], table: pl.DataFrame, losses: Array, least: int) -> Iterator[Slice]:
    """Yield the leaves of a tree of depth 3 on the losses."""
    from sklearn.tree import DecisionTreeRegressor

    splits: list[tuple[Condition, Condition]] = []
    for b in bins:
        splits += [pair for pair in b.halves() if pair not in splits]
    matrix = np.column_stack([a.select(table[a.column]) for a, _ in splits]).astype(np.float32)
    grown = (
        DecisionTreeRegressor(max_depth=3, min_samples_leaf=least, random_state=0).fit(matrix, losses).tree_
    )

    def descend(node: int, path: Slice) -> Iterator[Slice]:
        if grown.children_left[node] < 0:
            yield from [merge_conditions(path)] if path else []
            return
        inside, outside = splits[grown.feature[node]]
        yield from descend(grown.children_right[node], (*path, inside))
        yield from descend(grown.children_left[node], (*path, outside))

    yield from descend(0, ())
