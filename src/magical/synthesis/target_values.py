"""Values of a target that a model can learn: a seeded rule on a few other columns, plus noise."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from magical.contracts.schema import Column, Schema
from magical.synthesis.bounds import IntegerRange, close_float_range, find_float_range, find_integer_range
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
"""Of ten rows, seven are False and three True."""


def generate_target(schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> pl.Series:
    """Generate the target of a table from up to three of its other columns.

    Three of ten booleans are True; of several classes, the first is about twice as frequent as the last;
    classes with examples are as frequent as in the examples; numbers are spread over their bounds.

    Example:
        >>> schema = Schema("Customer", (Column("age", "int"), Column("left", "bool", role="target")))
        >>> generate_target(schema, pl.DataFrame({"age": range(10)}), SeededRandom("seed")).sum()
        3
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
        interval = find_float_range(column)
        if interval == (None, None):
            return pl.Series(column.name, score)
        low, high = close_float_range(interval)
        return pl.Series(column.name, np.clip(low * (1.0 - share) + high * share, low, high))
    return convert_integers(column, _spread_over_range(find_integer_range(column), share))


def arrange_by_score(values: pl.Series, schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> pl.Series:
    """Distribute values over the rows of a table: the greater the score of a row, the greater its value.

    Args:
        values: one for each row.
        schema: the schema, whose features the score is computed from.
        table: the columns other than the target.
        rng: chooses the columns and their weights.
    """
    order = np.argsort(_compute_score(schema, table, rng), kind="stable")
    ranks = np.empty(len(order), dtype=np.uint32)
    ranks[order] = np.arange(len(order), dtype=np.uint32)
    return values.sort().gather(ranks)


def _spread_over_range(span: IntegerRange, share: NumberArray) -> NumberArray:
    """Map shares from 0 to 1 to the numbers of a range."""
    most = min(span.count, 1 << 52)  # a float is exact up to here
    return take_from_range(span, np.minimum((share * float(most)).astype(np.uint64), np.uint64(most - 1)))


def _find_classes(column: Column) -> tuple[pl.Series, list[int]] | None:
    """Return the classes of a target in order, and their weights; None for numbers."""
    values = find_listed_values(column)
    if values is not None:
        classes = values.unique(maintain_order=True)
        if column.choices:
            present = set(classes)
            classes = pl.Series(column.name, [c for c in column.choices if c in present], dtype=values.dtype)
        elif values.dtype != pl.List:
            classes = classes.sort()
        if column.examples:
            counts = dict(values.value_counts().iter_rows())
            return classes, [counts[c] for c in classes]
    elif column.type in ("str", "bool") or dtype_of(column) == pl.String:
        classes = generate_unique(column, 3)
    else:
        return None
    if classes.dtype == pl.Boolean and classes.len() == 2:
        return classes.sort(), list(_FALSE_TRUE_WEIGHTS)
    return classes, [2 * classes.len() - i for i in range(classes.len())]


def _assign_classes(score: NumberArray, weights: list[int]) -> NumberArray:
    """Return the class number of each row: in the order of the scores, as frequent as the weights say."""
    height, total = len(score), sum(weights)
    ends = np.cumsum(weights)[:-1].astype(object) * height // total  # Python integers: no overflow
    for i in range(len(ends)):  # no class is empty if there are enough rows
        ends[i] = min(max(ends[i], i + 1), max(height - len(weights) + i + 1, 0))
    cuts = [int(e) for e in ends]
    inside = sorted({e for e in cuts if 0 < e < height})
    # A partition puts the scores at the cuts in place, and is faster than a sort.
    ordered = np.partition(score, inside) if inside else score
    edges = [-np.inf if e <= 0 else ordered[e] if e < height else np.inf for e in cuts]
    return np.searchsorted(np.array(edges, dtype=np.float64), score, side="right").astype(np.uint32)


def _compute_score(schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> NumberArray:
    """Compute a score for each row: the weighted effects of up to three features, plus noise."""
    noise = rng.normal(table.height) * _NOISE
    total = np.zeros(table.height)
    for number, column in enumerate(_choose_causes(schema, table, rng)):
        weight = (1.0, 0.75, 0.5)[number] * (1.0 if rng.integer(2) else -1.0)
        total = total + weight * _compute_effect(table.get_column(column.name), rng)
    score: NumberArray = total + noise if total.any() else noise / _NOISE
    return score


def _choose_causes(schema: Schema, table: pl.DataFrame, rng: SeededRandom) -> list[Column]:
    """Draw up to three features; free text comes last, since a model learns least from it."""
    names = set(table.columns)
    usable = [c for c in schema.features if c.name in names and c.type != "list"]
    free_texts = [c for c in usable if c.type in ("str", "any") and not c.choices and not c.examples]
    causes: list[Column] = []
    for candidates in ([c for c in usable if c not in free_texts], free_texts):
        while candidates and len(causes) < _MAX_CAUSES:
            causes.append(candidates.pop(rng.integer(len(candidates))))
    return causes


def _compute_effect(values: pl.Series, rng: SeededRandom) -> NumberArray:
    """Map the values of a column to effects on the score: about -1 to 1, and 0 where a value is missing."""
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        numbers = values.to_physical().cast(pl.Float64).fill_nan(None)
        sample = numbers.drop_nulls().gather_every(max(1, values.len() // _SAMPLE_SIZE)).sort()
        if sample.is_empty():
            return np.zeros(values.len())
        # The outer deciles set the scale, so that an outlier does not flatten all other values.
        low, high = sample[sample.len() // 10], sample[sample.len() - 1 - sample.len() // 10]
        if not low < high or high - low == np.inf:
            return np.zeros(values.len())
        filled = numbers.fill_null((low + high) / 2).to_numpy()
        effects: NumberArray = np.clip((filled - low) / (high - low), -0.25, 1.25) * 2.0 - 1.0
        return effects
    texts = values.cast(pl.String)
    distinct = texts.drop_nulls().unique().sort()
    if distinct.len() > _MAX_DISTINCT:
        return np.zeros(values.len())
    salt = str(rng.integer(1 << 32))
    strengths = [hashlib.sha256(f"{salt}{text}".encode()).digest()[0] / 127.5 - 1.0 for text in distinct]
    if distinct.len() == 2:  # hashes of two values may be close to each other
        strengths = [-1.0, 1.0]
    return texts.replace_strict(distinct, strengths, default=0.0, return_dtype=pl.Float64).to_numpy()
