"""Ids that are unique and keys that join: what identifies a made-up row, and whom it refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import build_column_checks
from magical.synthesis.carry_over import InputTable, match_keys
from magical.synthesis.column_values import generate_unique
from magical.synthesis.rng import SeededRandom

__all__ = ["KeyReference", "assume_parent_ids", "find_references", "generate_ids"]


class KeyReference(NamedTuple):
    """The keys of a table that together name one row of a parent.

    Attributes:
        keys: their names.
        ids: what they may hold: the parent's ids, named as the keys are, one row each.
    """

    keys: tuple[str, ...]
    ids: pl.DataFrame

    def generate_keys(self, rng: SeededRandom, size: int) -> pl.DataFrame:
        """Draw parents: several rows may share one, and some have none; null where there is no parent."""
        if self.ids.is_empty():
            return self.ids.clear(size)
        return self.ids[rng.integers(self.ids.height, size).astype(np.uint32)]


def generate_ids(columns: Sequence[Column], size: int) -> pl.DataFrame:
    """Give different ids, as many as asked for or as the columns can hold.

    Several columns together are one id: each combination of their values is there at most once.

    Example:
        >>> shop, day = Column("shop", "int"), Column("day", "int", bounds={"ge": 1, "le": 2})
        >>> generate_ids([shop, day], 3).rows()
        [(1, 1), (1, 2), (2, 1)]
    """
    values = {c.name: generate_unique(c, size) for c in columns}
    bases, left = {}, max(size, 1)
    for place, name in enumerate(sorted(values, key=lambda n: values[n].len())):
        bases[name] = min(values[name].len(), _ceil_root(left, len(values) - place))
        left = -(-left // max(bases[name], 1))
    height = min(size, int(np.prod([*bases.values()], dtype=object)))
    places, out = np.arange(height, dtype=np.uint64), {}
    for name in reversed(values):
        out[name] = values[name].gather(places % np.uint64(max(bases[name], 1)))
        places //= np.uint64(max(bases[name], 1))
    return pl.DataFrame({name: out[name].alias(name) for name in values})


def find_references(
    schema: Schema,
    sources: Sequence[InputTable],
    parents: Mapping[str, pl.DataFrame],
    *,
    own_ids: pl.DataFrame,
    rows: int,
) -> list[KeyReference]:
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
        ids = _find_parent_ids(
            keys, sources, parents, own_ids if parent == schema.name and own_ids.width else None, rows
        )
        together = len(keys) == ids.width
        for group in [keys] if together else [[k] for k in keys]:
            names = [k.name for k in group]
            pairs = match_keys(names, ids.columns)
            held = ids.select(pl.col(pairs[n]).alias(n) for n in names).drop_nulls()
            found.append(KeyReference(tuple(names), _drop_invalid_ids(held, group)))
    return found


def assume_parent_ids(schema: Schema, reference: KeyReference, rows: int) -> KeyReference:
    """Give what keys hold where their parent has no row: its ids as if it were made up."""
    keys = [schema.column(k) for k in reference.keys]
    ids = _find_parent_ids(keys, (), {}, None, max(rows, 1))
    pairs = match_keys(reference.keys, ids.columns)
    return KeyReference(
        reference.keys, _drop_invalid_ids(ids.select(pl.col(i).alias(k) for k, i in pairs.items()), keys)
    )


def _find_parent_ids(
    keys: Sequence[Column],
    sources: Sequence[InputTable],
    parents: Mapping[str, pl.DataFrame],
    own_ids: pl.DataFrame | None,
    rows: int,
) -> pl.DataFrame:
    parent, known = keys[0].parent, [c.name for c in keys[0].parents]
    tables = [(parents[parent], known)] if parent in parents else []
    tables += [(s.table, s.schema.ids) for s in sources if s.schema and s.schema.name == parent]
    tables += [(own_ids, own_ids.columns)] if own_ids is not None else []
    for table, names in tables:
        there = [n for n in names if n in table.columns] or ([] if names else _guess_id_column(table.columns))
        kinds = [dtype_kind(table.schema[n]) for n in there]
        if there and (keys[0].type == "any" or kinds == [keys[0].type]):
            return table.select(there)
    if known:
        return generate_ids(keys[0].parents, rows)
    return pl.DataFrame({"id": pl.int_range(1, rows + 1, eager=True)})


def _guess_id_column(names: list[str]) -> list[str]:
    """The id of a table of which nothing is known."""
    return ["id"] if "id" in names else names[:1]


def _drop_invalid_ids(ids: pl.DataFrame, keys: Sequence[Column]) -> pl.DataFrame:
    for key in keys:
        dtype = ids.schema[key.name]
        if key.type in ("any", dtype_kind(dtype)) and (checks := build_column_checks(key, dtype)):
            ids = ids.filter(~pl.any_horizontal(c.broken for c in checks))
    return ids


def _ceil_root(number: int, degree: int) -> int:
    """The least whole number whose power is not below another."""
    low, high = 1, number
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**degree >= number else (middle + 1, high)
    return low
