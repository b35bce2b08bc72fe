"""Check a table against its contract in one vectorised pass; failures are data, bounded whatever its size."""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel

from magical.contracts.contract import schema_of
from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Rule, Schema
from magical.contracts.tables import to_polars
from magical.errors import BrokenPromise, ContractError, did_you_mean, join_names, shorten

__all__ = [
    "HASHES_PER_PASS",
    "Check",
    "Failure",
    "FilterResult",
    "LazyOutput",
    "StreamError",
    "build_column_checks",
    "build_rule_checks",
    "build_unique_checks",
    "filter",
    "find_duplicates",
    "find_failures",
    "validate",
]


class Check(NamedTuple):
    """One thing that must hold for each row.

    Attributes:
        name: the column, or the name of the rule.
        words: what must hold, in words.
        holds: true where it does.
        ids: for a check that an id is unique, its columns.
    """

    name: str
    requirement: str
    holds: pl.Expr
    ids: tuple[str, ...] = ()

    @property
    def broken(self) -> pl.Expr:
        """True where it does not hold."""
        return (~self.holds).fill_null(True)


def build_column_checks(column: Column, dtype: Any) -> list[Check]:
    """Give what a column asks of its values, which are of a polars type that fits it."""
    col, out = pl.col(column.name), []
    if not column.nullable:
        out.append(Check(column.name, "must not be null", col.is_not_null()))

    def add(words: str, holds: pl.Expr) -> None:
        out.append(Check(column.name, words, holds | col.is_null()))

    if column.choices:
        add(f"must be one of {join_names(map(repr, column.choices), 6)}", col.is_in(list(column.choices)))
    for bound, value in column.bounds.items():
        add(f"must {_BOUND_TEXTS[bound]} {value}", _bound_expression(bound, value, col, dtype))
    return out


_BOUND_TEXTS = {
    "ge": "be >=",
    "gt": "be >",
    "le": "be <=",
    "lt": "be <",
    "multiple_of": "be a multiple of",
    "min_length": "have at least the length",
    "max_length": "have at most the length",
    "pattern": "match",
}


def _bound_expression(bound: str, value: Any, col: pl.Expr, dtype: Any) -> pl.Expr:
    match bound:
        case "ge":
            return col.ge(value) & _is_not_nan(col, dtype)
        case "gt":
            return col.gt(value) & _is_not_nan(col, dtype)
        case "le":
            return col.le(value)
        case "lt":
            return col.lt(value)
        case "multiple_of" if dtype.is_float():  # as pydantic does it: 0.3 is a multiple of 0.1
            return col.sub(col.truediv(value).round().mul(value)).abs().le(col.abs() / 1e9)
        case "multiple_of" if isinstance(value, dt.timedelta):
            return col.dt.total_nanoseconds().mod(value // dt.timedelta(microseconds=1) * 1000).eq(0)
        case "multiple_of":
            return col.mod(value).eq(0)
        case "pattern":
            return col.cast(pl.String).str.contains(getattr(value, "pattern", value))
    size = _length_expression(col, dtype)
    return size.ge(value) if bound == "min_length" else size.le(value)


def _is_not_nan(col: pl.Expr, dtype: Any) -> pl.Expr:
    """NaN is greater than every number, says polars."""
    return col.is_not_nan() if dtype.is_float() else pl.lit(True)


def _length_expression(col: pl.Expr, dtype: Any) -> pl.Expr:
    if dtype.base_type() is pl.List:
        return col.list.len()
    return col.arr.len() if dtype.base_type() is pl.Array else col.cast(pl.String).str.len_chars()


def build_unique_checks(schema: Schema, invalid: set[str]) -> list[Check]:
    """Give the check that the id is unique, unless one of its columns is wrong."""
    ids = schema.ids
    if not ids or invalid & set(ids):
        return []
    columns = pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)
    name = ids[0] if len(ids) == 1 else f"({', '.join(ids)})"
    return [Check(name, "must be unique", ~columns.is_duplicated(), tuple(ids))]


def build_rule_checks(schema: Schema) -> list[Check]:
    """Give the rules across columns or rows."""
    return [_build_rule_check(schema, rule) for rule in schema.rules]


def _build_rule_check(schema: Schema, rule: Rule) -> Check:
    holds = rule.expression()
    if not isinstance(holds, pl.Expr):
        raise ContractError(
            f"{schema.name}.{rule.name} gave a {type(holds).__name__}: a rule gives a polars expression.",
            hint='such as pl.col("left") >= pl.col("arrived").',
        )
    words = "must hold" if rule.text == rule.name.replace("_", " ") else f"must hold ({rule.text})"
    return Check(rule.name, words, holds)


_HASH, _ROW = "__hash", "__row"

HASHES_PER_PASS = 4_000_000

"""Rows whose ids' hashes are held in memory at a time."""


def find_duplicates(
    table: pl.LazyFrame, ids: list[str], height: int, max_examples: int
) -> tuple[int, pl.DataFrame]:
    """Count the rows whose id another row has too, and give the first few.

    Rows of one id have one hash, so only rows that share a hash are looked at themselves. The hashes are
    looked at in as many passes as memory asks for, each over those of one residue.

    Args:
        table: is read once for each ``HASHES_PER_PASS`` rows, the columns ``ids`` only.
        ids: the columns that together are the id.
        height: how many rows there are.
        examples: how many rows to give at most.

    Example:
        >>> count, rows = find_duplicates(pl.LazyFrame({"id": [7, 8, 7]}), ["id"], 3, 5)
        >>> count, rows.rows()
        (2, [(0, 7), (2, 7)])
    """
    passes = -(-height // HASHES_PER_PASS) or 1
    one = (pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)).hash().alias(_HASH)
    hashes, keyed = table.select(one), table.select(ids).with_row_index(_ROW).with_columns(one)
    count, found = 0, []
    for number in range(passes):
        some = hashes if passes == 1 else hashes.filter(pl.col(_HASH) % passes == number)
        shared = (
            some.group_by(_HASH).len().filter(pl.col("len") > 1).select(_HASH).collect(engine="streaming")
        )
        if shared.is_empty():
            continue
        rows = keyed.join(shared.lazy(), on=_HASH, how="semi").group_by(ids)
        several = rows.agg(pl.len().alias(_HASH), pl.col(_ROW).bottom_k(max_examples))
        again = several.filter(pl.col(_HASH) > 1).collect(engine="streaming")
        count += int(again[_HASH].sum())
        first = again.drop(_HASH).explode(_ROW).bottom_k(max_examples, by=_ROW)
        found.append(first.select(_ROW, *ids))
    none = table.select(ids).head(0).with_row_index(_ROW).collect()
    return count, pl.concat([none, *found]).sort(_ROW).head(max_examples)


MAX_EXAMPLES = 5

MAX_DETAILED_FAILURES = 20

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


class FilterResult(NamedTuple):
    """What ``filter`` gives.

    Attributes:
        good: the rows that keep the contract.
        rejected: the others, with a column ``reason``.
    """

    good: pl.DataFrame
    rejected: pl.DataFrame


def find_failures(table: pl.DataFrame | pl.LazyFrame, schema: Schema) -> list[Failure]:
    """Give every promise that a table breaks.

    Args:
        table: any number of rows; columns that the schema does not know are not looked at. A lazy one is read
            in streaming mode: of its rows nothing stays in memory but some ids, and what a rule asks for.
        schema: what it must keep.
    """
    dtypes, height = table.collect_schema(), _count_rows(table)
    found = [f for c in schema.columns if (f := _find_column_failure(c, dtypes, height))]
    wrong = {f.column for f in found}
    checks = [
        k for c in schema.columns if c.name not in wrong for k in build_column_checks(c, dtypes[c.name])
    ]
    checks += build_unique_checks(schema, wrong) + ([] if found else build_rule_checks(schema))
    if not checks or not height:
        return found
    lazy = isinstance(table, pl.LazyFrame)
    exprs = [(_placeholder(c) if lazy and c.ids else c.broken).alias(str(i)) for i, c in enumerate(checks)]
    try:
        broken = _collect(table, table.lazy().select(exprs).select(pl.all().sum())).row(0)
    except pl.exceptions.PolarsError as error:
        raise _computation_error(table, schema, checks) or error from None
    for check, expr, count in zip(checks, exprs, broken, strict=True):
        if isinstance(table, pl.LazyFrame) and check.ids:
            again, first = find_duplicates(table, list(check.ids), height, MAX_EXAMPLES)
            found += [_make_failure(check, again, first, list(check.ids))] if again else []
        elif count:
            rows = min(count, height)
            found.append(
                _find_examples(table, dtypes, check, expr, rows)
                if len(found) < MAX_DETAILED_FAILURES
                else Failure(check.name, check.requirement, rows)
            )
    return found


def validate(table: pl.DataFrame | pl.LazyFrame, schema: Schema, *, label: str, hint: str = "") -> None:
    """Check that a table keeps its schema.

    Raises:
        BrokenPromise: it does not; the message shows which rows and values.
    """
    found = find_failures(table, schema)
    if not found:
        return
    found.sort(key=lambda f: f.rule != "must be unique")  # a wrong join shows in its ids first
    rows = max(f.count for f in found)
    least = "at least " if len(found) > 1 else ""
    head = (
        f"{label} promised Frame[{schema.name}], but {least}{rows:,} of {_count_rows(table):,} rows break it:"
        if all(f.count for f in found)
        else f"{label} promised Frame[{schema.name}], but its columns differ:"
    )
    shown = [f"  {f}" for f in found[:3]]
    if len(found) > 3:
        shown[2] = f"  {join_names((f'{f.column} {f.rule}' for f in found[2:]), 2)}"
    raise BrokenPromise(
        head, *shown, hint=hint or _suggest_fix(found, table.collect_schema().names(), schema)
    )


def filter(table: Any, contract: type[BaseModel] | Schema) -> FilterResult:
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
    frame = to_polars(table)
    schema = contract if isinstance(contract, Schema) else schema_of(contract)
    dtypes = frame.schema
    structural = [f for c in schema.columns if (f := _find_column_failure(c, dtypes, frame.height))]
    if structural:
        raise BrokenPromise(
            f"filter: the table has not the columns of {schema.name}:",
            *(f"  {f}" for f in structural[:3]),
            hint=_suggest_fix(structural, frame.columns, schema),
        )
    checks = [k for c in schema.columns for k in build_column_checks(c, dtypes[c.name])]
    reason = _rejection_reasons(
        frame, schema, checks + build_unique_checks(schema, set()) + build_rule_checks(schema)
    )
    return FilterResult(
        frame.filter(reason == ""), frame.with_columns(reason.alias("reason")).filter(reason != "")
    )


def _rejection_reasons(frame: pl.DataFrame, schema: Schema, checks: list[Check]) -> pl.Series:
    """What each row breaks, in words; a few checks at a time, since polars is slow to plan one long text."""
    found = []
    for start in range(0, len(checks), 100):
        some = checks[start : start + 100]
        texts = [pl.when(c.broken).then(pl.lit(f"{c.name} {c.requirement}")) for c in some]
        reasons = pl.concat_str(texts, separator="; ", ignore_nulls=True)
        try:
            found.append(frame.lazy().select(pl.repeat("", pl.len()) + reasons).collect().to_series())
        except pl.exceptions.PolarsError as error:
            raise _computation_error(frame, schema, checks) or error from None
    if not found:
        return pl.repeat("", frame.height, eager=True)
    columns = [series.replace("", None).alias(str(i)) for i, series in enumerate(found)]
    joined = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)
    return pl.DataFrame(columns).select(joined).to_series()


def _count_rows(table: pl.DataFrame | pl.LazyFrame) -> int:
    if isinstance(table, pl.DataFrame):
        return table.height
    return int(_collect(table, table.select(pl.len())).item())


def _collect(table: pl.DataFrame | pl.LazyFrame, query: pl.LazyFrame) -> pl.DataFrame:
    return query.collect(engine="streaming" if isinstance(table, pl.LazyFrame) else "auto")


def _placeholder(check: Check) -> pl.Expr:
    """As many rows as a check would have that is made otherwise; a rule on all rows counts by it."""
    return pl.col(check.ids[0]).is_null()


def _computation_error(
    table: pl.DataFrame | pl.LazyFrame, schema: Schema, checks: list[Check]
) -> ContractError | None:
    """Find the one check that polars cannot compute."""
    for check in checks:
        try:
            _collect(table, table.lazy().select(check.broken))
        except pl.exceptions.PolarsError as error:
            return ContractError(
                f"{schema.name}: whether {check.name} {check.requirement} cannot be computed:",
                f"  {shorten(str(error).strip().splitlines()[0], 160)}",
                hint=f"mend {schema.name}{f' in {schema.source}' if schema.source else ''}.",
            )
    return None


def _find_column_failure(column: Column, dtypes: Mapping[str, Any], height: int) -> Failure | None:
    if column.name not in dtypes:
        return Failure(column.name, "is missing", 0)
    have = dtype_kind(dtypes[column.name])
    if column.type in ("any", have) or (have == "null" and (column.nullable or not height)):
        return None
    return Failure(column.name, f"must be {column.type_text}, and is {have}", 0)


def _find_examples(
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
        .head(MAX_EXAMPLES)
    )
    return _make_failure(check, count, _collect(table, query), shown)


def _make_failure(check: Check, count: int, rows: pl.DataFrame, shown: list[str]) -> Failure:
    values: tuple[str, ...] = ()
    if check.requirement != "must not be null" and shown:
        texts = [shorten(v[0] if len(shown) == 1 else v, 24) for v in rows.select(shown).iter_rows()]
        values = tuple(dict.fromkeys(texts))
    return Failure(check.name, check.requirement, count, values, tuple(rows["__row"].to_list()))


def _suggest_fix(found: list[Failure], names: list[str], schema: Schema) -> str:
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


_ROW_GROUP_CELLS = 4_194_304

"""In a row group: 65,536 rows of 64 columns. A few of these are in memory at a time."""


class StreamError(Exception):
    """What a step gave could not be computed; the cause says why."""


@dataclass(frozen=True)
class LazyOutput:
    """A lazy table, and what it must keep.

    Attributes:
        frame: has not been computed.
        schema: what its rows promise, if anything.
        who: the step, for messages.
    """

    frame: pl.LazyFrame
    schema: Schema | None = None
    label: str = ""

    def sink(self, path: Path) -> None:
        """Compute the rows into a parquet file, and hold them to their contract.

        Raises:
            StreamError: they cannot be computed.
            BrokenPromise: they break their contract.
            OSError: the disk is full.
        """
        try:
            width = len(self.frame.collect_schema())
            rows = max(1024, min(65_536, _ROW_GROUP_CELLS // max(width, 1)))
            self.frame.sink_parquet(
                path, compression="zstd", compression_level=1, row_group_size=rows, engine="streaming"
            )
        except (Exception, pl.exceptions.PanicException) as error:
            said = re.search(r"\(os error (\d+)\)", str(error))  # polars tells it in words only
            if said and int(said[1]) in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise OSError(int(said[1]), os.strerror(int(said[1]))) from error
            raise StreamError(str(error)) from error
        if self.schema is not None:
            validate(pl.scan_parquet(path, glob=False), self.schema, label=self.label)
