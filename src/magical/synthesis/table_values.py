"""A table made up from its contract, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.dtypes import DTYPES, dtype_kind
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import build_column_checks, build_rule_checks
from magical.errors import ContractError
from magical.synthesis.bounds import CannotDraw, span_of
from magical.synthesis.carry_over import Source, carried
from magical.synthesis.column_values import different, drawn, listed, spread, whole
from magical.synthesis.id_values import Reference, assumed, ids_of, references
from magical.synthesis.profiles import Profile, learnt
from magical.synthesis.rejection import check_rules, obedient, roots_of
from magical.synthesis.rng import Chance
from magical.synthesis.strategies import ROWS
from magical.synthesis.target_values import arranged, target_of

__all__ = ["NULLS", "How", "table_of"]

NULLS = 0.05
"""Which share of a nullable column is null."""

_GROUPS, _ROW = 40, "__row"
_TEMPORAL = ("date", "datetime", "time", "duration")

_Drawer = Callable[[Chance, int], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class How:
    """How to make things up.

    Attributes:
        seed: the same one gives the same values, on any machine and day.
        rows: how many rows a new table has.
        nulls: which share of a nullable column is null; where there is a share and a row, one value is.
    """

    seed: str
    rows: int = ROWS
    nulls: float = NULLS


class _Unit(NamedTuple):
    """Columns that are drawn together: one, or the keys that name one composite id."""

    names: tuple[str, ...]
    draw: _Drawer
    nulls: Mapping[str, float]


def table_of(
    schema: Schema, how: How, sources: Sequence[Source], parents: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Make up a table.

    Raises:
        ContractError: bounds or rules that no value keeps, or an example that breaks them.
    """
    taken = carried(schema, sources)
    with told(schema):
        profiles = learnt(schema) if any(c.sample for c in schema.columns) else {}
    ids = _ids(schema, taken, how.rows)
    height = taken.height if taken is not None else ids.height if ids.width else how.rows
    found = references(schema, sources, parents, own=ids, rows=how.rows)
    for number, reference in enumerate(found):
        if reference.ids.is_empty() and not all(schema.column(k).nullable for k in reference.keys):
            height = height if taken is not None else 0
            found[number] = assumed(schema, reference, how.rows)
    rows = taken if taken is not None else ids.head(height)
    return _Maker(schema, how, profiles).made(rows, found, height, taken is not None)


@contextmanager
def told(schema: Schema, column: str = "") -> Iterator[None]:
    """Say of which column it is that its values cannot be made up."""
    try:
        yield
    except CannotDraw as error:
        place = f" in {schema.source}" if schema.source else ""
        name = f"{schema.name}.{column}" if column else schema.name
        raise ContractError(
            f"{name} cannot be made up: {error.what}.", hint=f"{error.hint or 'widen its bounds'}{place}."
        ) from None


def _ids(schema: Schema, taken: pl.DataFrame | None, rows: int) -> pl.DataFrame:
    if taken is not None:
        return taken.select(schema.ids)
    for name in schema.ids:
        with told(schema, name):
            different(schema.column(name), 1)
    return ids_of([schema.column(n) for n in schema.ids], rows)


class _Maker:
    """Makes the columns of one table that are not there already."""

    def __init__(self, schema: Schema, how: How, profiles: Mapping[str, Profile]) -> None:
        self.schema, self.how, self.profiles = schema, how, profiles
        self.units: list[_Unit] = []

    def made(self, rows: pl.DataFrame, found: Sequence[Reference], height: int, carry: bool) -> pl.DataFrame:
        """Give the whole table: the rows that are there, and all else that it wants."""
        schema = self.schema
        have = {s.name: s for s in rows.get_columns()}
        self.units = self._units(found, set(have))
        for unit in self.units:
            if schema.target not in unit.names:
                have |= {s.name: s for s in self._first(unit, height).get_columns()}
        have[_ROW] = pl.int_range(
            height, eager=True
        )  # holds the height of a table that has nothing but a target
        table = pl.DataFrame([have[n].alias(n) for n in (*schema.names, _ROW) if n in have])
        if carry:
            table = self._mended(table)
        redrawn = {n for u in self.units for n in u.names}
        fixed = ([n for n in schema.names if n not in redrawn], schema.ids)
        if schema.target in redrawn and not self._ruled(schema.target):
            table = self._in_time(obedient(table, schema, self._redraw, fixed), redrawn, carry)
            table = self._with_target(table)
        else:
            table = self._with_target(table) if schema.target in redrawn else table
            table = self._in_time(obedient(table, schema, self._redraw, fixed), redrawn, carry)
        table = table.select(schema.names)
        check_rules(table, schema)
        return table

    def _units(self, found: Sequence[Reference], have: set[str]) -> list[_Unit]:
        """What is drawn: each column that is not there, keys of one composite id together."""
        units = [self._unit(r.keys, r.drawn) for r in found if not set(r.keys) <= have]
        done = have | {n for u in units for n in u.names}
        for column in self.schema.columns:
            if column.name not in done:
                units.append(self._unit((column.name,), self._drawer(column)))
        return units

    def _unit(self, names: tuple[str, ...], draw: _Drawer) -> _Unit:
        columns = [self.schema.column(n) for n in names]
        return _Unit(names, draw, {c.name: self._share(c) for c in columns if c.nullable})

    def _share(self, column: Column) -> float:
        profile = self.profiles.get(column.name)
        return profile.nulls if profile and self.how.nulls else self.how.nulls

    def _drawer(self, column: Column) -> _Drawer:
        profile = None if column.examples else self.profiles.get(column.name)

        def draw(chance: Chance, size: int) -> pl.DataFrame:
            with told(self.schema, column.name):
                values = (
                    profile.drawn(column, chance, size) if profile else self._values(column, chance, size)
                )
            return values.to_frame(column.name)

        return draw

    def _values(self, column: Column, chance: Chance, size: int) -> pl.Series:
        if column.role == "group" and listed(column) is None and column.type != "list":
            groups = different(column, max(1, min(_GROUPS, size // 5)))
            return groups.gather(chance.below(groups.len(), size).astype(np.uint32))
        return drawn(column, chance, size)

    def _first(self, unit: _Unit, size: int) -> pl.DataFrame:
        column = self.schema.column(unit.names[0])
        if column.role != "time":
            return self._drawn(unit, size, "")
        with told(self.schema, column.name):
            spread_out = column.type in ("int", *_TEMPORAL) and listed(column) is None
        if not spread_out or column.name in self.profiles:
            made = unit.draw(self._chance(unit), size)
            return self._nulled(unit, made.sort(column.name), "")
        with told(self.schema, column.name):
            return self._nulled(unit, _ordered(column, self._chance(unit), size), "")

    def _drawn(self, unit: _Unit, size: int, turn: str) -> pl.DataFrame:
        return self._nulled(unit, unit.draw(self._chance(unit, turn), size), turn)

    def _nulled(self, unit: _Unit, made: pl.DataFrame, turn: str) -> pl.DataFrame:
        if not unit.nulls:
            return made
        chance = self._chance(unit, turn, "nulls")
        mask = pl.Series(~chance.mask(max(unit.nulls.values()), made.height))
        return made.with_columns(pl.when(mask).then(pl.col(n)) for n in unit.nulls)

    def _chance(self, unit: _Unit, *words: str) -> Chance:
        return Chance(self.how.seed, " ".join(unit.names), *words)

    def _redraw(self, names: Sequence[str], size: int, turn: int) -> pl.DataFrame:
        """Draw some columns again; a target as it is spread already."""
        units = [u for u in self.units if set(u.names) & set(names)]
        known = {n for u in self.units for n in u.names}
        units += [self._unit((n,), self._drawer(self.schema.column(n))) for n in names if n not in known]
        return pl.concat([self._drawn(u, size, str(turn)) for u in units], how="horizontal")

    def _mended(self, table: pl.DataFrame) -> pl.DataFrame:
        """Draw anew what was carried over and breaks this contract."""
        for column in self.schema.columns:
            if column.name not in table.columns or column.role == "id":
                continue
            checks = build_column_checks(column, table.schema[column.name])
            if not checks:
                continue
            broken = table.select(pl.any_horizontal(c.broken for c in checks)).to_series()
            if broken.any():
                fresh = self._redraw([column.name], table.height, -1).get_column(column.name)
                kept, wide = table.get_column(column.name), DTYPES.get(column.type, fresh.dtype)
                if dtype_kind(kept.dtype) != dtype_kind(fresh.dtype):  # of any type, and none of it is right
                    table = table.with_columns(fresh)
                    continue
                kept = kept.cast(wide)
                table = table.with_columns(fresh.cast(wide).zip_with(broken, kept).alias(column.name))
        return table

    def _ruled(self, target: str | None) -> bool:
        return any(target in roots_of(r, self.schema.names) for r in build_rule_checks(self.schema))

    def _with_target(self, table: pl.DataFrame) -> pl.DataFrame:
        unit = next(u for u in self.units if self.schema.target in u.names)
        with told(self.schema, unit.names[0]):
            column = self.schema.column(unit.names[0])
            if column.type == "list":
                made = unit.draw(self._chance(unit), table.height)
            elif column.name in self.profiles and not column.examples:
                values = unit.draw(self._chance(unit), table.height).to_series()
                made = arranged(values, self.schema, table, self._chance(unit, "rule")).to_frame()
            else:
                made = target_of(self.schema, table, self._chance(unit)).to_frame()
        made = self._nulled(unit, made, "")
        return table.with_columns(made.get_columns())

    def _in_time(self, table: pl.DataFrame, redrawn: set[str], carry: bool) -> pl.DataFrame:
        """Put new rows in the order of their time again, where rules had them drawn anew."""
        schema = self.schema
        time = next((n for n in schema.names_with_role("time") if n in redrawn and n in table.columns), None)
        ids = {n for r in build_rule_checks(schema) for n in roots_of(r, schema.names)} & set(schema.ids)
        if time is None or carry or ids or table.get_column(time).is_sorted(nulls_last=True):
            return table
        rest = table.drop(schema.ids, _ROW).sort(time, nulls_last=True, maintain_order=True)
        return table.with_columns(rest.get_columns())


def _ordered(column: Column, chance: Chance, size: int) -> pl.DataFrame:
    """Draw times that increase, spread over all that the column may hold."""
    span = span_of(column)
    share = (np.arange(size, dtype=np.float64) + chance.unit(size)) / max(size, 1)
    places = np.minimum((share * float(span.count)).astype(np.uint64), np.uint64(span.count - 1))
    return whole(column, spread(span, places)).to_frame()
