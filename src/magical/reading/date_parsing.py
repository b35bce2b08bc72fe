"""Parsers of dates, moments and times of day: by the format of the contract, else by unambiguous forms."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column
from magical.errors import join_names
from magical.reading.date_forms import TWO_DIGIT_YEAR, ReadTexts, read_both_ways, read_texts
from magical.reading.reading_note import ReadingNote

__all__ = [
    "TIME_SUFFIXES",
    "MomentReading",
    "infer_date_format",
    "list_date_formats",
    "parse_times",
    "read_moments",
]

TIME_SUFFIXES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_TIME_FORMATS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_DATE_FORMATS = (
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d %b %Y",
    "%d %B %Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%d-%b-%y",
)
_HEAD_ROWS = 1000
_DASHED_ISO = r"^\d{4}-\d{1,2}-\d{1,2}($|[T ])"
_OFFSET = r" ?(UTC|GMT|UT)?[+-]\d\d(:?\d\d)?( \(.*\))?$"
_NO_SHIFT = r"(Z|UTC|GMT|UT|[+-]00(:?00)?)( \(.*\))?$"


class MomentReading(NamedTuple):
    """A column of dates or moments.

    Attributes:
        values: the naive moments in UTC, or the dates; null where a value is missing or has no reading.
        notes: examples of what another reader could read in another way.
        said: what else another reader could dispute, such as several forms.
        conflict: two readings between which nothing decides; then ``values`` lacks these texts.
        fixes: the marks of a contract, each of which decides.
        reason: the cause why a value that is present has no reading, where it is known.
        order: ``day`` or ``month``, whichever comes first as the texts show; empty if they show neither.
    """

    values: pl.Series
    notes: tuple[ReadingNote, ...] = ()
    said: str = ""
    conflict: str = ""
    fixes: tuple[str, ...] = ()
    reason: str = ""
    order: str = ""


def read_moments(raw: pl.Series, column: Column) -> MomentReading:
    """Read texts, dates, moments, or numbers such as 20140629, as a column of type ``date`` or ``datetime``.

    With a format, texts are read by it, else as ISO 8601 with dashes. Without one, texts are read in each
    form that leaves one reading: ISO 8601, RFC 2822, names of months, ``29.06.2014``. In ``03/04/2024`` the
    other values of the column must show if the day or the month comes first. A moment with an offset becomes
    UTC; one without is a local time of the column's zone, if it has one. A moment that is not midnight is no
    date.

    Example:
        >>> texts = pl.Series(["2014-06-29 14:30", "2014-06-29T14:30:00+02:00", "03/04/2014"])
        >>> read = read_moments(texts, Column("at", "datetime"))
        >>> [m and f"{m:%Y-%m-%d %H:%M}" for m in read.values], read.fixes[0]
        (['2014-06-29 14:30', '2014-06-29 12:30', None], 'Format("%d/%m/%Y")')
    """
    kind = dtype_kind(raw.dtype)
    if kind in ("date", "datetime", "null"):
        zone = getattr(raw.dtype, "time_zone", None)
        read = ReadTexts(_to_naive_utc(raw), pl.repeat(zone is not None, len(raw), eager=True))
        texts = raw
    elif kind in ("str", "int"):
        texts = raw.cast(pl.String)
        order = column.order if column.settled else None
        read = _read_by_format(texts, column.format) if column.format else read_texts(texts, order)
    else:
        return MomentReading(pl.Series([None] * len(raw), dtype=pl.Datetime("us")))
    moments, reason = _localize(read, texts, column)
    if column.type == "date" and kind != "date":
        midnight = moments.dt.time().cast(pl.Int64) == 0
        if not midnight.all():
            reason = reason or "a time of day is lost in a date"
        moments = pl.select(pl.when(midnight).then(moments)).to_series()
    if not reason and read.refused:
        first = "day" if column.order == "day" else "month"
        reason = f"{read.refused[0]!r} is written otherwise: in the dates of the run the {first} came first"
    if not reason and kind == "str" and moments.null_count() > texts.null_count():
        reason = _explain_failures(texts.filter(moments.is_null()), column.format)
    notes = tuple(_note_readings(read, texts, column))
    said = "; ".join(_describe_doubts(read, texts, column))
    shown = read.orders.pop() if len(read.orders) == 1 else ""
    return MomentReading(moments, notes, said, *_describe_conflict(read), reason, shown)


def parse_times(raw: pl.Series, format: str = "") -> pl.Series:
    """Parse times of day from datetimes, or from texts such as ``14:30:05.5``; other values become null.

    Example:
        >>> parse_times(pl.Series(["14:30"])).to_list()
        [datetime.time(14, 30)]
    """
    kind = dtype_kind(raw.dtype)
    if kind in ("time", "null"):
        return raw.cast(pl.Time)
    if kind == "datetime":
        return raw.dt.time()
    if kind != "str":
        return pl.Series(raw.name, [None] * len(raw), dtype=pl.Time)
    formats = [*_TIME_FORMATS, *([format] if format else [])]
    # Put a date before each text, so that it can be parsed as a datetime.
    moments = [_parse_by_format("2000-01-01T" + raw, "%Y-%m-%dT" + f).dt.time() for f in formats]
    return pl.select(pl.coalesce(moments)).to_series()


def infer_date_format(texts: Iterable[str], time_suffix: str = "") -> str:
    """Return the one common date format that parses all texts; empty if there is none, or a doubt.

    Args:
        texts: the texts to parse, without nulls.
        time_suffix: the format of the time of day after the date; empty for dates alone.

    Example:
        >>> infer_date_format(["29-06-2014", "01-07-2014"]), infer_date_format(["6/29/2014 14:30"], " %H:%M")
        ('%d-%m-%Y', '%m/%d/%Y %H:%M')
        >>> infer_date_format(["03/04/2014"])
        ''
    """
    formats = list_date_formats(texts, (time_suffix,))
    readings = {f.replace("%B", "%b") for f in formats}  # "May" is a long and a short name
    return formats[0] if len(readings) == 1 else ""


def list_date_formats(texts: Iterable[str], time_suffixes: Iterable[str] = TIME_SUFFIXES) -> list[str]:
    """List the common formats that parse all texts; none for no texts.

    Example:
        >>> list_date_formats(["03/04/2014 14:30"])
        ['%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M']
    """
    examples = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
    formats = (
        [f"{date}{suffix}" for suffix in time_suffixes for date in _DATE_FORMATS] if len(examples) else []
    )
    for part in (examples.head(_HEAD_ROWS), examples):  # most formats fail on the head
        formats = [f for f in formats if _parse_by_format(part, f).null_count() == 0]
    return formats


def _read_by_format(texts: pl.Series, format: str) -> ReadTexts:
    """Read texts by a format, and what does not fit it as ISO 8601 with dashes."""
    moments = _parse_by_format(texts, format)
    has_offset = moments.is_not_null() & ("%z" in format or "%#z" in format)
    left = (moments.is_null() & texts.str.contains(_DASHED_ISO).fill_null(False)).arg_true()
    if len(left) and "%Y-%d" not in format:
        iso = read_texts(texts.gather(left))
        moments = moments.scatter(left, iso.moments)
        has_offset = has_offset.scatter(left, iso.has_offset)
    return ReadTexts(moments, has_offset)


def _parse_by_format(texts: pl.Series, format: str) -> pl.Series:
    has_clock = any(code in format for code in ("%H", "%I", "%T", "%R", "%s", "%c"))
    if has_clock:
        moments = _to_naive_utc(texts.str.to_datetime(format, strict=False, time_unit="us"))
    else:
        moments = texts.str.to_date(format, strict=False).cast(pl.Datetime("us"))
    if "%Y" not in format:
        return moments
    # polars reads the year 24 from "24", where no source means it.
    return pl.select(pl.when(moments.dt.year() >= 1000).then(moments)).to_series()


def _localize(read: ReadTexts, texts: pl.Series, column: Column) -> tuple[pl.Series, str]:
    """Convert local times of the column's zone to UTC; return a reason if some are none or two."""
    if not column.zone:
        return read.moments, ""
    local = read.moments.dt.replace_time_zone(
        column.zone, ambiguous=column.zone_twice or "null", non_existent="null"
    )
    moments = pl.select(
        pl.when(read.has_offset).then(read.moments).otherwise(_to_naive_utc(local))
    ).to_series()
    lost = moments.is_null() & read.moments.is_not_null()
    if not lost.any():
        return moments, ""
    earliest = read.moments.dt.replace_time_zone(column.zone, ambiguous="earliest", non_existent="null")
    causes = ((earliest.is_null(), "does not exist"), (earliest.is_not_null(), "exists twice"))
    rows = [((lost & cause).arg_true().head(1), why) for cause, why in causes]
    named = [f"{str(texts[r[0]])!r} {why} in {column.zone}" for r, why in rows if len(r)]
    return moments, f"{' and '.join(named)}, where clocks change"


def _explain_failures(texts: pl.Series, format: str) -> str:
    """Return the cause why texts have no reading, where it is known."""
    has_two_digits = texts.drop_nulls().str.contains(TWO_DIGIT_YEAR).any()
    return "a year of two digits needs a Format with %y" if has_two_digits and "%y" not in format else ""


def _note_readings(read: ReadTexts, source: pl.Series, column: Column) -> Iterator[ReadingNote]:
    """Note an example of each kind of text that another reader could read as another moment."""
    for text, is_day_first in read.ordered[:1]:
        by_day, by_month = read_both_ways(text)
        if is_day_first:
            yield ReadingNote(
                text, by_day, "the day first, as other values show", "with the month first", by_month
            )
        else:
            yield ReadingNote(
                text, by_month, "the month first, as other values show", "with the day first", by_day
            )
    present = read.moments.is_not_null()
    if "%y" in column.format and (example := _find_example(source, present, read)):
        text, moment = example
        before = f"{moment.year - 100}{moment:-%m-%d}"
        how = "years of two digits are 1969 to 2068"
        yield ReadingNote(text, f"{moment:%Y-%m-%d}", how, "a century before", before)
    if not read.has_offset.any():
        return
    if source.dtype == pl.String:
        shifted = read.has_offset & present & ~source.str.contains(_NO_SHIFT)
    else:
        shifted = present & (source.dt.replace_time_zone(None) != read.moments)
    if example := _find_example(source, shifted, read):
        text, moment = example
        local = re.sub(_OFFSET, "", text)
        yield ReadingNote(text, _format_moment(moment), "in UTC", "without its offset", local)


def _describe_doubts(read: ReadTexts, source: pl.Series, column: Column) -> Iterator[str]:
    """Describe how the texts of a column differ from each other, with examples and counts."""
    if len(read.forms) > 1:
        forms = sorted(read.forms, reverse=True)
        yield f"{len(forms)} forms: {join_names((f'{n:,} like {text!r}' for n, text in forms), 6)}"
    elif read.ordered:  # a row that is scored alone has no other values
        text, is_day_first = read.ordered[0]
        formats = [f for f in list_date_formats([text]) if f.startswith("%d" if is_day_first else "%m")]
        yield from (f'Format("{f}") in the contract reads a row alone as well' for f in formats[:1])
    if read.deciders and not read.ambiguous:
        yield f"the day comes first in {read.deciders[0]!r}, the month in {read.deciders[1]!r}"
    if read.contradictions:
        count, text = len(read.contradictions), read.contradictions[0]
        yield f"{count:,} with another weekday than their date has, such as {text!r}"
    if column.zone or not read.has_offset.any():
        return
    present = read.moments.is_not_null()
    naive = present & ~read.has_offset
    if example := _find_example(source, naive, read):
        yield (
            f"{naive.sum():,} of {present.sum():,} have no offset and are taken as UTC: {example[0]!r}; "
            "Zone(...) says where they are local times"
        )


def _describe_conflict(read: ReadTexts) -> tuple[str, tuple[str, ...]]:
    """Describe the two readings between which nothing decides, and list the marks that decide; or nothing."""
    if not read.ambiguous:
        return "", ()
    text = read.ambiguous[0]
    day_first, month_first = read_both_ways(text)
    why = "no value decides"
    formats = list_date_formats(read.ambiguous)
    mark = "/" if "/" in text else "-"
    deciders = [repr(decider) for decider in read.deciders if mark in decider]
    if deciders:  # no format reads all of them
        why, formats = f"{' and '.join(deciders)} contradict each other", []
    sentence = f"{text!r} is {day_first} with the day first and {month_first} with the month first, and {why}"
    return sentence, tuple(f'Format("{f}")' for f in formats)


def _find_example(source: pl.Series, rows: pl.Series, read: ReadTexts) -> tuple[str, dt.datetime] | None:
    """Return the first of the marked texts with its moment; None if none is marked."""
    first = rows.arg_true().head(1)
    return (str(source[first[0]]), read.moments[first[0]]) if len(first) else None


def _format_moment(moment: dt.datetime) -> str:
    text = moment.isoformat(" ")
    return text.removesuffix(":00") if moment.second == 0 else text


def _to_naive_utc(moments: pl.Series) -> pl.Series:
    if getattr(moments.dtype, "time_zone", None):
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moments.cast(pl.Datetime("us"))
