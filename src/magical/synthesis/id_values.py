"""Ids that are unique and keys that join: what identifies a made-up row, and whom it refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import build_column_checks
from magical.synthesis.carry_over import Source, matched
from magical.synthesis.column_values import different
from magical.synthesis.rng import Chance

__all__ = ["Reference", "assumed", "ids_of", "references"]


class Reference(NamedTuple):
    """The keys of a table that together name one row of a parent.

    Attributes:
        keys: their names.
        ids: what they may hold: the parent's ids, named as the keys are, one row each.
    """

    keys: tuple[str, ...]
    ids: pl.DataFrame

    def drawn(self, chance: Chance, size: int) -> pl.DataFrame:
        """Draw parents: several rows may share one, and some have none; null where there is no parent."""
        if self.ids.is_empty():
            return self.ids.clear(size)
        return self.ids[chance.below(self.ids.height, size).astype(np.uint32)]


def ids_of(columns: Sequence[Column], size: int) -> pl.DataFrame:
    """Give different ids, as many as asked for or as the columns can hold.

    Several columns together are one id: each combination of their values is there at most once.

    Example:
        >>> shop, day = Column("shop", "int"), Column("day", "int", bounds={"ge": 1, "le": 2})
        >>> ids_of([shop, day], 3).rows()
        [(1, 1), (1, 2), (2, 1)]
    """
    values = {c.name: different(c, size) for c in columns}
    bases, left = {}, max(size, 1)
    for place, name in enumerate(sorted(values, key=lambda n: values[n].len())):
        bases[name] = min(values[name].len(), _root(left, len(values) - place))
        left = -(-left // max(bases[name], 1))
    height = min(size, int(np.prod([*bases.values()], dtype=object)))
    places, out = np.arange(height, dtype=np.uint64), {}
    for name in reversed(values):
        out[name] = values[name].gather(places % np.uint64(max(bases[name], 1)))
        places //= np.uint64(max(bases[name], 1))
    return pl.DataFrame({name: out[name].alias(name) for name in values})


def references(
    schema: Schema,
    sources: Sequence[Source],
    parents: Mapping[str, pl.DataFrame],
    *,
    own: pl.DataFrame,
    rows: int,
) -> list[Reference]:
    """Give what the keys of a table may hold.

    A parent's ids come from its table, from an input that promises the parent, or from the table itself;
    where there is none, they are those that the parent would have if it were made up.

    Args:
        schema: has the keys.
        sources: the inputs.
        parents: tables by the names of their contracts.
        own: the ids of the table itself.
        rows: how many rows a parent without a table has.
    """
    found = []
    for parent in dict.fromkeys(c.parent for c in schema.columns if c.role == "key"):
        keys = [c for c in schema.columns if c.role == "key" and c.parent == parent]
        ids = _ids(keys, sources, parents, own if parent == schema.name and own.width else None, rows)
        together = len(keys) == ids.width
        for group in [keys] if together else [[k] for k in keys]:
            names = [k.name for k in group]
            pairs = matched(names, ids.columns)
            held = ids.select(pl.col(pairs[n]).alias(n) for n in names).drop_nulls()
            found.append(Reference(tuple(names), _allowed(held, group)))
    return found


def assumed(schema: Schema, reference: Reference, rows: int) -> Reference:
    """Give what keys hold where their parent has no row: its ids as if it were made up."""
    keys = [schema.column(k) for k in reference.keys]
    ids = _ids(keys, (), {}, None, max(rows, 1))
    pairs = matched(reference.keys, ids.columns)
    return Reference(reference.keys, _allowed(ids.select(pl.col(i).alias(k) for k, i in pairs.items()), keys))


def _ids(
    keys: Sequence[Column],
    sources: Sequence[Source],
    parents: Mapping[str, pl.DataFrame],
    own: pl.DataFrame | None,
    rows: int,
) -> pl.DataFrame:
    parent, known = keys[0].parent, [c.name for c in keys[0].parents]
    tables = [(parents[parent], known)] if parent in parents else []
    tables += [(s.table, s.schema.ids) for s in sources if s.schema and s.schema.name == parent]
    tables += [(own, own.columns)] if own is not None else []
    for table, names in tables:
        there = [n for n in names if n in table.columns] or ([] if names else _likely(table.columns))
        kinds = [dtype_kind(table.schema[n]) for n in there]
        if there and (keys[0].type == "any" or kinds == [keys[0].type]):
            return table.select(there)
    if known:
        return ids_of(keys[0].parents, rows)
    return pl.DataFrame({"id": pl.int_range(1, rows + 1, eager=True)})


def _likely(names: list[str]) -> list[str]:
    """The id of a table of which nothing is known."""
    return ["id"] if "id" in names else names[:1]


def _allowed(ids: pl.DataFrame, keys: Sequence[Column]) -> pl.DataFrame:
    for key in keys:
        dtype = ids.schema[key.name]
        if key.type in ("any", dtype_kind(dtype)) and (checks := build_column_checks(key, dtype)):
            ids = ids.filter(~pl.any_horizontal(c.broken for c in checks))
    return ids


def _root(number: int, degree: int) -> int:
    """The least whole number whose power is not below another."""
    low, high = 1, number
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**degree >= number else (middle + 1, high)
    return low
