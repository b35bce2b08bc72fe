"""Partial dependence: the mean prediction if a column had the same value in all rows (Friedman 2001)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from magical.errors import shorten
from magical.library.judging.importance import JudgedRows, score_means
from magical.library.judging.replayed_rows import ReplayedRows

__all__ = ["tabulate_dependence"]

_PLACES, _CATEGORIES = 12, 10
_SCHEMA = {
    "column": pl.String,
    "place": pl.String,
    "position": pl.Float64,
    "prediction": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "rows": pl.Int64,
}


class _Place(NamedTuple):
    value: Any
    text: str
    position: float | None
    rows: int


def tabulate_dependence(
    replayed: ReplayedRows, judged: JudgedRows, columns: Iterable[str], output: int = 0, most: int = 6
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Tabulate the mean prediction by the values of columns.

    Args:
        replayed: the rows; in each, the column gets the value, and all else stays.
        judged: their weights and groups.
        columns: the columns, in order. Left out are those that change no prediction, and those whose values
            hardly repeat, such as a free text.
        output: of classes, the number of the class whose probability is meant.
        most: the number of columns to tabulate.

    Returns:
        A line for each place: up to twelve values at the quantiles of numbers and times, the ten most
        frequent of others; ``position`` is the number (days since 1970 for times; null for others), ``rows``
        those nearest to the place, and ``low`` and ``high`` the 95 % interval of the mean over rows. And why
        columns failed.
    """
    lines: list[tuple[Any, ...]] = []
    failed: dict[str, str] = {}
    shown = 0
    for name in columns:
        if shown == most:
            break
        values = replayed.rows[name]
        places = _list_places(values)
        variants = [replayed.rows.with_columns(pl.lit(p.value, values.dtype).alias(name)) for p in places]
        outcomes = replayed.predict_variants(variants)
        if errors := [o for o in outcomes if isinstance(o, Exception)]:
            failed[name] = shorten(f"{type(errors[0]).__name__}: {errors[0]}", 200)
        pairs = [(p, o) for p, o in zip(places, outcomes, strict=True) if isinstance(o, np.ndarray)]
        means = [(p, o if o.ndim == 1 else o[:, output]) for p, o in pairs]
        means = [(p, values) for p, values in means if not np.isnan(values).all()]
        if any(not np.array_equal(values, means[0][1], equal_nan=True) for _, values in means):
            shown += 1
            scores = score_means(np.column_stack([values for _, values in means]), judged)
            for place, score in zip([p for p, _ in means], scores, strict=True):
                numbers = (score.value, score.low, score.high)
                lines.append((name, place.text, place.position, *numbers, place.rows))
    return pl.DataFrame(lines, schema=_SCHEMA, orient="row"), failed


def _list_places(values: pl.Series) -> list[_Place]:
    known = values.drop_nulls()
    if values.dtype.is_float():
        known = known.filter(known.is_finite())
    if known.is_empty() or values.dtype.is_nested():
        return []
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        return _list_numbers(known)
    counts = known.rename("value").value_counts(name="rows").sort("rows", "value", descending=[True, False])
    if counts["rows"][0] < 2:
        return []  # each row has a text of its own
    return [_Place(v, shorten(v, 60), None, n) for v, n in counts.head(_CATEGORIES).rows()]


def _list_numbers(known: pl.Series) -> list[_Place]:
    ordered = known.sort()
    places = ordered.unique(maintain_order=True)
    if len(places) > _PLACES:
        shares = np.linspace(0.02, 0.98, _PLACES)
        places = ordered.gather((shares * (len(ordered) - 1)).round().astype(int)).unique(maintain_order=True)
    positions, all_positions = _position(places), _position(ordered)
    middles = (positions[1:] + positions[:-1]) / 2
    rows = np.bincount(np.searchsorted(middles, all_positions), minlength=len(places))
    texts = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in places]
    return [_Place(*p) for p in zip(places.to_list(), texts, positions.tolist(), rows.tolist(), strict=True)]


def _position(values: pl.Series) -> Any:
    if values.dtype == pl.Time:
        return values.cast(pl.Int64).to_numpy() / 3.6e12  # hours
    if values.dtype == pl.Duration:
        return values.dt.total_microseconds().to_numpy() / 8.64e10  # days
    if values.dtype.is_temporal():
        return values.cast(pl.Datetime("us")).cast(pl.Int64).to_numpy() / 8.64e10
    return values.cast(pl.Float64).to_numpy()
