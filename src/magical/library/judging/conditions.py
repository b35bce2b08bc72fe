"""Conditions on one column: what a slice is made of, on rows and as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.errors import shorten

__all__ = ["Condition", "Slice", "cut_column", "merge_conditions", "write_slice"]


class Condition(NamedTuple):
    """A condition on one column: a range of values, one value, any other value, or none.

    Attributes:
        kind: ``range``, ``equal``, ``other`` or ``null``, which has no value.
        low: the least value of a range, which is in it; None without a limit.
        high: the limit above, which is not in it.
        value: the value of ``equal`` and ``other``.

    Example:
        >>> str(Condition("age", "range", high=30)), str(Condition("country", "equal", value="DE"))
        ('age < 30', "country = 'DE'")
    """

    column: str
    kind: str
    low: Any = None
    high: Any = None
    value: Any = None

    def select(self, values: pl.Series) -> NDArray[np.bool_]:
        """Mark the rows that meet the condition; a null is in no range, and another value than any."""
        if self.kind == "null":
            found = values.is_null()
        elif self.kind in ("equal", "other"):
            found = (values == self.value).fill_null(False)
            found = ~found if self.kind == "other" else found
        else:
            found = values.is_not_null()
            found = found if self.low is None else found & (values >= self.low)
            found = found if self.high is None else found & (values < self.high)
        selected: NDArray[np.bool_] = found.fill_null(False).to_numpy()
        return selected

    def halves(self) -> list[tuple[Condition, Condition]]:
        """List the cuts that the condition is made of, each as the two sides of it."""
        if self.kind == "equal":
            return [(self, self._replace(kind="other"))]
        edges = [e for e in (self.low, self.high) if e is not None] if self.kind == "range" else []
        name = self.column
        return [(Condition(name, "range", low=e), Condition(name, "range", high=e)) for e in edges]

    def __str__(self) -> str:
        name = shorten(self.column, 60)
        if self.kind == "null":
            return f"{name} is missing"
        if self.kind in ("equal", "other"):
            return f"{name} {'=' if self.kind == 'equal' else '≠'} {_write_value(self.value)}"
        low, high = (None if e is None else _write_value(e) for e in (self.low, self.high))
        if low is None or high is None:
            return f"{name} < {high}" if low is None else f"{name} ≥ {low}"
        return f"{low} ≤ {name} < {high}"


Slice = tuple[Condition, ...]


def write_slice(conditions: Slice) -> str:
    """Write a slice as text.

    Example:
        >>> write_slice((Condition("age", "range", high=30), Condition("country", "equal", value="DE")))
        "age < 30 and country = 'DE'"
    """
    return " and ".join(map(str, conditions))


def cut_column(values: pl.Series, bins: int, levels: int) -> list[Condition]:
    """Cut a column into conditions that each row meets at most one of.

    Numbers and times of more than ``levels`` values are cut at quantiles, rounded so that the text tells them
    exactly. Of others the most frequent values are taken, and those that are missing.

    Example:
        >>> list(map(str, cut_column(pl.Series("age", [20, 30, 40, 50, None]), 2, 3)))
        ['age < 40', 'age ≥ 40', 'age is missing']
    """
    name, known = values.name, values.drop_nulls()
    if values.dtype.is_float():
        known = known.filter(known.is_finite())
    missing = [Condition(name, "null")] if values.null_count() else []
    distinct = known.n_unique()
    if distinct + len(missing) < 2:
        return []  # one slice of all rows says nothing
    if (values.dtype.is_numeric() or values.dtype.is_temporal()) and distinct > levels:
        edges = _round_edges(known, [i / bins for i in range(1, bins)])
        limits = [None, *edges, None]
        return [Condition(name, "range", a, b) for a, b in pairwise(limits)] + missing
    counted = known.value_counts(name="__rows__").sort("__rows__", name, descending=[True, False])
    return [Condition(name, "equal", value=v) for v in counted[name].head(levels)] + missing


def _round_edges(known: pl.Series, shares: Sequence[float]) -> list[Any]:
    """Return the quantiles, with three digits where that changes little, without repetitions or the least."""
    ordered, least = known.sort(), known.min()
    edges = [ordered[int(share * (len(ordered) - 1) + 0.5)] for share in shares]
    if known.dtype.is_float():
        edges = [float(f"{edge:.3g}") for edge in edges]
    return [e for e in dict.fromkeys(edges) if e > least]


def merge_conditions(conditions: Slice) -> Slice:
    """Join conditions on the same column: ranges to the narrowest, and one value where others are excluded.

    Example:
        >>> old, young = Condition("age", "range", low=20), Condition("age", "range", high=30)
        >>> write_slice(merge_conditions((old, young)))
        '20 ≤ age < 30'
    """
    merged: dict[tuple[str, str, Any], Condition] = {}
    for c in conditions:
        place = (c.column, c.kind, None if c.kind == "range" else c.value)
        known = merged.get(place, c)
        lows = [e for e in (known.low, c.low) if e is not None]
        highs = [e for e in (known.high, c.high) if e is not None]
        merged[place] = c._replace(low=max(lows, default=None), high=min(highs, default=None))
    equal = {c.column for c in merged.values() if c.kind == "equal"}
    return tuple(c for c in merged.values() if not (c.kind == "other" and c.column in equal))


def _write_value(value: Any) -> str:
    if isinstance(value, str):
        return repr(shorten(value, 40))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
