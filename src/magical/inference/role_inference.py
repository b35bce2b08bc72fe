"""Find the columns that identify a row, say when it happened, and to whom it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema
from magical.inference.column_names import (
    field_names,
    has_word_kind,
    is_entity_name,
    is_index_name,
    is_reference_number,
    split_words,
)
from magical.inference.column_stats import ColumnStats

__all__ = [
    "Roles",
    "infer_keys",
    "infer_roles",
    "rank_targets",
]

_MIN_GROUPS = 20

_MIN_CODE_ROWS = 30  # rows; of so many a code is not unique by chance

_MIN_PRESENT_SHARE = 0.95

_MAX_KEY_LENGTH = 64


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
    reasons: Mapping[str, str]
    in_order: bool


def infer_roles(columns: Sequence[ColumnStats], table: pl.DataFrame) -> Roles:
    """Find the roles, each only where it is clear.

    Args:
        columns: the facts of all columns but the target, in order.
        table: the rows.

    Example:
        >>> table = pl.DataFrame({"nr": [1, 2, 3], "x": [0.5, 0.1, 0.3]})
        >>> infer_roles([Facts(c) for c in table.get_columns()], table).ids
        ('nr',)
    """
    usable = [f for f in columns if f.kind and f.unique_count > 1]
    why: dict[str, str] = {}
    best = max(enumerate(usable), key=lambda pair: (_score_id(*pair), -pair[0]), default=None)
    ids: tuple[str, ...] = (best[1].name,) if best and _score_id(*best) > 0 else ()
    if best and ids:
        why[ids[0]] = f"different in each of {best[1].rows:,} rows"
    time = _find_time(usable)
    if time:
        why[time.name] = "when the row happened"
    group = _find_group([f for f in usable if f.name not in ids])
    if not ids and not time:
        ids = _find_composite_id(usable, table)
        why |= dict.fromkeys(ids, f"together different in each of {table.height:,} rows")
    if group and group.name not in ids:
        rows = len(group.present) / group.unique_count
        why[group.name] = f"{group.unique_count:,} of them, with {rows:.1f} rows each on average"
    return Roles(
        ids,
        time.name if time else "",
        group.name if group and group.name not in ids else "",
        why,
        bool(time and (time.is_sorted or has_word_kind(time.name, "happened"))),
    )


def rank_targets(columns: Sequence[ColumnStats]) -> list[str]:
    """Give the names of all columns that could be predicted, the likeliest first.

    Example:
        >>> table = pl.DataFrame({"id": [1, 2, 3], "price": [1.5, 2.5, 9.0], "sold": [0, 1, 1]})
        >>> rank_targets([Facts(c) for c in table.get_columns()])
        ['price', 'sold', 'id']
    """
    last = len(columns) - 1

    def score(place: int, facts: ColumnStats) -> int:
        named = has_word_kind(facts.name, "target", where="last") + has_word_kind(facts.name, "target")
        binary = facts.kind == "bool" or facts.unique_count == 2
        edge = 2 * (place == last) + (place == 0)
        return 2 * named + binary + edge - 6 * has_word_kind(facts.name, "identifier", where="last")

    possible = [
        (score(place, f), -place, f.name)
        for place, f in enumerate(columns)
        if f.unique_count > 1
        and f.kind in ("int", "float", "bool", "str")
        and (f.kind != "str" or f.unique_share <= 0.5)
    ]
    return [name for _, _, name in sorted(possible, reverse=True)]


def _score_id(place: int, stats: ColumnStats) -> int:
    """How plausible it is that a column alone identifies a row; 0 for not at all."""
    if not stats.is_unique or has_word_kind(stats.name, "birth"):
        return 0
    named = has_word_kind(stats.name, "identifier", where="last") or split_words(stats.name)[0] in (
        "id",
        "uuid",
        "guid",
    )
    numbered = is_reference_number(stats.name)
    nameless = is_index_name(stats.name)
    entity = named and has_word_kind(stats.name, "entity")
    first = place == 0
    if stats.kind == "str":
        if stats.max_length > _MAX_KEY_LENGTH or has_word_kind(stats.name, "prose", where="last"):
            return 0
        code = stats.has_codes
        score = 10 * named + 2 * entity + 2 * numbered + 3 * (nameless and first)
        score += 4 * (code and (first or numbered)) + (code and stats.rows >= _MIN_CODE_ROWS)
        return score + 2 * (code and score > 0) + first * (score > 0)
    if not stats.is_whole or (stats.kind == "float" and not (named or nameless)):
        return 0
    score = (
        10 * named + 2 * entity + 3 * numbered + (3 + first) * (stats.is_consecutive and (first or nameless))
    )
    return score + first * (score > 0)


def _find_time(columns: Sequence[ColumnStats]) -> ColumnStats | None:
    """The date by which rows happened: not one of birth, rather none of an end."""
    dates = [f for f in columns if f.kind in ("date", "datetime") and f.unique_count >= 3]
    likely = [
        f
        for f in dates
        if not has_word_kind(f.name, "birth") and len(f.present) >= _MIN_PRESENT_SHARE * f.rows
    ]

    def score(facts: ColumnStats) -> float:
        named = (
            has_word_kind(facts.name, "happened")
            + has_word_kind(facts.name, "when")
            - 2 * has_word_kind(facts.name, "later")
        )
        return named + 2 * facts.is_sorted + len(facts.present) / facts.rows

    best = max(likely, key=score, default=None)
    if (
        best
        and has_word_kind(best.name, "later")
        and not (best.is_sorted or has_word_kind(best.name, "happened"))
    ):
        return None
    return best


def _find_group(columns: Sequence[ColumnStats]) -> ColumnStats | None:
    """The entity that several rows belong to, if one is named and comes again and again."""
    found = [
        f
        for f in columns
        if f.kind in ("int", "str", "float")
        and (f.kind == "str" or f.is_whole)
        and is_entity_name(f.name, allow_bare=f.kind != "str" or f.has_codes)
        and f.unique_count > _MIN_GROUPS
        and not f.is_unique
        and len(f.present) >= _MIN_PRESENT_SHARE * f.rows
    ]
    return max(found, key=lambda f: f.unique_count, default=None)


def _find_composite_id(columns: Sequence[ColumnStats], table: pl.DataFrame) -> tuple[str, ...]:
    """An entity and a period, such as country and year, that together are different in each row."""
    periods = [
        f
        for f in columns
        if has_word_kind(f.name, "year", "month", "quarter") and f.is_whole and not f.missing_count
    ]
    periods = [f for f in periods if len(split_words(f.name)) == 1 or split_words(f.name)[-1] == "id"]
    entities = [f for f in columns if f.kind == "str" and not f.missing_count and f.unique_share <= 0.5]
    entities += [
        f
        for f in columns
        if f.kind == "int" and f not in periods and has_word_kind(f.name, "identifier", "code")
    ]
    for count in range(1, len(periods) + 1):
        for some in combinations(periods, count):
            for entity in entities:
                together = (entity.name, *(p.name for p in some))
                if len(columns) == len(together):
                    continue  # nothing would be left to predict from
                enough = entity.unique_count * _count_combinations(some) >= table.height
                if enough and not table.select(pl.struct(together).is_duplicated().any()).item():
                    return together
    return ()


def _count_combinations(periods: Sequence[ColumnStats]) -> int:
    most = 1
    for facts in periods:
        most *= facts.unique_count
    return most


_MIN_NAMED_SHARE = 0.5

_MIN_CODE_SHARE = 0.95

_MIN_CODES = 3


def infer_keys(
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
        ...     for c, _ in infer_keys("Sale", tables, {"Shop": shop, "Sale": Schema("Sale", ())}).values()
        ... ]
        ['Shop']
    """
    found: dict[str, tuple[Column, str]] = {}
    for values in tables[name].get_columns():
        scores = {
            parent: share
            for parent, schema in schemas.items()
            if parent != name and len(schema.ids) == 1
            if (share := _score_key(values, parent, tables[parent], schema))
        }
        own = field_names(tables[name].columns)[values.name]
        if scores and own not in schemas[name].ids:
            parent = max(scores, key=lambda p: scores[p])
            column = schemas[parent].column(schemas[parent].ids[0])
            key = Column(own, column.type, values.null_count() > 0, role="key", parent=parent)
            found[values.name] = key, _explain_key(values, parent, scores[parent])
    return found


def _score_key(values: pl.Series, parent: str, table: pl.DataFrame, schema: Schema) -> float:
    """The share of a column's different values that are ids of the parent; 0 where it is no key."""
    field = schema.ids[0]
    raw = next(r for r, n in field_names(table.columns).items() if n == field)
    ids, different = table.get_column(raw), values.drop_nulls().unique()
    if dtype_kind(ids.dtype) != dtype_kind(values.dtype) or different.is_empty():
        return 0.0
    if dtype_kind(ids.dtype) not in ("int", "str"):
        return 0.0
    share = float(different.is_in(ids.implode()).mean() or 0)  # type: ignore[arg-type]
    if _is_named_after(values.name, parent, raw):
        return share + 1 if share >= _MIN_NAMED_SHARE else 0.0
    is_code = dtype_kind(ids.dtype) == "str" and len(different) >= _MIN_CODES and len(ids) > len(different)
    return share if is_code and share >= _MIN_CODE_SHARE else 0.0


def _is_named_after(name: str, parent: str, id_name: str) -> bool:
    """``tailnum`` is, where the id is so; ``shop_id`` and ``shop`` are, where the contract is ``Shop``."""
    own, theirs, table = split_words(name), split_words(id_name), split_words(parent)
    if own == theirs:
        return theirs not in (("id",), ("key",), ("code",), ("nr",), ("number",))
    ends = own[-len(table) :] == table or own[-len(table) - 1 : -1] == table
    return ends and (own[-len(table) :] == table or has_word_kind(name, "identifier", "number", where="last"))


def _explain_key(values: pl.Series, parent: str, score: float) -> str:
    different = values.n_unique() - (values.null_count() > 0)
    share = score - 1 if score > 1 else score
    if share in (0, 1):
        return f"each value is an id of {parent}"
    lost = different - round(share * different)
    return f"an id of {parent}, but for {lost:,} of {different:,} values"
