"""A target that can be learnt: a fixed rule on a few of the other columns, and noise."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from magical.contracts.schema import Column, Schema
from magical.synthesis.bounds import Span, interval_of, span_of
from magical.synthesis.column_values import different, dtype_of, listed, multiples_of, spread, whole
from magical.synthesis.rng import Chance, Integers

__all__ = ["arranged", "target_of"]

_CAUSES, _NOISE, _SAMPLED, _KINDS = 3, 0.15, 4096, 200
_POSITIVE = (7, 3)
"""Of ten rows so many are False, and so many True."""


def target_of(schema: Schema, table: pl.DataFrame, chance: Chance) -> pl.Series:
    """Give the target of made-up rows.

    Truths are True in three rows of ten; of several classes the first is about twice as frequent as the last;
    examples decide the balance where there are some; numbers fill their bounds.

    Args:
        schema: has a target.
        table: the other columns.
        chance: decides what the target depends on, and how.
    """
    column = schema.column(schema.target or "")
    score = _score(schema, table, chance)
    classes = _classes(column)
    if classes is not None:
        values, weights = classes
        return values.gather(_ranked(score, weights)).alias(column.name)
    share = np.clip(score * 0.25 + 0.5, 0.0, 1.0)
    if column.type == "float" and "multiple_of" in column.bounds:
        span, multiple = multiples_of(column)
        return pl.Series(column.name, _filling(span, share).astype(np.float64) * multiple)
    if column.type == "float":
        low, high = interval_of(column)
        if low is None and high is None:
            return pl.Series(column.name, score)
        least = low if low is not None else (high or 0.0) - max(1000.0, abs(high or 0.0) / 8)
        most = high if high is not None else least + max(1000.0, abs(least) / 8)
        return pl.Series(column.name, np.clip(least * (1.0 - share) + most * share, least, most))
    return whole(column, _filling(span_of(column), share))


def arranged(values: pl.Series, schema: Schema, table: pl.DataFrame, chance: Chance) -> pl.Series:
    """Give values as the target of made-up rows: the higher a row's score, the later its value in order.

    Args:
        values: as many as there are rows, spread as they should be.
        schema: has a target.
        table: the other columns.
        chance: decides what the target depends on, and how.
    """
    order = np.argsort(_score(schema, table, chance), kind="stable")
    places = np.empty(len(order), dtype=np.uint32)
    places[order] = np.arange(len(order), dtype=np.uint32)
    return values.sort().gather(places)


def _filling(span: Span, share: Integers) -> Integers:
    """The numbers of a span, from its low end to its high one as the shares say."""
    most = min(span.count, 1 << 52)
    return spread(span, np.minimum((share * float(most)).astype(np.uint64), np.uint64(most - 1)))


def _classes(column: Column) -> tuple[pl.Series, list[int]] | None:
    """The values of a target in order, and how frequent they are; nothing for numbers."""
    values = listed(column)
    if values is not None:
        kinds = values.unique(maintain_order=True)
        if column.choices:
            kinds = pl.Series(column.name, [c for c in column.choices if c in set(kinds)], dtype=values.dtype)
        elif values.dtype != pl.List:
            kinds = kinds.sort()
        if column.examples:
            often = dict(values.value_counts().iter_rows())
            return kinds, [often[k] for k in kinds]
    elif column.type in ("str", "bool") or dtype_of(column) == pl.String:
        kinds = different(column, 3)
    else:
        return None
    if kinds.dtype == pl.Boolean and kinds.len() == 2:
        return kinds.sort(), list(_POSITIVE)
    return kinds, [2 * kinds.len() - i for i in range(kinds.len())]


def _ranked(score: Integers, weights: list[int]) -> Integers:
    """The class of each row: the higher the score, the later, each as frequent as its weight says."""
    height, total = len(score), sum(weights)
    ends = np.cumsum(weights)[:-1].astype(object) * height // total
    for i in range(len(ends)):  # no class is empty where there are rows enough
        ends[i] = min(max(ends[i], i + 1), max(height - len(weights) + i + 1, 0))
    cuts = [int(e) for e in ends]
    inside = sorted({e for e in cuts if 0 < e < height})
    ordered = np.partition(score, inside) if inside else score
    edges = [-np.inf if e <= 0 else ordered[e] if e < height else np.inf for e in cuts]
    return np.searchsorted(np.array(edges, dtype=np.float64), score, side="right").astype(np.uint32)


def _score(schema: Schema, table: pl.DataFrame, chance: Chance) -> Integers:
    noise = chance.normal(table.height) * _NOISE
    total = np.zeros(table.height)
    for number, column in enumerate(_causes(schema, table, chance)):
        weight = (1.0, 0.75, 0.5)[number] * (1.0 if chance.one(2) else -1.0)
        total = total + weight * _effect(table.get_column(column.name), chance)
    found: Integers = total + noise if total.any() else noise / _NOISE
    return found


def _causes(schema: Schema, table: pl.DataFrame, chance: Chance) -> list[Column]:
    """Up to three features: what is a number, a choice or a date first, since a model sees it best."""
    usable = [c for c in schema.features if c.name in table.columns and c.type != "list"]
    plain = [c for c in usable if c.type in ("str", "any") and not c.choices and not c.examples]
    best = [c for c in usable if c not in plain]
    found: list[Column] = []
    for some in (best, plain):
        rest = list(some)
        while rest and len(found) < _CAUSES:
            found.append(rest.pop(chance.one(len(rest))))
    return found


def _effect(values: pl.Series, chance: Chance) -> Integers:
    """What each row's value does: from about -1 to 1, and 0 where it is missing."""
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        numbers = values.to_physical().cast(pl.Float64).fill_nan(None)
        some = numbers.drop_nulls().gather_every(max(1, values.len() // _SAMPLED)).sort()
        if some.is_empty():
            return np.zeros(values.len())
        low, high = some[some.len() // 10], some[some.len() - 1 - some.len() // 10]
        if not low < high or high - low == np.inf:
            return np.zeros(values.len())
        share = numbers.fill_null((low + high) / 2).to_numpy()
        found: Integers = np.clip((share - low) / (high - low), -0.25, 1.25) * 2.0 - 1.0
        return found
    texts = values.cast(pl.String)
    kinds = texts.drop_nulls().unique().sort()
    if kinds.len() > _KINDS:
        return np.zeros(values.len())
    words = str(chance.one(1 << 32))
    strengths = [hashlib.sha256(f"{words}{k}".encode()).digest()[0] / 127.5 - 1.0 for k in kinds]
    if kinds.len() == 2:
        strengths = [-1.0, 1.0]
    return texts.replace_strict(kinds, strengths, default=0.0, return_dtype=pl.Float64).to_numpy()
