"""What made-up columns learn from a real sample: how values spread, never a single row's."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema, to_snake_case
from magical.contracts.validation import build_column_checks
from magical.errors import join_names, shorten
from magical.synthesis.bounds import (
    CannotGenerate,
    find_float_range,
    find_integer_range,
    find_length_range,
    find_limits,
)
from magical.synthesis.column_values import convert_integers, dtype_of, generate_values
from magical.synthesis.rng import NumberArray, SeededRandom

__all__ = ["Profile", "learn_profiles", "profile_table"]

_QUANTILES, _MIN_ROWS, _MAX_DISTINCT = 20, 5, 50
"""Steps from the least to the greatest value; rows that a figure stands on; different values that are few."""

_ORDERED_TYPES = ("int", "float", "date", "datetime", "time", "duration")


@dataclass(frozen=True)
class Profile:
    """How the values of one column are spread in a real sample.

    Attributes:
        nulls: the share that is missing.
        values: those that at least five rows have, where there are few.
        counts: how many rows have each.
        grid: for numbers and dates, the means of neighbours at equal shares of the rows, from low to high.
        lengths: for texts that are nearly unique, how long they are.
    """

    null_share: float = 0.0
    values: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()

    def generate_values(self, column: Column, rng: SeededRandom, size: int) -> pl.Series:
        """Draw values that are spread alike, within the column's own bounds."""
        if self.values:
            return _generate_weighted(column, self, rng, size)
        if self.quantiles:
            return _generate_from_quantiles(column, self.quantiles, rng, size)
        if self.lengths and "pattern" not in column.bounds:
            return _generate_of_lengths(column, self.lengths, rng, size)
        return generate_values(column, rng, size)


def profile_table(table: pl.DataFrame, schema: Schema) -> dict[str, Profile]:
    """Learn from a real sample; ids and keys, lists, and columns that it has not in their type, are left out.

    Example:
        >>> table = pl.DataFrame({"town": ["Ulm"] * 6 + ["Bonn"] * 5 + ["Kiel"], "x": [*range(11), None]})
        >>> schema = Schema("S", (Column("town", "str"), Column("x", "int", nullable=True)))
        >>> profile = profile_table(table, schema)["town"]
        >>> profile.values, profile.counts
        (('Bonn', 'Ulm'), (5, 6))
    """
    found = {}
    for column in schema.columns:
        name = _find_column_name(column, table.columns)
        if name and column.role not in ("id", "key") and column.type not in ("list", "any"):
            values = _cast_to_column(table.get_column(name), column)
            if values is not None and values.len() > values.null_count():
                found[column.name] = _profile_column(values, column)
    return found


def learn_profiles(schema: Schema) -> dict[str, Profile]:
    """Learn from the file that the columns of a contract name with ``examples_from``.

    Raises:
        CannotGenerate: there is no such file, or it has none of the columns.
    """
    found: dict[str, Profile] = {}
    for path in dict.fromkeys(c.sample for c in schema.columns if c.sample):
        columns = tuple(c for c in schema.columns if c.sample == path)
        table = _read_sample(path, _file_version(path))
        if len(columns) == len(schema.columns) and not any(
            _find_column_name(c, table.columns) for c in columns
        ):
            raise CannotGenerate(
                f"its sample {Path(path).name} has none of its columns, but {join_names(table.columns, 6)}",
                f"give examples_from= a file with columns such as {join_names([c.name for c in columns], 3)}",
            )
        found |= profile_table(table, Schema(schema.name, columns))
    return found


def _file_version(path: str) -> tuple[int, int]:
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
    try:
        if path.endswith((".parquet", ".pq")):
            return pl.read_parquet(path, glob=False)
        if path.endswith((".csv", ".tsv", ".txt")):
            return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = shorten(str(error).strip().splitlines()[0], 100)
        raise CannotGenerate(
            f"its sample {Path(path).name} cannot be read: {why}",
            "give examples_from= a csv or parquet file",
        ) from None
    raise CannotGenerate(
        f"its sample {Path(path).name} is of no known kind", "give examples_from= a csv or parquet file"
    )


def _find_column_name(column: Column, names: list[str]) -> str:
    for name in (column.alias, column.name):
        if name and name in names:
            return name
    return next((n for n in names if to_snake_case(n) == column.name), "")


def _cast_to_column(values: pl.Series, column: Column) -> pl.Series | None:
    """The values in the column's type; nothing where they are of another."""
    wanted = dtype_of(column)
    if column.type == "date" and column.format and values.dtype == pl.String:
        values = values.str.to_date(column.format, strict=False)
    if values.dtype.is_float():
        values = values.fill_nan(None)
    near = {"float": ("int", "float"), "str": ("str", "int"), "datetime": ("date", "datetime")}
    if column.type == "int" and values.dtype.is_float() and (values % 1 == 0).all():
        near["int"] = ("int", "float")  # whole numbers of which some are missing, as pandas writes them
    if dtype_kind(values.dtype) not in near.get(column.type, (column.type,)):
        return None
    return values.cast(wanted, strict=False)


def _profile_column(values: pl.Series, column: Column) -> Profile:
    nulls, some = values.null_count() / values.len(), values.drop_nulls()
    if some.dtype.is_float():
        some = some.filter(some.is_finite())
    counts = some.value_counts(sort=False).sort(some.name)
    if column.is_class or counts.height <= _MAX_DISTINCT:
        often = counts.filter(pl.col(counts.columns[1]) >= _MIN_ROWS)
        if often.height and (column.type not in _ORDERED_TYPES or often.height == counts.height):
            return Profile(nulls, tuple(often.to_series(0)), tuple(often.to_series(1)))
    if column.type in _ORDERED_TYPES and some.len() >= _MIN_ROWS:
        return Profile(
            nulls, quantiles=_compute_quantiles(some.to_physical().cast(pl.Float64).sort(), column)
        )
    if column.type == "str":
        lengths = some.str.len_chars().value_counts(sort=False).sort(some.name)
        usual = lengths.filter(pl.col(lengths.columns[1]) >= _MIN_ROWS)
        return Profile(nulls, lengths=tuple(usual.to_series(0)))
    return Profile(nulls)


def _compute_quantiles(values: pl.Series, column: Column) -> tuple[float, ...]:
    """Means of at least five neighbours each, so that no figure is one row's."""
    reach, found = max(_MIN_ROWS, values.len() // (2 * _QUANTILES)), []
    unit = 1000.0 if column.type == "time" else 1.0
    for step in range(_QUANTILES + 1):
        middle = (values.len() - 1) * step // _QUANTILES
        start = min(max(middle - reach // 2, 0), max(values.len() - reach, 0))
        some = values[start : start + reach].to_list()
        found.append(sum(some) / len(some) / unit)
    return tuple(found)


def _generate_weighted(column: Column, profile: Profile, rng: SeededRandom, size: int) -> pl.Series:
    values = pl.Series(column.name, profile.values, dtype=dtype_of(column))
    counts, checks = np.array(profile.counts, dtype=np.uint64), build_column_checks(column, values.dtype)
    good = (
        ~values.to_frame().select(pl.any_horizontal(pl.lit(False), *(c.broken for c in checks))).to_series()
    )
    values, counts = values.filter(good), counts[good.to_numpy()]
    if values.is_empty():
        return generate_values(column, rng, size)
    ends = np.cumsum(counts)
    places = np.searchsorted(ends, rng.integers(int(ends[-1]), size), side="right")
    return values.gather(places.astype(np.uint32))


def _generate_from_quantiles(
    column: Column, quantiles: tuple[float, ...], rng: SeededRandom, size: int
) -> pl.Series:
    marks = np.array(quantiles)
    share = rng.uniform(size) * (len(quantiles) - 1)
    place = share.astype(np.int64)
    within = share - place
    numbers = marks[place] * (1.0 - within) + marks[place + 1] * within
    if column.type == "float" and "multiple_of" not in column.bounds:
        low, high = find_float_range(column)
        kept = np.clip(numbers, -np.inf if low is None else low, np.inf if high is None else high)
        return pl.Series(column.name, kept, dtype=pl.Float64)
    return (
        generate_values(column, rng, size)
        if column.type == "float"
        else convert_integers(column, _round_to_step(column, numbers))
    )


def _round_to_step(column: Column, numbers: NumberArray) -> NumberArray:
    _, _, span = find_limits(column)
    step = max(span.step, find_integer_range(column).step)
    least, most = -(-span.low // step) * step, span.high // step * step
    if least > most:
        least, most, step = span.low, span.high, span.step
    places = np.floor(numbers / step)
    edge = float(1 << 53)
    low, high = max(float(least // step), -edge), min(float(most // step), edge)
    return np.clip(places, low, high).astype(np.int64) * step


def _generate_of_lengths(column: Column, lengths: tuple[int, ...], rng: SeededRandom, size: int) -> pl.Series:
    least, most = find_length_range(column)
    kept = [n for n in lengths if n >= least and (most is None or n <= most)]
    if not kept:
        return generate_values(column, rng, size)
    pools = [
        generate_values(Column(column.name, "str", bounds={"min_length": n, "max_length": n}), rng, 64)
        for n in kept
    ]
    pool = pl.concat(pools)
    return pool.gather(rng.integers(pool.len(), size).astype(np.uint32))
