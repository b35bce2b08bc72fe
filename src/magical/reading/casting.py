"""Casts of raw columns to the types of a contract; a value that cannot be cast becomes null."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import DTYPES, MAX_EXACT_FLOAT, dtype_kind
from magical.contracts.schema import Column
from magical.errors import ContractError, shorten
from magical.reading.date_parsing import parse_times, read_moments

__all__ = ["CastResult", "cast"]

_MISSING_TEXTS = ("", "na", "n/a", "nan", "null", "none", "nil", "-", "?")
_TRUE = ("true", "t", "yes", "y", "1", "1.0", "on", "ja", "j", "oui", "si", "sí", "sim", "wahr", "vrai")
_FALSE = ("false", "f", "no", "n", "0", "0.0", "off", "nein", "non", "não", "falsch", "faux")
_DECIMAL_COMMA = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$"
_THOUSANDS_COMMA = r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"


class CastResult(NamedTuple):
    """A column in its promised type.

    Attributes:
        values: null where a value is missing or cannot be cast.
        failed: true where a value is present and cannot be cast.
        remark: what another reader could have read in another way; empty if nobody would.
        conflict: two readings of a value between which nothing decides; empty if there is none.
        fixes: the marks of a contract, each of which decides a conflict.
        reason: the cause why values cannot be cast, where it is known.
    """

    values: pl.Series
    failed: pl.Series
    remark: str = ""
    conflict: str = ""
    fixes: tuple[str, ...] = ()
    reason: str = ""


def cast(raw: pl.Series, column: Column) -> CastResult:
    """Cast a raw column to its promised type.

    Blanks at both ends of a text are removed. An empty text is missing; for types other than ``str``, so are
    NA, N/A, NaN, null, none, nil, - and ?. Whole numbers may be written as floats (``12.0``). A column may
    have decimal commas (``1.234,5``) or commas between thousands (``1,234.5``); if both are possible, its
    numbers with a comma cannot be cast. Infinite numbers cannot be cast either. A boolean is true, yes, y, t,
    on, 1 or the opposite, in a few languages. Dates and moments are read by ``read_moments``. A column of type ``list`` or ``any`` is returned unchanged.

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
        raw = raw.cast(pl.String).str.strip_chars()
        missing = (raw == "") if column.type == "str" else raw.str.to_lowercase().is_in(_MISSING_TEXTS)
        raw = pl.select(pl.when(~missing).then(raw).alias(raw.name)).to_series()
    elif raw.dtype.is_float():
        raw = raw.fill_nan(None)
    notes: dict[str, Any] = {}
    try:
        if column.type in ("date", "datetime"):
            notes = read_moments(raw, column)._asdict()
            values = notes.pop("values").cast(wanted).rename(column.name)
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


def _cast_int(raw: pl.Series, column: Column) -> pl.Series:
    kind = dtype_kind(raw.dtype)
    if kind in ("int", "bool", "null"):
        return raw.cast(pl.Int64, strict=False)
    number = _cast_float(raw, column)
    whole = pl.select(
        pl.when((number == number.round()) & (number.abs() <= MAX_EXACT_FLOAT)).then(number)
    ).to_series()
    if kind != "str":
        return whole.cast(pl.Int64, strict=False)
    # Parse digits as an integer first: as a float, digits beyond 2**53 would be lost.
    return pl.select(pl.coalesce(raw.cast(pl.Int64, strict=False), whole.cast(pl.Int64))).to_series()


def _cast_float(raw: pl.Series, column: Column) -> pl.Series:
    kind = dtype_kind(raw.dtype)
    if kind == "str":
        raw = _normalize_decimals(raw)
    elif kind not in ("int", "float", "bool", "null") and not raw.dtype.is_decimal():
        return _all_null(raw, column)
    number = raw.cast(pl.Float64, strict=False).fill_nan(None)
    return pl.select(pl.when(number.is_finite()).then(number)).to_series()


def _normalize_decimals(raw: pl.Series) -> pl.Series:
    """Remove separators of thousands and write decimals with a point, unless the column is ambiguous."""
    commas = raw.filter(raw.str.contains(",", literal=True))
    if commas.is_empty():
        return raw
    # "1,234" matches both patterns; values that match only one of them decide for the column.
    decimal, thousands = commas.str.contains(_DECIMAL_COMMA), commas.str.contains(_THOUSANDS_COMMA)
    if (decimal & ~thousands).any() and not (thousands & ~decimal).any():
        return raw.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    if (thousands & ~decimal).any() and not (decimal & ~thousands).any():
        plain = raw.str.replace_all(",", "", literal=True)
        return pl.select(pl.when(raw.str.contains(_THOUSANDS_COMMA)).then(plain).otherwise(raw)).to_series()
    return raw


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
    seconds = _cast_float(raw, column)  # a number without a unit is in seconds
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
