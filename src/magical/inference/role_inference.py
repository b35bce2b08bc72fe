"""Find the columns that identify a row, say when it happened, and to whom it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import polars as pl

from magical.contracts.dtypes import kind_of
from magical.contracts.schema import Column, Schema
from magical.inference.column_names import (
    field_names,
    is_nameless,
    is_numbered,
    names_an_entity,
    says,
    words_in,
)
from magical.inference.column_stats import Facts

__all__ = [
    "Roles",
    "likely_targets",
    "related",
    "roles_in",
]

_FEW = 20

_MANY = 30  # rows; of so many a code is not unique by chance

_PLAUSIBLE = 0.95

_KEY_LENGTH = 64


class Roles(NamedTuple):
    """The roles of a table's columns, by raw name.

    Attributes:
        ids: the columns that together identify a row.
        time: the column that says when a row happened; empty if there is none.
        group: the column of those to whom several rows belong; empty if there is none.
        why: for each of these, in words.
        in_order: whether the rows are events that follow each other in time.
    """

    ids: tuple[str, ...]
    time: str
    group: str
    why: Mapping[str, str]
    in_order: bool


def roles_in(columns: Sequence[Facts], table: pl.DataFrame) -> Roles:
    """Find the roles, each only where it is clear.

    Args:
        columns: the facts of all columns but the target, in order.
        table: the rows.

    Example:
        >>> table = pl.DataFrame({"nr": [1, 2, 3], "x": [0.5, 0.1, 0.3]})
        >>> roles_in([Facts(c) for c in table.get_columns()], table).ids
        ('nr',)
    """
    usable = [f for f in columns if f.kind and f.different > 1]
    why: dict[str, str] = {}
    best = max(enumerate(usable), key=lambda pair: (_as_id(*pair), -pair[0]), default=None)
    ids: tuple[str, ...] = (best[1].name,) if best and _as_id(*best) > 0 else ()
    if best and ids:
        why[ids[0]] = f"different in each of {best[1].rows:,} rows"
    time = _time(usable)
    if time:
        why[time.name] = "when the row happened"
    group = _group([f for f in usable if f.name not in ids])
    if not ids and not time:
        ids = _panel(usable, table)
        why |= dict.fromkeys(ids, f"together different in each of {table.height:,} rows")
    if group and group.name not in ids:
        rows = len(group.present) / group.different
        why[group.name] = f"{group.different:,} of them, with {rows:.1f} rows each on average"
    return Roles(
        ids,
        time.name if time else "",
        group.name if group and group.name not in ids else "",
        why,
        bool(time and (time.is_sorted or says(time.name, "happened"))),
    )


def likely_targets(columns: Sequence[Facts]) -> list[str]:
    """Give the names of all columns that could be predicted, the likeliest first.

    Example:
        >>> table = pl.DataFrame({"id": [1, 2, 3], "price": [1.5, 2.5, 9.0], "sold": [0, 1, 1]})
        >>> likely_targets([Facts(c) for c in table.get_columns()])
        ['price', 'sold', 'id']
    """
    last = len(columns) - 1

    def score(place: int, facts: Facts) -> int:
        named = says(facts.name, "target", where="last") + says(facts.name, "target")
        binary = facts.kind == "bool" or facts.different == 2
        edge = 2 * (place == last) + (place == 0)
        return 2 * named + binary + edge - 6 * says(facts.name, "identifier", where="last")

    possible = [
        (score(place, f), -place, f.name)
        for place, f in enumerate(columns)
        if f.different > 1
        and f.kind in ("int", "float", "bool", "str")
        and (f.kind != "str" or f.share <= 0.5)
    ]
    return [name for _, _, name in sorted(possible, reverse=True)]


def _as_id(place: int, facts: Facts) -> int:
    """How plausible it is that a column alone identifies a row; 0 for not at all."""
    if not facts.is_unique or says(facts.name, "birth"):
        return 0
    named = says(facts.name, "identifier", where="last") or words_in(facts.name)[0] in ("id", "uuid", "guid")
    numbered = is_numbered(facts.name)
    nameless = is_nameless(facts.name)
    entity = named and says(facts.name, "entity")
    first = place == 0
    if facts.kind == "str":
        if facts.longest > _KEY_LENGTH or says(facts.name, "prose", where="last"):
            return 0
        code = facts.is_codes
        score = 10 * named + 2 * entity + 2 * numbered + 3 * (nameless and first)
        score += 4 * (code and (first or numbered)) + (code and facts.rows >= _MANY)
        return score + 2 * (code and score > 0) + first * (score > 0)
    if not facts.whole or (facts.kind == "float" and not (named or nameless)):
        return 0
    score = 10 * named + 2 * entity + 3 * numbered + (3 + first) * (facts.is_dense and (first or nameless))
    return score + first * (score > 0)


def _time(columns: Sequence[Facts]) -> Facts | None:
    """The date by which rows happened: not one of birth, rather none of an end."""
    dates = [f for f in columns if f.kind in ("date", "datetime") and f.different >= 3]
    likely = [f for f in dates if not says(f.name, "birth") and len(f.present) >= _PLAUSIBLE * f.rows]

    def score(facts: Facts) -> float:
        named = says(facts.name, "happened") + says(facts.name, "when") - 2 * says(facts.name, "later")
        return named + 2 * facts.is_sorted + len(facts.present) / facts.rows

    best = max(likely, key=score, default=None)
    if best and says(best.name, "later") and not (best.is_sorted or says(best.name, "happened")):
        return None
    return best


def _group(columns: Sequence[Facts]) -> Facts | None:
    """The entity that several rows belong to, if one is named and comes again and again."""
    found = [
        f
        for f in columns
        if f.kind in ("int", "str", "float")
        and (f.kind == "str" or f.whole)
        and names_an_entity(f.name, alone=f.kind != "str" or f.is_codes)
        and f.different > _FEW
        and not f.is_unique
        and len(f.present) >= _PLAUSIBLE * f.rows
    ]
    return max(found, key=lambda f: f.different, default=None)


def _panel(columns: Sequence[Facts], table: pl.DataFrame) -> tuple[str, ...]:
    """An entity and a period, such as country and year, that together are different in each row."""
    periods = [f for f in columns if says(f.name, "year", "month", "quarter") and f.whole and not f.nulls]
    periods = [f for f in periods if len(words_in(f.name)) == 1 or words_in(f.name)[-1] == "id"]
    entities = [f for f in columns if f.kind == "str" and not f.nulls and f.share <= 0.5]
    entities += [
        f for f in columns if f.kind == "int" and f not in periods and says(f.name, "identifier", "code")
    ]
    for count in range(1, len(periods) + 1):
        for some in combinations(periods, count):
            for entity in entities:
                together = (entity.name, *(p.name for p in some))
                if len(columns) == len(together):
                    continue  # nothing would be left to predict from
                enough = entity.different * _most(some) >= table.height
                if enough and not table.select(pl.struct(together).is_duplicated().any()).item():
                    return together
    return ()


def _most(periods: Sequence[Facts]) -> int:
    most = 1
    for facts in periods:
        most *= facts.different
    return most


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
