"""What can be counted in one column of a table, for judging what it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import DTYPES, dtype_kind

__all__ = ["ColumnStats", "TypedTable"]

_CODE_PATTERN = r"^[A-Z0-9][A-Z0-9_.:/#-]*$"
_UUID_PATTERN = r"(?i)^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$"
_MAX_EXACT_FLOAT = 2**53  # from here on a float no longer holds every whole number


class TypedTable(NamedTuple):
    """A table whose texts were read as what they are.

    Attributes:
        table: the same rows and columns as in the source, typed.
        raw: as it came from the source.
        formats: for a date that is not written as ISO, how it is.
        remarks: for a column, what else there is to say of it.
    """

    table: pl.DataFrame
    raw: pl.DataFrame
    formats: Mapping[str, str]
    remarks: Mapping[str, str]


class ColumnStats:
    """One column, counted when asked.

    Args:
        values: the column, typed.
        format: how the source writes it, if it is a date that is not ISO.
        raw: as it came from the source.

    Attributes:
        name: the raw name.
        kind: the type as contracts name it; of whole numbers beyond 64 bits ``str``, of dates without a time
            of day ``date``, and empty where no contract has it.

    Example:
        >>> facts = ColumnStats(pl.Series("x", [1.0, 2.0, None]))
        >>> facts.kind, facts.unique_count, facts.missing_count, facts.is_whole
        ('float', 2, 1, True)
    """

    def __init__(self, values: pl.Series, format: str = "", raw: pl.Series | None = None) -> None:
        self.name, self.format, self.raw = values.name, format, raw
        self.kind = _find_kind(values)
        self.values = values.fill_nan(None) if values.dtype.is_float() else values
        self.rows = len(values)

    @cached_property
    def as_texts(self) -> ColumnStats:
        """The same column as a text: what stands for a missing number is a text then."""
        if self.kind == "str" or self.raw is None or self.raw.dtype != pl.String:
            return self
        return ColumnStats(self.raw)

    @cached_property
    def missing_count(self) -> int:
        """How many values are missing; for a text an empty one counts, as ``model_data`` does."""
        if self.kind == "str" and self.values.dtype in (pl.String, pl.Categorical, pl.Enum):
            return self.rows - len(self.present)
        if self.values.dtype.is_float():
            return int((~self.values.is_finite().fill_null(False)).sum())
        return self.values.null_count()

    @cached_property
    def present(self) -> pl.Series:
        """The values that are there."""
        values = self.values.drop_nulls()
        if self.kind == "str":
            values = values.cast(pl.String).str.strip_chars()
            return values.filter(values != "")
        if values.dtype.is_float():
            return values.filter(values.is_finite())
        return values

    @cached_property
    def unique_count(self) -> int:
        """How many different values there are."""
        return self.present.n_unique() if self.kind else 0

    @cached_property
    def value_counts(self) -> pl.DataFrame:
        """Each value with how often it is there, the smallest value first."""
        return self.present.rename("value").value_counts(name="rows").sort("value")

    @property
    def choices(self) -> list[Any]:
        """The different values, the smallest first."""
        return self.value_counts["value"].to_list()

    @property
    def unique_share(self) -> float:
        """How many values of a hundred are different, as a share of 1."""
        return self.unique_count / max(len(self.present), 1)

    @property
    def is_unique(self) -> bool:
        """Whether each row has a value of its own."""
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
        """Whether it is of numbers that are all whole."""
        if self.kind == "int":
            return True
        if self.kind != "float" or not len(self.present):
            return False
        number = self.present.cast(pl.Float64)
        return bool(((number == number.round()) & (number.abs() <= _MAX_EXACT_FLOAT)).all())

    @cached_property
    def is_zero_one(self) -> bool:
        """Whether it is of numbers, and both 0 and 1 are there and nothing else."""
        return self.kind in ("int", "float") and self.unique_count == 2 and (self.low, self.high) == (0, 1)

    @cached_property
    def is_consecutive(self) -> bool:
        """Whether it counts: whole numbers from 0 or 1, each once."""
        return (
            self.is_unique and self.is_whole and self.low in (0, 1) and self.high - self.low + 1 == self.rows
        )

    @cached_property
    def has_codes(self) -> bool:
        """Whether its texts look like codes: capitals and digits without a blank, or UUIDs."""
        if self.kind != "str" or not len(self.present):
            return False
        texts = self.present.unique()
        return bool(texts.str.contains(_CODE_PATTERN).all() or texts.str.contains(_UUID_PATTERN).all())

    @cached_property
    def max_length(self) -> int:
        """The length of the longest text."""
        return int(self.present.str.len_chars().max() or 0) if self.kind == "str" else 0  # type: ignore[arg-type]

    @cached_property
    def is_sorted(self) -> bool:
        """Whether nearly every row comes no earlier than the one before it, or nearly none does."""
        if len(self.present) < 3:
            return False
        steps = self.present.rank("dense").cast(pl.Int64).diff().drop_nulls()
        return max(float((steps >= 0).mean() or 0), float((steps <= 0).mean() or 0)) >= 0.98  # type: ignore[arg-type]


def _find_kind(values: pl.Series) -> str:
    dtype = values.dtype
    if dtype.is_decimal():
        return "float"
    kind = dtype_kind(dtype)
    if kind == "int" and dtype in (pl.UInt64, pl.Int128):
        fits = values.cast(pl.Int64, strict=False).null_count() == values.null_count()
        return "int" if fits else "str"
    if kind == "datetime" and (moments := _to_utc(values.drop_nulls())).len():
        return "date" if (moments.dt.time().cast(pl.Int64) == 0).all() else kind
    return kind if kind in DTYPES else ""


def _to_utc(moments: pl.Series) -> pl.Series:
    return moments.dt.convert_time_zone("UTC") if getattr(moments.dtype, "time_zone", None) else moments
