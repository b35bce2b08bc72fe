"""Importance of columns: the loss that a model gains if they are shuffled (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.errors import shorten
from magical.library.judging.column_groups import group_columns
from magical.library.judging.replayed_rows import ReplayedRows, compute_outcome
from magical.library.metrics.bootstrap import Resamples, percentile_interval
from magical.library.metrics.metrics import Array, compute_log_losses
from magical.library.metrics.scores import Score

__all__ = [
    "Importance",
    "JudgedRows",
    "choose_rows",
    "compute_row_losses",
    "measure_importance",
    "score_means",
]

_SEED = 2001
_SHUFFLED_AGAIN = 10  # columns that are shuffled more than once: those that came first at the first time
_PREDICTED_ROWS = 200_000  # of the first shuffle of all columns; with more columns fewer rows are taken


class JudgedRows(NamedTuple):
    """What the predictions of some rows are judged by.

    Attributes:
        truth: numbers, or class numbers (-1 for a class that the model does not know).
        weights: the weight of each row.
        units: the number of each row's group, from 0; None if each row is one of its own.
    """

    truth: Array
    weights: Array
    units: Array | None = None


@dataclass
class Importance:
    """The importance of groups of columns.

    Attributes:
        values: for each group of columns the loss gained by shuffling it, the largest first.
        base: the loss without any shuffle.
        unused: the columns that the model's features do not depend on.
        constant: the columns with one value in all rows: nothing can be told of them.
        failed: for each group whose shuffled rows could not be predicted, why.
    """

    values: dict[tuple[str, ...], Score] = field(default_factory=dict)
    base: float = 0.0
    unused: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    failed: dict[tuple[str, ...], str] = field(default_factory=dict)


def compute_row_losses(outcome: Array, truth: Array) -> Array:
    """Compute the loss of each row: its log loss, or its squared error; NaN without a prediction.

    Example:
        >>> compute_row_losses(np.array([1.0, np.nan]), np.array([3.0, 3.0])).tolist()
        [4.0, nan]
    """
    if outcome.ndim == 1:
        losses: Array = (outcome - truth) ** 2
        return losses
    lost: Array = np.isnan(outcome.sum(axis=1))
    return np.where(lost, np.nan, compute_log_losses(np.where(lost[:, None], 1.0, outcome), truth))


def score_means(values: Array, judged: JudgedRows) -> list[Score]:
    """Compute the weighted mean of each column of values, NaN left out, with its interval over the rows."""
    known: Array = ~np.isnan(values)
    weights = known * judged.weights[:, None]
    resamples = Resamples(len(values), _SEED, units=judged.units)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = resamples.sums(np.where(known, values, 0) * weights) / resamples.sums(weights)
    lows, highs = percentile_interval(means)
    return [
        Score(value=float(v), low=float(a), high=float(b))
        for v, a, b in zip(means[0], lows, highs, strict=True)
    ]


def measure_importance(replayed: ReplayedRows, judged: JudgedRows, repeats: int = 5) -> Importance:
    """Measure the loss gained by shuffling each column, or group of columns that explain one another.

    All are shuffled once; the ten that matter most, ``repeats`` times. The interval is that of the mean
    over rows (or groups of rows) of the loss gained, which varies with the rows and with the shuffles.

    Args:
        replayed: the rows; one whose shuffled values reach no feature of the model costs no prediction.
        judged: their truth and weights.
    """
    base = compute_row_losses(compute_outcome(replayed.model, replayed.features), judged.truth)
    constant = tuple(c.name for c in replayed.rows.get_columns() if _is_constant(c))
    groups = group_columns(replayed.rows.drop(constant))
    found = Importance(base=float(np.average(base, weights=judged.weights)), constant=constant)
    gains: dict[tuple[str, ...], list[Array]] = {}
    for repeat in range(repeats):
        order = np.random.default_rng([_SEED, repeat]).permutation(len(base))
        for group, outcome in _predict_shuffled(replayed, groups, order):
            if isinstance(outcome, Exception):
                found.failed[group] = shorten(f"{type(outcome).__name__}: {outcome}", 200)
            elif (
                outcome is not None
                and np.isnan(gain := compute_row_losses(outcome, judged.truth) - base).all()
            ):
                found.failed[group] = "no row is left by the steps when its values are shuffled"
            elif outcome is not None:
                gains.setdefault(group, []).append(gain)
            elif repeat == 0:
                found.unused += group
            else:
                gains[group].append(np.zeros_like(base))
        if repeat == 0:
            means = {g: float(np.nanmean(v[0])) for g, v in gains.items()}
            groups = sorted(means, key=lambda g: -abs(means[g]))[:_SHUFFLED_AGAIN]
        groups = [g for g in groups if g not in found.failed]
    gains = {g: v for g, v in gains.items() if g not in found.failed}
    if gains:
        with np.errstate(invalid="ignore"):
            table = np.column_stack([_mean_known(v) for v in gains.values()])
        scores = dict(zip(gains, score_means(table, judged), strict=True))
        found.values = dict(sorted(scores.items(), key=lambda s: -s[1].value))
    return found


def _is_constant(values: pl.Series) -> bool:
    return len(values) < 2 or bool((values.head(1).ne_missing(values)).not_().all())


def _mean_known(gains: Sequence[Array]) -> Array:
    """Return the mean gain of each row over the shuffles that it was predicted in; NaN without any."""
    stacked = np.array(gains)
    known = ~np.isnan(stacked)
    total, count = np.where(known, stacked, 0).sum(axis=0), known.sum(axis=0)
    means: Array = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return means


def _predict_shuffled(
    replayed: ReplayedRows, groups: Iterable[tuple[str, ...]], order: Array
) -> Iterator[tuple[tuple[str, ...], Array | Exception | None]]:
    groups, size = list(groups), 50
    for start in range(0, len(groups), size):  # not all at once: the copies take memory
        part = groups[start : start + size]
        variants = [replayed.rows.with_columns(replayed.rows.select(g)[order]) for g in part]
        yield from zip(part, replayed.predict_variants(variants), strict=True)


def choose_rows(rows: int, columns: int, most: int) -> Array | None:
    """Choose the rows to measure on: at most ``most``, fewer of very many columns; None for all."""
    most = min(most, max(500, _PREDICTED_ROWS // max(columns, 1)))
    if rows <= most:
        return None
    return np.sort(np.random.default_rng(_SEED).choice(rows, most, replace=False))
