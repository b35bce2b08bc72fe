"""Parsers of dates, datetimes and times of day: ISO 8601, else the format of the contract."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from magical.contracts.dtypes import dtype_kind

__all__ = ["infer_date_format", "parse_dates", "parse_datetimes", "parse_times"]

_DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d")
_DATETIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", *_DATE_FORMATS, "%Y%m%dT%H%M%S")
_ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y%m%dT%H%M%S%#z")
_TIME_FORMATS = ("%H:%M:%S%.f", "%H:%M")
_COMMON_DATE_FORMATS = (
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d %b %Y",
    "%d %B %Y",
)
_DATE_THEN_BLANK = r"^(\d{4}-\d{1,2}-\d{1,2}) +"


def parse_dates(raw: pl.Series, format: str = "") -> pl.Series:
    """Parse dates as ``parse_datetimes`` does; a datetime that is not at midnight becomes null.

    Example:
        >>> parse_dates(pl.Series(["2014-06-29", "29.06.2014", "2014-06-29 12:00"]), "%d.%m.%Y").to_list()
        [datetime.date(2014, 6, 29), datetime.date(2014, 6, 29), None]
    """
    if dtype_kind(raw.dtype) == "date":
        return raw
    moments = parse_datetimes(raw, format)
    midnight = moments.dt.time().cast(pl.Int64) == 0
    return pl.select(pl.when(midnight).then(moments.dt.date())).to_series()


def parse_datetimes(raw: pl.Series, format: str = "") -> pl.Series:
    """Parse datetimes to the microsecond, in UTC without a time zone; other values become null.

    Args:
        raw: texts, dates, datetimes or numbers such as 20140629.
        format: ``strptime`` codes for texts that are not ISO 8601; empty if there are none.

    Example:
        >>> parse_datetimes(pl.Series(["2014-06-29 14:30", "2014-06-29T14:30:00+02:00"])).to_list()
        [datetime.datetime(2014, 6, 29, 14, 30), datetime.datetime(2014, 6, 29, 12, 30)]
    """
    if dtype_kind(raw.dtype) in ("date", "datetime", "null"):
        return _to_naive_utc(raw)
    if dtype_kind(raw.dtype) not in ("str", "int"):
        return pl.Series(raw.name, [None] * len(raw), dtype=pl.Datetime("us"))
    texts = raw.cast(pl.String).str.replace(_DATE_THEN_BLANK, "${1}T")
    moments = _parse_first_match(texts, [*_DATETIME_FORMATS, *_ZONED_FORMATS])
    if format:
        by_format = _parse_by_format(raw.cast(pl.String), format)
        moments = pl.select(pl.coalesce(moments, by_format)).to_series()
    return moments.rename(raw.name)


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
    """Return the first common date format that parses all texts, or an empty string.

    Args:
        texts: the texts to parse, without nulls.
        time_suffix: the format of the time of day after the date; empty for dates alone.

    Example:
        >>> infer_date_format(["29-06-2014", "01-07-2014"]), infer_date_format(["6/29/2014 14:30"], " %H:%M")
        ('%d-%m-%Y', '%m/%d/%Y %H:%M')
    """
    examples = pl.Series(list(texts), dtype=pl.String)
    formats = (f"{date}{time_suffix}" for date in _COMMON_DATE_FORMATS)
    fitting = (f for f in formats if _parse_by_format(examples, f).null_count() == 0)
    return next(fitting, "") if len(examples) else ""


def _parse_first_match(texts: pl.Series, formats: Iterable[str]) -> pl.Series:
    """Parse each text by the first format that fits it; null if none fits."""
    moments = pl.Series(texts.name, [None] * len(texts), dtype=pl.Datetime("us"))
    for format in formats:
        if moments.null_count() == texts.null_count():  # all are parsed; each further format costs a pass
            break
        moments = pl.select(pl.coalesce(moments, _parse_by_format(texts, format))).to_series()
    return moments


def _parse_by_format(texts: pl.Series, format: str) -> pl.Series:
    has_clock = any(code in format for code in ("%H", "%I", "%T", "%R", "%s", "%c"))
    if not has_clock:
        return texts.str.to_date(format, strict=False).cast(pl.Datetime("us"))
    return _to_naive_utc(texts.str.to_datetime(format, strict=False, time_unit="us"))


def _to_naive_utc(moments: pl.Series) -> pl.Series:
    if getattr(moments.dtype, "time_zone", None):
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moments.cast(pl.Datetime("us"))
