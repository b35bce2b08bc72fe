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
from magical.synthesis.bounds import CannotGenerate, find_integer_range
from magical.synthesis.carry_over import InputTable, carry_over_rows
from magical.synthesis.column_values import (
    convert_integers,
    find_listed_values,
    generate_unique,
    generate_values,
    take_from_range,
)
from magical.synthesis.id_values import KeyReference, assume_parent_ids, find_references, generate_ids
from magical.synthesis.profiles import Profile, learn_profiles
from magical.synthesis.rejection import check_rules, find_rule_columns, redraw_broken_rows
from magical.synthesis.rng import SeededRandom
from magical.synthesis.strategies import DEFAULT_ROWS
from magical.synthesis.target_values import arrange_by_score, generate_target

__all__ = ["NULL_SHARE", "GenerateOptions", "build_table"]

NULL_SHARE = 0.05
"""Which share of a nullable column is null."""

_MAX_GROUPS, _ROW_COLUMN = 40, "__row"
_TEMPORAL = ("date", "datetime", "time", "duration")

_Generator = Callable[[SeededRandom, int], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """How to make things up.

    Attributes:
        seed: the same one gives the same values, on any machine and day.
        rows: how many rows a new table has.
        nulls: which share of a nullable column is null; where there is a share and a row, one value is.
    """

    seed: str
    rows: int = DEFAULT_ROWS
    null_share: float = NULL_SHARE


class _ColumnGroup(NamedTuple):
    """Columns that are drawn together: one, or the keys that name one composite id."""

    names: tuple[str, ...]
    generate: _Generator
    null_shares: Mapping[str, float]


def build_table(
    schema: Schema,
    options: GenerateOptions,
    sources: Sequence[InputTable],
    parents: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    """Make up a table.

    Raises:
        ContractError: bounds or rules that no value keeps, or an example that breaks them.
    """
    taken = carry_over_rows(schema, sources)
    with translate_errors(schema):
        profiles = learn_profiles(schema) if any(c.sample for c in schema.columns) else {}
    ids = _find_ids(schema, taken, options.rows)
    height = taken.height if taken is not None else ids.height if ids.width else options.rows
    found = find_references(schema, sources, parents, own_ids=ids, rows=options.rows)
    for number, reference in enumerate(found):
        if reference.ids.is_empty() and not all(schema.column(k).nullable for k in reference.keys):
            height = height if taken is not None else 0
            found[number] = assume_parent_ids(schema, reference, options.rows)
    rows = taken if taken is not None else ids.head(height)
    return _TableBuilder(schema, options, profiles).build(rows, found, height, taken is not None)


@contextmanager
def translate_errors(schema: Schema, column: str = "") -> Iterator[None]:
    """Say of which column it is that its values cannot be made up."""
    try:
        yield
    except CannotGenerate as error:
        place = f" in {schema.source}" if schema.source else ""
        name = f"{schema.name}.{column}" if column else schema.name
        raise ContractError(
            f"{name} cannot be made up: {error.reason}.", hint=f"{error.hint or 'widen its bounds'}{place}."
        ) from None


def _find_ids(schema: Schema, carried_rows: pl.DataFrame | None, rows: int) -> pl.DataFrame:
    if carried_rows is not None:
        return carried_rows.select(schema.ids)
    for name in schema.ids:
        with translate_errors(schema, name):
            generate_unique(schema.column(name), 1)
    return generate_ids([schema.column(n) for n in schema.ids], rows)


class _TableBuilder:
    """Makes the columns of one table that are not there already."""

    def __init__(self, schema: Schema, options: GenerateOptions, profiles: Mapping[str, Profile]) -> None:
        self.schema, self.options, self.profiles = schema, options, profiles
        self.groups: list[_ColumnGroup] = []

    def build(
        self, rows: pl.DataFrame, key_references: Sequence[KeyReference], height: int, is_carried: bool
    ) -> pl.DataFrame:
        """Give the whole table: the rows that are there, and all else that it wants."""
        schema = self.schema
        have = {s.name: s for s in rows.get_columns()}
        self.groups = self._find_groups(key_references, set(have))
        for unit in self.groups:
            if schema.target not in unit.names:
                have |= {s.name: s for s in self._generate_first(unit, height).get_columns()}
        have[_ROW_COLUMN] = pl.int_range(
            height, eager=True
        )  # holds the height of a table that has nothing but a target
        table = pl.DataFrame([have[n].alias(n) for n in (*schema.names, _ROW_COLUMN) if n in have])
        if is_carried:
            table = self._redraw_invalid(table)
        redrawn = {n for u in self.groups for n in u.names}
        fixed = ([n for n in schema.names if n not in redrawn], schema.ids)
        if schema.target in redrawn and not self._is_in_rule(schema.target):
            table = self._sort_by_time(
                redraw_broken_rows(table, schema, self._redraw, fixed), redrawn, is_carried
            )
            table = self._add_target(table)
        else:
            table = self._add_target(table) if schema.target in redrawn else table
            table = self._sort_by_time(
                redraw_broken_rows(table, schema, self._redraw, fixed), redrawn, is_carried
            )
        table = table.select(schema.names)
        check_rules(table, schema)
        return table

    def _find_groups(self, key_references: Sequence[KeyReference], have: set[str]) -> list[_ColumnGroup]:
        """What is drawn: each column that is not there, keys of one composite id together."""
        units = [self._make_group(r.keys, r.generate_keys) for r in key_references if not set(r.keys) <= have]
        done = have | {n for u in units for n in u.names}
        for column in self.schema.columns:
            if column.name not in done:
                units.append(self._make_group((column.name,), self._make_generator(column)))
        return units

    def _make_group(self, names: tuple[str, ...], generate: _Generator) -> _ColumnGroup:
        columns = [self.schema.column(n) for n in names]
        return _ColumnGroup(
            names, generate, {c.name: self._find_null_share(c) for c in columns if c.nullable}
        )

    def _find_null_share(self, column: Column) -> float:
        profile = self.profiles.get(column.name)
        return profile.null_share if profile and self.options.null_share else self.options.null_share

    def _make_generator(self, column: Column) -> _Generator:
        profile = None if column.examples else self.profiles.get(column.name)

        def draw(chance: SeededRandom, size: int) -> pl.DataFrame:
            with translate_errors(self.schema, column.name):
                values = (
                    profile.generate_values(column, chance, size)
                    if profile
                    else self._generate_values(column, chance, size)
                )
            return values.to_frame(column.name)

        return draw

    def _generate_values(self, column: Column, rng: SeededRandom, size: int) -> pl.Series:
        if column.role == "group" and find_listed_values(column) is None and column.type != "list":
            groups = generate_unique(column, max(1, min(_MAX_GROUPS, size // 5)))
            return groups.gather(rng.integers(groups.len(), size).astype(np.uint32))
        return generate_values(column, rng, size)

    def _generate_first(self, group: _ColumnGroup, size: int) -> pl.DataFrame:
        column = self.schema.column(group.names[0])
        if column.role != "time":
            return self._generate_group(group, size, "")
        with translate_errors(self.schema, column.name):
            spread_out = column.type in ("int", *_TEMPORAL) and find_listed_values(column) is None
        if not spread_out or column.name in self.profiles:
            made = group.generate(self._make_rng(group), size)
            return self._insert_nulls(group, made.sort(column.name), "")
        with translate_errors(self.schema, column.name):
            return self._insert_nulls(group, _generate_times(column, self._make_rng(group), size), "")

    def _generate_group(self, group: _ColumnGroup, size: int, turn: str) -> pl.DataFrame:
        return self._insert_nulls(group, group.generate(self._make_rng(group, turn), size), turn)

    def _insert_nulls(self, group: _ColumnGroup, made: pl.DataFrame, turn: str) -> pl.DataFrame:
        if not group.null_shares:
            return made
        chance = self._make_rng(group, turn, "nulls")
        mask = pl.Series(~chance.mask(max(group.null_shares.values()), made.height))
        return made.with_columns(pl.when(mask).then(pl.col(n)) for n in group.null_shares)

    def _make_rng(self, group: _ColumnGroup, *words: str) -> SeededRandom:
        return SeededRandom(self.options.seed, " ".join(group.names), *words)

    def _redraw(self, names: Sequence[str], size: int, turn: int) -> pl.DataFrame:
        """Draw some columns again; a target as it is spread already."""
        units = [u for u in self.groups if set(u.names) & set(names)]
        known = {n for u in self.groups for n in u.names}
        units += [
            self._make_group((n,), self._make_generator(self.schema.column(n)))
            for n in names
            if n not in known
        ]
        return pl.concat([self._generate_group(u, size, str(turn)) for u in units], how="horizontal")

    def _redraw_invalid(self, table: pl.DataFrame) -> pl.DataFrame:
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

    def _is_in_rule(self, target: str | None) -> bool:
        return any(target in find_rule_columns(r, self.schema.names) for r in build_rule_checks(self.schema))

    def _add_target(self, table: pl.DataFrame) -> pl.DataFrame:
        unit = next(u for u in self.groups if self.schema.target in u.names)
        with translate_errors(self.schema, unit.names[0]):
            column = self.schema.column(unit.names[0])
            if column.type == "list":
                made = unit.generate(self._make_rng(unit), table.height)
            elif column.name in self.profiles and not column.examples:
                values = unit.generate(self._make_rng(unit), table.height).to_series()
                made = arrange_by_score(values, self.schema, table, self._make_rng(unit, "rule")).to_frame()
            else:
                made = generate_target(self.schema, table, self._make_rng(unit)).to_frame()
        made = self._insert_nulls(unit, made, "")
        return table.with_columns(made.get_columns())

    def _sort_by_time(self, table: pl.DataFrame, redrawn: set[str], is_carried: bool) -> pl.DataFrame:
        """Put new rows in the order of their time again, where rules had them drawn anew."""
        schema = self.schema
        time = next((n for n in schema.names_with_role("time") if n in redrawn and n in table.columns), None)
        ids = {n for r in build_rule_checks(schema) for n in find_rule_columns(r, schema.names)} & set(
            schema.ids
        )
        if time is None or is_carried or ids or table.get_column(time).is_sorted(nulls_last=True):
            return table
        rest = table.drop(schema.ids, _ROW_COLUMN).sort(time, nulls_last=True, maintain_order=True)
        return table.with_columns(rest.get_columns())


def _generate_times(column: Column, rng: SeededRandom, size: int) -> pl.DataFrame:
    """Draw times that increase, spread over all that the column may hold."""
    span = find_integer_range(column)
    share = (np.arange(size, dtype=np.float64) + rng.uniform(size)) / max(size, 1)
    places = np.minimum((share * float(span.count)).astype(np.uint64), np.uint64(span.count - 1))
    return convert_integers(column, take_from_range(span, places)).to_frame()
