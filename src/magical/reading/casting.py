"""Casts of raw columns to the types of a contract; a value that cannot be cast becomes null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import DTYPES, MAX_EXACT_FLOAT, dtype_kind
from magical.contracts.schema import Column
from magical.errors import ContractError, shorten
from magical.reading.date_parsing import parse_times, read_moments
from magical.reading.missing_texts import is_missing_text
from magical.reading.number_reading import TableEvidence, has_open_point, has_point, read_numbers
from magical.reading.reading_note import ReadingNote

__all__ = ["CastResult", "cast", "strip_texts"]

_TRUE = ("true", "t", "yes", "y", "1", "1.0", "on", "ja", "j", "oui", "si", "sí", "sim", "wahr", "vrai")
_FALSE = ("false", "f", "no", "n", "0", "0.0", "off", "nein", "non", "não", "falsch", "faux")
_NUMBERS = ("int", "float", "duration")
_SECONDS = {"": 1, "ms": 1e-3, "s": 1, "sec": 1, "min": 60, "h": 3600, "hr": 3600, "hrs": 3600, "d": 86400}
# Texts without a mark: then ``1.498`` has two readings, and a row that is read alone has none.
_NO_MARKS = {"settled": "source"}
_WHOLE = r"^([+-]?[0-9]+)(?:\.0*)?$"


class CastResult(NamedTuple):
    """A column in its promised type.

    Attributes:
        values: null where a value is missing or cannot be cast.
        failed: true where a value is present and cannot be cast.
        notes: examples of what is read in a way that is not plain.
        conflict: two readings between which nothing decides; empty if there are none.
        fixes: marks in the contract, each of which decides between them.
        decimal: the decimal mark that was found, unless the numbers are plain.
        thousands: the mark between thousands that was found.
        said: what else another reader could dispute, such as dates in several forms.
        reason: the cause why values cannot be cast, where it is known.
        settled: what the texts show of how they are written, as fields of a column: ``decimal``,
            ``thousands``, ``unit``, ``order``; ``settled`` for numbers that show nothing.
    """

    values: pl.Series
    failed: pl.Series
    notes: tuple[ReadingNote, ...] = ()
    conflict: str = ""
    fixes: tuple[str, ...] = ()
    decimal: str = ""
    thousands: str = ""
    said: str = ""
    reason: str = ""
    settled: Mapping[str, str] = MappingProxyType({})

    @property
    def remark(self) -> str:
        """One sentence on what another reader could have read in another way; empty if nobody would."""
        notes = [*(str(note) for note in self.notes if note.otherwise), *filter(None, [self.said])]
        return f"{self.values.name}: {'; '.join(notes)}" if notes else ""


def cast(raw: pl.Series, column: Column, evidence: TableEvidence | None = None) -> CastResult:
    """Cast a raw column to its promised type.

    Blanks at both ends of a text are removed. An empty text is missing; for types other than ``str``, so are
    NA, N/A, NaN, null, none, nil, - and ?, and the marks of a few programs. Whole numbers may be written as
    floats (``12.0``). Numbers in texts are read by ``number_reading``, with marks between thousands, decimal
    commas, currencies and units. Infinite numbers cannot be cast. Dates and moments are read by
    ``read_moments``. A boolean is true, yes, y, t, on, 1 or the opposite, in a few languages. A duration is
    in seconds, or in the unit that all its texts have. A column of type ``list`` or ``any`` is returned
    unchanged.

    Args:
        raw: the values, most often texts.
        column: the promised column.
        evidence: the other columns of the raw table, which may decide how numbers are written.

    Raises:
        ContractError: the column's format is not valid.

    Example:
        >>> cast(pl.Series("x", ["1", "2.0", "", "two"]), Column("x", "int")).values.to_list()
        [1, 2, None, None]
    """
    wanted = DTYPES.get(column.type)
    if wanted is None:
        return CastResult(raw, pl.repeat(False, len(raw), eager=True))
    if dtype_kind(raw.dtype) == "str":
        raw = raw.cast(pl.String)
        if column.type in _NUMBERS:
            return _cast_number_texts(raw, column, evidence)
        raw = strip_texts(raw, column)
    elif raw.dtype.is_float():
        raw = raw.fill_nan(None)
    notes: dict[str, Any] = {}
    try:
        if column.type in ("date", "datetime"):
            notes = read_moments(raw, column)._asdict()
            values = notes.pop("values").cast(wanted).rename(column.name)
            order = notes.pop("order")
            notes["settled"] = {"order": order} if order else {}
        else:
            values = _CASTS[column.type](raw, column).cast(wanted).rename(column.name)
    except pl.exceptions.ComputeError as error:  # polars raises for a bad format even with strict=False
        if not column.format:
            raise
        raise ContractError(
            f"{column.name} has the Format({column.format!r}), which cannot be used: {shorten(error, 100)}",
            hint="write it in strptime codes, such as %d.%m.%Y or %d.%m.%Y %H:%M.",
        ) from error
    return CastResult(values, raw.is_not_null() & values.is_null(), **notes)


def strip_texts(raw: pl.Series, column: Column) -> pl.Series:
    """Remove blanks at both ends of texts, and those texts that mean a missing value.

    Example:
        >>> strip_texts(pl.Series([" 7", "n/a"]), Column("x", "int")).to_list()
        ['7', None]
    """
    raw = raw.str.strip_chars()
    missing = (raw == "") if column.type == "str" else is_missing_text(raw)
    if not missing.any():
        return raw
    return pl.select(pl.when(~missing).then(raw).alias(raw.name)).to_series()


def _cast_plain_numbers(raw: pl.Series, column: Column) -> pl.Series | None:
    """Cast texts that polars reads and that leave one reading, in one pass; None if there are others."""
    if column.unit:  # a number without its unit is not plain
        return None
    number = raw.cast(DTYPES["int" if column.type == "int" else "float"], strict=False)
    if number.null_count() > raw.null_count():
        failed = raw.filter(number.is_null() & raw.is_not_null())
        if not is_missing_text(failed.str.strip_chars()).all():
            return None
    if column.type == "int":
        return number  # no text with a mark is an integer to polars
    if number.is_infinite().any():
        return None
    if column.settled == "source":
        # Each text by itself: one with a single reading decides nothing for the others.
        if column.decimal != "." and column.thousands != "," and has_point(raw):
            return None
    else:
        states_point = column.decimal == "." or column.thousands not in ("", ".")
        if not states_point and (column.decimal or column.thousands or has_open_point(raw)):
            return None
    number = number.fill_nan(None)
    return _to_durations(number) if column.type == "duration" else number


def _cast_number_texts(raw: pl.Series, column: Column, evidence: TableEvidence | None) -> CastResult:
    plain = _cast_plain_numbers(raw, column)
    if plain is None:
        raw = strip_texts(raw, column)
        plain = _cast_plain_numbers(raw, column)
    if plain is not None:
        settled = {} if column.type == "int" else {"decimal": "."} if has_point(raw) else _NO_MARKS
        none = pl.repeat(False, len(raw), eager=True)
        return CastResult(plain.rename(column.name), none, settled=settled)
    reading = read_numbers(raw, column, evidence)
    number = reading.plain.cast(pl.Float64, strict=False)
    number = pl.select(pl.when(number.is_finite()).then(number)).to_series()
    if column.type == "int":
        # Digits are parsed as an integer: as a float, those beyond 2**53 would be lost.
        whole = reading.plain.str.extract(_WHOLE).cast(pl.Int64, strict=False)
        exponent = reading.plain.str.contains("[eE]")
        is_whole = exponent & (number == number.round()) & (number.abs() < MAX_EXACT_FLOAT)
        powers = pl.select(pl.when(is_whole).then(number)).to_series().cast(pl.Int64)
        number = pl.select(pl.coalesce(whole, powers)).to_series()
    elif column.type == "duration":  # in seconds, unless another unit follows
        seconds = _SECONDS.get(reading.unit.lower().rstrip("."))
        number = _to_durations(number * seconds) if seconds else _all_null(raw, column)
    number = number.rename(column.name)
    found = (reading.notes, reading.conflict, reading.fixes, reading.decimal, reading.thousands)
    shown = zip(("decimal", "thousands", "unit"), reading.shown, strict=True)
    return CastResult(
        number,
        raw.is_not_null() & number.is_null(),
        *found,
        reason=reading.reason,
        settled={name: mark for name, mark in shown if mark} or _NO_MARKS,
    )


def _cast_int(raw: pl.Series, column: Column) -> pl.Series:
    if dtype_kind(raw.dtype) in ("int", "bool", "null"):
        return raw.cast(pl.Int64, strict=False)
    number = _cast_float(raw, column)
    is_whole = (number == number.round()) & (number.abs() <= MAX_EXACT_FLOAT)
    return pl.select(pl.when(is_whole).then(number)).to_series().cast(pl.Int64, strict=False)


def _cast_float(raw: pl.Series, column: Column) -> pl.Series:
    if dtype_kind(raw.dtype) not in ("int", "float", "bool", "null") and not raw.dtype.is_decimal():
        return _all_null(raw, column)
    number = raw.cast(pl.Float64, strict=False).fill_nan(None)
    return pl.select(pl.when(number.is_finite()).then(number)).to_series()


def _cast_bool(raw: pl.Series, column: Column) -> pl.Series:
    kind = dtype_kind(raw.dtype)
    if kind == "str":
        lower = raw.str.to_lowercase()
        yes, no = lower.is_in(_TRUE), lower.is_in(_FALSE)
    elif kind in ("int", "float"):
        yes, no = raw == 1, raw == 0
    else:
        return raw.cast(pl.Boolean) if kind in ("bool", "null") else _all_null(raw, column)
    return pl.select(pl.when(yes).then(True).when(no).then(False)).to_series()


def _cast_str(raw: pl.Series, column: Column) -> pl.Series:
    if raw.dtype.is_nested() or raw.dtype in (pl.Object, pl.Binary):
        return _all_null(raw, column)
    if raw.dtype.is_float():  # 24.0 becomes "24": a code that pandas read as a number
        whole = (raw == raw.round()) & (raw.abs() <= MAX_EXACT_FLOAT)
        number = raw.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.select(pl.when(whole).then(number).otherwise(raw.cast(pl.String))).to_series()
    return raw.cast(pl.String, strict=False)


def _cast_duration(raw: pl.Series, column: Column) -> pl.Series:
    if dtype_kind(raw.dtype) == "duration":
        return raw
    return _to_durations(_cast_float(raw, column))


def _to_durations(seconds: pl.Series) -> pl.Series:
    return (seconds * 1_000_000).round().cast(pl.Int64, strict=False).cast(pl.Duration("us"))


def _all_null(raw: pl.Series, column: Column) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=DTYPES[column.type])


_CASTS: dict[str, Callable[[pl.Series, Column], Any]] = {
    "int": _cast_int,
    "float": _cast_float,
    "bool": _cast_bool,
    "str": _cast_str,
    "time": lambda raw, column: parse_times(raw, column.format),
    "duration": _cast_duration,
}
