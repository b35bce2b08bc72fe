"""Rules of cleaning, applied one after the other, with a record of what they changed and rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from magical.contracts.schema import Schema
from magical.contracts.validation import Check
from magical.errors import WiringError, join_names, shorten
from magical.events import emit, keep
from magical.library.cleaning.cleaning_rule import Cleaning
from magical.library.rejections import report_rejections
from magical.library.remarks import warn

__all__ = ["CleanedRows", "keep_rows", "narrow_schema"]

MAX_KEPT = 1000
"""The most rows of a table that is kept of rejected or changed values; the counts are of all."""

_REJECT_SCHEMA = {
    "row": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "rule": pl.Int64,
}


def narrow_schema(schema: Schema, rules: Sequence[Cleaning]) -> Schema:
    """Check rules against a schema, one after the other, and return the schema of the rows after them.

    Raises:
        WiringError: a rule does not fit the table, or changes a column that the table does not have.
    """
    for rule in rules:
        narrowed = rule.narrow(schema)
        names = [change.meta.output_name() for change in rule.changes(schema)]
        if unknown := [name for name in names if name not in schema.by_name]:
            raise WiringError(
                f"{rule!r} changes {join_names(unknown)}, which {schema.name} does not have.",
                hint="a rule changes columns that are there; a feature adds others.",
            )
        rule.requirements(schema)
        schema = narrowed
    return schema


@dataclass
class CleanedRows:
    """A table whose rows are cleaned, and what was done to them.

    Attributes:
        table: all rows, with changed values; those that were rejected are still there.
        schema: the schema of the rows after the rules so far.
        is_good: False for the rows that were rejected.
        rejected: ``row``, ``column``, ``value``, ``reason`` and ``rule`` (its number) of rejected rows.
        changed: ``column``, ``from``, ``to``, ``rows`` and ``rule`` of changed values.
        counts: the numbers of changed values and of rejected rows, for each rule.
    """

    table: pl.DataFrame
    schema: Schema
    is_good: pl.Series = field(init=False)
    rejected: list[pl.DataFrame] = field(default_factory=list)
    changed: list[pl.DataFrame] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_good = pl.repeat(True, self.table.height, eager=True)

    @property
    def good(self) -> pl.DataFrame:
        """The rows that were not rejected."""
        return self.table if self.is_good.all() else self.table.filter(self.is_good)

    def apply(self, rule: Cleaning) -> None:
        """Apply one rule to the rows that no earlier one rejected."""
        number, narrowed = len(self.counts) + 1, rule.narrow(self.schema)
        changes, requirements = rule.changes(self.schema), rule.requirements(self.schema)
        changed = self._change(changes, number) if changes else 0
        rejected = self._reject(requirements, number) if requirements and self.table.height else 0
        self.counts.append((changed, rejected))
        self.schema = narrowed

    def _change(self, changes: Sequence[pl.Expr], number: int) -> int:
        """Change columns, and return the number of changed values."""
        names = [change.meta.output_name() for change in changes]
        before, after = self.table.select(names), self.table.with_columns(changes).select(names)
        types = zip(names, before.dtypes, after.dtypes, strict=True)
        texts = (pl.Categorical, pl.Enum)  # an Enum may lack the new text
        casts = [pl.col(n).cast(old) for n, old, new in types if old not in (new, *texts)]
        after = after.with_columns(casts)
        self.table = self.table.with_columns(after.get_columns())
        differs, total = _find_differences(before, after, self.is_good), 0
        for mask in differs:
            pairs = pl.DataFrame(
                {"from": before[mask.name].filter(mask), "to": after[mask.name].filter(mask)}
            )
            self.changed.append(_describe_changes(pairs, mask.name, number))
            total += pairs.height
        return total

    def _reject(self, requirements: Sequence[Check], number: int) -> int:
        """Reject rows, and return their number."""
        # A requirement may have one value for all rows: a column of full height repeats it in each row.
        height = pl.repeat(False, pl.len()).alias("height")
        exprs = [check.broken.alias(str(i)) for i, check in enumerate(requirements)]
        broken, total = self.table.select(height, *exprs).drop("height"), 0
        some = broken.select(pl.all().any()).row(0)  # in one query: there may be thousands of requirements
        for check, is_broken, is_any in zip(requirements, broken, some, strict=True):
            if is_any and len(rows := (is_broken & self.is_good).arg_true()):
                self.is_good = self.is_good.scatter(rows, False)
                self.rejected.append(self._describe_rejects(check, rows, number))
                total += len(rows)
        return total

    def _describe_rejects(self, check: Check, rows: pl.Series, number: int) -> pl.DataFrame:
        has_values = check.name in self.table.columns  # a requirement may have another name
        shown = self.table[check.name].gather(rows.head(MAX_KEPT)).to_list() if has_values else []
        values = list(map(_show_value, shown))
        return pl.DataFrame(
            {
                "row": rows,
                "column": check.name,
                "value": values + [None] * (len(rows) - len(values)),
                "reason": check.requirement,
                "rule": number,
            },
            schema=_REJECT_SCHEMA,
            strict=False,
        )

    def report(self, rules: Sequence[Cleaning]) -> None:
        """Keep what was changed and rejected, log a line of it, and tell scoring why a row has gone."""
        rejected = pl.concat([pl.DataFrame(schema=_REJECT_SCHEMA), *self.rejected])
        rows = rejected["row"]
        report_rejections(rows, rejected.select(pl.format("{} {}", "column", "reason")).to_series())
        height, changed = self.table.height, sum(count for count, _ in self.counts)
        reasons = rejected.group_by("column", "reason", maintain_order=True).len()
        listed = join_names((f"{n:,} because {c} {why}" for c, why, n in reasons.rows()), 4)
        emit(
            f"{len(rows):,} of {height:,} rows rejected{f' ({listed})' if listed else ''}, "
            f"{changed:,} values changed"
        )
        if len(rows) * 2 > height:
            warn(f"{len(rows):,} of {height:,} rows are rejected, more than half of them.")
        keep("rules", _describe_rules(rules, self.counts))
        if self.rejected:
            keep_rows("rejected", _take_share(self.rejected).sort("row"), self.table, self.schema)
        if self.changed:
            keep("changed", _take_share(self.changed))


def _find_differences(before: pl.DataFrame, after: pl.DataFrame, is_good: pl.Series) -> list[pl.Series]:
    """Return a mask of the good rows that differ for each column that does, under its name."""
    # In one query: there may be thousands of columns.
    names = after.columns
    both = before.rename({n: f"before {i}" for i, n in enumerate(names)}).hstack(
        after.rename({n: f"after {i}" for i, n in enumerate(names)})
    )
    masks = both.select(
        pl.col(f"before {i}").cast(dtype).ne_missing(pl.col(f"after {i}")).and_(is_good).alias(str(i))
        for i, dtype in enumerate(after.dtypes)
    )
    some = masks.select(pl.all().any()).row(0)
    return [mask.alias(name) for name, mask, is_any in zip(names, masks, some, strict=True) if is_any]


def _take_share(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the first lines of each part: a rule with thousands leaves room for those of the others."""
    share = max(MAX_KEPT // len(parts), 1)
    return pl.concat(part.head(share) for part in parts).head(MAX_KEPT)


def keep_rows(name: str, rows: pl.DataFrame, table: pl.DataFrame, schema: Schema) -> None:
    """Keep a description of rows that a step left out, with their ids, of the first thousand at most.

    Args:
        name: the name under which it is kept.
        rows: its column ``row`` has the number of each row in the table.
        table: the rows before any was left out.
        schema: says which columns are the id.
    """
    first = rows.head(MAX_KEPT)
    ids = [table[c].gather(first["row"]).alias(f"id_{c}" if c in first.columns else c) for c in schema.ids]
    keep(name, first.select("row").hstack(ids).hstack(first.drop("row")))


def _describe_rules(rules: Sequence[Cleaning], counts: Sequence[tuple[int, int]]) -> pl.DataFrame:
    lines = [(n, *c, shorten(repr(r), 200)) for n, (r, c) in enumerate(zip(rules, counts, strict=True), 1)]
    return pl.DataFrame(lines, schema=["rule", "changed", "rejected", "settings"], orient="row")


def _describe_changes(pairs: pl.DataFrame, column: str, number: int) -> pl.DataFrame:
    """Count the pairs of an old and a new value; the most frequent ones come first."""
    counts = pairs.group_by("from", "to", maintain_order=True).len("rows")
    counts = counts.sort("rows", descending=True, maintain_order=True).head(MAX_KEPT)
    texts = [list(map(_show_value, counts[side])) for side in ("from", "to")]
    return pl.DataFrame(
        {"column": column, "from": texts[0], "to": texts[1], "rows": counts["rows"], "rule": number},
        schema_overrides={"from": pl.String, "to": pl.String, "rows": pl.Int64, "rule": pl.Int64},
    )


def _show_value(value: object) -> str | None:
    """Write a value as a text of bounded length; in quotes if blanks at its ends would not be seen."""
    if value is None:
        return None
    return shorten(repr(value) if isinstance(value, str) and value != (value.strip() or None) else value)
