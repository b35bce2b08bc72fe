"""Types of columns in an inferred contract: type, choices and bounds, with the reason in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from magical.inference.column_stats import ColumnStats
from magical.inference.name_vocabulary import (
    has_word_kind,
    is_entity_name,
    is_reference_number,
    last_words,
    split_words,
)

__all__ = ["InferredType", "infer_target_type", "infer_type", "is_code", "with_text_choices"]

MAX_CHOICES = 20
MIN_ROWS_PER_CHOICE = 5  # on average; with fewer rows some choices may not have occurred yet
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
"""Words that end or begin a column's name, with the least and the greatest value that they imply."""


@dataclass(frozen=True)
class InferredType:
    """The type, choices and bounds of a column; ``reason`` is empty where they need no explanation."""

    type: str
    choices: tuple[Any, ...] = ()
    bounds: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


def infer_type(stats: ColumnStats, has_ints: bool = False) -> InferredType:
    """Infer the type of a column without a role.

    Args:
        stats: the statistics of a column with at least one value.
        has_ints: True if other columns of the table are integers. Then whole floats with missing values are
            taken for integers that pandas wrote as floats, since its integers cannot be missing.

    Example:
        >>> import polars as pl
        >>> infer_type(ColumnStats(pl.Series("zipcode", [98178, 98125] * 20))).choices
        (98125, 98178)
        >>> infer_type(ColumnStats(pl.Series("rooms", [3, 12])))
        InferredType(type='int', choices=(), bounds={'ge': 0}, reason='')
    """
    if stats.kind == "str":
        return _infer_text_type(stats)
    if stats.kind not in ("int", "float"):
        return InferredType(stats.kind)
    if stats.is_zero_one and not has_word_kind(stats.name, "count"):
        return InferredType("bool", reason="0 or 1" if stats.kind == "float" else "")
    if stats.is_whole and is_code(stats):
        return _infer_code_type(stats)
    return _infer_number_type(stats, has_ints)


def infer_target_type(stats: ColumnStats, has_ints: bool = False, task: str = "") -> InferredType:
    """Infer the type of the target: a boolean, classes, or a number.

    Args:
        has_ints: as in ``infer_type``.
        task: ``classes`` or ``number`` if the author says so; else texts and booleans, such as 0 and 1, are
            classes.

    Example:
        >>> import polars as pl
        >>> grades = ColumnStats(pl.Series("grade", [1, 2, 3] * 20))
        >>> infer_target_type(grades, task="classes").choices, infer_target_type(grades).choices
        ((1, 2, 3), ())
    """
    if stats.kind == "str":
        text = _infer_text_type(stats)
        return InferredType("str", text.choices, reason=f"{stats.unique_count:,} classes")
    if stats.is_zero_one and task != "number":
        return InferredType("bool", reason="0 and 1 are read as False and True")
    if stats.is_whole and task == "classes":
        classes = tuple(int(c) for c in stats.choices)
        return InferredType("int", classes, reason=f"{len(classes):,} classes")
    if stats.kind not in ("int", "float"):
        return InferredType(stats.kind)
    number = _infer_number_type(stats, has_ints)
    # An `int` of few values would leave open in the workflow what the author has said.
    return replace(number, type="float") if task == "number" else number


def with_text_choices(stats: ColumnStats, inferred_type: InferredType) -> InferredType:
    """Return the type with choices from the source's texts, for numbers that a contract types as ``str``."""
    texts = stats.as_texts
    if texts is stats:
        return inferred_type
    # Sort shorter texts first, so that 2 comes before 10, as among numbers.
    choices = sorted(texts.choices, key=lambda t: (len(t), t)) if is_closed_set(texts) else ()
    return replace(inferred_type, choices=tuple(choices))


def is_closed_set(stats: ColumnStats) -> bool:
    """Return True if the values seem to be complete: they are few, and most occur several times."""
    if not 0 < stats.unique_count <= MAX_CHOICES:
        return False
    if len(stats.present) < MIN_ROWS_PER_CHOICE * stats.unique_count:
        return False
    return stats.single_count <= stats.unique_count // 4


def _infer_text_type(stats: ColumnStats) -> InferredType:
    if is_closed_set(stats) and stats.max_length <= 60:
        return InferredType("str", tuple(stats.choices))
    return InferredType("str", reason=f"{stats.unique_count:,} different texts")


def _infer_code_type(stats: ColumnStats) -> InferredType:
    """Infer the type of codes: a closed set stays integers, as the source has them; others become texts."""
    low, high = int(stats.low), int(stats.high)
    reason = "a number that names something: a category"
    if has_word_kind(stats.name, "month") and low >= 1 and high <= 12:
        return InferredType("int", tuple(range(1, 13)), reason=reason)
    if has_word_kind(stats.name, "weekday") and low >= 0 and high <= 7:
        days = range(1, 8) if high == 7 else range(0, 7)
        return InferredType("int", tuple(days), reason=reason)
    if has_word_kind(stats.name, "quarter") and low >= 1 and high <= 4:
        return InferredType("int", (1, 2, 3, 4), reason=reason)
    if is_closed_set(stats):
        return InferredType("int", tuple(int(c) for c in stats.choices), reason=reason)
    return InferredType("str", reason=f"{reason} of {stats.unique_count:,} kinds")


def is_code(stats: ColumnStats) -> bool:
    """Return True if whole numbers seem to be codes of categories, not amounts, judging by the name."""
    name = stats.name
    limits = {"month": 12, "weekday": 7, "quarter": 4}
    # A count of months is an amount, and so is any number beyond the limits.
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
    """Infer the type and bounds of numbers that are amounts, not codes."""
    # pandas writes integers as floats in a column with missing values.
    written_as_float = stats.kind == "float" and stats.missing_count > 0 and has_ints
    kind = "int" if stats.kind == "int" or (written_as_float and stats.is_whole) else "float"
    if stats.is_whole and has_word_kind(stats.name, "year") and (years := _year_bounds(stats)):
        return InferredType(kind, bounds=years, reason="a year, used as a number")
    named = _bounds_from_name(stats)
    if named:
        return InferredType(kind, bounds={k: int(v) for k, v in named.items()})
    if stats.low < 0 or has_word_kind(stats.name, "signed"):
        return InferredType(kind)
    return InferredType(kind, bounds={"ge": 0})


def _year_bounds(stats: ColumnStats) -> dict[str, int]:
    """Return the bounds of years; empty if a value cannot be a year."""
    years = stats.present.filter(stats.present != 0)  # 0 is a common sign for an unknown year
    if years.is_empty():
        return {}
    low, high = int(years.min()), int(years.max())  # type: ignore[arg-type]
    if not (low >= 1000 and high <= MAX_YEAR):
        return {}
    # Round down, so that later data, such as next month's, satisfy the contract too.
    return {"ge": 0 if stats.low == 0 else math.floor(low / 50) * 50, "le": MAX_YEAR}


def _bounds_from_name(stats: ColumnStats) -> dict[str, float]:
    """Return the bounds that the column's name implies; empty if it implies none or a value breaks them."""
    words = split_words(stats.name)
    if words == ("age",) or (words[-1] == "age" and has_word_kind(stats.name, "entity")):
        return {"ge": 0, "le": 130} if stats.low >= 0 and stats.high <= 130 else {}
    if words[-2:] == ("per", "week") and "hours" in words:
        return {"ge": 0, "le": 168} if stats.low >= 0 and stats.high <= 168 else {}
    candidates = {*last_words(stats.name), words[0]}
    for names, least, most in NAMED_RANGES:
        if candidates & set(names.split()) and least <= stats.low and stats.high <= most:
            if most == 100 and stats.high <= 1:  # a share that is called a percentage
                return {"ge": 0}
            if "lat" in names or "lon" in names:
                # Whole numbers with one of these names are rarely degrees.
                return {"ge": least, "le": most} if stats.kind == "float" else {}
            return {"ge": least, "le": most}
    return {}
