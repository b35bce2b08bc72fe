"""Say what a contract promises of one column: type, choices, bounds; and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from magical.inference.column_names import endings, is_numbered, names_an_entity, says, words_in
from magical.inference.column_stats import Facts

__all__ = ["Described", "as_texts", "described", "described_target"]

MOST_CHOICES = 20
FEWEST_EACH = 5  # rows for each choice on average; of fewer the choices may not be all there are
MOST_CLASSES = 10  # whole numbers of more kinds are an amount, as a target
LAST_YEAR = 2100
NATURAL: tuple[tuple[str, float, float], ...] = (
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
class Described:
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
    why: str = ""


def described(facts: Facts, has_ints: bool = False) -> Described:
    """Say what a column without a role promises.

    Args:
        facts: of a column that has a value.
        has_ints: whether the table has whole numbers elsewhere; then floats that are whole, and lack some
            values, are whole numbers that were written as floats for want of a missing one.

    Example:
        >>> import polars as pl
        >>> described(Facts(pl.Series("zipcode", [98178, 98125] * 20))).type
        'str'
        >>> described(Facts(pl.Series("rooms", [3, 12])))
        Described(type='int', choices=(), bounds={'ge': 0}, why='')
    """
    if facts.kind == "str":
        return _text(facts)
    if facts.kind not in ("int", "float"):
        return Described(facts.kind)
    if facts.is_zero_one and not says(facts.name, "count"):
        return Described("bool", why="0 or 1" if facts.kind == "float" else "")
    if facts.whole and _is_code(facts):
        return _code(facts)
    return _number(facts, has_ints)


def described_target(facts: Facts, has_ints: bool = False) -> Described:
    """Say what the column to be predicted promises: a truth, classes, or a number.

    Example:
        >>> import polars as pl
        >>> described_target(Facts(pl.Series("grade", [1, 2, 3] * 20)))
        Described(type='int', choices=(1, 2, 3), bounds={}, why='3 classes; write int to predict a number')
    """
    if facts.kind == "str":
        text = _text(facts)
        return Described("str", text.choices, why=f"{facts.different:,} classes")
    if facts.is_zero_one:
        return Described("bool")
    few = facts.different <= MOST_CLASSES and len(facts.present) >= FEWEST_EACH * facts.different
    if facts.whole and (facts.different == 2 or (few and not says(facts.name, "count"))):
        words = f"{facts.different} classes; write int to predict a number"
        return Described("int", tuple(int(c) for c in facts.choices), why=words)
    return _number(facts, has_ints) if facts.kind in ("int", "float") else Described(facts.kind)


def as_texts(facts: Facts, said: Described) -> Described:
    """Say what a column of numbers promises that a contract calls texts, with the choices of the source."""
    texts = facts.as_texts
    if texts is facts:
        return said
    choices = sorted(texts.choices, key=lambda t: (len(t), t)) if is_closed(texts) else ()
    return replace(said, choices=tuple(choices))


def is_closed(facts: Facts) -> bool:
    """Whether the values seem to be all that there are: few, each there several times."""
    if not 0 < facts.different <= MOST_CHOICES or len(facts.present) < FEWEST_EACH * facts.different:
        return False
    once = int((facts.counts["rows"] == 1).sum())
    return once <= facts.different // 4


def _text(facts: Facts) -> Described:
    if is_closed(facts) and facts.longest <= 60:
        return Described("str", tuple(facts.choices))
    return Described("str", why=f"{facts.different:,} different texts")


def _code(facts: Facts) -> Described:
    """A number that names something: months and weekdays as they are, others as texts."""
    low, high = int(facts.low), int(facts.high)
    if says(facts.name, "month") and low >= 1 and high <= 12:
        return Described("int", tuple(range(1, 13)), why="a number that names something: a category")
    if says(facts.name, "weekday") and low >= 0 and high <= 7:
        days = range(1, 8) if high == 7 else range(0, 7)
        return Described("int", tuple(days), why="a number that names something: a category")
    if says(facts.name, "quarter") and low >= 1 and high <= 4:
        return Described("int", (1, 2, 3, 4), why="a number that names something: a category")
    if is_closed(facts):
        choices = tuple(str(int(c)) for c in facts.choices)
        return Described("str", choices, why="a number that names something: a category")
    return Described("str", why=f"a number that names something: a category of {facts.different:,} kinds")


def _is_code(facts: Facts) -> bool:
    name = facts.name
    limits = {"month": 12, "weekday": 7, "quarter": 4}
    if not says(name, "count") or is_numbered(name):
        for kind, most in limits.items():
            if says(name, kind, where="last"):
                return bool(facts.low >= 0 and facts.high <= most)
    if is_numbered(name) and words_in(name)[-1] != "num" and facts.low >= 0:
        return not _natural(facts)
    if says(name, "count"):
        return False
    named = says(name, "identifier", where="last") or names_an_entity(name, alone=True)
    if named or "code" in words_in(name):
        return True
    return bool(facts.low >= 0) and says(name, "code", where="last")


def _number(facts: Facts, has_ints: bool) -> Described:
    written_as_float = facts.kind == "float" and facts.nulls > 0 and has_ints
    kind = "int" if facts.kind == "int" or (written_as_float and facts.whole) else "float"
    if facts.whole and says(facts.name, "year") and (year := _year(facts)):
        return Described(kind, bounds=year, why="a year, used as a number")
    natural = _natural(facts)
    if natural:
        return Described(kind, bounds={k: int(v) for k, v in natural.items()})
    if facts.low < 0 or says(facts.name, "signed"):
        return Described(kind)
    return Described(kind, bounds={"ge": 0})


def _year(facts: Facts) -> dict[str, int]:
    """Bounds of a year; a 0 stands for none."""
    years = facts.present.filter(facts.present != 0)
    if years.is_empty():
        return {}
    low, high = int(years.min()), int(years.max())  # type: ignore[arg-type]
    if not (low >= 1000 and high <= LAST_YEAR):
        return {}
    least = 0 if facts.low == 0 else math.floor(low / 50) * 50
    return {"ge": least, "le": LAST_YEAR}


def _natural(facts: Facts) -> dict[str, float]:
    words = words_in(facts.name)
    if words == ("age",) or (words[-1] == "age" and says(facts.name, "entity")):
        return {"ge": 0, "le": 130} if facts.low >= 0 and facts.high <= 130 else {}
    if words[-2:] == ("per", "week") and "hours" in words:
        return {"ge": 0, "le": 168} if facts.low >= 0 and facts.high <= 168 else {}
    for names, least, most in NATURAL:
        known = names.split()
        if (
            any(w in known for w in (*endings(facts.name), words[0]))
            and least <= facts.low
            and facts.high <= most
        ):
            if most == 100 and facts.high <= 1:  # a share that is called a percentage
                return {"ge": 0}
            if "lat" in names or "lon" in names:
                return {"ge": least, "le": most} if facts.kind == "float" else {}
            return {"ge": least, "le": most}
    return {}
