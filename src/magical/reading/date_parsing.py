"""Read dates, moments and times of day from texts: ISO 8601, else the format that a contract gives."""

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
    """Give dates; a moment is a date only at midnight, since its time of day would be lost.

    Args:
        raw: texts, dates, datetimes or numbers such as 20140629.
        format: as ``strptime`` codes, for texts that are not ISO.

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
    """Give moments to the microsecond; those with a time zone become UTC, and none has one afterwards.

    Args:
        raw: texts, dates, datetimes or numbers such as 20140629.
        format: as ``strptime`` codes, for texts that are not ISO.

    Example:
        >>> parse_datetimes(pl.Series(["2014-06-29 14:30", "2014-06-29T14:30:00+02:00"])).to_list()
        [datetime.datetime(2014, 6, 29, 14, 30), datetime.datetime(2014, 6, 29, 12, 30)]
    """
    if dtype_kind(raw.dtype) in ("date", "datetime", "null"):
        return _to_naive_utc(raw)
    if dtype_kind(raw.dtype) not in ("str", "int"):
        return pl.Series(raw.name, [None] * len(raw), dtype=pl.Datetime("us"))
    texts = raw.cast(pl.String).str.replace(_DATE_THEN_BLANK, "${1}T")
    found = _parse_first_match(texts, [*_DATETIME_FORMATS, *_ZONED_FORMATS])
    if format:
        own = _parse_by_format(raw.cast(pl.String), format)
        found = pl.select(pl.coalesce(found, own)).to_series()
    return found.rename(raw.name)


def parse_times(raw: pl.Series, format: str = "") -> pl.Series:
    """Give times of day, from texts such as ``14:30`` and ``14:30:05.5``.

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
    moments = [_parse_by_format("2000-01-01T" + raw, "%Y-%m-%dT" + f).dt.time() for f in formats]
    return pl.select(pl.coalesce(moments)).to_series()


def infer_date_format(texts: Iterable[str], time_suffix: str = "") -> str:
    """Give the usual way of writing dates that reads all of some texts, or an empty text.

    Args:
        texts: none missing.
        clock: how a time of day is written behind the date.

    Example:
        >>> infer_date_format(["29-06-2014", "01-07-2014"]), infer_date_format(["6/29/2014 14:30"], " %H:%M")
        ('%d-%m-%Y', '%m/%d/%Y %H:%M')
    """
    examples = pl.Series(list(texts), dtype=pl.String)
    usual = (f"{date}{time_suffix}" for date in _COMMON_DATE_FORMATS)
    reads_all = (f for f in usual if _parse_by_format(examples, f).null_count() == 0)
    return next(reads_all, "") if len(examples) else ""


def _parse_first_match(texts: pl.Series, formats: Iterable[str]) -> pl.Series:
    """Parse by the first format that fits; formats are tried only while texts are left."""
    found = pl.Series(texts.name, [None] * len(texts), dtype=pl.Datetime("us"))
    for format in formats:
        if found.null_count() == texts.null_count():
            break
        found = pl.select(pl.coalesce(found, _parse_by_format(texts, format))).to_series()
    return found


def _parse_by_format(texts: pl.Series, format: str) -> pl.Series:
    has_clock = any(code in format for code in ("%H", "%I", "%T", "%R", "%s", "%c"))
    if not has_clock:
        return texts.str.to_date(format, strict=False).cast(pl.Datetime("us"))
    return _to_naive_utc(texts.str.to_datetime(format, strict=False, time_unit="us"))


def _to_naive_utc(moments: pl.Series) -> pl.Series:
    if getattr(moments.dtype, "time_zone", None):
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moments.cast(pl.Datetime("us"))
