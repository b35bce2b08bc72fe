"""Distributions of the columns of a real sample, from which generated values are drawn.

No profile contains the value of a single row, which may be private.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import join_names, shorten
from magical.synthesis.bounds import (
    CannotGenerate,
    find_float_range,
    find_integer_range,
    find_length_range,
    find_limits,
)
from magical.synthesis.column_values import (
    convert_integers,
    dtype_of,
    find_invalid_rows,
    generate_values,
    pick_values,
)
from magical.synthesis.rng import NumberArray, SeededRandom

__all__ = ["Profile", "learn_profiles", "profile_table"]

_QUANTILES, _MIN_ROWS, _MAX_DISTINCT = 20, 5, 50
"""Intervals between quantiles; the least rows that share a value; the most distinct values of categories."""

_ORDERED_TYPES = ("int", "float", "date", "datetime", "time", "duration")


@dataclass(frozen=True)
class Profile:
    """The distribution of one column in a real sample.

    Attributes:
        null_share: the share of nulls.
        values: for few distinct values, those that at least five rows have.
        counts: the number of rows with each of these values.
        quantiles: for numbers and dates, each the mean of neighbouring rows, in ascending order.
        lengths: for texts that are nearly unique, the lengths that at least five rows have.
    """

    null_share: float = 0.0
    values: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()

    def generate_values(self, column: Column, rng: SeededRandom, size: int) -> pl.Series:
        """Draw values with this distribution, within the bounds of the column."""
        if self.values:
            return _generate_weighted(column, self, rng, size)
        if self.quantiles:
            return _generate_from_quantiles(column, self.quantiles, rng, size)
        if self.lengths and "pattern" not in column.bounds:
            return _generate_with_lengths(column, self.lengths, rng, size)
        return generate_values(column, rng, size)


def profile_table(table: pl.DataFrame, schema: Schema) -> dict[str, Profile]:
    """Learn the profiles of a table's columns; none for ids, keys, lists and columns of a wrong type.

    Example:
        >>> table = pl.DataFrame({"town": ["Ulm"] * 6 + ["Bonn"] * 5 + ["Kiel"], "x": [*range(11), None]})
        >>> schema = Schema("S", (Column("town", "str"), Column("x", "int", nullable=True)))
        >>> profile = profile_table(table, schema)["town"]
        >>> profile.values, profile.counts
        (('Bonn', 'Ulm'), (5, 6))
    """
    profiles = {}
    for column in schema.columns:
        name = _find_column_name(column, table.columns)
        if name and column.role not in ("id", "key") and column.type not in ("list", "any"):
            values = _cast_to_column(table.get_column(name), column)
            if values is not None and values.len() > values.null_count():
                profiles[column.name] = _profile_column(values, column)
    return profiles


def learn_profiles(schema: Schema) -> dict[str, Profile]:
    """Learn the profiles of a contract's columns from the files that ``examples_from`` names.

    Raises:
        CannotGenerate: a file does not exist, cannot be read, or has none of the columns.
    """
    profiles: dict[str, Profile] = {}
    for path in dict.fromkeys(c.sample for c in schema.columns if c.sample):
        columns = tuple(c for c in schema.columns if c.sample == path)
        table = _read_sample(path, _file_version(path))
        if len(columns) == len(schema.columns) and not any(
            _find_column_name(c, table.columns) for c in columns
        ):
            raise CannotGenerate(
                f"its sample {Path(path).name} has none of its columns, but {join_names(table.columns, 6)}",
                "set examples_from to a file with columns such as "
                f"{join_names([c.name for c in columns], 3)}",
            )
        profiles |= profile_table(table, Schema(schema.name, columns))
    return profiles


def _file_version(path: str) -> tuple[int, int]:
    """Return the modification time and the size of a sample."""
    try:
        state = Path(path).stat()
    except OSError:
        raise CannotGenerate(
            f"there is no sample {Path(path).name}",
            "mend the path examples_from= (it starts from the folder of the class's file)",
        ) from None
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(maxsize=8)
def _read_sample(path: str, version: tuple[int, int]) -> pl.DataFrame:
    """Read a sample; ``version`` is in the cache key only, so that an edited file is read again."""
    try:
        if path.endswith((".parquet", ".pq")):
            return pl.read_parquet(path, glob=False)
        if path.endswith((".csv", ".tsv", ".txt")):
            return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = shorten(str(error).strip().splitlines()[0], 100)
        raise CannotGenerate(
            f"its sample {Path(path).name} cannot be read: {reason}",
            "set examples_from to a csv or parquet file",
        ) from None
    raise CannotGenerate(
        f"its sample {Path(path).name} is of no known kind", "set examples_from to a csv or parquet file"
    )


def _find_column_name(column: Column, names: list[str]) -> str:
    """Return the name that equals the column's alias or name, also in snake case; empty if none does."""
    for name in (column.alias, column.name):
        if name and name in names:
            return name
    return next((n for n in names if to_snake_case(n) == column.name), "")


def _cast_to_column(values: pl.Series, column: Column) -> pl.Series | None:
    """Cast a column of a sample to the type of its contract; None if it is of another type."""
    if column.type == "date" and column.format and values.dtype == pl.String:
        values = values.str.to_date(column.format, strict=False)
    if values.dtype.is_float():
        values = values.fill_nan(None)
    accepted = {"float": ("int", "float"), "str": ("str", "int"), "datetime": ("date", "datetime")}
    if column.type == "int" and values.dtype.is_float() and (values % 1 == 0).all():
        accepted["int"] = ("int", "float")  # pandas writes whole numbers with nulls as floats
    if dtype_kind(values.dtype) not in accepted.get(column.type, (column.type,)):
        return None
    return values.cast(dtype_of(column), strict=False)


def _profile_column(values: pl.Series, column: Column) -> Profile:
    """Learn the profile of one column: its frequent values, else its quantiles or its text lengths."""
    null_share, present = values.null_count() / values.len(), values.drop_nulls()
    if present.dtype.is_float():
        present = present.filter(present.is_finite())
    counts = _count_values(present)
    if column.is_class or counts.height <= _MAX_DISTINCT:
        frequent = counts.filter(pl.col("count") >= _MIN_ROWS)
        # Dropping rare numbers would cut off the tails; then quantiles describe the column better.
        if frequent.height and (column.type not in _ORDERED_TYPES or frequent.height == counts.height):
            return Profile(null_share, tuple(frequent.to_series(0)), tuple(frequent.to_series(1)))
    if column.type in _ORDERED_TYPES and present.len() >= _MIN_ROWS:
        numbers = present.to_physical().cast(pl.Float64).sort()
        return Profile(null_share, quantiles=_compute_quantiles(numbers, column))
    if column.type == "str":
        lengths = _count_values(present.str.len_chars()).filter(pl.col("count") >= _MIN_ROWS)
        return Profile(null_share, lengths=tuple(lengths.to_series(0)))
    return Profile(null_share)


def _count_values(values: pl.Series) -> pl.DataFrame:
    """Count how often each value occurs, in ascending order: unsorted, the order would vary."""
    return values.alias("value").value_counts(name="count").sort("value")


def _compute_quantiles(values: pl.Series, column: Column) -> tuple[float, ...]:
    """Return means of at least five neighbouring rows, so that none is the value of a single row."""
    width = max(_MIN_ROWS, values.len() // (2 * _QUANTILES))
    unit, quantiles = 1000.0 if column.type == "time" else 1.0, []  # polars stores times in nanoseconds
    for step in range(_QUANTILES + 1):
        middle = (values.len() - 1) * step // _QUANTILES
        start = min(max(middle - width // 2, 0), max(values.len() - width, 0))
        # Added in Python: the order of polars' additions may depend on the machine.
        neighbours = values[start : start + width].to_list()
        quantiles.append(sum(neighbours) / len(neighbours) / unit)
    return tuple(quantiles)


def _generate_weighted(column: Column, profile: Profile, rng: SeededRandom, size: int) -> pl.Series:
    values = pl.Series(column.name, profile.values, dtype=dtype_of(column))
    is_valid = ~find_invalid_rows(values.to_frame(), [column])
    values, counts = values.filter(is_valid), np.array(profile.counts, dtype=np.uint64)[is_valid.to_numpy()]
    if values.is_empty():
        return generate_values(column, rng, size)
    ends = np.cumsum(counts)
    indices = np.searchsorted(ends, rng.integers(int(ends[-1]), size), side="right")
    return values.gather(indices.astype(np.uint32))


def _generate_from_quantiles(
    column: Column, quantiles: tuple[float, ...], rng: SeededRandom, size: int
) -> pl.Series:
    """Draw numbers between the quantiles, by linear interpolation."""
    points = np.array(quantiles)
    position = rng.uniform(size) * (len(quantiles) - 1)
    index = position.astype(np.int64)
    share = position - index
    numbers = points[index] * (1.0 - share) + points[index + 1] * share
    if column.type != "float":
        return convert_integers(column, _round_to_step(column, numbers))
    if "multiple_of" in column.bounds:
        return generate_values(column, rng, size)
    low, high = find_float_range(column)
    numbers = np.clip(numbers, -np.inf if low is None else low, np.inf if high is None else high)
    return pl.Series(column.name, numbers, dtype=pl.Float64)


def _round_to_step(column: Column, numbers: NumberArray) -> NumberArray:
    """Round numbers down to the step of the column, within its bounds."""
    _, _, span = find_limits(column)
    step = max(span.step, find_integer_range(column).step)
    least, most = -(-span.low // step) * step, span.high // step * step
    if least > most:
        least, most, step = span.low, span.high, span.step
    edge = float(1 << 53)  # beyond it a float is not exact
    low, high = max(float(least // step), -edge), min(float(most // step), edge)
    return np.clip(np.floor(numbers / step), low, high).astype(np.int64) * step


def _generate_with_lengths(
    column: Column, lengths: tuple[int, ...], rng: SeededRandom, size: int
) -> pl.Series:
    least, most = find_length_range(column)
    lengths = tuple(n for n in lengths if n >= least and (most is None or n <= most))
    if not lengths:
        return generate_values(column, rng, size)
    columns = [Column(column.name, "str", bounds={"min_length": n, "max_length": n}) for n in lengths]
    return pick_values(pl.concat([generate_values(c, rng, 64) for c in columns]), rng, size)
