"""Check a table against its contract in one vectorised pass; failures are data, bounded whatever its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel

from magical.contracts.checks import Check, checks_of, rules_of, unique_of
from magical.contracts.contract import schema_of
from magical.contracts.dtypes import kind_of
from magical.contracts.repeats import repeats
from magical.contracts.schema import Column, Schema
from magical.contracts.tables import polars_frame
from magical.errors import BrokenPromise, ContractError, did_you_mean, listing, shorten

__all__ = ["Failure", "Filtered", "failures", "filter", "keep"]

EXAMPLES = 5
SHOWN = 20
"""Of more broken promises than these no examples are looked for."""


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
        places = f"{plural} {', '.join(map(str, self.rows))}" if self.rows else f"{self.count:,} rows"
        return f"{self.column} {self.rule}{got} ({places})"


class Filtered(NamedTuple):
    """What ``filter`` gives.

    Attributes:
        good: the rows that keep the contract.
        rejected: the others, with a column ``reason``.
    """

    good: pl.DataFrame
    rejected: pl.DataFrame


def failures(table: pl.DataFrame | pl.LazyFrame, schema: Schema) -> list[Failure]:
    """Give every promise that a table breaks.

    Args:
        table: any number of rows; columns that the schema does not know are not looked at. A lazy one is read
            in streaming mode: of its rows nothing stays in memory but some ids, and what a rule asks for.
        schema: what it must keep.
    """
    dtypes, height = table.collect_schema(), _height(table)
    found = [f for c in schema.columns if (f := _misfit(c, dtypes, height))]
    wrong = {f.column for f in found}
    checks = [k for c in schema.columns if c.name not in wrong for k in checks_of(c, dtypes[c.name])]
    checks += unique_of(schema, wrong) + ([] if found else rules_of(schema))
    if not checks or not height:
        return found
    lazy = isinstance(table, pl.LazyFrame)
    exprs = [(_pending(c) if lazy and c.ids else c.broken).alias(str(i)) for i, c in enumerate(checks)]
    try:
        broken = _collected(table, table.lazy().select(exprs).select(pl.all().sum())).row(0)
    except pl.exceptions.PolarsError as error:
        raise _not_computed(table, schema, checks) or error from None
    for check, expr, count in zip(checks, exprs, broken, strict=True):
        if isinstance(table, pl.LazyFrame) and check.ids:
            again, first = repeats(table, list(check.ids), height, EXAMPLES)
            found += [_failure(check, again, first, list(check.ids))] if again else []
        elif count:
            rows = min(count, height)
            found.append(
                _examples(table, dtypes, check, expr, rows)
                if len(found) < SHOWN
                else Failure(check.name, check.words, rows)
            )
    return found


def keep(table: pl.DataFrame | pl.LazyFrame, schema: Schema, *, who: str, hint: str = "") -> None:
    """Check that a table keeps its schema.

    Raises:
        BrokenPromise: it does not; the message shows which rows and values.
    """
    found = failures(table, schema)
    if not found:
        return
    found.sort(key=lambda f: f.rule != "must be unique")  # a wrong join shows in its ids first
    rows = max(f.count for f in found)
    least = "at least " if len(found) > 1 else ""
    head = (
        f"{who} promised Frame[{schema.name}], but {least}{rows:,} of {_height(table):,} rows break it:"
        if all(f.count for f in found)
        else f"{who} promised Frame[{schema.name}], but its columns differ:"
    )
    shown = [f"  {f}" for f in found[:3]]
    if len(found) > 3:
        shown[2] = f"  {listing((f'{f.column} {f.rule}' for f in found[2:]), 2)}"
    raise BrokenPromise(head, *shown, hint=hint or _hint(found, table.collect_schema().names(), schema))


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
    dtypes = frame.schema
    structural = [f for c in schema.columns if (f := _misfit(c, dtypes, frame.height))]
    if structural:
        raise BrokenPromise(
            f"filter: the table has not the columns of {schema.name}:",
            *(f"  {f}" for f in structural[:3]),
            hint=_hint(structural, frame.columns, schema),
        )
    checks = [k for c in schema.columns for k in checks_of(c, dtypes[c.name])]
    reason = _reasons(frame, schema, checks + unique_of(schema, set()) + rules_of(schema))
    return Filtered(
        frame.filter(reason == ""), frame.with_columns(reason.alias("reason")).filter(reason != "")
    )


def _reasons(frame: pl.DataFrame, schema: Schema, checks: list[Check]) -> pl.Series:
    """What each row breaks, in words; a few checks at a time, since polars is slow to plan one long text."""
    found = []
    for start in range(0, len(checks), 100):
        some = checks[start : start + 100]
        texts = [pl.when(c.broken).then(pl.lit(f"{c.name} {c.words}")) for c in some]
        reasons = pl.concat_str(texts, separator="; ", ignore_nulls=True)
        try:
            found.append(frame.lazy().select(pl.repeat("", pl.len()) + reasons).collect().to_series())
        except pl.exceptions.PolarsError as error:
            raise _not_computed(frame, schema, checks) or error from None
    if not found:
        return pl.repeat("", frame.height, eager=True)
    columns = [series.replace("", None).alias(str(i)) for i, series in enumerate(found)]
    joined = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)
    return pl.DataFrame(columns).select(joined).to_series()


def _height(table: pl.DataFrame | pl.LazyFrame) -> int:
    if isinstance(table, pl.DataFrame):
        return table.height
    return int(_collected(table, table.select(pl.len())).item())


def _collected(table: pl.DataFrame | pl.LazyFrame, query: pl.LazyFrame) -> pl.DataFrame:
    return query.collect(engine="streaming" if isinstance(table, pl.LazyFrame) else "auto")


def _pending(check: Check) -> pl.Expr:
    """As many rows as a check would have that is made otherwise; a rule on all rows counts by it."""
    return pl.col(check.ids[0]).is_null()


def _not_computed(
    table: pl.DataFrame | pl.LazyFrame, schema: Schema, checks: list[Check]
) -> ContractError | None:
    """Find the one check that polars cannot compute."""
    for check in checks:
        try:
            _collected(table, table.lazy().select(check.broken))
        except pl.exceptions.PolarsError as error:
            return ContractError(
                f"{schema.name}: whether {check.name} {check.words} cannot be computed:",
                f"  {shorten(str(error).strip().splitlines()[0], 160)}",
                hint=f"mend {schema.name}{f' in {schema.source}' if schema.source else ''}.",
            )
    return None


def _misfit(column: Column, dtypes: Mapping[str, Any], height: int) -> Failure | None:
    if column.name not in dtypes:
        return Failure(column.name, "is missing", 0)
    have = kind_of(dtypes[column.name])
    if column.type in ("any", have) or (have == "null" and (column.nullable or not height)):
        return None
    return Failure(column.name, f"must be {column.promise}, and is {have}", 0)


def _examples(
    table: pl.DataFrame | pl.LazyFrame, dtypes: Mapping[str, Any], check: Check, broken: pl.Expr, count: int
) -> Failure:
    shown = [c for c in check.ids or (check.name,) if c in dtypes]
    roots = [] if broken.meta.has_multiple_outputs() else broken.meta.root_names()
    if roots and isinstance(table, pl.DataFrame):  # a plan on all columns of a wide table is slow
        table = pl.DataFrame([table.get_column(n) for n in dict.fromkeys([*shown, *roots])])
    query = (
        table.lazy()
        .select(*shown, broken.alias("__broken"))
        .with_row_index("__row")
        .filter("__broken")
        .head(EXAMPLES)
    )
    return _failure(check, count, _collected(table, query), shown)


def _failure(check: Check, count: int, rows: pl.DataFrame, shown: list[str]) -> Failure:
    values: tuple[str, ...] = ()
    if check.words != "must not be null" and shown:
        texts = [shorten(v[0] if len(shown) == 1 else v, 24) for v in rows.select(shown).iter_rows()]
        values = tuple(dict.fromkeys(texts))
    return Failure(check.name, check.words, count, values, tuple(rows["__row"].to_list()))


def _hint(found: list[Failure], names: list[str], schema: Schema) -> str:
    place = f" in {schema.source}" if schema.source else ""
    missing = [f.column for f in found if f.rule == "is missing"]
    if missing:
        near = did_you_mean(missing[0], [n for n in names if n not in schema.by_name])
        return (
            near if near.startswith("did you") else f"give {missing[0]}, or take it off {schema.name}{place}."
        )
    if not any(f.count for f in found):
        return f"cast it here, or change its type: {schema.name}{place}."
    if all(f.rule == "must be unique" for f in found):
        return f"drop the duplicates here, or take Id off {schema.name}{place}."
    return f"filter them here, or widen {schema.name}{place}."
