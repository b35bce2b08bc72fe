"""A target that can be learnt: a fixed rule on a few of the other columns, and noise."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from magical.contracts.schema import Column, Schema
from magical.synthesis.bounds import IntegerRange, find_float_range, find_integer_range
from magical.synthesis.column_values import (
    convert_integers,
    dtype_of,
    find_listed_values,
    find_multiples,
    generate_unique,
    take_from_range,
)
from magical.synthesis.rng import NumberArray, SeededRandom

__all__ = ["arrange_by_score", "generate_target"]

_MAX_CAUSES, _NOISE, _SAMPLE_SIZE, _MAX_DISTINCT = 3, 0.15, 4096, 200
_FALSE_TRUE_WEIGHTS = (7, 3)
"""Of ten rows so many are False, and so many True."""


def generate_target(schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> pl.Series:
    """Give the target of made-up rows.

    Truths are True in three rows of ten; of several classes the first is about twice as frequent as the last;
    examples decide the balance where there are some; numbers fill their bounds.

    Args:
        schema: has a target.
        table: the other columns.
        chance: decides what the target depends on, and how.
    """
    column = schema.column(schema.target or "")
    score = _compute_score(schema, table, rng)
    classes = _find_classes(column)
    if classes is not None:
        values, weights = classes
        return values.gather(_assign_classes(score, weights)).alias(column.name)
    share = np.clip(score * 0.25 + 0.5, 0.0, 1.0)
    if column.type == "float" and "multiple_of" in column.bounds:
        span, multiple = find_multiples(column)
        return pl.Series(column.name, _spread_over_range(span, share).astype(np.float64) * multiple)
    if column.type == "float":
        low, high = find_float_range(column)
        if low is None and high is None:
            return pl.Series(column.name, score)
        least = low if low is not None else (high or 0.0) - max(1000.0, abs(high or 0.0) / 8)
        most = high if high is not None else least + max(1000.0, abs(least) / 8)
        return pl.Series(column.name, np.clip(least * (1.0 - share) + most * share, least, most))
    return convert_integers(column, _spread_over_range(find_integer_range(column), share))


def arrange_by_score(values: pl.Series, schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> pl.Series:
    """Give values as the target of made-up rows: the higher a row's score, the later its value in order.

    Args:
        values: as many as there are rows, spread as they should be.
        schema: has a target.
        table: the other columns.
        chance: decides what the target depends on, and how.
    """
    order = np.argsort(_compute_score(schema, table, rng), kind="stable")
    places = np.empty(len(order), dtype=np.uint32)
    places[order] = np.arange(len(order), dtype=np.uint32)
    return values.sort().gather(places)


def _spread_over_range(span: IntegerRange, share: NumberArray) -> NumberArray:
    """The numbers of a span, from its low end to its high one as the shares say."""
    most = min(span.count, 1 << 52)
    return take_from_range(span, np.minimum((share * float(most)).astype(np.uint64), np.uint64(most - 1)))


def _find_classes(column: Column) -> tuple[pl.Series, list[int]] | None:
    """The values of a target in order, and how frequent they are; nothing for numbers."""
    values = find_listed_values(column)
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
        kinds = generate_unique(column, 3)
    else:
        return None
    if kinds.dtype == pl.Boolean and kinds.len() == 2:
        return kinds.sort(), list(_FALSE_TRUE_WEIGHTS)
    return kinds, [2 * kinds.len() - i for i in range(kinds.len())]


def _assign_classes(score: NumberArray, weights: list[int]) -> NumberArray:
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


def _compute_score(schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> NumberArray:
    noise = rng.normal(table.height) * _NOISE
    total = np.zeros(table.height)
    for number, column in enumerate(_choose_causes(schema, table, rng)):
        weight = (1.0, 0.75, 0.5)[number] * (1.0 if rng.integer(2) else -1.0)
        total = total + weight * _compute_effect(table.get_column(column.name), rng)
    found: NumberArray = total + noise if total.any() else noise / _NOISE
    return found


def _choose_causes(schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> list[Column]:
    """Up to three features: what is a number, a choice or a date first, since a model sees it best."""
    usable = [c for c in schema.features if c.name in table.columns and c.type != "list"]
    plain = [c for c in usable if c.type in ("str", "any") and not c.choices and not c.examples]
    best = [c for c in usable if c not in plain]
    found: list[Column] = []
    for some in (best, plain):
        rest = list(some)
        while rest and len(found) < _MAX_CAUSES:
            found.append(rest.pop(rng.integer(len(rest))))
    return found


def _compute_effect(values: pl.Series, rng: SeededRandom) -> NumberArray:
    """What each row's value does: from about -1 to 1, and 0 where it is missing."""
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        numbers = values.to_physical().cast(pl.Float64).fill_nan(None)
        some = numbers.drop_nulls().gather_every(max(1, values.len() // _SAMPLE_SIZE)).sort()
        if some.is_empty():
            return np.zeros(values.len())
        low, high = some[some.len() // 10], some[some.len() - 1 - some.len() // 10]
        if not low < high or high - low == np.inf:
            return np.zeros(values.len())
        share = numbers.fill_null((low + high) / 2).to_numpy()
        found: NumberArray = np.clip((share - low) / (high - low), -0.25, 1.25) * 2.0 - 1.0
        return found
    texts = values.cast(pl.String)
    kinds = texts.drop_nulls().unique().sort()
    if kinds.len() > _MAX_DISTINCT:
        return np.zeros(values.len())
    words = str(rng.integer(1 << 32))
    strengths = [hashlib.sha256(f"{words}{k}".encode()).digest()[0] / 127.5 - 1.0 for k in kinds]
    if kinds.len() == 2:
        strengths = [-1.0, 1.0]
    return texts.replace_strict(kinds, strengths, default=0.0, return_dtype=pl.Float64).to_numpy()
