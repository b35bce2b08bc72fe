"""Find which columns of a table hold the id of a row of another table."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from magical.contracts.dtypes import kind_of
from magical.contracts.naming import field_names, says, words_in
from magical.contracts.schema import Column, Schema

__all__ = ["related"]

_NAMED = 0.5
_CODES = 0.95
_FEWEST = 3


def related(
    name: str, tables: Mapping[str, pl.DataFrame], schemas: Mapping[str, Schema]
) -> dict[str, tuple[Column, str]]:
    """Give the keys of one table by their raw names, each with the reason.

    A column is a key where it is called like the other table's id, or like the other table and its id, and
    most of its values are ids there; under any other name only where it holds codes, and they are ids there.

    Args:
        name: of the table's contract.
        tables: all tables by the names of their contracts.
        schemas: what each promises; one with a single id may be a parent.

    Example:
        >>> shop = Schema("Shop", (Column("id", "str", role="id"),))
        >>> tables = {"Shop": pl.DataFrame({"id": ["a"]}), "Sale": pl.DataFrame({"shop_id": ["a", "a"]})}
        >>> [
        ...     c.parent
        ...     for c, _ in related("Sale", tables, {"Shop": shop, "Sale": Schema("Sale", ())}).values()
        ... ]
        ['Shop']
    """
    found: dict[str, tuple[Column, str]] = {}
    for values in tables[name].get_columns():
        scores = {
            parent: share
            for parent, schema in schemas.items()
            if parent != name and len(schema.ids) == 1
            if (share := _share(values, parent, tables[parent], schema))
        }
        own = field_names(tables[name].columns)[values.name]
        if scores and own not in schemas[name].ids:
            parent = max(scores, key=lambda p: scores[p])
            column = schemas[parent].column(schemas[parent].ids[0])
            key = Column(own, column.type, values.null_count() > 0, role="key", parent=parent)
            found[values.name] = key, _words(values, parent, scores[parent])
    return found


def _share(values: pl.Series, parent: str, table: pl.DataFrame, schema: Schema) -> float:
    """The share of a column's different values that are ids of the parent; 0 where it is no key."""
    field = schema.ids[0]
    raw = next(r for r, n in field_names(table.columns).items() if n == field)
    ids, different = table.get_column(raw), values.drop_nulls().unique()
    if kind_of(ids.dtype) != kind_of(values.dtype) or different.is_empty():
        return 0.0
    if kind_of(ids.dtype) not in ("int", "str"):
        return 0.0
    share = float(different.is_in(ids.implode()).mean() or 0)  # type: ignore[arg-type]
    if _is_called(values.name, parent, raw):
        return share + 1 if share >= _NAMED else 0.0
    is_code = kind_of(ids.dtype) == "str" and len(different) >= _FEWEST and len(ids) > len(different)
    return share if is_code and share >= _CODES else 0.0


def _is_called(name: str, parent: str, id_name: str) -> bool:
    """``tailnum`` is, where the id is so; ``shop_id`` and ``shop`` are, where the contract is ``Shop``."""
    own, theirs, table = words_in(name), words_in(id_name), words_in(parent)
    if own == theirs:
        return theirs not in (("id",), ("key",), ("code",), ("nr",), ("number",))
    ends = own[-len(table) :] == table or own[-len(table) - 1 : -1] == table
    return ends and (own[-len(table) :] == table or says(name, "identifier", "number", where="last"))


def _words(values: pl.Series, parent: str, score: float) -> str:
    different = values.n_unique() - (values.null_count() > 0)
    share = score - 1 if score > 1 else score
    if share in (0, 1):
        return f"each value is an id of {parent}"
    lost = different - round(share * different)
    return f"an id of {parent}, but for {lost:,} of {different:,} values"
