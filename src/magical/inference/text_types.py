"""Types of text columns: numbers, booleans and dates, by the same casts that ``model_data`` uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column
from magical.inference.column_stats import TypedTable
from magical.inference.name_vocabulary import has_word_kind
from magical.inference.number_types import infer_numbers
from magical.reading.casting import cast
from magical.reading.date_parsing import TIME_SUFFIXES, infer_date_format
from magical.reading.number_reading import TableEvidence

__all__ = ["infer_text_types"]

_LEADING_ZERO = r"^[+-]?0\d+$"
_TOO_LONG = r"^[+-]?\d{16,}$"  # more digits than a float has
_BOOLEAN_LETTERS = ({"t", "f"}, {"y", "n"}, {"j", "n"})
_FIRST_PART = r"%[dm](?=[/-]%[dm][/-])"
_DATE_NUMBER_RANGE = (19000101, 21001231)
_NEAR_MISS_SHARE = 0.9
_HEAD_ROWS = 1000


def infer_text_types(raw: pl.DataFrame, delimiter: str = "") -> TypedTable:
    """Cast each text column to the type that all its values have, so that ``model_data`` can cast them too.

    Digits with leading zeros stay texts, since they are codes. Whole numbers such as 20140629 become dates if
    the column's name fits. Texts that are nearly all numbers or dates stay texts, with a remark.

    Args:
        raw: a table of texts.
        delimiter: what stands between the fields of its file, by name. With a comma there, a point is decimal
            if nothing else decides.

    Example:
        >>> raw = pl.DataFrame({"zip": ["01067"], "n": ["7"], "day": ["29.06.2014"], "ok": ["n/a"]})
        >>> typed = infer_text_types(raw)
        >>> typed.table.row(0), typed.formats
        (('01067', 7, datetime.date(2014, 6, 29), 'n/a'), {'day': '%d.%m.%Y'})
    """
    evidence = TableEvidence(raw, "." if delimiter == "comma" else "")
    inferred = {values.name: _infer_series(values, evidence) for values in raw.get_columns()}
    inferred |= _settle_order(raw, inferred)
    return TypedTable(
        raw.with_columns(found.values.alias(name) for name, found in inferred.items()),
        raw,
        {name: found.format for name, found in inferred.items() if found.format},
        {name: found.remark for name, found in inferred.items() if found.remark},
        {name: found.marks for name, found in inferred.items() if any(found.marks)},
    )


class _InferredSeries(NamedTuple):
    """A column in the type of its values, the format and the remark of its contract.

    ``fixes`` are the marks of a contract that decide between two readings; such a column stays as it is.
    """

    values: pl.Series
    format: str = ""
    remark: str = ""
    fixes: tuple[str, ...] = ()
    marks: tuple[str, str] = ("", "")


def _infer_series(raw: pl.Series, evidence: TableEvidence) -> _InferredSeries:
    """Cast a column to the type of its values."""
    if raw.dtype == pl.String:
        found = _infer_texts(raw, evidence)
        if found.values.dtype == pl.String and not found.remark:
            return found._replace(remark=_describe_near_miss(raw))
        return found
    if dtype_kind(raw.dtype) == "int" and _is_date_numbers(raw):
        return _InferredSeries(cast(raw, Column(raw.name, "date")).values)
    return _InferredSeries(raw)


def _infer_texts(raw: pl.Series, evidence: TableEvidence) -> _InferredSeries:
    """Cast a text column to the type of its values, with its date format, empty for none or ISO."""
    texts = raw.str.strip_chars()
    if texts.str.contains(_LEADING_ZERO).any():
        return _InferredSeries(raw)
    if numbers := infer_numbers(raw, evidence):
        if numbers.values.dtype == pl.Int64 and not any(numbers.marks) and _is_date_numbers(numbers.values):
            return _InferredSeries(cast(raw, Column(raw.name, "date")).values)
        return _InferredSeries(numbers.values, remark=numbers.remark, marks=numbers.marks)
    # Most types fail on the first rows already, which saves a full cast.
    if _is_castable(texts.head(_HEAD_ROWS), "bool", ""):
        values = _cast_all(texts, "bool", "")
        if values is not None and _is_boolean_pair(texts, values):
            return _InferredSeries(values)
    return _infer_dates(raw, texts)


def _infer_dates(raw: pl.Series, texts: pl.Series) -> _InferredSeries:
    """Cast texts that are all dates, or all moments, by one format or in forms without a doubt."""
    for kind in ("date", "datetime"):
        column = Column(raw.name, kind)
        head = cast(texts.head(_HEAD_ROWS), column)
        if head.failed.any() and not head.conflict:  # a day above 12 that decides can come late
            continue
        found = cast(texts, column)
        if found.conflict:
            return _InferredSeries(raw, "", f"dates, but {found.conflict}", found.fixes)
        if not found.failed.any() and found.values.null_count() < len(texts):
            present = texts.filter(found.values.is_not_null())
            format = next((f for s in TIME_SUFFIXES if (f := infer_date_format(present, s))), "")
            remark = found.remark.removeprefix(f"{raw.name}: ")
            return _InferredSeries(found.values, format, "" if format else remark)
    return _InferredSeries(raw)


def _settle_order(raw: pl.DataFrame, inferred: Mapping[str, _InferredSeries]) -> dict[str, _InferredSeries]:
    """Read dates in which the day or the month could come first as the other columns of the file show."""
    witnesses = {m[0]: n for n, found in inferred.items() if (m := re.match(_FIRST_PART, found.format))}
    if len(witnesses) != 1:
        return {}
    ((first, witness),) = witnesses.items()
    settled = {}
    for name, found in inferred.items():
        fix = next((f for f in found.fixes if f.startswith(f'Format("{first}')), "")
        format = fix.removeprefix('Format("').removesuffix('")')
        kind = "datetime" if "%H" in format or "%I" in format else "date"
        values = _cast_all(raw[name].str.strip_chars(), kind, format) if fix else None
        if values is not None:
            order = "day" if first == "%d" else "month"
            remark = f"{found.remark}; the {order} comes first, as in {witness}"
            settled[name] = _InferredSeries(values, format, remark.removeprefix("dates, but "))
    return settled


def _is_castable(texts: pl.Series, kind: str, format: str) -> bool:
    return not cast(texts, Column(texts.name, kind, format=format)).failed.any()


def _cast_all(texts: pl.Series, kind: str, format: str) -> pl.Series | None:
    """Return the values if every text that is not missing can be cast, and at least one is not missing."""
    values, failed, *_ = cast(texts, Column(texts.name, kind, format=format))
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
    for kind, words in (("float", "numbers"), ("date", "dates")):
        values, failed, *_ = cast(texts, Column(raw.name, kind))
        count, cast_count = int(failed.sum()), len(values) - values.null_count()
        if 0 < count <= (1 - _NEAR_MISS_SHARE) * cast_count:
            texts = texts.filter(failed).unique(maintain_order=True).head(3)
            examples = ", ".join(repr(t[:20]) for t in texts) + " …" * (count > 3)
            return f"{words} but for {count:,} of {cast_count + count:,} values: {examples}"
    if cast(texts, Column(raw.name, "datetime")).reason:
        format = next((f for s in TIME_SUFFIXES if (f := infer_date_format(texts.drop_nulls(), s))), "")
        return f"dates with years of two digits, if their format is {format}" if format else ""
    return ""
