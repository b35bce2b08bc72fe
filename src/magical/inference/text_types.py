"""Types of text columns: numbers, booleans and dates, by the same casts that ``model_data`` uses."""

from __future__ import annotations

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column
from magical.inference.column_stats import TypedTable
from magical.inference.name_vocabulary import has_word_kind
from magical.reading.casting import cast
from magical.reading.date_parsing import infer_date_format

__all__ = ["infer_text_types"]

_LEADING_ZERO = r"^[+-]?0\d+$"
_TOO_LONG = r"^[+-]?\d{16,}$"  # more digits than a float has
_ANY_COMMA = r"^[+-]?\d{1,3}(,\d{3})+$"
_WRITTEN_AS_FLOAT = r"[.,eE]"
_BOOLEAN_LETTERS = ({"t", "f"}, {"y", "n"}, {"j", "n"})
_TIME_SUFFIXES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DATE_NUMBER_RANGE = (19000101, 21001231)
_NEAR_MISS_SHARE = 0.9
_HEAD_ROWS = 1000


def infer_text_types(raw: pl.DataFrame) -> TypedTable:
    """Cast each text column to the type that all its values have, so that ``model_data`` can cast them too.

    Digits with leading zeros stay texts, since they are codes. Whole numbers such as 20140629 become dates if
    the column's name fits. Texts that are nearly all numbers or dates stay texts, with a remark.

    Example:
        >>> raw = pl.DataFrame({"zip": ["01067"], "n": ["7"], "day": ["29.06.2014"], "ok": ["n/a"]})
        >>> typed = infer_text_types(raw)
        >>> typed.table.row(0), typed.formats
        (('01067', 7, datetime.date(2014, 6, 29), 'n/a'), {'day': '%d.%m.%Y'})
    """
    columns, formats, remarks = [], {}, {}
    for values in raw.get_columns():
        typed, format = values, ""
        if values.dtype == pl.String:
            typed, format = _infer_series(values)
            if typed.dtype == pl.String and (remark := _describe_near_miss(values)):
                remarks[values.name] = remark
        elif dtype_kind(values.dtype) == "int" and _is_date_numbers(values):
            typed = cast(values, Column(values.name, "date")).values
        columns.append(typed)
        if format:
            formats[values.name] = format
            if "%d" in format and _is_day_month_ambiguous(values, format):
                remarks[values.name] = "whether the day or the month comes first is a guess"
    return TypedTable(raw.with_columns(columns), raw, formats, remarks)


def _infer_series(raw: pl.Series) -> tuple[pl.Series, str]:
    """Cast a text column to the type of its values; return it and its date format, empty for none or ISO."""
    texts = raw.str.strip_chars()
    if texts.str.contains(_LEADING_ZERO).any():
        return raw, ""
    head = texts.head(_HEAD_ROWS)  # most types fail on the first rows already, which saves a full cast
    for kind in ("int", "float", "bool", "date", "datetime"):
        if not _is_castable(head, kind, "") or (values := _cast_all(texts, kind, "")) is None:
            continue
        if kind == "int":
            return _refine_integers(raw, texts, values), ""
        if kind == "float" and texts.str.contains(_TOO_LONG).any():
            return raw, ""
        if kind != "bool" or _is_boolean_pair(texts, values):
            return values, ""
    return _infer_dates(raw, texts)


def _refine_integers(raw: pl.Series, texts: pl.Series, values: pl.Series) -> pl.Series:
    # Whole numbers that are written like 12.0 are floats in the source.
    if texts.str.contains(_WRITTEN_AS_FLOAT).any():
        return values.cast(pl.Float64)
    return cast(raw, Column(raw.name, "date")).values if _is_date_numbers(values) else values


def _infer_dates(raw: pl.Series, texts: pl.Series) -> tuple[pl.Series, str]:
    """Cast texts by a common date format; return ``raw`` and an empty format if none fits all of them."""
    present = texts.filter(texts != "")
    for time_suffix in _TIME_SUFFIXES:
        format = infer_date_format(present.head(_HEAD_ROWS), time_suffix)
        # All rows may need another format than the head: a day above 12 can come late.
        if format and (format := infer_date_format(present, time_suffix)):
            kind = "datetime" if time_suffix else "date"
            values = _cast_all(texts, kind, format)
            if values is not None:
                return values, format
    return raw, ""


def _is_day_month_ambiguous(raw: pl.Series, format: str) -> bool:
    swapped = format.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    kind = "datetime" if "%H" in format or "%I" in format else "date"
    return "%m" in format and _is_castable(raw.str.strip_chars(), kind, swapped)


def _is_castable(texts: pl.Series, kind: str, format: str) -> bool:
    return not cast(texts, Column(texts.name, kind, format=format)).failed.any()


def _cast_all(texts: pl.Series, kind: str, format: str) -> pl.Series | None:
    """Return the values if every text that is not missing can be cast, and at least one is not missing."""
    values, failed = cast(texts, Column(texts.name, kind, format=format))
    return None if failed.any() or values.null_count() == len(values) else values


def _is_boolean_pair(texts: pl.Series, values: pl.Series) -> bool:
    """Return True if both true and false occur; single letters must be a pair, such as t and f."""
    words = set(texts.str.to_lowercase().filter(values.is_not_null()).unique())
    letters = {w for w in words if len(w) == 1}
    return values.drop_nulls().n_unique() == 2 and (not letters or letters in _BOOLEAN_LETTERS)


def _is_date_numbers(values: pl.Series) -> bool:
    """Return True if all whole numbers are dates such as 20140629, in a column named like a date."""
    if not has_word_kind(values.name, "when", "birth", "later") or has_word_kind(values.name, "identifier"):
        return False
    present = values.drop_nulls()
    if present.is_empty() or not present.is_between(*_DATE_NUMBER_RANGE).all():
        return False
    return cast(present, Column(values.name, "date")).values.null_count() == 0


def _describe_near_miss(raw: pl.Series) -> str:
    """Describe why texts that are nearly all numbers or dates stay texts; empty for other texts."""
    texts = raw.str.strip_chars()
    if texts.str.contains(_LEADING_ZERO).any():
        return "written with leading zeros"
    if texts.str.contains(_TOO_LONG).any():
        return "whole numbers of more digits than a number holds"
    if (texts.str.contains(_ANY_COMMA) | (texts == "")).all():
        return "numbers, if the comma separates thousands; it could also be a decimal comma"
    for kind, words in (("float", "numbers"), ("date", "dates")):
        values, failed = cast(texts, Column(raw.name, kind))
        count, cast_count = int(failed.sum()), len(values) - values.null_count()
        if 0 < count <= (1 - _NEAR_MISS_SHARE) * cast_count:
            texts = texts.filter(failed).unique(maintain_order=True).head(3)
            examples = ", ".join(repr(t[:20]) for t in texts) + " …" * (count > 3)
            return f"{words} but for {count:,} of {cast_count + count:,} values: {examples}"
    return ""
