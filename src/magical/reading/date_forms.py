"""Forms of dates and moments in texts, and the evidence in a column for the order of day and month."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

__all__ = ["TWO_DIGIT_YEAR", "ReadTexts", "read_both_ways", "read_texts"]

_LETTERS = r"[^\W\d_]"
_WEEKDAY = rf"(?:(?P<weekday>{_LETTERS}{{2,10}})(?:[.,]+ ?| ))?"
_MONTH_NAME = rf"(?P<name>{_LETTERS}{{3,10}})\.?"
_NAMED_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_YEAR, _MONTH, _DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
_OFFSET = r"[+-]\d{2}(?::?\d{2})?"
_ZONE = rf"(?: ?(?P<zone>Z|(?:UTC|GMT|UT){_OFFSET}|{_OFFSET}|UTC|GMT|UT)(?: \(.*\))?)?"
_FRACTION = r"(?:[.,](?P<fraction>\d+))?"
_CLOCK = (
    r"(?:(?:[T_]|,? +(?:at )?)(?P<hour>\d{1,2}):(?P<minute>\d{1,2})"
    rf"(?::(?P<second>\d{{1,2}}){_FRACTION})?(?: ?(?P<half>[ap])\.?m\.?)?{_ZONE})?"
)
_COMPACT_CLOCK = (
    rf"(?:[T ]?(?P<hour>\d{{2}}):?(?P<minute>\d{{2}})(?::?(?P<second>\d{{2}}){_FRACTION})?{_ZONE})?"
)

_ISO = rf"{_YEAR}-{_MONTH}-{_DAY}{_CLOCK}"
# Each text fits at most one form. Whether the day or the month is `first` is for the column to say.
_FORMS = (
    _ISO,
    rf"{_YEAR}(?P<month>\d{{2}})(?P<day>\d{{2}}){_COMPACT_CLOCK}",
    rf"{_YEAR}/{_MONTH}/{_DAY}{_CLOCK}",
    rf"{_YEAR}\. ?{_MONTH}\. ?{_DAY}\.?{_CLOCK}",
    rf"{_WEEKDAY}{_DAY}\. ?{_MONTH}\. ?{_YEAR}{_CLOCK}",
    rf"{_WEEKDAY}(?P<first>\d{{1,2}})/(?P<other>\d{{1,2}})/{_YEAR}{_CLOCK}",
    rf"{_WEEKDAY}(?P<first>\d{{1,2}})-(?P<other>\d{{1,2}})-{_YEAR}{_CLOCK}",
    rf"{_WEEKDAY}{_NAMED_DAY}[ /-]?(?:de |of )?{_MONTH_NAME},?[ /-]?(?:de |del )?{_YEAR}{_CLOCK}",
    rf"{_WEEKDAY}{_MONTH_NAME}[ /-]?{_NAMED_DAY}(?:, ?|[ /-]){_YEAR}{_CLOCK}",
    rf"{_YEAR}[ /-]{_MONTH_NAME}[ /-]{_DAY}{_CLOCK}",
)
_PATTERNS = tuple(rf"(?i)^{form}$" for form in _FORMS)
# What polars reads fast and right.
_PADDED_ISO = (
    r"^\d{4}-\d\d-\d\d(?P<clock>[T ]\d\d:[0-5]\d(?P<second>:[0-5]\d(?:\.\d+)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?)?$"
)
TWO_DIGIT_YEAR = (
    r"^\d{1,2}([./-])\d{1,2}[./-]\d{2}($|\D)|^\d{1,2}[ .-]*[^\W\d_]{3,10}[ .,-]+\d{2}($|\D)"
    r"|^[^\W\d_]{3,10}[ .-]*\d{1,2}(, ?|[ -])\d{2}$"
)
"""Texts that would be dates if their year had four digits."""

# English, German, French and Spanish; no word means two months, or two weekdays.
_MONTH_NAMES = (
    "jan january januar janvier janv enero ene jänner",
    "feb february februar février févr fév fevrier fevr febrero",
    "mar march märz mär maerz mrz mars marzo",
    "apr april avril avr abril abr",
    "may mai mayo",
    "jun june juni juin junio",
    "jul july juli juillet juil julio",
    "aug august août aout agosto ago",
    "sep sept september septembre septiembre setiembre",
    "oct october oktober okt octobre octubre",
    "nov november novembre noviembre",
    "dec december dezember dez décembre déc decembre diciembre dic",
)
_WEEKDAY_NAMES = (
    "mon monday mo montag lun lundi lunes",
    "tue tues tuesday di dienstag mar mardi martes",
    "wed weds wednesday mi mittwoch mer mercredi mié mie miércoles miercoles",
    "thu thur thurs thursday do donnerstag jeu jeudi jue jueves",
    "fri friday fr freitag ven vendredi vie viernes",
    "sat saturday sa samstag sonnabend sam samedi sáb sab sábado sabado",
    "sun sunday so sonntag dim dimanche dom domingo",
)
_MONTHS = {word: i for i, words in enumerate(_MONTH_NAMES, 1) for word in words.split()}
_WEEKDAYS = {word: i for i, words in enumerate(_WEEKDAY_NAMES, 1) for word in words.split()}
_PARTS = ("year", "month", "day", "name", "first", "other", "weekday")
_CLOCK_PARTS = ("hour", "minute", "second", "fraction", "half", "zone")


@dataclass
class ReadTexts:
    """What the texts of a column were read as.

    Attributes:
        moments: naive moments, in UTC where a text has an offset; null where it has no reading.
        has_offset: true where a text has an offset.
        forms: the number of texts in each form, with an example of each.
        ordered: texts whose order of day and month others decide; true if the day comes first.
        ambiguous: texts that have two readings.
        deciders: a text with the day first, and one with the month first, where a column has both.
        contradictions: texts whose weekday is not that of their date.
        orders: ``day`` and ``month``, if a text shows that it comes first.
        settled: the order that is settled, or empty if none is; None if the texts are to decide.
        refused: texts that have the other order than the settled one.
    """

    moments: pl.Series
    has_offset: pl.Series
    forms: list[tuple[int, str]] = field(default_factory=list)
    ordered: list[tuple[str, bool]] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    deciders: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    settled: str | None = None
    refused: list[str] = field(default_factory=list)


def read_texts(texts: pl.Series, order: str | None = None) -> ReadTexts:
    """Read each text by the one form that it fits; each form after the first costs a pass over what is left.

    Args:
        texts: null where a value is missing.
        order: ``day`` or ``month``, if it is settled which comes first; empty if it is settled that nothing
            decides; None if the texts are to decide for each other.

    Example:
        >>> read = read_texts(pl.Series(["Mar 27, 2024", "2024-03-28T10:00:00+0100", "23.03.2024", "soon"]))
        >>> [m and f"{m:%Y-%m-%d %H:%M}" for m in read.moments]
        ['2024-03-27 00:00', '2024-03-28 09:00', '2024-03-23 00:00', None]
        >>> read_texts(pl.Series(["03/04/2024", "13/04/2024"])).ordered
        [('03/04/2024', True)]
    """
    read = ReadTexts(
        pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(texts)),
        pl.repeat(False, len(texts), eager=True),
        settled=order,
    )
    left = pl.DataFrame({"row": pl.int_range(len(texts), eager=True), "text": texts}).drop_nulls()
    for pattern in (_PADDED_ISO, *_PATTERNS):
        if left.is_empty():
            break
        fits = left["text"].str.contains(pattern)
        if fits.any():
            part, left = (left, left.clear()) if fits.all() else (left.filter(fits), left.filter(~fits))
            _read_form(part, pattern, read)
    return read


def read_both_ways(text: str) -> tuple[str, str]:
    """Return the dates of a text with the day first, and with the month first.

    Example:
        >>> read_both_ways("3/4/2024 14:30")
        ('2024-04-03', '2024-03-04')
    """
    first, other, year = re.findall(r"\d+", text)[:3]
    return f"{year}-{other:0>2}-{first:0>2}", f"{year}-{first:0>2}-{other:0>2}"


def _read_form(part: pl.DataFrame, pattern: str, read: ReadTexts) -> None:
    """Read the texts of one form into ``read``."""
    texts = part["text"]
    quick = _read_padded_iso(texts) if pattern == _PADDED_ISO else None
    if quick is None:
        moments, has_offset = _read_parts(texts, pattern, read)
    else:
        moments, has_offset = quick
        if moments.null_count():  # written in several ways, such as with a blank here and a T there
            missing = moments.is_null()
            rows = missing.arg_true()
            others, others_offset = _read_parts(texts.filter(missing), _PATTERNS[0], read)
            moments, has_offset = moments.scatter(rows, others), has_offset.scatter(rows, others_offset)
    count = len(moments) - moments.null_count()
    if count and read.forms and pattern == _PATTERNS[0]:  # ISO 8601 without zeros, beside that with zeros
        read.forms[0] = (read.forms[0][0] + count, read.forms[0][1])
    elif count:
        read.forms.append((count, texts[int(moments.is_not_null().arg_max() or 0)]))
    if len(part) == len(read.moments):
        read.moments, read.has_offset = moments, has_offset
    else:
        read.moments = read.moments.scatter(part["row"], moments)
        read.has_offset = read.has_offset.scatter(part["row"], has_offset)


def _read_padded_iso(texts: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """Read ISO 8601 by the one format of the first text, as fast as polars; other texts become null."""
    written = re.match(_PADDED_ISO, texts[0])
    if written is None:
        return None
    format = "%Y-%m-%d"
    if written["clock"]:
        format += f"{texts[0][10]}%H:%M" + (":%S" if written["second"] else "")
    has_fractions = bool(written["second"]) and texts.head(1000).str.contains(".", literal=True).any()
    if has_fractions:
        format += "%.f"
    if written["zone"]:
        format += "Z" if written["zone"] == "Z" else "%z"
    if written["clock"]:
        # Without a format, polars is faster for fractions.
        own = None if has_fractions and not written["zone"] else format
        moments = texts.str.to_datetime(own, strict=False, time_unit="us")
    else:
        moments = texts.str.to_date(format, strict=False).cast(pl.Datetime("us"))
    if format.endswith("%z"):
        moments = moments.dt.replace_time_zone(None)  # polars gives UTC
    return moments, pl.repeat(bool(written["zone"]), len(texts), eager=True)


def _read_parts(texts: pl.Series, pattern: str, read: ReadTexts) -> tuple[pl.Series, pl.Series]:
    """Read texts by the parts that a pattern names; return their moments, and where one has an offset."""
    parts = texts.str.extract_groups(pattern).struct.unnest()
    parts = parts.with_columns(
        pl.lit(None, pl.String).alias(p) for p in (*_PARTS, *_CLOCK_PARTS) if p not in parts.columns
    )
    parts = parts.with_columns(pl.col("year", "month", "day", "first", "other").cast(pl.Int32))
    if "(?P<first>" in pattern:
        parts = _order_day_and_month(parts, texts, read)
    month = pl.coalesce("month", pl.col("name").str.to_lowercase().replace_strict(_MONTHS, default=None))
    date = pl.concat_str("year", month, "day", separator="-").str.to_date("%Y-%m-%d", strict=False)
    frame = parts.select(date.alias("date"), "weekday", *_CLOCK_PARTS).with_columns(_clock(), _offset())
    if frame["weekday"].null_count() < len(frame):
        frame = _check_weekdays(frame, texts, read)
    moments = frame.select(pl.col("date").cast(pl.Datetime("us")) + pl.col("clock") - pl.col("offset"))
    return moments.to_series(), frame["zone"].is_not_null()


def _order_day_and_month(parts: pl.DataFrame, texts: pl.Series, read: ReadTexts) -> pl.DataFrame:
    """Fill day and month by the order that parts above 12 show; the day is null where nothing decides."""
    first, other = parts["first"], parts["other"]
    is_open = (first <= 12) & (other <= 12) & (first != other)
    by_day, by_month = first.is_between(13, 31) & (other <= 12), other.is_between(13, 31) & (first <= 12)
    is_day_first, is_month_first = bool(by_day.any()), bool(by_month.any())
    read.orders |= {name for name, is_first in (("day", is_day_first), ("month", is_month_first)) if is_first}
    if read.settled is not None:
        return _order_by_settled(parts, texts, read, is_open)
    day_first = other <= 12
    if is_day_first != is_month_first:  # the others follow those that decide
        day_first = pl.repeat(is_day_first, len(parts), eager=True)
        read.ordered += [(text, is_day_first) for text in texts.filter(is_open).head(1)]
        is_open = pl.repeat(False, len(parts), eager=True)
    else:
        read.ambiguous += texts.filter(is_open).head(100).to_list()
        if is_day_first:
            read.deciders += [texts.filter(by)[0] for by in (by_day, by_month)]
    return parts.with_columns(
        day=pl.when(~is_open).then(pl.when(day_first).then("first").otherwise("other")),
        month=pl.when(day_first).then("other").otherwise("first"),
    )


def _order_by_settled(
    parts: pl.DataFrame, texts: pl.Series, read: ReadTexts, is_open: pl.Series
) -> pl.DataFrame:
    """Fill day and month by the settled order; the day is null where it does not fit, or none is settled."""
    first, other = parts["first"], parts["other"]
    if read.settled:
        day, month = (first, other) if read.settled == "day" else (other, first)
        fits = month <= 12
        read.refused += texts.filter(~fits & (day <= 12)).head(1).to_list()
    else:
        day_first = other <= 12
        day, month = (
            pl.select(pl.when(day_first).then(a).otherwise(b)).to_series()
            for a, b in ((first, other), (other, first))
        )
        fits = ~is_open
        read.ambiguous += texts.filter(is_open).head(100).to_list()
    return parts.with_columns(day=pl.when(fits).then(day), month=month)


def _clock() -> pl.Expr:
    """Express the time of day of the parts as a duration; null if it is none."""
    hour, minute, second = (pl.col(p).cast(pl.Int64).fill_null(0) for p in ("hour", "minute", "second"))
    micros = pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0)
    half = pl.col("half").str.to_lowercase()
    hour = (
        pl.when(half.is_null()).then(hour).when(hour.is_between(1, 12)).then(hour % 12 + 12 * (half == "p"))
    )
    total = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    valid = (hour < 24) & (minute < 60) & (second < 60)
    return pl.when(valid).then(total.cast(pl.Duration("us"))).alias("clock")


def _offset() -> pl.Expr:
    """Express the offset from UTC of the parts as a duration; null if it is none."""
    hours = pl.col("zone").str.extract(r"[+-](\d{2})").cast(pl.Int64).fill_null(0)
    minutes = pl.col("zone").str.extract(r"[+-]\d{2}:?(\d{2})").cast(pl.Int64).fill_null(0)
    sign = pl.when(pl.col("zone").str.contains("-", literal=True).fill_null(False)).then(-1).otherwise(1)
    valid = (hours < 24) & (minutes < 60)
    return (
        pl.when(valid)
        .then((sign * (hours * 60 + minutes) * 60_000_000).cast(pl.Duration("us")))
        .alias("offset")
    )


def _check_weekdays(frame: pl.DataFrame, texts: pl.Series, read: ReadTexts) -> pl.DataFrame:
    """Note texts whose weekday is not that of their date; a word that is no weekday has no reading."""
    written = frame["weekday"].str.to_lowercase().replace_strict(_WEEKDAYS, default=None)
    read.contradictions += texts.filter((written != frame["date"].dt.weekday()).fill_null(False)).to_list()
    known = written.is_not_null() | frame["weekday"].is_null()
    return frame.with_columns(pl.when(known).then("date").alias("date"))
