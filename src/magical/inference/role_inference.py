"""Inference of roles: the columns that identify a row, its time, its group, and keys to other tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema
from magical.errors import join_names
from magical.inference.column_stats import ColumnStats
from magical.inference.name_vocabulary import (
    field_names,
    has_word_kind,
    is_entity_name,
    is_index_name,
    is_reference_number,
    names_somebody,
    split_words,
)

__all__ = ["Roles", "infer_keys", "infer_roles", "is_running_number", "rank_targets"]

_MIN_GROUPS = 20  # fewer different values are categories
_MIN_GROUP_ROWS = 2  # on average
_MAX_SINGLE_SHARE = 0.5  # of the groups, with one row only
_MIN_CODE_ROWS = 30  # in so many rows codes are not unique by chance
_MIN_PRESENT_SHARE = 0.95  # of the values of a time or a group
_MAX_KEY_LENGTH = 64  # a longer text is prose
_MIN_NAMED_SHARE = 0.5  # of a key's values that are ids of the parent, if the key is named after it
_MIN_CODE_SHARE = 0.95  # the same under any other name
_MIN_CODES = 3


class Roles(NamedTuple):
    """The roles of a table's columns, by raw name; ``time`` and ``group`` are empty if there is none.

    Attributes:
        ids: the columns that together identify a row.
        reasons: the reason for each role, in words, by raw name.
        in_order: True if the rows are events that follow each other in time.
    """

    ids: tuple[str, ...]
    time: str
    group: str
    reasons: Mapping[str, str]
    in_order: bool


def infer_roles(columns: Sequence[ColumnStats], table: pl.DataFrame) -> Roles:
    """Infer the roles of a table's columns, each only if it is clear.

    Args:
        columns: the statistics of all columns but the target, in order.
        table: the rows.

    Example:
        >>> table = pl.DataFrame({"nr": [1, 2, 3], "x": [0.5, 0.1, 0.3]})
        >>> infer_roles([ColumnStats(c) for c in table.get_columns()], table).ids
        ('nr',)
    """
    usable = [c for c in columns if c.kind and c.unique_count > 1]
    reasons: dict[str, str] = {}
    best = max(enumerate(usable), key=lambda pair: (_score_id(*pair), -pair[0]), default=None)
    ids: tuple[str, ...] = (best[1].name,) if best and _score_id(*best) > 0 else ()
    if best and ids:
        reasons[ids[0]] = f"different in each of {best[1].rows:,} rows"
    time, rivals = _find_time(usable)
    if time:
        doubt = f"; as likely: {join_names(c.name for c in rivals)}" if rivals else ""
        reasons[time.name] = f"when the row happened{doubt}"
    group = _find_group([c for c in usable if c.name not in ids])
    if not ids and not time:
        ids = _find_composite_id(usable, table)
        reasons |= dict.fromkeys(ids, f"together different in each of {table.height:,} rows")
    if group and group.name in ids:
        group = None
    if group:
        rows = len(group.present) / group.unique_count
        reasons[group.name] = f"{group.unique_count:,} of them, with {rows:.1f} rows each on average"
    in_order = bool(time and (time.is_sorted or has_word_kind(time.name, "happened")))
    return Roles(ids, time.name if time else "", group.name if group else "", reasons, in_order)


def rank_targets(columns: Sequence[ColumnStats]) -> list[str]:
    """Rank the columns that could be the target, the likeliest first, and return their names.

    Example:
        >>> table = pl.DataFrame({"id": [1, 2, 3], "price": [1.5, 2.5, 9.0], "sold": [0, 1, 1]})
        >>> rank_targets([ColumnStats(c) for c in table.get_columns()])
        ['price', 'sold', 'id']
    """
    last = len(columns) - 1

    def score(place: int, stats: ColumnStats) -> int:
        named = has_word_kind(stats.name, "target", where="last") + has_word_kind(stats.name, "target")
        binary = stats.kind == "bool" or stats.unique_count == 2
        edge = 2 * (place == last) + (place == 0)  # most files have the target last, some first
        return 2 * named + binary + edge - 6 * has_word_kind(stats.name, "identifier", where="last")

    possible = [
        (score(place, c), -place, c.name)
        for place, c in enumerate(columns)
        if c.unique_count > 1
        and c.kind in ("int", "float", "bool", "str")
        and (c.kind != "str" or c.unique_share <= 0.5)
    ]
    return [name for _, _, name in sorted(possible, reverse=True)]


def _score_id(place: int, stats: ColumnStats) -> int:
    """Score a column as the only id of a row, by name, place and values; 0 if it cannot be the id."""
    if not stats.is_unique or has_word_kind(stats.name, "birth"):
        return 0
    first_word = split_words(stats.name)[0]
    named = has_word_kind(stats.name, "identifier", where="last") or first_word in ("id", "uuid", "guid")
    numbered = is_reference_number(stats.name)
    nameless = is_index_name(stats.name)
    entity = named and has_word_kind(stats.name, "entity")
    who = names_somebody(stats.name)
    first = place == 0  # breaks ties only: it is added to a score that is not 0
    if stats.kind == "str":
        if stats.max_length > _MAX_KEY_LENGTH or has_word_kind(stats.name, "prose", where="last"):
            return 0
        code = stats.has_codes or (who and stats.has_no_blanks)
        score = 10 * named + 2 * entity + 2 * numbered + 3 * (nameless and first)
        score += 4 * (code and (first or numbered or who)) + (code and stats.rows >= _MIN_CODE_ROWS)
        return score + 2 * (code and score > 0) + first * (score > 0)
    if not stats.is_whole or (stats.kind == "float" and not (named or nameless)):
        return 0
    score = 10 * named + 2 * entity + 3 * numbered + 4 * who
    score += (3 + first) * (is_running_number(stats) and (first or nameless))
    return score + first * (score > 0)


def is_running_number(stats: ColumnStats) -> bool:
    """Return True for whole numbers without a gap that number the rows, such as 4000 to 4199.

    Example:
        >>> is_running_number(ColumnStats(pl.Series("seq", range(4000, 4200))))
        True
    """
    if stats.is_consecutive:
        return True
    # Years, hours and counts may be such by chance.
    is_moment = has_word_kind(stats.name, "year", "month", "weekday", "when", "birth", "count")
    return stats.is_running and stats.rows >= _MIN_CODE_ROWS and not is_moment


def _find_time(columns: Sequence[ColumnStats]) -> tuple[ColumnStats | None, list[ColumnStats]]:
    """Find the time of the rows' events, and columns that are as likely.

    It is no birth, and an end only if it is sorted or named like an event.
    """
    dates = [c for c in columns if c.kind in ("date", "datetime") and c.unique_count >= 3]
    likely = [c for c in dates if not has_word_kind(c.name, "birth") and _is_mostly_present(c)]

    def score(stats: ColumnStats) -> float:
        named = has_word_kind(stats.name, "happened") + has_word_kind(stats.name, "when")
        later = has_word_kind(stats.name, "later")
        return named - 2 * later + 2 * stats.is_sorted + len(stats.present) / stats.rows

    best = max(likely, key=score, default=None)
    if best and has_word_kind(best.name, "later"):
        # An end or an update is known only after the event: as the row's time it would leak.
        return (best if best.is_sorted or has_word_kind(best.name, "happened") else None), []
    return best, [c for c in likely if best and c is not best and score(c) == score(best)]


def _is_mostly_present(stats: ColumnStats) -> bool:
    return len(stats.present) >= _MIN_PRESENT_SHARE * stats.rows


def _find_group(columns: Sequence[ColumnStats]) -> ColumnStats | None:
    """Find the entity that several rows belong to: a column with an entity's name, whose values repeat."""
    candidates = [
        c
        for c in columns
        if c.kind in ("int", "str", "float")
        and (c.kind == "str" or c.is_whole)
        and is_entity_name(c.name, allow_bare=c.kind != "str" or c.has_codes)
        and c.unique_count > _MIN_GROUPS
        and len(c.present) >= _MIN_GROUP_ROWS * c.unique_count
        and c.single_count <= _MAX_SINGLE_SHARE * c.unique_count
        and _is_mostly_present(c)
    ]
    return max(candidates, key=lambda c: c.unique_count, default=None)


def _find_composite_id(columns: Sequence[ColumnStats], table: pl.DataFrame) -> tuple[str, ...]:
    """Find an entity and a period, such as country and year, that together are unique; empty if none."""
    periods = [c for c in columns if has_word_kind(c.name, "year", "month", "quarter") and c.is_whole]
    periods = [c for c in periods if len(split_words(c.name)) == 1 or split_words(c.name)[-1] == "id"]
    periods = [c for c in periods if not c.missing_count]
    entities = [c for c in columns if c.kind == "str" and not c.missing_count and c.unique_share <= 0.5]
    numbers = [c for c in columns if c.kind == "int" and c not in periods]
    entities += [c for c in numbers if has_word_kind(c.name, "identifier", "code")]
    for count in range(1, len(periods) + 1):
        for chosen in combinations(periods, count):
            for entity in entities:
                names = (entity.name, *(p.name for p in chosen))
                if len(columns) == len(names):
                    continue  # nothing would be left to predict from
                # Fewer combinations than rows cannot be unique; counting them is cheaper than the query.
                enough = entity.unique_count * math.prod(p.unique_count for p in chosen) >= table.height
                if enough and not table.select(pl.struct(names).is_duplicated().any()).item():
                    return names
    return ()


def infer_keys(
    name: str, tables: Mapping[str, pl.DataFrame], schemas: Mapping[str, Schema]
) -> dict[str, tuple[Column, str]]:
    """Find the keys of one table: for each raw name, the key column and the reason.

    A column that is named after another table or its id is a key if at least half of its distinct values are
    ids of that table. Under any other name it must have codes, of which at least 95% are ids of that table.

    Args:
        name: the name of the table's contract.
        tables: all tables by the names of their contracts.
        schemas: the schemas of all tables, by name; a table with a single id may be a parent.

    Example:
        >>> shop = Schema("Shop", (Column("id", "str", role="id"),))
        >>> tables = {"Shop": pl.DataFrame({"id": ["a"]}), "Sale": pl.DataFrame({"shop_id": ["a", "a"]})}
        >>> key, reason = infer_keys("Sale", tables, {"Shop": shop, "Sale": Schema("Sale", ())})["shop_id"]
        >>> key.parent, reason
        ('Shop', 'each value is an id of Shop')
    """
    keys: dict[str, tuple[Column, str]] = {}
    fields = field_names(tables[name].columns)
    parents = {p: s for p, s in schemas.items() if p != name and len(s.ids) == 1}
    parent_ids = {p: _id_values(tables[p], s) for p, s in parents.items()}
    for values in tables[name].get_columns():
        scores = {p: share for p, ids in parent_ids.items() if (share := _score_key(values, p, ids))}
        field = fields[values.name]
        if scores and field not in schemas[name].ids:
            parent = max(scores, key=lambda p: scores[p])
            column = schemas[parent].column(schemas[parent].ids[0])
            key = Column(
                field,
                column.type,
                values.null_count() > 0,
                role="key",
                parent=parent,
                max_orphans=_share_orphans(values, parent_ids[parent]),
            )
            keys[values.name] = key, _explain_key(values, parent, scores[parent])
    return keys


def _share_orphans(values: pl.Series, ids: pl.Series) -> float:
    """Compute the share of rows that refer to no parent, rounded up to a hundredth."""
    orphans = values.is_not_null() & ~values.is_in(ids.implode())
    return math.ceil(100 * int(orphans.sum()) / max(len(values), 1)) / 100


def _id_values(table: pl.DataFrame, schema: Schema) -> pl.Series:
    """Return the raw column that has the single id of a table."""
    return table.get_column(next(r for r, n in field_names(table.columns).items() if n == schema.ids[0]))


def _score_key(values: pl.Series, parent: str, ids: pl.Series) -> float:
    """Score a column as a key: the share of its distinct values that are ids of the parent.

    Add 1 if the column is named after the parent. A score of 0 means that it is no key.
    """
    distinct = values.drop_nulls().unique()
    if dtype_kind(ids.dtype) != dtype_kind(values.dtype) or distinct.is_empty():
        return 0.0
    if dtype_kind(ids.dtype) not in ("int", "str"):
        return 0.0
    share = float(distinct.is_in(ids.implode()).mean() or 0)  # type: ignore[arg-type]
    if _is_named_after(values.name, parent, ids.name):
        return share + 1 if share >= _MIN_NAMED_SHARE else 0.0
    is_code = dtype_kind(ids.dtype) == "str" and len(distinct) >= _MIN_CODES and len(ids) > len(distinct)
    return share if is_code and share >= _MIN_CODE_SHARE else 0.0


def _is_named_after(name: str, parent: str, id_name: str) -> bool:
    """Return True for a name like the parent's id or the parent: ``shop_id`` and ``shop`` for ``Shop``."""
    words, id_words, table = split_words(name), split_words(id_name), split_words(parent)
    if words == id_words:  # unless the name is one that any table may use for an id of its own
        return id_words not in (("id",), ("key",), ("code",), ("nr",), ("number",))
    if words[-len(table) :] == table:
        return True
    return words[-len(table) - 1 : -1] == table and has_word_kind(name, "identifier", "number", where="last")


def _explain_key(values: pl.Series, parent: str, score: float) -> str:
    different = values.n_unique() - (values.null_count() > 0)
    share = score - 1 if score > 1 else score  # _score_key adds 1 for a name
    if share in (0, 1):
        return f"each value is an id of {parent}"
    lost = different - round(share * different)
    return f"an id of {parent}, but for {lost:,} of {different:,} values"
