"""Infer a contract from a table: what each column is, and which are left out, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from magical.contracts.schema import Column, Schema, snake
from magical.errors import BrokenPromise, UsageError, listing, shorten
from magical.inference.column_names import field_names, is_nameless, is_numbered, says
from magical.inference.column_stats import Facts, Typed
from magical.inference.column_types import Described, as_texts, described, described_target
from magical.inference.role_inference import Roles, related, roles_in

__all__ = ["Inferred", "inferred", "inferred_all"]

_HARDLY_REPEATS = 0.5
_FEW = 30
_ENOUGH = 10  # rows; of fewer it says nothing that each has a value of its own
_CONSTANT_DIGITS = 9  # whole numbers of so many digits each, nearly all different, name things


@dataclass(frozen=True)
class Inferred(Schema):
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


def inferred(table: pl.DataFrame | Typed, name: str, target: str = "") -> Inferred:
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
        >>> schema = inferred(table, "Customer")
        >>> [c.promise for c in schema.columns], schema.ids, dict(schema.left_out)
        (['int', 'float | None'], ['id'], {'kind': "it is 'x' in every row"})
    """
    table, raw, formats, remarks = _typed(table)
    if target and target not in table.columns:
        raise UsageError.unknown("column", target, table.columns)
    facts = {c.name: Facts(c, formats.get(c.name, ""), raw[c.name]) for c in table.get_columns()}
    names = field_names(table.columns)
    if target:
        _check_target(facts[target])
    others = [f for f in facts.values() if not target or f.name != target]
    roles = roles_in(others, table)
    has_ints = any(f.kind == "int" and not f.is_zero_one and f.different > 1 for f in others)
    left_out = {f.name: why for f in others if (why := _left_out(f, roles, remarks.get(f.name, "")))}
    columns, reasons = [], {}
    for fact in facts.values():
        if fact.name in left_out:
            continue
        if target and fact.name == target:
            role, say = "target", described_target(fact, has_ints)
        else:
            role, say = _role(fact.name, roles), _said(fact, roles, has_ints)
        column, missing = _column(fact, names, say, role)
        columns.append(column)
        words = [roles.why.get(fact.name, ""), say.why, remarks.get(fact.name, ""), missing]
        if why := "; ".join(dict.fromkeys(w for w in words if w)):
            reasons[column.name] = why
    aliased = _with_aliases(columns, table.columns, names)
    return Inferred(name, aliased, (), "", reasons, left_out, table.height, roles.in_order)


def inferred_all(tables: Mapping[str, pl.DataFrame | Typed]) -> dict[str, Inferred]:
    """Infer what several tables promise, and which columns hold the id of a row of another.

    Args:
        tables: by the names of their contracts.

    Example:
        >>> tables = {
        ...     "Shop": pl.DataFrame({"shop_id": ["a", "b"], "size": [1.5, 2.5]}),
        ...     "Sale": pl.DataFrame({"shop_id": ["a", "a", "b"], "amount": [1.0, 2.5, 4.0]}),
        ... }
        >>> inferred_all(tables)["Sale"].column("shop_id").parent
        'Shop'
    """
    found = {n: inferred(t, n) for n, t in tables.items()}
    plain = {n: _typed(t).table for n, t in tables.items()}
    return {n: _with_keys(schema, related(n, plain, found), plain[n]) for n, schema in found.items()}


def _with_keys(schema: Inferred, keys: Mapping[str, tuple[Column, str]], table: pl.DataFrame) -> Inferred:
    """Give what was inferred with some columns as keys, also such as were left out."""
    names = field_names(table.columns)
    columns = {c.name: c for c in schema.columns}
    for raw, (key, _) in keys.items():
        columns[names[raw]] = replace(key, name=names[raw], alias="" if snake(raw) == names[raw] else raw)
    return replace(
        schema,
        columns=tuple(columns[names[c]] for c in table.columns if names[c] in columns),
        reasons={**schema.reasons, **{names[raw]: why for raw, (_, why) in keys.items()}},
        left_out={k: v for k, v in schema.left_out.items() if k not in keys},
    )


def _typed(table: pl.DataFrame | Typed) -> Typed:
    return table if isinstance(table, Typed) else Typed(table, table, {}, {})


def _check_target(facts: Facts) -> None:
    name, rows = facts.name, facts.rows
    if not facts.different:
        raise BrokenPromise(
            f"The target {name} has no value in any of {rows:,} rows.",
            hint="name another column as --target.",
        )
    if facts.different == 1:
        raise BrokenPromise(
            f"The target {name} is {shorten(facts.choices[0], 40)!r} in all {len(facts.present):,} rows "
            "that have one, so there is nothing to learn.",
            hint="give rows of at least two kinds, or name another column as --target.",
        )
    if facts.kind not in ("int", "float", "bool", "str"):
        raise BrokenPromise(
            f"The target {name} is a {facts.kind or facts.values.dtype}, which cannot be predicted.",
            hint="name a column of numbers, truths or texts that repeat as --target.",
        )
    if facts.kind == "str" and facts.different > max(_FEW, _HARDLY_REPEATS * len(facts.present)):
        raise BrokenPromise(
            f"The target {name} has {facts.different:,} different texts in {len(facts.present):,} rows: "
            f"such as {listing((repr(shorten(t, 24)) for t in facts.choices), 3)}.",
            hint="name a column whose values repeat, or one of numbers, as --target.",
        )


def _left_out(facts: Facts, roles: Roles, remark: str) -> str:
    """Why a column is not declared, so that it is never a feature; empty if it is."""
    if not facts.name:
        return "it has no name"
    if facts.values.null_count() == facts.rows:
        return "there is no value in any row"
    if not facts.kind:
        return f"a {str(facts.values.dtype).split('(')[0]}, which no feature is made of"
    if not facts.different:
        return "there is no value in any row"
    if facts.different == 1 and not facts.nulls and facts.rows > 1:
        return f"it is {_shown(facts.low)} in every row"
    if _role(facts.name, roles):
        return ""
    if is_nameless(facts.name) and facts.whole:
        return "it counts rows"
    count = f"{facts.different:,} different values in {len(facts.present):,} rows"
    alone = facts.is_unique and facts.rows >= _ENOUGH
    many = facts.different > max(_FEW, _HARDLY_REPEATS * len(facts.present)) or alone
    if not many:
        return ""
    if facts.kind == "str":
        return f"a text that hardly repeats ({count}{f'; {remark}' if remark else ''})"
    named = says(facts.name, "identifier", where="last") or is_numbered(facts.name)
    if facts.whole and (named or facts.is_dense or _is_long(facts)):
        return f"a number that names something ({count})"
    if facts.whole and says(facts.name, "person") and not says(facts.name, "count"):
        return f"it names somebody ({count})"
    return ""


def _is_long(facts: Facts) -> bool:
    """Whether it is of numbers like those of tickets or telephones: long, of one length."""
    if (
        facts.kind != "int"
        or facts.share < 0.9
        or facts.low < 0
        or says(facts.name, "when", "count", "signed")
    ):
        return False
    digits = len(str(facts.low))
    return digits >= _CONSTANT_DIGITS and digits == len(str(facts.high))


def _role(name: str, roles: Roles) -> str:
    if name in roles.ids:
        return "id"
    return "time" if name == roles.time else "group" if name == roles.group else ""


def _said(facts: Facts, roles: Roles, has_ints: bool) -> Described:
    if facts.name in roles.ids or facts.name == roles.group:
        return Described("int" if facts.whole else facts.kind)
    return described(facts, has_ints)


def _column(facts: Facts, names: Mapping[str, str], say: Described, role: str) -> tuple[Column, str]:
    """A column, and how many of its values are missing, in words."""
    if say.type == "str":
        facts, say = facts.as_texts, as_texts(facts, say)
    column = Column(
        name=names[facts.name],
        type=say.type,
        nullable=facts.nulls > 0,
        role=role,
        choices=say.choices,
        bounds=say.bounds,
        alias=facts.name,
        format=facts.format,
    )
    return column, f"missing in {facts.nulls:,} of {facts.rows:,} rows" if facts.nulls else ""


def _with_aliases(columns: list[Column], raw: list[str], names: Mapping[str, str]) -> tuple[Column, ...]:
    """Take off the aliases without which the raw column is found just as well."""
    by_snake: dict[str, list[str]] = {}
    for name in raw:
        by_snake.setdefault(snake(name), []).append(name)

    def needless(column: Column) -> bool:
        return column.alias == column.name or (
            column.name not in raw and by_snake.get(column.name) == [column.alias]
        )

    return tuple(replace(c, alias="") if needless(c) else c for c in columns)


def _shown(value: Any) -> str:
    return repr(shorten(value, 40)) if isinstance(value, str) else str(value)
