"""Check a table against its contract in one vectorised pass; failures are data, bounded whatever its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel

from magical.contracts.contract import schema_of
from magical.contracts.schema import Column, Schema
from magical.contracts.tables import kind_of, polars_frame
from magical.errors import BrokenPromise, did_you_mean, listing, shorten

__all__ = ["Failure", "Filtered", "failures", "filter", "keep"]

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """One broken promise of a table.

    Attributes:
        column: the column, or the name of the rule.
        rule: what must hold, in words.
        count: how many rows break it; 0 where the column itself is wrong.
        values: up to five offending values, as short texts.
        rows: their row numbers, from 0.
    """

    column: str
    rule: str
    count: int
    values: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        if not self.count:
            return f"{self.column} {self.rule}"
        got = f", got {', '.join(self.values)}" if self.values else ""
        plural = "row" if len(self.rows) == 1 else "rows"
        return f"{self.column} {self.rule}{got} ({plural} {', '.join(map(str, self.rows))})"


class Filtered(NamedTuple):
    """What ``filter`` gives.

    Attributes:
        good: the rows that keep the contract.
        rejected: the others, with a column ``reason``.
    """

    good: pl.DataFrame
    rejected: pl.DataFrame


class _Check(NamedTuple):
    name: str
    words: str
    holds: pl.Expr


def failures(table: pl.DataFrame, schema: Schema) -> list[Failure]:
    """Give every promise that a table breaks.

    Args:
        table: any number of rows; columns that the schema does not know are not looked at.
        schema: what it must keep.
    """
    found = [f for c in schema.columns if (f := _misfit(table, c))]
    wrong = {f.column for f in found}
    checks = [c for column in schema.columns if column.name not in wrong for c in _checks(column)]
    checks += _unique(schema, wrong) + ([] if found else _rules(schema))
    if not checks or table.is_empty():
        return found
    exprs = [(~c.holds).fill_null(True).alias(str(i)) for i, c in enumerate(checks)]
    broken = table.lazy().select(exprs).select(pl.all().sum()).collect().row(0)
    for i, (check, count) in enumerate(zip(checks, broken, strict=True)):
        if count:
            found.append(_examples(table, check, exprs[i], table.height if count > table.height else count))
    return found


def keep(table: pl.DataFrame, schema: Schema, *, who: str, hint: str = "") -> None:
    """Check that a table keeps its schema.

    Raises:
        BrokenPromise: it does not; the message shows which rows and values.
    """
    found = failures(table, schema)
    if not found:
        return
    rows = max(f.count for f in found)
    head = (
        f"{who} promised Frame[{schema.name}], but {rows:,} of {table.height:,} rows break it:"
        if all(f.count for f in found)
        else f"{who} promised Frame[{schema.name}], but its columns differ:"
    )
    shown = [f"  {f}" for f in found[:3]]
    if len(found) > 3:
        shown[2] = f"  {listing((f'{f.column} {f.rule}' for f in found[2:]), 2)}"
    raise BrokenPromise(head, *shown, hint=hint or _hint(found, table, schema))


def filter(table: Any, contract: type[BaseModel] | Schema) -> Filtered:
    """Part the rows that keep a contract from those that do not, with the reason.

    Args:
        table: a polars or pandas DataFrame with the contract's columns in their types.
        contract: what each row must keep.

    Raises:
        BrokenPromise: a column is missing or of another type.

    Example:
        >>> from magical import Contract, Field
        >>> class Person(Contract):
        ...     age: int = Field(le=120)
        >>> good, rejected = filter(pl.DataFrame({"age": [40, 200]}), Person)
        >>> good["age"].to_list(), rejected["reason"].to_list()
        ([40], ['age must be <= 120'])
    """
    frame = polars_frame(table)
    schema = contract if isinstance(contract, Schema) else schema_of(contract)
    structural = [f for c in schema.columns if (f := _misfit(frame, c))]
    if structural:
        raise BrokenPromise(
            f"filter: the table has not the columns of {schema.name}:",
            *(f"  {f}" for f in structural[:3]),
            hint=_hint(structural, frame, schema),
        )
    checks = (
        [c for column in schema.columns for c in _checks(column)] + _unique(schema, set()) + _rules(schema)
    )
    if not checks:
        return Filtered(frame, frame.clear().with_columns(pl.lit("").alias("reason")))
    reasons = pl.concat_str(
        [pl.when((~c.holds).fill_null(True)).then(pl.lit(f"{c.name} {c.words}")) for c in checks],
        separator="; ",
        ignore_nulls=True,
    )
    marked = frame.with_columns(reasons.alias("reason"))
    ok = pl.col("reason") == ""
    return Filtered(marked.filter(ok).drop("reason"), marked.filter(~ok))


def _misfit(table: pl.DataFrame, column: Column) -> Failure | None:
    if column.name not in table.columns:
        return Failure(column.name, "is missing", 0)
    have = kind_of(table.schema[column.name])
    if column.type in ("any", have) or (have == "null" and (column.nullable or table.is_empty())):
        return None
    return Failure(column.name, f"must be {column.promise}, and is {have}", 0)


def _checks(column: Column) -> list[_Check]:
    col, out = pl.col(column.name), []
    if not column.nullable:
        out.append(_Check(column.name, "must not be null", col.is_not_null()))

    def add(words: str, holds: pl.Expr) -> None:
        out.append(_Check(column.name, words, holds | col.is_null()))

    if column.choices:
        add(f"must be one of {listing(map(repr, column.choices), 6)}", col.is_in(list(column.choices)))
    for bound, value in column.bounds.items():
        add(f"must {_WORDS[bound]} {value}", _HOLDS[bound](col, value))
    return out


_WORDS = {
    "ge": "be >=",
    "gt": "be >",
    "le": "be <=",
    "lt": "be <",
    "multiple_of": "be a multiple of",
    "min_length": "have at least the length",
    "max_length": "have at most the length",
    "pattern": "match",
}
_HOLDS: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "ge": lambda col, v: col >= v,
    "gt": lambda col, v: col > v,
    "le": lambda col, v: col <= v,
    "lt": lambda col, v: col < v,
    "multiple_of": lambda col, v: col % v == 0,
    "min_length": lambda col, v: col.cast(pl.String).str.len_chars() >= v,
    "max_length": lambda col, v: col.cast(pl.String).str.len_chars() <= v,
    "pattern": lambda col, v: col.cast(pl.String).str.contains(getattr(v, "pattern", v)),
}


def _unique(schema: Schema, wrong: set[str]) -> list[_Check]:
    ids = schema.ids
    if not ids or wrong & set(ids):
        return []
    columns = pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)
    return [
        _Check(ids[0] if len(ids) == 1 else f"({', '.join(ids)})", "must be unique", ~columns.is_duplicated())
    ]


def _rules(schema: Schema) -> list[_Check]:
    return [_Check(rule.name, f"must hold ({rule.text})", rule.expression()) for rule in schema.rules]


def _examples(table: pl.DataFrame, check: _Check, broken: pl.Expr, count: int) -> Failure:
    column = check.name.strip("()").split(", ")
    shown = [c for c in column if c in table.columns]
    rows = (
        table.lazy()
        .select(*shown, broken.alias("__broken"))
        .with_row_index("__row")
        .filter("__broken")
        .head(EXAMPLES)
        .collect()
    )
    values: tuple[str, ...] = ()
    if check.words != "must not be null" and shown:
        texts = [shorten(v[0] if len(shown) == 1 else v, 24) for v in rows.select(shown).iter_rows()]
        values = tuple(dict.fromkeys(texts))
    return Failure(check.name, check.words, count, values, tuple(rows["__row"].to_list()))


def _hint(found: list[Failure], table: pl.DataFrame, schema: Schema) -> str:
    place = f" in {schema.source}" if schema.source else ""
    missing = [f.column for f in found if f.rule == "is missing"]
    if missing:
        return did_you_mean(missing[0], [c for c in table.columns if c not in schema.names])
    if all(f.rule == "must be unique" for f in found):
        return f"drop the duplicates here, or take Id off {schema.name}{place}."
    return f"filter them here, or widen {schema.name}{place}."
