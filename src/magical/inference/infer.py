"""Infer a contract from a table: what each column is, and which are left out, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import BrokenPromise, UsageError, join_names, shorten
from magical.inference.column_names import field_names, has_word_kind, is_index_name, is_reference_number
from magical.inference.column_stats import ColumnStats, TypedTable
from magical.inference.column_types import InferredType, infer_target_type, infer_type, with_text_choices
from magical.inference.role_inference import Roles, infer_keys, infer_roles

__all__ = ["InferredSchema", "infer_contract", "infer_contracts"]

_MAX_UNIQUE_SHARE = 0.5
_FEW_VALUES = 30
_MIN_ROWS = 10  # rows; of fewer it says nothing that each has a value of its own
_MIN_ID_DIGITS = 9  # whole numbers of so many digits each, nearly all different, name things


@dataclass(frozen=True)
class InferredSchema(Schema):
    """A contract's schema as it was read from a table.

    Attributes:
        reasons: for a column of the schema, why it is what it is.
        left_out: for a raw column that is no column of the schema, why not. It is no feature then.
        rows: how many rows the table has.
        in_order: whether its rows are events that follow each other in time.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    in_order: bool = False


def infer_contract(table: pl.DataFrame | TypedTable, name: str, target: str = "") -> InferredSchema:
    """Infer what a table promises, so that ``model_data`` takes it with nothing lost.

    Args:
        table: texts are taken for texts; ``magical.inference.text_types`` reads numbers and dates from them.
        name: of the contract.
        target: the raw name of the column to be predicted.

    Raises:
        UsageError: there is no such target.
        BrokenPromise: the target cannot be predicted.

    Example:
        >>> table = pl.DataFrame({"id": [1, 2, 3], "income": [1.5, None, 2.0], "kind": ["x", "x", "x"]})
        >>> schema = infer_contract(table, "Customer")
        >>> [c.promise for c in schema.columns], schema.ids, dict(schema.left_out)
        (['int', 'float | None'], ['id'], {'kind': "it is 'x' in every row"})
    """
    table, raw, formats, remarks = _to_typed_table(table)
    if target and target not in table.columns:
        raise UsageError.unknown("column", target, table.columns)
    facts = {c.name: ColumnStats(c, formats.get(c.name, ""), raw[c.name]) for c in table.get_columns()}
    names = field_names(table.columns)
    if target:
        _check_target(facts[target])
    others = [f for f in facts.values() if not target or f.name != target]
    roles = infer_roles(others, table)
    has_ints = any(f.kind == "int" and not f.is_zero_one and f.unique_count > 1 for f in others)
    left_out = {f.name: why for f in others if (why := _exclusion_reason(f, roles, remarks.get(f.name, "")))}
    columns, reasons = [], {}
    for fact in facts.values():
        if fact.name in left_out:
            continue
        if target and fact.name == target:
            role, say = "target", infer_target_type(fact, has_ints)
        else:
            role, say = _find_role(fact.name, roles), _infer_column_type(fact, roles, has_ints)
        column, missing = _make_column(fact, names, say, role)
        columns.append(column)
        words = [roles.reasons.get(fact.name, ""), say.reason, remarks.get(fact.name, ""), missing]
        if why := "; ".join(dict.fromkeys(w for w in words if w)):
            reasons[column.name] = why
    aliased = _drop_needless_aliases(columns, table.columns, names)
    return InferredSchema(name, aliased, (), "", reasons, left_out, table.height, roles.in_order)


def infer_contracts(tables: Mapping[str, pl.DataFrame | TypedTable]) -> dict[str, InferredSchema]:
    """Infer what several tables promise, and which columns hold the id of a row of another.

    Args:
        tables: by the names of their contracts.

    Example:
        >>> tables = {
        ...     "Shop": pl.DataFrame({"shop_id": ["a", "b"], "size": [1.5, 2.5]}),
        ...     "Sale": pl.DataFrame({"shop_id": ["a", "a", "b"], "amount": [1.0, 2.5, 4.0]}),
        ... }
        >>> infer_contracts(tables)["Sale"].column("shop_id").parent
        'Shop'
    """
    found = {n: infer_contract(t, n) for n, t in tables.items()}
    plain = {n: _to_typed_table(t).table for n, t in tables.items()}
    return {n: _with_keys(schema, infer_keys(n, plain, found), plain[n]) for n, schema in found.items()}


def _with_keys(
    schema: InferredSchema, keys: Mapping[str, tuple[Column, str]], table: pl.DataFrame
) -> InferredSchema:
    """Give what was inferred with some columns as keys, also such as were left out."""
    names = field_names(table.columns)
    columns = {c.name: c for c in schema.columns}
    for raw, (key, _) in keys.items():
        columns[names[raw]] = replace(
            key, name=names[raw], alias="" if to_snake_case(raw) == names[raw] else raw
        )
    return replace(
        schema,
        columns=tuple(columns[names[c]] for c in table.columns if names[c] in columns),
        reasons={**schema.reasons, **{names[raw]: why for raw, (_, why) in keys.items()}},
        left_out={k: v for k, v in schema.left_out.items() if k not in keys},
    )


def _to_typed_table(table: pl.DataFrame | TypedTable) -> TypedTable:
    return table if isinstance(table, TypedTable) else TypedTable(table, table, {}, {})


def _check_target(stats: ColumnStats) -> None:
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
            hint="give rows of at least two kinds, or name another column as --target.",
        )
    if stats.kind not in ("int", "float", "bool", "str"):
        raise BrokenPromise(
            f"The target {name} is a {stats.kind or stats.values.dtype}, which cannot be predicted.",
            hint="name a column of numbers, truths or texts that repeat as --target.",
        )
    if stats.kind == "str" and stats.unique_count > max(_FEW_VALUES, _MAX_UNIQUE_SHARE * len(stats.present)):
        raise BrokenPromise(
            f"The target {name} has {stats.unique_count:,} different texts in {len(stats.present):,} rows: "
            f"such as {join_names((repr(shorten(t, 24)) for t in stats.choices), 3)}.",
            hint="name a column whose values repeat, or one of numbers, as --target.",
        )


def _exclusion_reason(stats: ColumnStats, roles: Roles, remark: str) -> str:
    """Why a column is not declared, so that it is never a feature; empty if it is."""
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
    count = f"{stats.unique_count:,} different values in {len(stats.present):,} rows"
    alone = stats.is_unique and stats.rows >= _MIN_ROWS
    many = stats.unique_count > max(_FEW_VALUES, _MAX_UNIQUE_SHARE * len(stats.present)) or alone
    if not many:
        return ""
    if stats.kind == "str":
        return f"a text that hardly repeats ({count}{f'; {remark}' if remark else ''})"
    named = has_word_kind(stats.name, "identifier", where="last") or is_reference_number(stats.name)
    if stats.is_whole and (named or stats.is_consecutive or _is_long_number(stats)):
        return f"a number that names something ({count})"
    if stats.is_whole and has_word_kind(stats.name, "person") and not has_word_kind(stats.name, "count"):
        return f"it names somebody ({count})"
    return ""


def _is_long_number(stats: ColumnStats) -> bool:
    """Whether it is of numbers like those of tickets or telephones: long, of one length."""
    if (
        stats.kind != "int"
        or stats.unique_share < 0.9
        or stats.low < 0
        or has_word_kind(stats.name, "when", "count", "signed")
    ):
        return False
    digits = len(str(stats.low))
    return digits >= _MIN_ID_DIGITS and digits == len(str(stats.high))


def _find_role(name: str, roles: Roles) -> str:
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
    """A column, and how many of its values are missing, in words."""
    if inferred_type.type == "str":
        stats, inferred_type = stats.as_texts, with_text_choices(stats, inferred_type)
    column = Column(
        name=names[stats.name],
        type=inferred_type.type,
        nullable=stats.missing_count > 0,
        role=role,
        choices=inferred_type.choices,
        bounds=inferred_type.bounds,
        alias=stats.name,
        format=stats.format,
    )
    return column, f"missing in {stats.missing_count:,} of {stats.rows:,} rows" if stats.missing_count else ""


def _drop_needless_aliases(
    columns: list[Column], raw: list[str], names: Mapping[str, str]
) -> tuple[Column, ...]:
    """Take off the aliases without which the raw column is found just as well."""
    by_snake: dict[str, list[str]] = {}
    for name in raw:
        by_snake.setdefault(to_snake_case(name), []).append(name)

    def needless(column: Column) -> bool:
        return column.alias == column.name or (
            column.name not in raw and by_snake.get(column.name) == [column.alias]
        )

    return tuple(replace(c, alias="") if needless(c) else c for c in columns)


def _format_value(value: Any) -> str:
    return repr(shorten(value, 40)) if isinstance(value, str) else str(value)
