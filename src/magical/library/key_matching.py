"""Keys matched against the ids of their parents; rows that refer to no parent are orphans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from magical.contracts.schema import Schema, match_keys
from magical.contracts.validation import MAX_EXAMPLES, Failure
from magical.engine.protocols import current_step
from magical.errors import BrokenPromise, WiringError, join_names, shorten
from magical.events import keep
from magical.library.remarks import warn
from magical.synthesis.stub_models import is_pretending

__all__ = ["Relation", "enforce_keys", "find_relations", "with_key_types"]

_MAX_KEPT = 1000
_ROWS = "__row"


@dataclass(frozen=True)
class Relation:
    """One key of a contract: its columns, and the id columns of the parent that they contain.

    Attributes:
        parent: the name of the parent's contract.
        on: the name of the parent's id column for each key column.
    """

    parent: str
    on: Mapping[str, str]


def find_relations(schema: Schema, parents: Sequence[Schema | None]) -> list[Relation]:
    """Find the keys by which a contract refers to given parents, and to itself.

    Raises:
        WiringError: a parent promises no id, is given twice, or no key refers to it.

    Example:
        >>> from magical.contracts.schema import Column
        >>> customer = Schema("Customer", (Column("id", "int", role="id"),))
        >>> order = Schema("Order", (Column("buyer", "int", role="key", parent="Customer"),))
        >>> find_relations(order, [customer])
        [Relation(parent='Customer', on={'buyer': 'id'})]
    """
    relations, seen = [], set[str]()
    for parent in parents:
        if parent is None or not parent.ids:
            what = f"{parent.name} has no Id" if parent else "a parent promises no columns"
            raise WiringError(
                f"model_data: {what}, so that no key of {schema.name} can be matched.",
                hint="give tables of model_data(table, Contract) whose contracts have an Id.",
            )
        keys = [c.name for c in schema.columns if c.role == "key" and c.parent == parent.name]
        if not keys:
            others = {c.parent for c in schema.columns if c.role == "key"}
            raise WiringError(
                f"model_data: no key of {schema.name} refers to {parent.name}.",
                hint=f"write NAME: Key[{parent.name}] in {schema.name}{_place(schema)}, or do not give it"
                + (f"; its keys refer to {join_names(sorted(others), 4)}." if others else "."),
            )
        if parent.name in seen:
            raise WiringError(f"model_data: {parent.name} is given twice.", hint="give one table of it.")
        seen.add(parent.name)
        relations += _pair_columns(parent.name, keys, parent.ids)
    own = [c.name for c in schema.columns if c.role == "key" and c.parent == schema.name]
    return relations + (_pair_columns(schema.name, own, schema.ids) if own and schema.ids else [])


def with_key_types(schema: Schema, parents: Sequence[Schema | None]) -> Schema:
    """Return the schema with the type of the parent's id for each key whose own type is open.

    Example:
        >>> from magical.contracts.schema import Column
        >>> ids = (Column("shop", "str", role="id"), Column("day", "date", role="id"))
        >>> keys = [Column(n, "any", role="key", parent="Visit", parents=ids) for n in ("shop", "day")]
        >>> [c.type for c in with_key_types(Schema("Sale", tuple(keys)), []).columns]
        ['str', 'date']
    """
    given = {p.name: p for p in (schema, *parents) if p}
    typed: dict[str, str] = {}
    for parent in dict.fromkeys(c.parent for c in schema.columns if c.role == "key"):
        keys = [c for c in schema.columns if c.role == "key" and c.parent == parent]
        known = given.get(parent)
        ids = {c.name: c for c in (known.columns if known else keys[0].parents) if c.role == "id"}
        for relation in _pair_columns(parent, [c.name for c in keys], list(ids)) if ids else ():
            typed |= {k: ids[i].type for k, i in relation.on.items()}
    open_keys = (c for c in schema.columns if c.name in typed and c.type == "any")
    return schema.with_columns(replace(c, type=typed[c.name]) for c in open_keys)


def enforce_keys(
    table: pl.DataFrame, schema: Schema, relations: Sequence[Relation], parents: Mapping[str, pl.DataFrame]
) -> None:
    """Match the keys of a table; orphans within the share that its contract allows are remarked and kept.

    Where rows are not real, as in a pretended or sampled run, keys cannot match: orphans are only remarked.

    Args:
        schema: the contract of the table.
        relations: the keys to match.
        parents: tables by the names of their contracts.

    Raises:
        BrokenPromise: more rows refer to no parent than the contract allows.
    """
    kept = []
    for relation in relations:
        orphans = _find_orphans(table, relation, parents[relation.parent])
        if orphans.is_empty():
            continue
        failure, share = _describe(orphans, relation), orphans.height / table.height
        if _is_real() and share > max(schema.column(k).max_orphans for k in relation.on):
            raise _orphan_error(failure, relation, schema, table.height, parents[relation.parent])
        kept.append(_count_values(orphans, relation))
        allowed = "allowed" if _is_real() else "not enforced, since what is not real is among the tables"
        warn(f"{orphans.height:,} of {table.height:,} rows are orphans ({allowed}): {failure}")
    if kept:
        keep("orphans", pl.concat(kept))


def _pair_columns(parent: str, keys: list[str], ids: list[str]) -> list[Relation]:
    """Pair keys with the ids of a parent: together if they are as many, else each key alone."""
    groups = [keys] if len(keys) == len(ids) else [[key] for key in keys]
    return [Relation(parent, match_keys(group, ids)) for group in groups]


def _find_orphans(table: pl.DataFrame, relation: Relation, parent: pl.DataFrame) -> pl.DataFrame:
    """Return the rows, with their numbers, whose key is complete and is no id of the parent."""
    keys = list(relation.on)
    rows = table.select(keys).with_row_index(_ROWS).drop_nulls(keys)
    ids = parent.select(
        pl.col(i).cast(table.schema[k], strict=False).alias(k) for k, i in relation.on.items()
    )
    return rows.join(ids, on=keys, how="anti", maintain_order="left")


def _describe(orphans: pl.DataFrame, relation: Relation) -> Failure:
    first = orphans.head(MAX_EXAMPLES)
    values = dict.fromkeys(map(_format_key, first.drop(_ROWS).rows()))
    name, ids = ", ".join(relation.on), "an id" if len(relation.on) == 1 else "together an id"
    return Failure(
        name, f"must be {ids} of {relation.parent}", orphans.height, tuple(values), tuple(first[_ROWS])
    )


def _format_key(values: tuple[Any, ...]) -> str:
    text = ", ".join(map(str, values))
    return shorten(text, 24) if len(values) == 1 else f"({shorten(text, 60)})"


def _count_values(orphans: pl.DataFrame, relation: Relation) -> pl.DataFrame:
    """List the missing ids with the number of their rows and the first of them, most rows first."""
    counted = orphans.group_by(list(relation.on), maintain_order=True).agg(
        pl.len().alias("count"), pl.col(_ROWS).first().alias("first_row")
    )
    texts = pl.concat_str([pl.col(k).cast(pl.String) for k in relation.on], separator=", ")
    columns = {"key": pl.lit(", ".join(relation.on)), "parent": pl.lit(relation.parent), "value": texts}
    listed = counted.sort("count", descending=True, maintain_order=True).head(_MAX_KEPT)
    return listed.select(**columns, count="count", first_row="first_row")


def _orphan_error(
    failure: Failure, relation: Relation, schema: Schema, height: int, parent: pl.DataFrame
) -> BrokenPromise:
    key = schema.column(next(iter(relation.on)))
    share = -(-failure.count * 100 // height) / 100
    known = map(_format_key, parent.select(relation.on.values()).head(MAX_EXAMPLES).rows())
    more = ", …" if parent.height > MAX_EXAMPLES else ""
    hint = f"Key[{relation.parent}]{' | None' if key.nullable else ''}"
    return BrokenPromise(
        f"model_data promised Frame[{schema.name}], but {failure.count:,} of {height:,} rows refer to no "
        f"{relation.parent}:",
        f"  {failure}",
        f"  {relation.parent} has {', '.join(known) or 'no rows'}{more}",
        hint=f"mend the source, or allow them: {key.name}: Annotated[{hint}, Orphans({share:g})] "
        f"in {schema.name}{_place(schema)}.",
    )


def _is_real() -> bool:
    """Return True if the rows of the running step are real; outside a run they are, unless one pretends."""
    step = current_step()
    return not (step.origin if step else is_pretending())


def _place(schema: Schema) -> str:
    return f" ({schema.source})" if schema.source else ""
