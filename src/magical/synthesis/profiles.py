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
from magical.errors import listing, shorten
from magical.synthesis.bounds import CannotDraw, interval_of, lengths_of, limits_of, span_of
from magical.synthesis.column_values import drawn, dtype_of, whole
from magical.synthesis.rng import Chance, Integers

__all__ = ["Profile", "learnt", "profile_of"]

_GRID, _LEAST, _FEW = 20, 5, 50
"""Steps from the least to the greatest value; rows that a figure stands on; different values that are few."""

_ORDERED = ("int", "float", "date", "datetime", "time", "duration")


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

    nulls: float = 0.0
    values: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    grid: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()

    def drawn(self, column: Column, chance: Chance, size: int) -> pl.Series:
        """Draw values that are spread alike, within the column's own bounds."""
        if self.values:
            return _weighted(column, self, chance, size)
        if self.grid:
            return _along(column, self.grid, chance, size)
        if self.lengths and "pattern" not in column.bounds:
            return _as_long(column, self.lengths, chance, size)
        return drawn(column, chance, size)


def profile_of(table: pl.DataFrame, schema: Schema) -> dict[str, Profile]:
    """Learn from a real sample; ids and keys, lists, and columns that it has not in their type, are left out.

    Example:
        >>> table = pl.DataFrame({"town": ["Ulm"] * 6 + ["Bonn"] * 5 + ["Kiel"], "x": [*range(11), None]})
        >>> schema = Schema("S", (Column("town", "str"), Column("x", "int", nullable=True)))
        >>> profile = profile_of(table, schema)["town"]
        >>> profile.values, profile.counts
        (('Bonn', 'Ulm'), (5, 6))
    """
    found = {}
    for column in schema.columns:
        name = _name_in(column, table.columns)
        if name and column.role not in ("id", "key") and column.type not in ("list", "any"):
            values = _typed(table.get_column(name), column)
            if values is not None and values.len() > values.null_count():
                found[column.name] = _profile(values, column)
    return found


def learnt(schema: Schema) -> dict[str, Profile]:
    """Learn from the file that the columns of a contract name with ``examples_from``.

    Raises:
        CannotDraw: there is no such file, or it has none of the columns.
    """
    found: dict[str, Profile] = {}
    for path in dict.fromkeys(c.sample for c in schema.columns if c.sample):
        columns = tuple(c for c in schema.columns if c.sample == path)
        table = _read(path, _changed(path))
        if len(columns) == len(schema.columns) and not any(_name_in(c, table.columns) for c in columns):
            raise CannotDraw(
                f"its sample {Path(path).name} has none of its columns, but {listing(table.columns, 6)}",
                f"give examples_from= a file with columns such as {listing([c.name for c in columns], 3)}",
            )
        found |= profile_of(table, Schema(schema.name, columns))
    return found


def _changed(path: str) -> tuple[int, int]:
    try:
        state = Path(path).stat()
    except OSError:
        raise CannotDraw(
            f"there is no sample {Path(path).name}",
            "mend the path examples_from= (it starts from the folder of the class's file)",
        ) from None
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(maxsize=8)
def _read(path: str, changed: tuple[int, int]) -> pl.DataFrame:
    try:
        if path.endswith((".parquet", ".pq")):
            return pl.read_parquet(path, glob=False)
        if path.endswith((".csv", ".tsv", ".txt")):
            return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = shorten(str(error).strip().splitlines()[0], 100)
        raise CannotDraw(
            f"its sample {Path(path).name} cannot be read: {why}",
            "give examples_from= a csv or parquet file",
        ) from None
    raise CannotDraw(
        f"its sample {Path(path).name} is of no known kind", "give examples_from= a csv or parquet file"
    )


def _name_in(column: Column, names: list[str]) -> str:
    for name in (column.alias, column.name):
        if name and name in names:
            return name
    return next((n for n in names if to_snake_case(n) == column.name), "")


def _typed(values: pl.Series, column: Column) -> pl.Series | None:
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


def _profile(values: pl.Series, column: Column) -> Profile:
    nulls, some = values.null_count() / values.len(), values.drop_nulls()
    if some.dtype.is_float():
        some = some.filter(some.is_finite())
    counts = some.value_counts(sort=False).sort(some.name)
    if column.is_class or counts.height <= _FEW:
        often = counts.filter(pl.col(counts.columns[1]) >= _LEAST)
        if often.height and (column.type not in _ORDERED or often.height == counts.height):
            return Profile(nulls, tuple(often.to_series(0)), tuple(often.to_series(1)))
    if column.type in _ORDERED and some.len() >= _LEAST:
        return Profile(nulls, grid=_grid(some.to_physical().cast(pl.Float64).sort(), column))
    if column.type == "str":
        lengths = some.str.len_chars().value_counts(sort=False).sort(some.name)
        usual = lengths.filter(pl.col(lengths.columns[1]) >= _LEAST)
        return Profile(nulls, lengths=tuple(usual.to_series(0)))
    return Profile(nulls)


def _grid(values: pl.Series, column: Column) -> tuple[float, ...]:
    """Means of at least five neighbours each, so that no figure is one row's."""
    reach, found = max(_LEAST, values.len() // (2 * _GRID)), []
    unit = 1000.0 if column.type == "time" else 1.0
    for step in range(_GRID + 1):
        middle = (values.len() - 1) * step // _GRID
        start = min(max(middle - reach // 2, 0), max(values.len() - reach, 0))
        some = values[start : start + reach].to_list()
        found.append(sum(some) / len(some) / unit)
    return tuple(found)


def _weighted(column: Column, profile: Profile, chance: Chance, size: int) -> pl.Series:
    values = pl.Series(column.name, profile.values, dtype=dtype_of(column))
    counts, checks = np.array(profile.counts, dtype=np.uint64), build_column_checks(column, values.dtype)
    good = (
        ~values.to_frame().select(pl.any_horizontal(pl.lit(False), *(c.broken for c in checks))).to_series()
    )
    values, counts = values.filter(good), counts[good.to_numpy()]
    if values.is_empty():
        return drawn(column, chance, size)
    ends = np.cumsum(counts)
    places = np.searchsorted(ends, chance.below(int(ends[-1]), size), side="right")
    return values.gather(places.astype(np.uint32))


def _along(column: Column, grid: tuple[float, ...], chance: Chance, size: int) -> pl.Series:
    marks = np.array(grid)
    share = chance.unit(size) * (len(grid) - 1)
    place = share.astype(np.int64)
    within = share - place
    numbers = marks[place] * (1.0 - within) + marks[place + 1] * within
    if column.type == "float" and "multiple_of" not in column.bounds:
        low, high = interval_of(column)
        kept = np.clip(numbers, -np.inf if low is None else low, np.inf if high is None else high)
        return pl.Series(column.name, kept, dtype=pl.Float64)
    return drawn(column, chance, size) if column.type == "float" else whole(column, _stepped(column, numbers))


def _stepped(column: Column, numbers: Integers) -> Integers:
    _, _, span = limits_of(column)
    step = max(span.step, span_of(column).step)
    least, most = -(-span.low // step) * step, span.high // step * step
    if least > most:
        least, most, step = span.low, span.high, span.step
    places = np.floor(numbers / step)
    edge = float(1 << 53)
    low, high = max(float(least // step), -edge), min(float(most // step), edge)
    return np.clip(places, low, high).astype(np.int64) * step


def _as_long(column: Column, lengths: tuple[int, ...], chance: Chance, size: int) -> pl.Series:
    least, most = lengths_of(column)
    kept = [n for n in lengths if n >= least and (most is None or n <= most)]
    if not kept:
        return drawn(column, chance, size)
    pools = [
        drawn(Column(column.name, "str", bounds={"min_length": n, "max_length": n}), chance, 64) for n in kept
    ]
    pool = pl.concat(pools)
    return pool.gather(chance.below(pool.len(), size).astype(np.uint32))
