"""Check a table against its contract in one vectorised pass; failures are data, bounded whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel

from magical.contracts.contract import schema_of
from magical.contracts.schema import Column, Rule, Schema
from magical.contracts.tables import kind_of, polars_frame
from magical.errors import BrokenPromise, ContractError, did_you_mean, listing, shorten

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
    checks = [c for column in schema.columns if column.name not in wrong for c in _checks(column, table)]
    checks += _unique(schema, wrong) + ([] if found else _rules(schema))
    if not checks or table.is_empty():
        return found
    exprs = [_broken(c).alias(str(i)) for i, c in enumerate(checks)]
    try:
        broken = table.lazy().select(exprs).select(pl.all().sum()).collect().row(0)
    except pl.exceptions.PolarsError as error:
        raise _not_computed(table, schema, checks) or error from None
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
    least = "at least " if len(found) > 1 else ""
    head = (
        f"{who} promised Frame[{schema.name}], but {least}{rows:,} of {table.height:,} rows break it:"
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
    checks = [c for column in schema.columns for c in _checks(column, frame)]
    checks += _unique(schema, set()) + _rules(schema)
    texts: list[Any] = [pl.when(_broken(c)).then(pl.lit(f"{c.name} {c.words}")) for c in checks] or [
        pl.lit("")
    ]
    reasons = pl.concat_str(texts, separator="; ", ignore_nulls=True).alias("reason")
    try:
        reason = frame.lazy().select(pl.repeat("", pl.len()) + reasons).collect().to_series()
    except pl.exceptions.PolarsError as error:
        raise _not_computed(frame, schema, checks) or error from None
    return Filtered(
        frame.filter(reason == ""), frame.with_columns(reason.alias("reason")).filter(reason != "")
    )


def _broken(check: _Check) -> pl.Expr:
    return (~check.holds).fill_null(True)


def _not_computed(table: pl.DataFrame, schema: Schema, checks: list[_Check]) -> ContractError | None:
    """Find the one check that polars cannot compute."""
    for check in checks:
        try:
            table.lazy().select(_broken(check)).collect()
        except pl.exceptions.PolarsError as error:
            return ContractError(
                f"{schema.name}: whether {check.name} {check.words} cannot be computed:",
                f"  {shorten(str(error).strip().splitlines()[0], 160)}",
                hint=f"mend {schema.name}{f' in {schema.source}' if schema.source else ''}.",
            )
    return None


def _misfit(table: pl.DataFrame, column: Column) -> Failure | None:
    if column.name not in table.columns:
        return Failure(column.name, "is missing", 0)
    have = kind_of(table.schema[column.name])
    if column.type in ("any", have) or (have == "null" and (column.nullable or table.is_empty())):
        return None
    return Failure(column.name, f"must be {column.promise}, and is {have}", 0)


def _checks(column: Column, table: pl.DataFrame) -> list[_Check]:
    col, out, dtype = pl.col(column.name), [], table.schema[column.name]
    if not column.nullable:
        out.append(_Check(column.name, "must not be null", col.is_not_null()))

    def add(words: str, holds: pl.Expr) -> None:
        out.append(_Check(column.name, words, holds | col.is_null()))

    if column.choices:
        add(f"must be one of {listing(map(repr, column.choices), 6)}", col.is_in(list(column.choices)))
    for bound, value in column.bounds.items():
        add(f"must {_WORDS[bound]} {value}", _holds(bound, value, col, dtype))
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


def _holds(bound: str, value: Any, col: pl.Expr, dtype: Any) -> pl.Expr:
    match bound:
        case "ge":
            return col.ge(value) & _is_number(col, dtype)
        case "gt":
            return col.gt(value) & _is_number(col, dtype)
        case "le":
            return col.le(value)
        case "lt":
            return col.lt(value)
        case "multiple_of" if dtype.is_float():  # as pydantic does it: 0.3 is a multiple of 0.1
            return col.sub(col.truediv(value).round().mul(value)).abs().le(col.abs() / 1e9)
        case "multiple_of":
            return col.mod(value).eq(0)
        case "pattern":
            return col.cast(pl.String).str.contains(getattr(value, "pattern", value))
    size = _size(col, dtype)
    return size.ge(value) if bound == "min_length" else size.le(value)


def _is_number(col: pl.Expr, dtype: Any) -> pl.Expr:
    """NaN is greater than every number, says polars."""
    return col.is_not_nan() if dtype.is_float() else pl.lit(True)


def _size(col: pl.Expr, dtype: Any) -> pl.Expr:
    if dtype.base_type() is pl.List:
        return col.list.len()
    return col.arr.len() if dtype.base_type() is pl.Array else col.cast(pl.String).str.len_chars()


def _unique(schema: Schema, wrong: set[str]) -> list[_Check]:
    ids = schema.ids
    if not ids or wrong & set(ids):
        return []
    columns = pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)
    return [
        _Check(ids[0] if len(ids) == 1 else f"({', '.join(ids)})", "must be unique", ~columns.is_duplicated())
    ]


def _rules(schema: Schema) -> list[_Check]:
    return [_rule(schema, rule) for rule in schema.rules]


def _rule(schema: Schema, rule: Rule) -> _Check:
    holds = rule.expression()
    if not isinstance(holds, pl.Expr):
        raise ContractError(
            f"{schema.name}.{rule.name} gave a {type(holds).__name__}: a rule gives a polars expression.",
            hint='such as pl.col("left") >= pl.col("arrived").',
        )
    words = "must hold" if rule.text == rule.name.replace("_", " ") else f"must hold ({rule.text})"
    return _Check(rule.name, words, holds)


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
        near = did_you_mean(missing[0], [c for c in table.columns if c not in schema.names])
        return (
            near if near.startswith("did you") else f"give {missing[0]}, or take it off {schema.name}{place}."
        )
    if not any(f.count for f in found):
        return f"cast it here, or change its type: {schema.name}{place}."
    if all(f.rule == "must be unique" for f in found):
        return f"drop the duplicates here, or take Id off {schema.name}{place}."
    return f"filter them here, or widen {schema.name}{place}."
