"""Values of ids, which are unique, and of keys, which join with the ids of their parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema, match_keys
from magical.synthesis.carry_over import InputTable, drop_invalid_rows
from magical.synthesis.column_values import generate_unique
from magical.synthesis.rng import SeededRandom

__all__ = ["KeyReference", "assume_parent_ids", "find_references", "generate_ids"]


class KeyReference(NamedTuple):
    """The keys of a table that together refer to one row of a parent.

    Attributes:
        keys: the names of the columns.
        ids: the ids of the parent, in columns named like the keys.
    """

    keys: tuple[str, ...]
    ids: pl.DataFrame

    def generate_keys(self, rng: SeededRandom, size: int) -> pl.DataFrame:
        """Draw the keys of ``size`` rows from the parent's ids; all are null if the parent has no rows."""
        if self.ids.is_empty():
            return self.ids.clear(size)  # with a size, clear() gives rows of nulls
        return self.ids[rng.integers(self.ids.height, size).astype(np.uint32)]


def generate_ids(columns: Sequence[Column], size: int) -> pl.DataFrame:
    """Generate distinct ids; fewer if the columns allow fewer.

    Several columns are one composite id: each combination of their values occurs at most once.

    Example:
        >>> shop, day = Column("shop", "int"), Column("day", "int", bounds={"ge": 1, "le": 2})
        >>> generate_ids([shop, day], 3).rows()
        [(1, 1), (1, 2), (2, 1)]
    """
    values = {c.name: generate_unique(c, size) for c in columns}
    # Choose how many values each column uses: about equally many, so that their product reaches `size`.
    # Columns with few values come first, because the others must compensate.
    bases, needed = {}, max(size, 1)
    for i, name in enumerate(sorted(values, key=lambda n: values[n].len())):
        bases[name] = min(values[name].len(), _ceil_root(needed, len(values) - i))
        needed = -(-needed // max(bases[name], 1))
    height = min(size, int(np.prod([*bases.values()], dtype=object)))
    # The digits of a row number in these bases are the positions of its values; the last column varies
    # fastest.
    numbers, columns_by_name = np.arange(height, dtype=np.uint64), {}
    for name in reversed(values):
        base = np.uint64(max(bases[name], 1))
        columns_by_name[name] = values[name].gather(numbers % base)
        numbers //= base
    return pl.DataFrame({name: columns_by_name[name].alias(name) for name in values})


def find_references(
    schema: Schema,
    sources: Sequence[InputTable],
    parents: Mapping[str, pl.DataFrame],
    *,
    own_ids: pl.DataFrame,
    rows: int,
) -> list[KeyReference]:
    """Find the parent ids that the keys of a table may refer to.

    They come from the parent's table, from an input that promises the parent, or from the table itself;
    without any, they are the ids that a generated parent would have.

    Args:
        schema: the schema with the keys.
        sources: the inputs of the step.
        parents: tables by the names of their contracts.
        own_ids: the ids of the table itself, for keys that refer to it.
        rows: the number of ids of a generated parent.
    """
    references = []
    for parent in dict.fromkeys(c.parent for c in schema.columns if c.role == "key"):
        keys = [c for c in schema.columns if c.role == "key" and c.parent == parent]
        own = own_ids if parent == schema.name and own_ids.width else None
        ids = _find_parent_ids(keys, sources, parents, own, rows)
        is_composite = len(keys) == ids.width
        for group in [keys] if is_composite else [[k] for k in keys]:
            names = [k.name for k in group]
            pairs = match_keys(names, ids.columns)
            values = ids.select(pl.col(pairs[n]).alias(n) for n in names).drop_nulls()
            references.append(KeyReference(tuple(names), drop_invalid_rows(values, group)))
    return references


def assume_parent_ids(schema: Schema, reference: KeyReference, rows: int) -> KeyReference:
    """Replace the ids of a parent without rows by those that a generated parent would have."""
    keys = [schema.column(k) for k in reference.keys]
    ids = _find_parent_ids(keys, (), {}, None, max(rows, 1))
    pairs = match_keys(reference.keys, ids.columns)
    values = ids.select(pl.col(i).alias(k) for k, i in pairs.items())
    return KeyReference(reference.keys, drop_invalid_rows(values, keys))


def _find_parent_ids(
    keys: Sequence[Column],
    sources: Sequence[InputTable],
    parents: Mapping[str, pl.DataFrame],
    own_ids: pl.DataFrame | None,
    rows: int,
) -> pl.DataFrame:
    """Return the ids of the first table that fits: parent, input or own; else those of a generated parent."""
    parent, id_names = keys[0].parent, [c.name for c in keys[0].parents]
    tables = [(parents[parent], id_names)] if parent in parents else []
    tables += [(s.table, s.schema.ids) for s in sources if s.schema and s.schema.name == parent]
    tables += [(own_ids, own_ids.columns)] if own_ids is not None else []
    for table, names in tables:
        guess = ["id"] if "id" in table.columns else table.columns[:1]  # for a parent without a contract
        present = [n for n in names or guess if n in table.columns]
        kinds = [dtype_kind(table.schema[n]) for n in present]
        if present and (keys[0].type == "any" or kinds == [keys[0].type]):
            return table.select(present)
    if id_names:
        return generate_ids(keys[0].parents, rows)
    return pl.DataFrame({"id": pl.int_range(1, rows + 1, eager=True)})


def _ceil_root(number: int, degree: int) -> int:
    """Return the least whole number whose power of ``degree`` is at least ``number``, exactly."""
    low, high = 1, number
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**degree >= number else (middle + 1, high)
    return low
