"""Validation of tables against contracts, in one vectorised pass; failures are data of bounded size."""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel

from magical.contracts.contract_fields import schema_of
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
    "list_broken_rows",
    "validate",
]


class Check(NamedTuple):
    """One requirement on each row.

    Attributes:
        name: the column, or the name of the rule.
        requirement: in words, such as ``must not be null``.
        holds: an expression that is true where the requirement is met.
        ids: the columns of the id, if the check is that it is unique; else empty.
    """

    name: str
    requirement: str
    holds: pl.Expr
    ids: tuple[str, ...] = ()

    @property
    def broken(self) -> pl.Expr:
        """An expression that is true where the requirement is not met, or where it is null."""
        return (~self.holds).fill_null(True)


def build_column_checks(column: Column, dtype: Any) -> list[Check]:
    """List the checks of one column's values.

    Args:
        dtype: the column's polars type in the table; it must fit the contract's type.

    Example:
        >>> [k.requirement for k in build_column_checks(Column("n", "int", bounds={"ge": 0}), pl.Int64())]
        ['must not be null', 'must be >= 0']
    """
    col, checks = pl.col(column.name), []
    if not column.nullable:
        checks.append(Check(column.name, "must not be null", col.is_not_null()))

    def add(requirement: str, holds: pl.Expr) -> None:  # a null breaks only the check for null
        checks.append(Check(column.name, requirement, holds | col.is_null()))

    if column.choices:
        add(f"must be one of {join_names(map(repr, column.choices), 6)}", col.is_in(list(column.choices)))
    for bound, value in column.bounds.items():
        add(f"must {_BOUND_TEXTS[bound]} {value}", _bound_expression(bound, value, col, dtype))
    return checks


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
    """Build an expression that is true where a column's value is within a bound."""
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
    # To polars NaN is greater than every number, so a lower bound alone would let it pass.
    return col.is_not_nan() if dtype.is_float() else pl.lit(True)


def _length_expression(col: pl.Expr, dtype: Any) -> pl.Expr:
    if dtype.base_type() is pl.List:
        return col.list.len()
    return col.arr.len() if dtype.base_type() is pl.Array else col.cast(pl.String).str.len_chars()


def build_unique_checks(schema: Schema, invalid: set[str]) -> list[Check]:
    """Build the check that the id is unique; none if one of its columns is in ``invalid``."""
    ids = schema.ids
    if not ids or invalid & set(ids):
        return []
    columns = pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)
    name = ids[0] if len(ids) == 1 else f"({', '.join(ids)})"
    return [Check(name, "must be unique", ~columns.is_duplicated(), tuple(ids))]


def build_rule_checks(schema: Schema) -> list[Check]:
    """Build the checks of the rules across columns or rows."""
    return [_build_rule_check(schema, rule) for rule in schema.rules]


def _build_rule_check(schema: Schema, rule: Rule) -> Check:
    holds = rule.expression()
    if not isinstance(holds, pl.Expr):
        raise ContractError(
            f"{schema.name}.{rule.name} gave a {type(holds).__name__}: a rule gives a polars expression.",
            hint='such as pl.col("left") >= pl.col("arrived").',
        )
    has_text = rule.text != rule.name.replace("_", " ")
    return Check(rule.name, f"must hold ({rule.text})" if has_text else "must hold", holds)


_HASH, _ROW = "__hash", "__row"

HASHES_PER_PASS = 4_000_000
"""Rows whose hashes of ids are in memory at a time: about 32 MB, plus the hash table over them."""


def find_duplicates(
    table: pl.LazyFrame, ids: list[str], height: int, max_examples: int
) -> tuple[int, pl.DataFrame]:
    """Count the rows whose id occurs more than once, and return the first few with their row numbers.

    Rows of one id share a hash, so only rows with a shared hash are compared. The hashes are grouped in
    several passes if they are many, one pass for each residue, so that memory stays bounded.

    Args:
        table: the rows; each pass over ``HASHES_PER_PASS`` hashes reads the columns ``ids`` again.
        ids: the columns that together are the id.
        height: the number of rows.
        max_examples: the most rows to return.

    Example:
        >>> count, rows = find_duplicates(pl.LazyFrame({"id": [7, 8, 7]}), ["id"], 3, 5)
        >>> count, rows.rows()
        (2, [(0, 7), (2, 7)])
    """
    passes = -(-height // HASHES_PER_PASS) or 1
    id_hash = (pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)).hash().alias(_HASH)
    hashes, keyed = table.select(id_hash), table.select(ids).with_row_index(_ROW).with_columns(id_hash)
    count, examples = 0, []
    for number in range(passes):
        residue = hashes if passes == 1 else hashes.filter(pl.col(_HASH) % passes == number)
        sizes = residue.group_by(_HASH).len().filter(pl.col("len") > 1)
        shared = sizes.select(_HASH).collect(engine="streaming")
        if shared.is_empty():
            continue
        # Compare the ids themselves now: different ids may have the same hash.
        rows = keyed.join(shared.lazy(), on=_HASH, how="semi").group_by(ids)
        groups = rows.agg(pl.len().alias(_HASH), pl.col(_ROW).bottom_k(max_examples))
        repeated = groups.filter(pl.col(_HASH) > 1).collect(engine="streaming")
        count += int(repeated[_HASH].sum())
        first = repeated.drop(_HASH).explode(_ROW).bottom_k(max_examples, by=_ROW)
        examples.append(first.select(_ROW, *ids))
    none = table.select(ids).head(0).with_row_index(_ROW).collect()
    return count, pl.concat([none, *examples]).sort(_ROW).head(max_examples)


MAX_EXAMPLES = 5
MAX_DETAILED_FAILURES = 20
"""Failures with examples; the others have a count only, since each example costs a query."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One requirement that a table breaks.

    Attributes:
        column: the column, or the name of the rule.
        rule: the requirement, in words.
        count: the number of rows that break it; 0 if the column itself is missing or of another type.
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
    """The result of ``filter``: rows that satisfy the contract, and the others with a column ``reason``."""

    good: pl.DataFrame
    rejected: pl.DataFrame


def find_failures(table: pl.DataFrame | pl.LazyFrame, schema: Schema) -> list[Failure]:
    """List the requirements of a schema that a table breaks; columns outside the schema are ignored.

    A lazy table is read in streaming mode: only some ids, and what a rule needs, are kept in memory.

    Example:
        >>> find_failures(pl.DataFrame({"n": [1, -2]}), Schema("S", (Column("n", "int", bounds={"ge": 0}),)))
        [Failure(column='n', rule='must be >= 0', count=1, values=('-2',), rows=(1,))]
    """
    dtypes, height = table.collect_schema(), _count_rows(table)
    failures = [f for c in schema.columns if (f := _find_column_failure(c, dtypes, height))]
    invalid = {f.column for f in failures}
    valid = [c for c in schema.columns if c.name not in invalid]
    checks = [k for c in valid for k in build_column_checks(c, dtypes[c.name])]
    # Rules may read any column, so they are checked only if all columns have their types.
    checks += build_unique_checks(schema, invalid) + ([] if failures else build_rule_checks(schema))
    if not checks or not height:
        return failures
    lazy = isinstance(table, pl.LazyFrame)
    # Duplicates of a lazy table are counted below: is_duplicated would need all ids in memory. Here the id is
    # only a placeholder of full height, by which a rule with one value for all rows is repeated in each row.
    exprs = [
        (pl.col(c.ids[0]).is_null() if lazy and c.ids else c.broken).alias(str(i))
        for i, c in enumerate(checks)
    ]
    try:
        broken = _collect(table, table.lazy().select(exprs).select(pl.all().sum())).row(0)
    except pl.exceptions.PolarsError as error:
        raise _computation_error(table, schema, checks) or error from None
    for check, expr, count in zip(checks, exprs, broken, strict=True):
        if isinstance(table, pl.LazyFrame) and check.ids:
            duplicates, first = find_duplicates(table, list(check.ids), height, MAX_EXAMPLES)
            failures += [_make_failure(check, duplicates, first, list(check.ids))] if duplicates else []
        elif count:
            rows = min(count, height)
            failures.append(
                _find_examples(table, dtypes, check, expr, rows)
                if len(failures) < MAX_DETAILED_FAILURES
                else Failure(check.name, check.requirement, rows)
            )
    return failures


def validate(table: pl.DataFrame | pl.LazyFrame, schema: Schema, *, label: str, hint: str = "") -> None:
    """Validate a table against its schema.

    Args:
        label: names the table's step in the message.
        hint: replaces the suggestion that is made from the failures; empty to keep it.

    Raises:
        BrokenPromise: the table breaks its schema; the message shows rows and values.
    """
    failures = find_failures(table, schema)
    if not failures:
        return
    failures.sort(key=lambda f: f.rule != "must be unique")  # duplicate ids first: they reveal a wrong join
    rows = max(f.count for f in failures)
    least = "at least " if len(failures) > 1 else ""
    head = (
        f"{label} promised Frame[{schema.name}], but {least}{rows:,} of {_count_rows(table):,} rows break it:"
        if all(f.count for f in failures)
        else f"{label} promised Frame[{schema.name}], but its columns differ:"
    )
    shown = [f"  {f}" for f in failures[:3]]
    if len(failures) > 3:
        shown[2] = f"  {join_names((f'{f.column} {f.rule}' for f in failures[2:]), 2)}"
    hint = hint or _suggest_fix(failures, table.collect_schema().names(), schema)
    raise BrokenPromise(head, *shown, hint=hint)


def filter(table: Any, contract: type[BaseModel] | Schema) -> FilterResult:
    """Separate the rows that satisfy a contract from those that break it, with the reason.

    Args:
        table: a polars or pandas DataFrame with the contract's columns in their types.
        contract: the contract of each row.

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
    broken = list_broken_rows(frame, schema)
    reasons = (
        broken.group_by("row")
        .agg(pl.format("{} {}", "column", "rule").str.join("; ").alias("reason"))
        .sort("row")
    )
    is_good = pl.repeat(True, frame.height, eager=True).scatter(reasons["row"], False)
    rejected = frame.filter(~is_good).with_columns(reasons["reason"])
    return FilterResult(frame.filter(is_good), rejected)


def list_broken_rows(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """List each requirement that each row breaks: ``row`` from 0, ``column`` or name of a rule, ``rule``.

    Raises:
        BrokenPromise: a column is missing or of another type.

    Example:
        >>> schema = Schema("S", (Column("n", "int", bounds={"ge": 0}),))
        >>> list_broken_rows(pl.DataFrame({"n": [1, -2]}), schema).rows()
        [(1, 'n', 'must be >= 0')]
    """
    dtypes = frame.schema
    structural = [f for c in schema.columns if (f := _find_column_failure(c, dtypes, frame.height))]
    if structural:
        raise BrokenPromise(
            f"filter: the table has not the columns of {schema.name}:",
            *(f"  {f}" for f in structural[:3]),
            hint=_suggest_fix(structural, frame.columns, schema),
        )
    checks = build_unique_checks(schema, set()) + build_rule_checks(schema)
    parts = [
        pl.DataFrame(schema={"row": pl.Int64, "place": pl.Int64, "column": pl.String, "rule": pl.String})
    ]
    if 0 < frame.height <= _FEW_ROWS:
        parts += _check_few_rows(frame, schema)
        places = [len(schema.columns)] * len(checks)
    else:
        pairs = [(i, k) for i, c in enumerate(schema.columns) for k in build_column_checks(c, dtypes[c.name])]
        places = [i for i, _ in pairs] + [len(schema.columns)] * len(checks)
        checks = [k for _, k in pairs] + checks
    # A rule may give one value for all rows: the column of full height repeats it in each row.
    height = pl.repeat(False, pl.len()).alias(_ROW)
    exprs = [c.broken.alias(str(i)) for i, c in enumerate(checks)]
    try:
        broken = frame.lazy().select(height, *exprs).drop(_ROW).collect()
    except pl.exceptions.PolarsError as error:
        raise _computation_error(frame, schema, checks) or error from None
    for place, check, series in zip(places, checks, broken, strict=True):
        if series.any():
            rows = series.arg_true().cast(pl.Int64).alias("row").to_frame()
            parts.append(
                rows.select("row", place=place, column=pl.lit(check.name), rule=pl.lit(check.requirement))
            )
    return pl.concat(parts, how="vertical_relaxed").sort("row", "place", maintain_order=True).drop("place")


_FEW_ROWS = 1000


def _check_few_rows(frame: pl.DataFrame, schema: Schema) -> list[pl.DataFrame]:
    """Check columns with equal requirements as one long column, since there may be thousands of them."""
    groups: dict[Any, list[int]] = {}
    dtypes = frame.schema
    for place, column in enumerate(schema.columns):
        bounds = tuple((k, repr(v)) for k, v in column.bounds.items())
        key = (dtypes[column.name], column.nullable, column.choices, bounds)
        groups.setdefault(key, []).append(place)
    parts = []
    for places in groups.values():
        columns = [schema.columns[place] for place in places]
        series = [frame.get_column(c.name) for c in columns]
        checks = build_column_checks(replace(columns[0], name=""), series[0].dtype)
        table = (pl.concat(series) if len(series) > 1 else series[0]).alias("").to_frame()
        try:
            broken = table.select(c.broken.alias(str(i)) for i, c in enumerate(checks))
        except pl.exceptions.PolarsError as error:
            named = [k for c in columns for k in build_column_checks(c, series[0].dtype)]
            raise _computation_error(frame, schema, named) or error from None
        for check, failed in zip(checks, broken, strict=True):
            for at in failed.arg_true():
                number, row = divmod(at, frame.height)
                parts.append((row, places[number], columns[number].name, check.requirement))
    return [pl.DataFrame(parts, schema=["row", "place", "column", "rule"], orient="row")] if parts else []


def _count_rows(table: pl.DataFrame | pl.LazyFrame) -> int:
    if isinstance(table, pl.DataFrame):
        return table.height
    return int(_collect(table, table.select(pl.len())).item())


def _collect(table: pl.DataFrame | pl.LazyFrame, query: pl.LazyFrame) -> pl.DataFrame:
    return query.collect(engine="streaming" if isinstance(table, pl.LazyFrame) else "auto")


def _computation_error(
    table: pl.DataFrame | pl.LazyFrame, schema: Schema, checks: list[Check]
) -> ContractError | None:
    """Return an error that names the check that polars cannot compute; None if each can be computed alone."""
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
    # A column without any value has the type "null"; it fits every type that may be null.
    if column.type in ("any", have) or (have == "null" and (column.nullable or not height)):
        return None
    return Failure(column.name, f"must be {column.type_text}, and is {have}", 0)


def _find_examples(
    table: pl.DataFrame | pl.LazyFrame, dtypes: Mapping[str, Any], check: Check, broken: pl.Expr, count: int
) -> Failure:
    shown = [c for c in check.ids or (check.name,) if c in dtypes]
    roots = [] if broken.meta.has_multiple_outputs() else broken.meta.root_names()
    if roots and isinstance(table, pl.DataFrame):  # planning a query on a wide table is slow
        table = pl.DataFrame([table.get_column(n) for n in dict.fromkeys([*shown, *roots])])
    rows = table.lazy().select(*shown, broken.alias("__broken")).with_row_index(_ROW).filter("__broken")
    return _make_failure(check, count, _collect(table, rows.head(MAX_EXAMPLES)), shown)


def _make_failure(check: Check, count: int, rows: pl.DataFrame, shown: list[str]) -> Failure:
    values: tuple[str, ...] = ()
    if check.requirement != "must not be null" and shown:
        texts = [shorten(v[0] if len(shown) == 1 else v, 24) for v in rows.select(shown).iter_rows()]
        values = tuple(dict.fromkeys(texts))
    return Failure(check.name, check.requirement, count, values, tuple(rows[_ROW].to_list()))


def _suggest_fix(failures: list[Failure], names: list[str], schema: Schema) -> str:
    """Write a hint for the failures of a table with these column names."""
    contract = f"{schema.name} in {schema.source}" if schema.source else schema.name
    missing = [f.column for f in failures if f.rule == "is missing"]
    if missing:
        hint = did_you_mean(missing[0], [n for n in names if n not in schema.by_name])
        return hint if hint.startswith("did you") else f"give {missing[0]}, or take it off {contract}."
    if not any(f.count for f in failures):
        return f"cast it here, or change its type: {contract}."
    if all(f.rule == "must be unique" for f in failures):
        return f"drop the duplicates here, or take Id off {contract}."
    return f"filter them here, or widen {contract}."


_ROW_GROUP_CELLS = 4_194_304
"""Cells of a row group: 65,536 rows of 64 columns. A few groups are in memory at a time."""


class StreamError(Exception):
    """The lazy table that a step returned cannot be computed; the cause has the reason."""


@dataclass(frozen=True)
class LazyOutput:
    """A lazy table that a step returned, not computed yet, with its schema; ``label`` names the step."""

    frame: pl.LazyFrame
    schema: Schema | None = None
    label: str = ""

    def sink(self, path: Path) -> None:
        """Compute the rows into a parquet file, and validate them there.

        Raises:
            StreamError: the rows cannot be computed.
            BrokenPromise: the rows break their contract.
            OSError: the disk is full or read-only.
        """
        try:
            width = len(self.frame.collect_schema())
            rows = max(1024, min(65_536, _ROW_GROUP_CELLS // max(width, 1)))
            self.frame.sink_parquet(
                path, compression="zstd", compression_level=1, row_group_size=rows, engine="streaming"
            )
        except (Exception, pl.exceptions.PanicException) as error:  # a panic is no Exception
            match = re.search(r"\(os error (\d+)\)", str(error))  # polars gives the number only in its text
            if match and int(match[1]) in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise OSError(int(match[1]), os.strerror(int(match[1]))) from error
            raise StreamError(str(error)) from error
        if self.schema is not None:
            validate(pl.scan_parquet(path, glob=False), self.schema, label=self.label)
