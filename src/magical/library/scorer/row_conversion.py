"""The one table of conversions from rows as they come to the typed rows of a contract.

A conversion loses nothing and invents nothing; a value that has none is a reject, and costs its row only.
Each value is converted by itself, so no other row changes what it becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import DTYPES, MAX_EXACT_FLOAT, dtype_kind
from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise, did_you_mean, join_names, shorten
from magical.library.column_matching import match_columns
from magical.library.scorer.raw_columns import MixedColumn, RawColumns
from magical.reading.casting import cast, strip_texts
from magical.reading.date_parsing import parse_times, read_moments

__all__ = [
    "REJECT_SCHEMA",
    "ConvertedRows",
    "convert_rows",
    "has_conversion",
    "mask_value",
    "state_offsets",
]

REJECT_SCHEMA: dict[Any, Any] = {"row": pl.Int64, "column": pl.String, "rule": pl.String, "value": pl.String}


@dataclass(frozen=True)
class ConvertedRows:
    """Typed rows, and the values that could not be converted.

    Attributes:
        typed: all rows in order, in the columns and types of the contract; null where a value failed.
        rejects: ``row`` from 0, ``column``, ``rule`` and masked ``value``, a line for each failed value.
    """

    typed: pl.DataFrame
    rejects: pl.DataFrame


def convert_rows(rows: Any, schema: Schema, nulls: Sequence[str] = ()) -> ConvertedRows:
    """Convert rows of any kind of table to the columns and types of a contract.

    A column is found as ``model_data`` finds it; one that may be null may be missing, others are ignored.
    Texts are read as ``model_data`` reads them, except that no other row helps: ``1,5`` needs a stated mark,
    ``03/04/2024`` a ``Format``. Without a stated mark a number is read as Python reads it. NaN is null.

    Args:
        rows: polars, pandas, arrow, a list of dictionaries, or a dictionary of lists.
        schema: the contract of a row.
        nulls: texts that mean a missing value, as the ``Reading`` of the source states them.

    Raises:
        BrokenPromise: the rows are no table, a column is missing or ambiguous, or its type has no conversion.

    Example:
        >>> schema = Schema("Row", (Column("n", "int", nullable=True),))
        >>> done = convert_rows([{"n": 24.0}, {"n": "1,5"}, {"n": None}], schema)
        >>> done.typed["n"].to_list(), done.rejects.rows()
        ([24, None, None], [(1, 'n', 'must be int | None (write it as 24, or state its marks)', '9,9')])
    """
    raw = RawColumns(rows)
    matches, missing = match_columns(raw.names, schema, label=f"A row of {schema.name}")
    if raw.names or raw.height:
        _refuse_missing([c.alias or c.name for c in missing if not c.nullable], raw.names, schema)
    found = [c for c in schema.columns if c.name in matches]
    columns = (_blank_nulls(c, nulls) for c in raw.read([matches[c.name] for c in found]))
    sources = dict(zip([c.name for c in found], columns, strict=True))
    _refuse_types([c for c in found if matches[c.name] not in raw.untyped], sources, schema)
    values = {c.name: pl.repeat(None, raw.height, eager=True, dtype=_dtype_of(c)) for c in missing}
    rejects: dict[str, list[pl.DataFrame]] = {"": [pl.DataFrame(schema=REJECT_SCHEMA)]}
    for group in _group_columns(found, sources, raw.height):
        converted = _convert_group(group, sources, raw.height)
        for column, result in zip(group, converted, strict=True):
            values[column.name] = result.values
            if result.failures:
                rejects[column.name] = _list_rejects(column, sources[column.name], result)
    lines = [part for name in ("", *schema.names) for part in rejects.get(name, ())]
    typed = pl.DataFrame([values[name].alias(name) for name in schema.names])
    return ConvertedRows(typed, pl.concat(lines).sort("row", maintain_order=True))


def state_offsets(typed: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """State the offset of moments in typed rows: they are in UTC, and without it they would be local times.

    Example:
        >>> rows = pl.DataFrame({"at": [None]}, schema={"at": pl.Datetime("us")})
        >>> schema = Schema("Row", (Column("at", "datetime", zone="Europe/Berlin"),))
        >>> state_offsets(rows, schema).schema["at"]
        Datetime(time_unit='us', time_zone='UTC')
    """
    names = [c.name for c in schema.columns if c.zone and c.name in typed.columns]
    return typed.with_columns(pl.col(names).dt.replace_time_zone("UTC")) if names else typed


def mask_value(value: Any) -> str | None:
    """Replace the letters of a value by x and its digits by 9, so that a report does not tell it.

    Example:
        >>> mask_value("12 Main Street")
        '99 xxxx xxxxxx'
    """
    if value is None:
        return None
    return "".join("x" if c.isalpha() else "9" if c.isnumeric() else c for c in shorten(value, 40))


def _blank_nulls(source: pl.Series | MixedColumn, nulls: Sequence[str]) -> pl.Series | MixedColumn:
    """Replace the texts that mean a missing value by null."""
    if not nulls:
        return source
    if isinstance(source, MixedColumn):
        source.parts = [(rows, _blank_texts(part, nulls)) for rows, part in source.parts]
        return source
    return _blank_texts(source, nulls)


def _blank_texts(values: pl.Series, nulls: Sequence[str]) -> pl.Series:
    if dtype_kind(values.dtype) != "str":
        return values
    return _keep(values, ~values.cast(pl.String).str.strip_chars().is_in(nulls))


class _Result(NamedTuple):
    """A converted column: its values, and where a value failed, for each reason."""

    values: pl.Series
    failures: list[tuple[str, pl.Series]]


def _refuse_missing(missing: list[str], names: list[str], schema: Schema) -> None:
    if not missing:
        return
    raise BrokenPromise(
        f"A row of {schema.name} promised {len(schema.columns)} columns; missing: {join_names(missing, 6)}.",
        hint=did_you_mean(missing[0], names),
    )


def _refuse_types(columns: list[Column], sources: Mapping[str, Any], schema: Schema) -> None:
    """Raise a BrokenPromise for columns of a type that no value of the contract's type can come from."""
    wrong = []
    for column in columns:
        source = sources[column.name]
        if isinstance(source, MixedColumn) or source.null_count() == len(source):
            continue
        if _find_conversion(source.dtype, column) is None:
            wrong.append(f"{column.name} must be {column.type_text}, and is {source.dtype}")
    if wrong:
        raise BrokenPromise(
            f"The rows have columns that no {schema.name} can come from:",
            *(f"  {line}" for line in wrong[:3]),
            hint="give the values in the types of the contract, or as texts.",
        )


def _dtype_of(column: Column) -> Any:
    return DTYPES.get(column.type, pl.Null)


_FEW_ROWS = 1000


def _group_columns(columns: list[Column], sources: Mapping[str, Any], height: int) -> Iterable[list[Column]]:
    """Group columns that are converted alike, so that thousands of short ones are converted as one."""
    if height > _FEW_ROWS:
        return [[column] for column in columns]
    groups: dict[Any, list[Column]] = {}
    for column in columns:
        source = sources[column.name]
        marks = (column.format, column.decimal, column.thousands, column.zone, column.zone_twice)
        how = (column.type, *marks, column.unit, column.order, column.settled)
        kind = column.name if isinstance(source, MixedColumn) else source.dtype
        groups.setdefault((kind, *how, column.choices if column.type == "str" else ()), []).append(column)
    return groups.values()


def _convert_group(group: list[Column], sources: Mapping[str, Any], height: int) -> list[_Result]:
    """Convert columns of one type: one below the other, as if they were one column."""
    first = sources[group[0].name]
    if isinstance(first, MixedColumn):
        return [_convert_mixed(first, group[0])]
    if len(group) == 1 or not height:
        return [_convert_series(sources[column.name], column) for column in group]
    result = _convert_series(pl.concat([sources[column.name] for column in group]), group[0])
    starts = range(0, len(group) * height, height)
    return [
        _Result(
            result.values.slice(start, height),
            [(why, part) for why, failed in result.failures if (part := failed.slice(start, height)).any()],
        )
        for start in starts
    ]


def _convert_mixed(source: MixedColumn, column: Column) -> _Result:
    """Convert the values of each Python type by themselves."""
    height = len(source.values)
    values = pl.repeat(None, height, eager=True, dtype=_dtype_of(column))
    if column.type == "any":
        return _Result(pl.Series(source.values, dtype=pl.Object), [])
    none = pl.repeat(False, height, eager=True)
    failures = [("", none.clone().scatter(source.odd, True))] if source.odd else []
    for rows, part in source.parts:
        result = _convert_series(part, column)
        values = values.scatter(rows, result.values)
        failures += [(why, none.clone().scatter(rows, failed)) for why, failed in result.failures]
    return _Result(values, failures)


def _list_rejects(column: Column, source: pl.Series | MixedColumn, result: _Result) -> list[pl.DataFrame]:
    """Write the failures of a column as lines of the rejects."""
    values = source.values if isinstance(source, MixedColumn) else source
    parts = []
    for why, failed in result.failures:
        rows = failed.arg_true().to_list()
        rule = f"must be {column.type_text}{f' ({why})' if why else ''}"
        lines = [(row, column.name, rule, mask_value(values[row])) for row in rows]
        parts.append(pl.DataFrame(lines, schema=REJECT_SCHEMA, orient="row"))
    return parts


def _convert_series(raw: pl.Series, column: Column) -> _Result:
    """Convert a column of one type; what is present and becomes null has failed, unless it means nothing."""
    if raw.dtype.is_float():
        raw = raw.fill_nan(None)
    convert = _find_conversion(raw.dtype, column)
    if convert is None:
        values, failed = pl.repeat(None, len(raw), eager=True, dtype=_dtype_of(column)), raw.is_not_null()
        return _Result(values, [("", failed)] if failed.any() else [])
    if dtype_kind(raw.dtype) == "str":
        raw = strip_texts(raw.cast(pl.String), column)
    values, reasons = convert(raw, column)
    if values.null_count() == raw.null_count():
        return _Result(values, [])
    failed, failures = raw.is_not_null() & values.is_null(), []
    for why, cause in reasons:
        part = failed & cause.fill_null(False)
        if part.any():
            failures.append((why, part))
            failed = failed & ~part
    return _Result(values, [*failures, ("", failed)] if failed.any() else failures)


_Converted = tuple[pl.Series, list[tuple[str, pl.Series]]]
_EXACT_FLOATS = {"Float16": 2**11, "Float32": 2**24, "Float64": MAX_EXACT_FLOAT}
_NOT_WHOLE = "it is not whole"
_TOO_LARGE = "a float of this size does not have every whole number"
_MARKS = {"int": "write it as 24, or state its marks", "float": "write it as 1.5, or state its marks"}
_DIGITS = r"^[+-]?[0-9]+$"
_PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_WHOLE = r"^([+-]?[0-9]+)(?:\.0*)?$"
_ORDERED = r"^(?:[^\W\d_]{2,10}(?:[.,]+ ?| ))?(\d{1,2})[/-](\d{1,2})[/-]\d{4}"
_MONEY = r"(?:\p{Sc}|(?i:eur|usd|gbp|chf)|%)?"
_NUMBER = r"[0-9.,'\u2019 _]*[0-9][0-9.,'\u2019 _]*(?:[eE][+-]?[0-9]+)?"
_MARKED = rf"^[+\-\u2212(]{{0,2}}\s*{_MONEY}\s*[+\-]?{_NUMBER}\s*{_MONEY}[)\-]?$"
_MARKS_AND_DIGITS = r"[0-9.,'\u2019_\s]"
_TIME_UNIT = r"(?i)\s*(?:ms|sec|s|min|hrs|hr|h|d)\.?$"
_BEYOND_MICROSECONDS = r"[.,][0-9]{6}[0-9]*[1-9]"


def _keep(values: pl.Series, where: pl.Series) -> pl.Series:
    return pl.select(pl.when(where).then(values).alias(values.name)).to_series()


def _as_it_is(raw: pl.Series, column: Column) -> _Converted:
    wanted = DTYPES.get(column.type)
    return (raw if wanted is None else raw.cast(wanted, strict=False)), []


def _truth_from_number(raw: pl.Series, column: Column) -> _Converted:
    return _keep(raw == 1, (raw == 0) | (raw == 1)), []


def _by_casting(raw: pl.Series, column: Column) -> _Converted:
    return cast(raw, column).values, []


def _int_from_float(raw: pl.Series, column: Column) -> _Converted:
    # At its limit itself a float could come from the next whole number as well.
    small = raw.abs() < _EXACT_FLOATS[str(raw.dtype)]
    whole = _keep(raw, small & (raw == raw.round())).cast(pl.Int64)
    return whole, [(_NOT_WHOLE, raw != raw.round()), (_TOO_LARGE, ~small & raw.is_finite())]


def _int_from_decimal(raw: pl.Series, column: Column) -> _Converted:
    whole = raw.cast(pl.Int64, strict=False)
    return _keep(whole, raw == whole.cast(raw.dtype, strict=False)), []


def _float_from_float(raw: pl.Series, column: Column) -> _Converted:
    number = raw.cast(pl.Float64)
    if number.is_finite().all():
        return number, []
    return _keep(number, number.is_finite()), [("it is not finite", number.is_infinite())]


def _float_from_int(raw: pl.Series, column: Column) -> _Converted:
    number = raw.cast(pl.Float64)
    if (raw.cast(pl.Int128).abs() <= MAX_EXACT_FLOAT).all():
        return number, []
    exact = number.cast(pl.Int128, strict=False) == raw.cast(pl.Int128)
    return _keep(number, exact), [("no float is this number", ~exact)]


def _number_from_text(raw: pl.Series, column: Column) -> _Converted:
    """Read numbers in texts: by the marks that the column states, else only as Python writes them."""
    if column.settled:
        number = cast(raw, column).values
        reasons = [(_explain_settled(column), number.is_null())]
    elif column.decimal or column.thousands:
        number, reasons = _read_alone(raw, column, _MARKED), []
    else:
        plain = _keep(raw, raw.str.contains(_PLAIN))
        reasons = [(_MARKS[column.type], plain.is_null())]
        number = plain.cast(pl.Float64, strict=False)
        if column.type == "int":
            # Digits are parsed as an integer: as a float, those beyond 2**53 would be lost.
            whole = plain.str.extract(_WHOLE).cast(pl.Int64, strict=False)
            other, more = _int_from_float(number, column)
            return pl.select(pl.coalesce(whole, other).alias(raw.name)).to_series(), [*reasons, *more]
    if column.type == "int":
        return number, reasons
    number, infinite = _float_from_float(number, column)
    digits = _keep(raw, raw.str.contains(_DIGITS)).cast(pl.Int64, strict=False)
    exact, inexact = _float_from_int(digits, column)
    return _keep(number, digits.is_null() | exact.is_not_null()), [*reasons, *infinite, *inexact]


def _explain_settled(column: Column) -> str:
    """Return how texts are to be written where the run settled it, without the values themselves."""
    if column.type in ("date", "datetime"):
        return f"in the run the {column.order} came first"
    return f"write it as in the run: {column.marks_text or 'without marks'}"


def _duration_from_text(raw: pl.Series, column: Column) -> _Converted:
    if column.settled:
        values = cast(raw, column).values
        return values, [(_explain_settled(column), values.is_null())]
    pattern = _MARKED if column.decimal or column.thousands else _PLAIN
    fits = raw.str.replace(_TIME_UNIT, "").str.contains(pattern)
    return _read_alone(_keep(raw, fits), column, f"{_MARKED[:-1]}(?i:{_TIME_UNIT})?$"), []


def _read_alone(raw: pl.Series, column: Column, pattern: str) -> pl.Series:
    """Read numbers like ``model_data``, those with one sign of a currency or unit apart from all others.

    The unit of a column is that of most of its texts, and a row has no column to ask: no other unit is read.
    """
    around = raw.str.replace_all(_MARKS_AND_DIGITS, "")
    values = pl.repeat(None, len(raw), eager=True, dtype=_dtype_of(column)).alias(raw.name)
    for sign in around.filter(raw.str.contains(pattern)).drop_nulls().unique():
        rows = ((around == sign) & raw.str.contains(pattern)).arg_true()
        values = values.scatter(rows, cast(raw.gather(rows), column).values)
    return values


def _duration_from_number(raw: pl.Series, column: Column) -> _Converted:
    micros = raw.cast(pl.Float64) * 1_000_000
    small = (micros.abs() < MAX_EXACT_FLOAT) & ((micros - micros.round()).abs() < 1e-3)
    return _keep(micros.round(), small).cast(pl.Int64).cast(DTYPES["duration"]), []


def _text_from_text(raw: pl.Series, column: Column) -> _Converted:
    return raw, []


def _text_from_bool(raw: pl.Series, column: Column) -> _Converted:
    """Convert truth values to the one text that a closed set has for them: True has many."""
    texts = {str(c) for c in column.choices}
    yes, no = ([t for t in (word, word.title()) if t in texts] for word in ("true", "false"))
    known = {True: yes[0] if len(yes) == 1 else None, False: no[0] if len(no) == 1 else None}
    return raw.replace_strict(known, return_dtype=pl.String), [("a truth value has many texts", ~raw | raw)]


def _moment_from_moment(raw: pl.Series, column: Column) -> _Converted:
    moments = read_moments(raw, column).values.cast(_dtype_of(column))
    if getattr(raw.dtype, "time_unit", "us") != "ns":
        return moments, _explain_moments(raw, column)
    exact = raw.dt.timestamp("ns") % 1000 == 0
    return _keep(moments, exact), [("a contract has microseconds", ~exact), *_explain_moments(raw, column)]


def _moment_from_text(raw: pl.Series, column: Column) -> _Converted:
    """Read dates and moments like ``model_data``, but each text as if it were alone."""
    coarse = ~raw.str.contains(_BEYOND_MICROSECONDS)
    texts, reasons = _keep(raw, coarse), [("a contract has microseconds", ~coarse)]
    parts = texts.str.extract_groups(_ORDERED).struct.unnest().cast(pl.Int32)
    first, other = parts.to_series(0), parts.to_series(1)
    if column.settled:
        reasons.append((_explain_settled(column), first.is_not_null()))
        values = read_moments(texts, column).values.cast(_dtype_of(column))
        return values, [*reasons, *_explain_moments(raw, column)]
    if column.format or first.null_count() == len(first):
        return read_moments(texts, column).values.cast(_dtype_of(column)), [
            *reasons,
            *_explain_moments(raw, column),
        ]
    # In 13/04/2024 the day is first, in 04/13/2024 the month: read together, one would decide for the other.
    day_first, month_first = ((a > 12) & (b <= 12) for a, b in ((first, other), (other, first)))
    is_open = (first <= 12) & (other <= 12) & (first != other)
    values = pl.repeat(None, len(raw), eager=True, dtype=_dtype_of(column)).alias(raw.name)
    rest = ~(day_first | month_first | is_open).fill_null(False)
    for which in (day_first, month_first, rest):
        rows = which.fill_null(False).arg_true()
        if len(rows):
            values = values.scatter(rows, read_moments(texts.gather(rows), column).values.cast(values.dtype))
    reasons.append(("the day or the month may come first; its Format would say", is_open))
    return values, [*reasons, *_explain_moments(raw, column)]


def _explain_moments(raw: pl.Series, column: Column) -> list[tuple[str, pl.Series]]:
    """Return the likely reason why values are no dates or moments, without the values themselves."""
    if column.type == "date" and raw.dtype.is_temporal():
        why = "a time of day is lost in a date"
    elif column.zone and raw.dtype.is_temporal():
        why = f"it is none or two in {column.zone}, where clocks change"
    elif column.format:
        why = f"write it as {column.format}, or as ISO 8601"
    else:
        example = "2024-01-31" if column.type == "date" else "2024-01-31T14:30:00+01:00"
        why = f"write it as ISO 8601, such as {example}"
    return [(why, pl.repeat(True, len(raw), eager=True))]


def _moment_from_number(raw: pl.Series, column: Column) -> _Converted:
    """Read numbers such as 20140629."""
    whole, reasons = _int_from_float(raw, column) if raw.dtype.is_float() else (raw, [])
    return read_moments(whole, column).values.cast(_dtype_of(column)), [
        *reasons,
        *_explain_moments(raw, column),
    ]


def _time_from_text(raw: pl.Series, column: Column) -> _Converted:
    coarse = ~raw.str.contains(_BEYOND_MICROSECONDS)
    return parse_times(_keep(raw, coarse), column.format), []


CONVERSIONS: dict[str, dict[str, Callable[[pl.Series, Column], _Converted]]] = {
    "bool": {
        "bool": _as_it_is,
        "int": _truth_from_number,
        "float": _truth_from_number,
        "decimal": _truth_from_number,
        "str": _by_casting,
    },
    "int": {
        "int": _as_it_is,
        "bool": _as_it_is,
        "float": _int_from_float,
        "decimal": _int_from_decimal,
        "str": _number_from_text,
    },
    "float": {
        "float": _float_from_float,
        "int": _float_from_int,
        "bool": _as_it_is,
        "decimal": _as_it_is,
        "str": _number_from_text,
    },
    "str": {
        "str": _text_from_text,
        "int": _as_it_is,
        "float": _by_casting,
        "decimal": _as_it_is,
        "bool": _text_from_bool,
        "date": _as_it_is,
    },
    "date": {
        "date": _as_it_is,
        "datetime": _moment_from_moment,
        "str": _moment_from_text,
        "int": _moment_from_number,
        "float": _moment_from_number,
    },
    "datetime": {
        "datetime": _moment_from_moment,
        "date": _moment_from_moment,
        "str": _moment_from_text,
        "int": _moment_from_number,
        "float": _moment_from_number,
    },
    "time": {"time": _as_it_is, "str": _time_from_text},
    "duration": {
        "duration": _as_it_is,
        "int": _duration_from_number,
        "float": _duration_from_number,
        "str": _duration_from_text,
    },
    "list": {"list": _as_it_is},
}
"""The conversion by the type of the contract and the type of what comes; what is not here is a reject."""


def has_conversion(dtype: Any, column: Column) -> bool:
    """Return True if values of a polars type may become values of a column.

    Example:
        >>> has_conversion(pl.String(), Column("n", "int")), has_conversion(pl.Date(), Column("n", "int"))
        (True, False)
    """
    return dtype == pl.Null or _find_conversion(dtype, column) is not None


def _find_conversion(dtype: Any, column: Column) -> Callable[[pl.Series, Column], _Converted] | None:
    if column.type == "any":
        return _as_it_is
    kind = "decimal" if dtype.is_decimal() else dtype_kind(dtype)
    return CONVERSIONS.get(column.type, {}).get(kind)
