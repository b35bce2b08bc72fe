"""Say what a contract promises of one column: type, choices, bounds; and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from magical.inference.column_names import (
    has_word_kind,
    is_entity_name,
    is_reference_number,
    last_words,
    split_words,
)
from magical.inference.column_stats import ColumnStats

__all__ = ["InferredType", "infer_target_type", "infer_type", "with_text_choices"]

MAX_CHOICES = 20
MIN_ROWS_PER_CHOICE = 5  # rows for each choice on average; of fewer the choices may not be all there are
MAX_CLASSES = 10  # whole numbers of more kinds are an amount, as a target
MAX_YEAR = 2100
NAMED_RANGES: tuple[tuple[str, float, float], ...] = (
    ("hour hr", 0, 23),
    ("minute", 0, 59),
    ("second", 0, 59),
    ("dayofyear yday", 1, 366),
    ("dayofmonth mday", 1, 31),
    ("weekofyear", 1, 53),
    ("day", 1, 31),
    ("week", 1, 53),
    ("percent percentage pct humidity humid clouds cloudiness", 0, 100),
    ("share fraction probability prob proportion", 0, 1),
    ("direction dir degrees bearing heading azimuth", 0, 360),
    ("latitude lat", -90, 90),
    ("longitude lon lng long", -180, 180),
)
"""What the last word of a name, or its first, says of the least and the most that there can be."""


@dataclass(frozen=True)
class InferredType:
    """What a contract promises of a column.

    Attributes:
        type: as contracts name it.
        choices: the closed set of values.
        bounds: such as ``ge``.
        why: in words, or empty where it speaks for itself.
    """

    type: str
    choices: tuple[Any, ...] = ()
    bounds: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


def infer_type(stats: ColumnStats, has_ints: bool = False) -> InferredType:
    """Say what a column without a role promises.

    Args:
        facts: of a column that has a value.
        has_ints: whether the table has whole numbers elsewhere; then floats that are whole, and lack some
            values, are whole numbers that were written as floats for want of a missing one.

    Example:
        >>> import polars as pl
        >>> infer_type(Facts(pl.Series("zipcode", [98178, 98125] * 20))).type
        'str'
        >>> infer_type(Facts(pl.Series("rooms", [3, 12])))
        Described(type='int', choices=(), bounds={'ge': 0}, why='')
    """
    if stats.kind == "str":
        return _infer_text_type(stats)
    if stats.kind not in ("int", "float"):
        return InferredType(stats.kind)
    if stats.is_zero_one and not has_word_kind(stats.name, "count"):
        return InferredType("bool", reason="0 or 1" if stats.kind == "float" else "")
    if stats.is_whole and _is_code(stats):
        return _infer_code_type(stats)
    return _infer_number_type(stats, has_ints)


def infer_target_type(stats: ColumnStats, has_ints: bool = False) -> InferredType:
    """Say what the column to be predicted promises: a truth, classes, or a number.

    Example:
        >>> import polars as pl
        >>> infer_target_type(Facts(pl.Series("grade", [1, 2, 3] * 20)))
        Described(type='int', choices=(1, 2, 3), bounds={}, why='3 classes; write int to predict a number')
    """
    if stats.kind == "str":
        text = _infer_text_type(stats)
        return InferredType("str", text.choices, reason=f"{stats.unique_count:,} classes")
    if stats.is_zero_one:
        return InferredType("bool")
    few = stats.unique_count <= MAX_CLASSES and len(stats.present) >= MIN_ROWS_PER_CHOICE * stats.unique_count
    if stats.is_whole and (stats.unique_count == 2 or (few and not has_word_kind(stats.name, "count"))):
        words = f"{stats.unique_count} classes; write int to predict a number"
        return InferredType("int", tuple(int(c) for c in stats.choices), reason=words)
    return _infer_number_type(stats, has_ints) if stats.kind in ("int", "float") else InferredType(stats.kind)


def with_text_choices(stats: ColumnStats, inferred_type: InferredType) -> InferredType:
    """Say what a column of numbers promises that a contract calls texts, with the choices of the source."""
    texts = stats.as_texts
    if texts is stats:
        return inferred_type
    choices = sorted(texts.choices, key=lambda t: (len(t), t)) if is_closed_set(texts) else ()
    return replace(inferred_type, choices=tuple(choices))


def is_closed_set(stats: ColumnStats) -> bool:
    """Whether the values seem to be all that there are: few, each there several times."""
    if (
        not 0 < stats.unique_count <= MAX_CHOICES
        or len(stats.present) < MIN_ROWS_PER_CHOICE * stats.unique_count
    ):
        return False
    once = int((stats.value_counts["rows"] == 1).sum())
    return once <= stats.unique_count // 4


def _infer_text_type(stats: ColumnStats) -> InferredType:
    if is_closed_set(stats) and stats.max_length <= 60:
        return InferredType("str", tuple(stats.choices))
    return InferredType("str", reason=f"{stats.unique_count:,} different texts")


def _infer_code_type(stats: ColumnStats) -> InferredType:
    """A number that names something: months and weekdays as they are, others as texts."""
    low, high = int(stats.low), int(stats.high)
    if has_word_kind(stats.name, "month") and low >= 1 and high <= 12:
        return InferredType("int", tuple(range(1, 13)), reason="a number that names something: a category")
    if has_word_kind(stats.name, "weekday") and low >= 0 and high <= 7:
        days = range(1, 8) if high == 7 else range(0, 7)
        return InferredType("int", tuple(days), reason="a number that names something: a category")
    if has_word_kind(stats.name, "quarter") and low >= 1 and high <= 4:
        return InferredType("int", (1, 2, 3, 4), reason="a number that names something: a category")
    if is_closed_set(stats):
        choices = tuple(str(int(c)) for c in stats.choices)
        return InferredType("str", choices, reason="a number that names something: a category")
    return InferredType(
        "str", reason=f"a number that names something: a category of {stats.unique_count:,} kinds"
    )


def _is_code(stats: ColumnStats) -> bool:
    name = stats.name
    limits = {"month": 12, "weekday": 7, "quarter": 4}
    if not has_word_kind(name, "count") or is_reference_number(name):
        for kind, most in limits.items():
            if has_word_kind(name, kind, where="last"):
                return bool(stats.low >= 0 and stats.high <= most)
    if is_reference_number(name) and split_words(name)[-1] != "num" and stats.low >= 0:
        return not _bounds_from_name(stats)
    if has_word_kind(name, "count"):
        return False
    named = has_word_kind(name, "identifier", where="last") or is_entity_name(name, allow_bare=True)
    if named or "code" in split_words(name):
        return True
    return bool(stats.low >= 0) and has_word_kind(name, "code", where="last")


def _infer_number_type(stats: ColumnStats, has_ints: bool) -> InferredType:
    written_as_float = stats.kind == "float" and stats.missing_count > 0 and has_ints
    kind = "int" if stats.kind == "int" or (written_as_float and stats.is_whole) else "float"
    if stats.is_whole and has_word_kind(stats.name, "year") and (year := _year_bounds(stats)):
        return InferredType(kind, bounds=year, reason="a year, used as a number")
    natural = _bounds_from_name(stats)
    if natural:
        return InferredType(kind, bounds={k: int(v) for k, v in natural.items()})
    if stats.low < 0 or has_word_kind(stats.name, "signed"):
        return InferredType(kind)
    return InferredType(kind, bounds={"ge": 0})


def _year_bounds(stats: ColumnStats) -> dict[str, int]:
    """Bounds of a year; a 0 stands for none."""
    years = stats.present.filter(stats.present != 0)
    if years.is_empty():
        return {}
    low, high = int(years.min()), int(years.max())  # type: ignore[arg-type]
    if not (low >= 1000 and high <= MAX_YEAR):
        return {}
    least = 0 if stats.low == 0 else math.floor(low / 50) * 50
    return {"ge": least, "le": MAX_YEAR}


def _bounds_from_name(stats: ColumnStats) -> dict[str, float]:
    words = split_words(stats.name)
    if words == ("age",) or (words[-1] == "age" and has_word_kind(stats.name, "entity")):
        return {"ge": 0, "le": 130} if stats.low >= 0 and stats.high <= 130 else {}
    if words[-2:] == ("per", "week") and "hours" in words:
        return {"ge": 0, "le": 168} if stats.low >= 0 and stats.high <= 168 else {}
    for names, least, most in NAMED_RANGES:
        known = names.split()
        if (
            any(w in known for w in (*last_words(stats.name), words[0]))
            and least <= stats.low
            and stats.high <= most
        ):
            if most == 100 and stats.high <= 1:  # a share that is called a percentage
                return {"ge": 0}
            if "lat" in names or "lon" in names:
                return {"ge": least, "le": most} if stats.kind == "float" else {}
            return {"ge": least, "le": most}
    return {}
