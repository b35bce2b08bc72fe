"""Statistics of one column, from which its type and role are inferred."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import DTYPES, MAX_EXACT_FLOAT, dtype_kind
from magical.contracts.schema import Column
from magical.reading.casting import cast

__all__ = ["ColumnStats", "TypedTable"]

_CODE_PATTERN = r"^[A-Z0-9][A-Z0-9_.:/#-]*$"
_UUID_PATTERN = r"(?i)^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$"


class TypedTable(NamedTuple):
    """A table whose text columns were cast to numbers, booleans and dates, with the table before, ``raw``.

    Attributes:
        formats: the formats of the date columns that are not ISO 8601, by column.
        remarks: notes to the reader of the contract, by column.
        marks: the decimal mark and the mark between thousands, by column, where numbers are not plain.
    """

    table: pl.DataFrame
    raw: pl.DataFrame
    formats: Mapping[str, str]
    remarks: Mapping[str, str]
    marks: Mapping[str, tuple[str, str]] = MappingProxyType({})


class ColumnStats:
    """Statistics of one typed column, each computed when it is first read.

    Attributes:
        format: the date format in the source; empty for ISO.
        raw: the column as it came from the source.
        marks: the decimal mark and the mark between thousands in the source; empty for plain numbers.
        kind: the contract's type: ``str`` for integers beyond 64 bits, ``date`` for datetimes that are all at
            midnight, empty for lists and for types that contracts lack.

    Example:
        >>> stats = ColumnStats(pl.Series("x", [1.0, 2.0, None]))
        >>> stats.kind, stats.unique_count, stats.missing_count, stats.is_whole
        ('float', 2, 1, True)
    """

    def __init__(
        self,
        values: pl.Series,
        format: str = "",
        raw: pl.Series | None = None,
        marks: tuple[str, str] = ("", ""),
    ) -> None:
        self.name, self.format, self.raw, self.marks = values.name, format, raw, marks
        self.kind = _find_kind(values)
        self.values = values.fill_nan(None) if values.dtype.is_float() else values
        self.rows = len(values)

    @cached_property
    def as_texts(self) -> ColumnStats:
        """The statistics of the raw texts, in which marks such as NA are values; itself without raw texts."""
        if self.kind == "str" or self.raw is None or self.raw.dtype != pl.String:
            return self
        return ColumnStats(self.raw)

    @cached_property
    def missing_count(self) -> int:
        """The number of missing values; an empty text is missing, as in ``model_data``."""
        if self.kind == "str" and self.values.dtype in (pl.String, pl.Categorical, pl.Enum):
            return self.rows - len(self.present)
        if self.values.dtype.is_float():
            return int((~self.values.is_finite().fill_null(False)).sum())
        return self.values.null_count()

    @cached_property
    def present(self) -> pl.Series:
        """The values that are not missing."""
        values = self.values.drop_nulls()
        if self.kind == "str":
            values = values.cast(pl.String).str.strip_chars()
            return values.filter(values != "")
        if values.dtype.is_float():
            return values.filter(values.is_finite())
        return values

    @cached_property
    def unique_count(self) -> int:
        """The number of different values."""
        return self.present.n_unique() if self.kind else 0

    @cached_property
    def value_counts(self) -> pl.DataFrame:
        """Each value with its number of rows, in the order of the values."""
        return self.present.rename("value").value_counts(name="rows").sort("value")

    @property
    def choices(self) -> list[Any]:
        """The different values in order."""
        return self.value_counts["value"].to_list()

    @property
    def unique_share(self) -> float:
        """The number of different values, divided by the number of values."""
        return self.unique_count / max(len(self.present), 1)

    @property
    def is_unique(self) -> bool:
        """True if each row has a value that no other row has."""
        return self.rows > 0 and not self.missing_count and self.unique_count == self.rows

    @cached_property
    def low(self) -> Any:
        """The smallest value."""
        return self.present.min()

    @cached_property
    def high(self) -> Any:
        """The largest value."""
        return self.present.max()

    @cached_property
    def is_whole(self) -> bool:
        """True if all values are whole numbers, stored as integers or floats."""
        if self.kind == "int":
            return True
        if self.kind != "float" or not len(self.present):
            return False
        number = self.present.cast(pl.Float64)
        return bool(((number == number.round()) & (number.abs() <= MAX_EXACT_FLOAT)).all())

    @cached_property
    def is_zero_one(self) -> bool:
        """True if the values are the numbers 0 and 1, and both occur, and no unit or currency with them."""
        if self.kind not in ("int", "float") or self.unique_count != 2 or (self.low, self.high) != (0, 1):
            return False
        raw = self.values if self.raw is None else self.raw
        return not cast(raw, Column(self.name, "bool")).failed.any()

    @cached_property
    def single_count(self) -> int:
        """The number of values that occur in one row only."""
        return int((self.value_counts["rows"] == 1).sum())

    @cached_property
    def is_running(self) -> bool:
        """True if the values are whole numbers without a gap, each once, in any order."""
        return self.is_unique and self.is_whole and bool(self.high - self.low + 1 == self.rows)

    @property
    def is_consecutive(self) -> bool:
        """True if the values are the whole numbers from 0 or 1 on, each once, in any order."""
        return self.is_running and self.low in (0, 1)

    @cached_property
    def has_codes(self) -> bool:
        """True if all texts look like codes: capitals and digits without a blank, or UUIDs."""
        if self.kind != "str" or not len(self.present):
            return False
        texts = self.present.unique()
        return bool(texts.str.contains(_CODE_PATTERN).all() or texts.str.contains(_UUID_PATTERN).all())

    @cached_property
    def has_no_blanks(self) -> bool:
        """True if all values are texts of one word."""
        return self.kind == "str" and not self.present.str.contains(r"\s").any()

    @cached_property
    def max_length(self) -> int:
        """The length of the longest text; 0 if the values are not texts."""
        return int(self.present.str.len_chars().max() or 0) if self.kind == "str" else 0  # type: ignore[arg-type]

    @cached_property
    def is_sorted(self) -> bool:
        """True if at least 98% of neighbouring values ascend or are equal, or descend or are equal."""
        if len(self.present) < 3:
            return False
        steps = self.present.rank("dense").cast(pl.Int64).diff().drop_nulls()
        return max(float((steps >= 0).mean() or 0), float((steps <= 0).mean() or 0)) >= 0.98  # type: ignore[arg-type]


def _find_kind(values: pl.Series) -> str:
    """Return the contract's type for a column; empty for lists and for types that contracts lack."""
    dtype = values.dtype
    if dtype.is_decimal():  # contracts have no decimals
        return "float"
    kind = dtype_kind(dtype)
    if kind == "int" and dtype in (pl.UInt64, pl.Int128):
        # Numbers that are too large for an Int64 are ids, which a contract types as texts.
        fits = values.cast(pl.Int64, strict=False).null_count() == values.null_count()
        return "int" if fits else "str"
    if kind == "datetime" and (moments := _to_utc(values.drop_nulls())).len():
        return "date" if (moments.dt.time().cast(pl.Int64) == 0).all() else kind
    return kind if kind in DTYPES else ""


def _to_utc(moments: pl.Series) -> pl.Series:
    return moments.dt.convert_time_zone("UTC") if getattr(moments.dtype, "time_zone", None) else moments
