"""Inference of contracts from tables: the columns, and those that are left out, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import BrokenPromise, UsageError, join_names, shorten
from magical.inference.column_stats import ColumnStats, TypedTable
from magical.inference.column_types import (
    InferredType,
    infer_target_type,
    infer_type,
    is_code,
    with_text_choices,
)
from magical.inference.name_vocabulary import (
    field_names,
    has_word_kind,
    is_index_name,
    is_reference_number,
    names_somebody,
)
from magical.inference.role_inference import Roles, infer_keys, infer_roles, is_running_number

__all__ = ["GivenRoles", "InferredSchema", "infer_contract", "infer_contracts"]

_MAX_UNIQUE_SHARE = 0.5
_FEW_VALUES = 30
_MIN_ROWS = 10  # in fewer rows the values of any column may all differ by chance
_MIN_ID_SHARE = 0.8  # of different values among codes
_MIN_ID_DIGITS = 9  # whole numbers of so many digits, nearly all different, are ids


@dataclass(frozen=True)
class GivenRoles:
    """Columns whose roles an author gives, by raw name; the roles of the others are inferred.

    Attributes:
        target: the column to predict; empty for none.
        task: ``classes`` or ``number``: the kind of the target; empty to infer it.
        time: the time of the row's event; empty to infer it.
        group: what several rows belong to; empty to infer it.
    """

    target: str = ""
    task: str = ""
    time: str = ""
    group: str = ""

    def add_to(self, roles: Roles) -> Roles:
        """Replace inferred roles by the given ones."""
        given = {self.time, self.group} - {""}
        # A part of a composite id identifies nothing.
        ids = roles.ids if given.isdisjoint(roles.ids) else ()
        group = self.group or ("" if roles.group == self.time else roles.group)
        time = self.time or ("" if roles.time == self.group else roles.time)
        reasons = {name: why for name, why in roles.reasons.items() if name in (*ids, group, time)}
        reasons |= dict.fromkeys(given, "as you said")
        return Roles(ids, time, group, reasons, roles.in_order or bool(self.time))


@dataclass(frozen=True)
class InferredSchema(Schema):
    """A schema that was inferred from a table.

    Attributes:
        reasons: the reason for the type and role of a column, by name.
        remarks: what another reader could dispute in reading a raw column, by raw name.
        left_out: the reason why a raw column is not in the schema, and so never a feature, by raw name.
        rows: the height of the table.
        in_order: True if its rows are events that follow each other in time.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    in_order: bool = False
    remarks: Mapping[str, str] = field(default_factory=dict)


def infer_contract(
    table: pl.DataFrame | TypedTable, name: str, given: GivenRoles | str = ""
) -> InferredSchema:
    """Infer the contract of a table, such that ``model_data`` accepts the table without a loss.

    Args:
        table: the rows; texts stay texts, unless ``infer_text_types`` cast them before.
        name: the name of the contract.
        given: the raw name of the column to predict, empty for none; or all roles that the author gives.

    Raises:
        UsageError: the table has no such column.
        BrokenPromise: the target cannot be predicted.

    Example:
        >>> table = pl.DataFrame({"id": [1, 2, 3], "income": [1.5, None, 2.0], "kind": ["x", "x", "x"]})
        >>> schema = infer_contract(table, "Customer")
        >>> [c.type_text for c in schema.columns], schema.ids, dict(schema.left_out)
        (['int', 'float | None'], ['id'], {'kind': "it is 'x' in every row"})
    """
    table, raw, formats, remarks, marks = _to_typed_table(table)
    given = GivenRoles(given) if isinstance(given, str) else given
    target = given.target
    for column_name in filter(None, (target, given.time, given.group)):
        if column_name not in table.columns:
            raise UsageError.unknown("column", column_name, table.columns)
    all_stats = {
        c.name: ColumnStats(c, formats.get(c.name, ""), raw[c.name], marks.get(c.name, ("", "")))
        for c in table.get_columns()
    }
    names = field_names(table.columns)
    if target:
        _check_target(all_stats[target])
    # The target takes no part in the inference of roles: it is never an id, a time or a group.
    others = [s for s in all_stats.values() if not target or s.name != target]
    roles = given.add_to(infer_roles(others, table))
    has_ints = any(s.kind == "int" and not s.is_zero_one and s.unique_count > 1 for s in others)
    left_out = {s.name: why for s in others if (why := _exclusion_reason(s, roles, remarks.get(s.name, "")))}
    columns, reasons = [], {}
    for raw_name, stats in all_stats.items():
        if raw_name in left_out:
            continue
        if target and raw_name == target:
            role, inferred = "target", infer_target_type(stats, has_ints, given.task)
        else:
            role, inferred = _find_role(raw_name, roles), _infer_column_type(stats, roles, has_ints)
        column, missing = _make_column(stats, names, inferred, role)
        columns.append(column)
        texts = [roles.reasons.get(raw_name, ""), inferred.reason, remarks.get(raw_name, ""), missing]
        if reason := "; ".join(dict.fromkeys(t for t in texts if t)):
            reasons[column.name] = reason
    aliased = _drop_needless_aliases(columns, table.columns, names)
    kept = {raw_name: text for raw_name, text in remarks.items() if raw_name not in left_out}
    return InferredSchema(name, aliased, (), "", reasons, left_out, table.height, roles.in_order, kept)


def infer_contracts(
    tables: Mapping[str, pl.DataFrame | TypedTable], given: GivenRoles | str = ""
) -> dict[str, InferredSchema]:
    """Infer the contracts of several tables (by name), and the keys by which they refer to each other.

    Args:
        tables: the tables by the names of their contracts.
        given: the roles of columns of the first table, as for ``infer_contract``.

    Raises:
        UsageError: the first table has no such column.
        BrokenPromise: the target cannot be predicted.

    Example:
        >>> tables = {
        ...     "Shop": pl.DataFrame({"shop_id": ["a", "b"], "size": [1.5, 2.5]}),
        ...     "Sale": pl.DataFrame({"shop_id": ["a", "a", "b"], "amount": [1.0, 2.5, 4.0]}),
        ... }
        >>> infer_contracts(tables)["Sale"].column("shop_id").parent
        'Shop'
    """
    first = next(iter(tables), "")
    given = GivenRoles(given) if isinstance(given, str) else given
    schemas = {n: infer_contract(t, n, given if n == first else "") for n, t in tables.items()}
    typed = {n: _to_typed_table(t).table for n, t in tables.items()}
    taken = {first: (given.time, given.group)}  # a column has one role
    keys = {
        n: {raw: key for raw, key in infer_keys(n, typed, schemas).items() if raw not in taken.get(n, ())}
        for n in schemas
    }
    return {n: _with_keys(schema, keys[n], typed[n]) for n, schema in schemas.items()}


def _with_keys(
    schema: InferredSchema, keys: Mapping[str, tuple[Column, str]], table: pl.DataFrame
) -> InferredSchema:
    """Return the schema with its key columns (by raw name, with reasons), even those that were left out."""
    names = field_names(table.columns)
    columns = {c.name: c for c in schema.columns}
    keys = {raw: found for raw, found in keys.items() if names[raw] != schema.target}
    for raw, (key, _) in keys.items():
        alias = "" if to_snake_case(raw) == names[raw] else raw
        columns[names[raw]] = replace(key, name=names[raw], alias=alias)
    return replace(
        schema,
        columns=tuple(columns[names[c]] for c in table.columns if names[c] in columns),
        reasons={**schema.reasons, **{names[raw]: why for raw, (_, why) in keys.items()}},
        left_out={k: v for k, v in schema.left_out.items() if k not in keys},
    )


def _to_typed_table(table: pl.DataFrame | TypedTable) -> TypedTable:
    return table if isinstance(table, TypedTable) else TypedTable(table, table, {}, {})


def _check_target(stats: ColumnStats) -> None:
    """Raise a BrokenPromise if the target cannot be predicted."""
    name, rows = stats.name, stats.rows
    if not stats.unique_count:
        raise BrokenPromise(
            f"The target {name} has no value in any of {rows:,} rows.",
            hint="name another column as --target.",
        )
    if stats.unique_count == 1:
        raise BrokenPromise(
            f"The target {name} is {shorten(stats.choices[0], 40)!r} in all {len(stats.present):,} rows "
            "that have one, so there is nothing to learn.",
            hint="give rows with at least two values of it, or name another column as --target.",
        )
    if stats.kind not in ("int", "float", "bool", "str"):
        raise BrokenPromise(
            f"The target {name} is a {stats.kind or stats.values.dtype}, which cannot be predicted.",
            hint="name a column of numbers, booleans or repeated texts as --target.",
        )
    if stats.kind == "str" and stats.unique_count > max(_FEW_VALUES, _MAX_UNIQUE_SHARE * len(stats.present)):
        raise BrokenPromise(
            f"The target {name} has {stats.unique_count:,} different texts in {len(stats.present):,} rows, "
            f"such as {join_names((repr(shorten(t, 24)) for t in stats.choices), 3)}.",
            hint="name a column whose values repeat, or one of numbers, as --target.",
        )


def _exclusion_reason(stats: ColumnStats, roles: Roles, remark: str) -> str:
    """Return the reason to leave a column out; empty to declare it."""
    if not stats.name:
        return "it has no name"
    if stats.values.null_count() == stats.rows:
        return "there is no value in any row"
    if not stats.kind:
        return f"a {str(stats.values.dtype).split('(')[0]}, which no feature is made of"
    if not stats.unique_count:
        return "there is no value in any row"
    if stats.unique_count == 1 and not stats.missing_count and stats.rows > 1:
        return f"it is {_format_value(stats.low)} in every row"
    if _find_role(stats.name, roles):
        return ""
    if is_index_name(stats.name) and stats.is_whole:
        return "it counts rows"
    # Values that differ in nearly every row say nothing about other rows, unless they are measurements.
    count = f"{stats.unique_count:,} different values in {len(stats.present):,} rows"
    all_differ = stats.is_unique and stats.rows >= _MIN_ROWS
    if not all_differ and stats.unique_count <= max(_FEW_VALUES, _MAX_UNIQUE_SHARE * len(stats.present)):
        return ""
    if stats.kind == "str":
        return f"a text that hardly repeats ({count}{f'; {remark}' if remark else ''})"
    if not stats.is_whole:
        return ""
    is_person = has_word_kind(stats.name, "person") and not has_word_kind(stats.name, "count")
    if is_person or names_somebody(stats.name):
        return f"it names somebody ({count})"
    is_id = has_word_kind(stats.name, "identifier", where="last") or is_reference_number(stats.name)
    # Codes such as the numbers of flights may repeat little in a sample; here they hardly repeat at all.
    is_id = is_id or (stats.unique_share >= _MIN_ID_SHARE and is_code(stats))
    if is_id or is_running_number(stats) or _is_long_number(stats):
        return f"a number that names something ({count})"
    return ""


def _is_long_number(stats: ColumnStats) -> bool:
    """Return True for numbers like those of tickets or telephones: long, and all of the same length."""
    if stats.kind != "int" or stats.unique_share < 0.9 or stats.low < 0:
        return False
    if has_word_kind(stats.name, "when", "count", "signed"):
        return False
    digits = len(str(stats.low))
    return digits >= _MIN_ID_DIGITS and digits == len(str(stats.high))


def _find_role(name: str, roles: Roles) -> str:
    """Return the role of a column, given by its raw name; empty if it has none."""
    if name in roles.ids:
        return "id"
    return "time" if name == roles.time else "group" if name == roles.group else ""


def _infer_column_type(stats: ColumnStats, roles: Roles, has_ints: bool) -> InferredType:
    if stats.name in roles.ids or stats.name == roles.group:
        return InferredType("int" if stats.is_whole else stats.kind)
    return infer_type(stats, has_ints)


def _make_column(
    stats: ColumnStats, names: Mapping[str, str], inferred_type: InferredType, role: str
) -> tuple[Column, str]:
    """Build a column, and describe how many of its values are missing; empty if none."""
    if inferred_type.type == "str":
        stats, inferred_type = stats.as_texts, with_text_choices(stats, inferred_type)
    decimal, thousands = stats.marks if inferred_type.type in ("int", "float") else ("", "")
    column = Column(
        name=names[stats.name],
        type=inferred_type.type,
        nullable=stats.missing_count > 0,
        role=role,
        choices=inferred_type.choices,
        bounds=inferred_type.bounds,
        alias=stats.name,
        format=stats.format,
        decimal=decimal,
        thousands=thousands,
    )
    return column, f"missing in {stats.missing_count:,} of {stats.rows:,} rows" if stats.missing_count else ""


def _drop_needless_aliases(
    columns: list[Column], raw: list[str], names: Mapping[str, str]
) -> tuple[Column, ...]:
    """Remove aliases that ``model_data`` does not need to find the raw column."""
    exact, by_snake = set(raw), dict[str, list[str]]()
    for name in raw:
        by_snake.setdefault(to_snake_case(name), []).append(name)

    def is_needless(column: Column) -> bool:  # found by its exact name, or as the only match
        is_only_match = column.name not in exact and by_snake.get(column.name) == [column.alias]
        return column.alias == column.name or is_only_match

    return tuple(replace(c, alias="") if is_needless(c) else c for c in columns)


def _format_value(value: Any) -> str:
    return repr(shorten(value, 40)) if isinstance(value, str) else str(value)
