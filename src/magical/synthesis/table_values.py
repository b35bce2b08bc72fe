"""A table generated from its contract, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.dtypes import DTYPES, dtype_kind
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import build_rule_checks
from magical.errors import ContractError
from magical.synthesis.bounds import CannotGenerate, find_integer_range
from magical.synthesis.carry_over import InputTable, carry_over_rows
from magical.synthesis.column_values import (
    convert_integers,
    find_invalid_rows,
    find_listed_values,
    generate_unique,
    generate_values,
    pick_values,
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
"""The share of a nullable column that is null."""

_MAX_GROUPS, _ROW_COLUMN = 40, "__row"
_TEMPORAL = ("date", "datetime", "time", "duration")

_Generator = Callable[[SeededRandom, int], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """Options of a generated value.

    Attributes:
        seed: the same seed gives the same values, on any machine and day.
        rows: the height of a table whose rows are new.
        null_share: the share of nulls in a nullable column; at least one is null unless the share is 0.
    """

    seed: str
    rows: int = DEFAULT_ROWS
    null_share: float = NULL_SHARE


class _ColumnGroup(NamedTuple):
    """Columns that are generated together: one, or the keys that refer to one composite id."""

    names: tuple[str, ...]
    generate: _Generator
    null_shares: Mapping[str, float]


def build_table(
    schema: Schema,
    options: GenerateOptions,
    sources: Sequence[InputTable],
    parents: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    """Generate a table: take over rows, find ids and the parents' ids, then fill the other columns.

    Raises:
        ContractError: no value satisfies the bounds or the rules, or an example breaks them.
    """
    carried = carry_over_rows(schema, sources)
    with translate_errors(schema):
        profiles = learn_profiles(schema) if any(c.sample for c in schema.columns) else {}
    ids = _find_ids(schema, carried, options.rows)
    height = carried.height if carried is not None else ids.height if ids.width else options.rows
    references = find_references(schema, sources, parents, own_ids=ids, rows=options.rows)
    for i, reference in enumerate(references):
        # A required key cannot refer to an empty parent: a new table is then empty too, and carried rows
        # get the ids that a generated parent would have.
        if reference.ids.is_empty() and not all(schema.column(k).nullable for k in reference.keys):
            height = height if carried is not None else 0
            references[i] = assume_parent_ids(schema, reference, options.rows)
    rows = carried if carried is not None else ids.head(height)
    return _TableBuilder(schema, options, profiles).build(rows, references, height, carried is not None)


@contextmanager
def translate_errors(schema: Schema, column: str = "") -> Iterator[None]:
    """Turn a `CannotGenerate` into a `ContractError` that names the contract and the column.

    Example:
        >>> with translate_errors(Schema("Customer", ()), "age"):
        ...     raise CannotGenerate("no int is >= 5 and <= 4")
        Traceback (most recent call last):
        magical.errors.ContractError: Customer.age cannot be pretended: no int is >= 5 and <= 4.
        Hint: widen its bounds.
    """
    try:
        yield
    except CannotGenerate as error:
        place = f" in {schema.source}" if schema.source else ""
        name = f"{schema.name}.{column}" if column else schema.name
        raise ContractError(
            f"{name} cannot be pretended: {error.reason}.", hint=f"{error.hint or 'widen its bounds'}{place}."
        ) from None


def _find_ids(schema: Schema, carried_rows: pl.DataFrame | None, rows: int) -> pl.DataFrame:
    if carried_rows is not None:
        return carried_rows.select(schema.ids)
    for name in schema.ids:  # tried one by one, so that an error names its column
        with translate_errors(schema, name):
            generate_unique(schema.column(name), 1)
    return generate_ids([schema.column(n) for n in schema.ids], rows)


class _TableBuilder:
    """Generates the columns of one table that its rows do not have yet."""

    def __init__(self, schema: Schema, options: GenerateOptions, profiles: Mapping[str, Profile]) -> None:
        self.schema, self.options, self.profiles = schema, options, profiles
        self.groups: list[_ColumnGroup] = []

    def build(
        self, rows: pl.DataFrame, key_references: Sequence[KeyReference], height: int, is_carried: bool
    ) -> pl.DataFrame:
        """Generate the missing columns, redraw what breaks the contract, and check the rules."""
        schema, target = self.schema, self.schema.target
        columns = {s.name: s for s in rows.get_columns()}
        self.groups = self._find_groups(key_references, set(columns))
        for group in self.groups:
            if target not in group.names:
                columns |= {s.name: s for s in self._generate_first(group, height).get_columns()}
        # The row numbers keep the height of a table whose only column is the target.
        columns[_ROW_COLUMN] = pl.int_range(height, eager=True)
        table = pl.DataFrame([columns[n].alias(n) for n in (*schema.names, _ROW_COLUMN) if n in columns])
        if is_carried:
            table = self._redraw_invalid(table)
        generated = {n for g in self.groups for n in g.names}
        # Redraw generated columns only; for a rule that reads none of them, all columns but the ids.
        fixed = ([n for n in schema.names if n not in generated], schema.ids)
        # The target comes last, so that it fits the final columns; a rule that reads it needs it earlier.
        is_target_early = self._is_in_rule(schema.target)
        if schema.target in generated and is_target_early:
            table = self._add_target(table)
        table = redraw_broken_rows(table, schema, self._redraw, fixed)
        table = self._sort_by_time(table, generated, is_carried)
        if schema.target in generated and not is_target_early:
            table = self._add_target(table)
        table = table.select(schema.names)
        check_rules(table, schema)
        return table

    def _find_groups(self, key_references: Sequence[KeyReference], present: set[str]) -> list[_ColumnGroup]:
        """List the columns to generate, with the keys of one composite id together."""
        missing = [r for r in key_references if not set(r.keys) <= present]
        groups = [self._make_group(r.keys, r.generate_keys) for r in missing]
        done = present | {n for g in groups for n in g.names}
        return groups + [self._make_column_group(n) for n in self.schema.names if n not in done]

    def _make_column_group(self, name: str) -> _ColumnGroup:
        return self._make_group((name,), self._make_generator(self.schema.column(name)))

    def _make_group(self, names: tuple[str, ...], generate: _Generator) -> _ColumnGroup:
        nullable = [n for n in names if self.schema.column(n).nullable]
        return _ColumnGroup(names, generate, {n: self._find_null_share(n) for n in nullable})

    def _find_null_share(self, name: str) -> float:
        profile = self.profiles.get(name)
        return profile.null_share if profile and self.options.null_share else self.options.null_share

    def _make_generator(self, column: Column) -> _Generator:
        profile = None if column.examples else self.profiles.get(column.name)

        def generate(rng: SeededRandom, size: int) -> pl.DataFrame:
            with translate_errors(self.schema, column.name):
                source = profile.generate_values if profile else self._generate_values
                return source(column, rng, size).to_frame(column.name)

        return generate

    def _generate_values(self, column: Column, rng: SeededRandom, size: int) -> pl.Series:
        """Draw values from the contract: a group has few distinct ones, and a weight is positive."""
        if column.role == "group" and find_listed_values(column) is None and column.type != "list":
            return pick_values(generate_unique(column, max(1, min(_MAX_GROUPS, size // 5))), rng, size)
        if column.role == "weight":  # a row of weight 0 would be no row to a fit
            column = replace(column, bounds={**column.bounds, "gt": 0})
        return generate_values(column, rng, size)

    def _generate_first(self, group: _ColumnGroup, size: int) -> pl.DataFrame:
        """Generate a group for the new rows; times come in order, unlike those of a redraw."""
        column = self.schema.column(group.names[0])
        if column.role != "time":
            return self._generate_group(group, size, "")
        with translate_errors(self.schema, column.name):
            has_range = column.type in ("int", *_TEMPORAL) and find_listed_values(column) is None
            if has_range and column.name not in self.profiles:
                values = _generate_times(column, self._make_rng(group), size)
            else:
                values = group.generate(self._make_rng(group), size).sort(column.name)
        return self._insert_nulls(group, values, "")

    def _generate_group(self, group: _ColumnGroup, size: int, round_text: str) -> pl.DataFrame:
        return self._insert_nulls(group, group.generate(self._make_rng(group, round_text), size), round_text)

    def _insert_nulls(self, group: _ColumnGroup, values: pl.DataFrame, round_text: str) -> pl.DataFrame:
        """Set values to null; one mask for all columns, since a composite key is null as a whole."""
        if not group.null_shares:
            return values
        rng = self._make_rng(group, round_text, "nulls")
        mask = pl.Series(~rng.mask(max(group.null_shares.values()), values.height))
        return values.with_columns(pl.when(mask).then(pl.col(n)) for n in group.null_shares)

    def _make_rng(self, group: _ColumnGroup, *words: str) -> SeededRandom:
        return SeededRandom(self.options.seed, " ".join(group.names), *words)

    def _redraw(self, names: Sequence[str], size: int, round_number: int) -> pl.DataFrame:
        """Draw columns again, whether generated or carried over."""
        generated = {n for g in self.groups for n in g.names}
        groups = [g for g in self.groups if set(g.names) & set(names)]
        groups += [self._make_column_group(n) for n in names if n not in generated]
        return pl.concat([self._generate_group(g, size, str(round_number)) for g in groups], how="horizontal")

    def _redraw_invalid(self, table: pl.DataFrame) -> pl.DataFrame:
        """Redraw the carried values that break this contract; ids are valid already."""
        names = set(table.columns)
        for column in self.schema.columns:
            if column.name not in names or column.role == "id":
                continue
            broken = find_invalid_rows(table, [column])
            if not broken.any():
                continue
            fresh = self._redraw([column.name], table.height, -1).get_column(column.name)
            kept, wide = table.get_column(column.name), DTYPES.get(column.type, fresh.dtype)
            if dtype_kind(kept.dtype) == dtype_kind(fresh.dtype):  # else, under Any, no value can be kept
                fresh = fresh.cast(wide).zip_with(broken, kept.cast(wide)).alias(column.name)
            table = table.with_columns(fresh)
        return table

    def _is_in_rule(self, name: str | None) -> bool:
        return any(name in find_rule_columns(r, self.schema.names) for r in build_rule_checks(self.schema))

    def _add_target(self, table: pl.DataFrame) -> pl.DataFrame:
        """Add the target, which depends on the other columns unless it is a list."""
        target = self.schema.target
        group = next(g for g in self.groups if target in g.names)
        with translate_errors(self.schema, group.names[0]):
            column = self.schema.column(group.names[0])
            if column.type == "list":
                values = group.generate(self._make_rng(group), table.height).to_series()
            elif column.name in self.profiles and not column.examples:
                values = group.generate(self._make_rng(group), table.height).to_series()
                values = arrange_by_score(values, self.schema, table, self._make_rng(group, "rule"))
            else:
                values = generate_target(self.schema, table, self._make_rng(group))
        return table.with_columns(self._insert_nulls(group, values.to_frame(), "").get_columns())

    def _sort_by_time(self, table: pl.DataFrame, generated: set[str], is_carried: bool) -> pl.DataFrame:
        """Restore the order of time in new rows, which a redraw may have broken."""
        schema = self.schema
        times = (n for n in schema.names_with_role("time") if n in generated and n in table.columns)
        time = next(times, None)
        # Sorting gives rows other ids, so a rule that reads an id could break.
        has_id_rule = any(map(self._is_in_rule, schema.ids))
        if time is None or is_carried or has_id_rule or table.get_column(time).is_sorted(nulls_last=True):
            return table
        rest = table.drop(schema.ids, _ROW_COLUMN).sort(time, nulls_last=True, maintain_order=True)
        return table.with_columns(rest.get_columns())


def _generate_times(column: Column, rng: SeededRandom, size: int) -> pl.DataFrame:
    """Draw increasing times over the whole range of a column: one in each of ``size`` equal intervals."""
    span = find_integer_range(column)
    share = (np.arange(size, dtype=np.float64) + rng.uniform(size)) / max(size, 1)
    positions = np.minimum((share * float(span.count)).astype(np.uint64), np.uint64(span.count - 1))
    return convert_integers(column, take_from_range(span, positions)).to_frame()
