"""Rejection sampling: rows that break a rule across columns are redrawn, a bounded number of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Schema
from magical.contracts.validation import Check, build_rule_checks
from magical.errors import ContractError, join_names

__all__ = ["Redraw", "check_rules", "find_rule_columns", "redraw_broken_rows"]

Redraw = Callable[[Sequence[str], int, int], pl.DataFrame]
"""A function that draws columns again, from their names, the number of rows and the attempt."""

_ROUNDS, _MAX_CANDIDATES, _PATIENCE = 64, 4096, 8
"""The most rounds; the rows tried in each; the most rounds without progress."""


def find_rule_columns(rule: Check, columns: Sequence[str]) -> list[str]:
    """List the columns that a rule reads; all of them if polars cannot tell.

    Example:
        >>> rule = Check("order", "must hold", pl.col("left") >= pl.col("arrived"))
        >>> find_rule_columns(rule, ["id", "arrived", "left"])
        ['arrived', 'left']
    """
    if rule.holds.meta.has_multiple_outputs():  # pl.all() and selectors name no column
        return list(columns)
    return [n for n in columns if n in set(rule.holds.meta.root_names())]


def redraw_broken_rows(
    table: pl.DataFrame, schema: Schema, redraw: Redraw, fixed: Sequence[Sequence[str]]
) -> pl.DataFrame:
    """Redraw the rows that break a row-wise rule, in the columns that broken rules read.

    Args:
        table: the rows; rules that read a column which it lacks are skipped.
        schema: the schema with the rules.
        redraw: draws new values.
        fixed: lists of columns not to redraw; each rule uses the first list that leaves a column to redraw.
    """
    names = set(table.columns)
    rules = [r for r in build_rule_checks(schema) if names.issuperset(find_rule_columns(r, schema.names))]
    rules = [r for r in rules if _is_rowwise(r, table)]
    best = _find_broken(table, rules).sum()
    last_improved = 0
    for round_number in range(_ROUNDS if best else 0):
        broken = _find_broken(table, rules)
        count = int(broken.sum())
        if count < best:
            best, last_improved = count, round_number
        if not count or round_number - last_improved > _PATIENCE:
            break
        redrawn = _find_redraw_columns(table, rules, fixed)
        if not redrawn:
            break
        table = _replace_broken_rows(table, rules, broken, (redrawn, round_number), redraw)
    return table


def check_rules(table: pl.DataFrame, schema: Schema) -> None:
    """Check all rules of a generated table.

    Raises:
        ContractError: a rule is broken, or polars cannot compute it.

    Example:
        >>> check_rules(pl.DataFrame({"age": [3]}), Schema("Customer", ()))
    """
    for rule in build_rule_checks(schema) if table.height else []:
        try:
            count = int(table.lazy().select(rule.broken.sum()).collect().item() or 0)
        except pl.exceptions.PolarsError as error:
            raise ContractError(
                f"{schema.name}: whether {rule.name} {rule.requirement} cannot be computed:",
                f"  {str(error).strip().splitlines()[0]}",
                hint=f"mend {schema.name}{_source_suffix(schema)}.",
            ) from None
        if count:
            raise _rarely_met_error(rule, schema, min(count, table.height), table.height)


def _rarely_met_error(rule: Check, schema: Schema, count: int, height: int) -> ContractError:
    columns = find_rule_columns(rule, schema.names)
    return ContractError(
        f"{schema.name} cannot be pretended: its rule {rule.name} {rule.requirement}, which chance "
        "rarely meets.",
        f"  {count:,} of {height:,} generated rows still break it.",
        hint=(
            f"give {join_names(columns, 4)} Field(examples=[...]) that meet it, or widen "
            f"it{_source_suffix(schema)}."
        ),
    )


def _source_suffix(schema: Schema) -> str:
    return f" in {schema.source}" if schema.source else ""


def _is_rowwise(rule: Check, table: pl.DataFrame) -> bool:
    """Return True if a trial shows that a rule treats each row alone, so that rows can be redrawn alone."""
    sample = table.head(512)
    half = sample.head(-(-sample.height // 2))
    try:
        broken, broken_half = _find_broken(sample, [rule]), _find_broken(half, [rule])
        reversed_twice = _find_broken(sample.reverse(), [rule]).reverse()
    except pl.exceptions.PolarsError:
        return False
    return bool(broken.equals(reversed_twice)) and bool(broken.head(half.height).equals(broken_half))


def _find_broken(table: pl.DataFrame, rules: Sequence[Check]) -> pl.Series:
    """Mark the rows that break a rule; an aggregating rule gives one value, which is spread over all rows."""
    if not rules:
        return pl.repeat(False, table.height, eager=True)
    broken = table.lazy().select(pl.repeat(False, pl.len()) | pl.any_horizontal(r.broken for r in rules))
    return broken.collect().to_series().rename("broken")


def _find_redraw_columns(
    table: pl.DataFrame, rules: Sequence[Check], fixed: Sequence[Sequence[str]]
) -> list[str]:
    """List the columns to redraw: those that a broken rule reads, without the fixed ones."""
    names: dict[str, None] = {}
    for rule in rules:
        if not _find_broken(table, [rule]).any():
            continue
        roots = find_rule_columns(rule, table.columns)
        free = ([n for n in roots if n not in excluded] for excluded in fixed)
        names |= dict.fromkeys(next(filter(None, free), []))
    return list(names)


def _replace_broken_rows(
    table: pl.DataFrame,
    rules: Sequence[Check],
    broken: pl.Series,
    attempt: tuple[list[str], int],
    redraw: Redraw,
) -> pl.DataFrame:
    """Try candidates for each broken row, and take the first that satisfies all rules.

    ``attempt`` has the names of the columns to redraw, and the number of the round.
    """
    (names, round_number), rows = attempt, broken.arg_true()
    # The fewer rows are broken, the more candidates each gets, so that the last ones are found too.
    targets = pl.concat([rows] * max(1, _MAX_CANDIDATES // rows.len()))
    fresh = redraw(names, targets.len(), round_number)
    names = [n for n in fresh.columns if dtype_kind(fresh.schema[n]) == dtype_kind(table.schema[n])]
    candidates = table[targets].with_columns(fresh.select(names).get_columns())
    valid = candidates.select(names).with_columns(targets.alias("__row"))
    valid = valid.filter(~_find_broken(candidates, rules)).unique("__row", keep="first", maintain_order=True)
    if valid.is_empty():
        return table
    old = table.select(pl.col(n).cast(valid.schema[n]) for n in names)
    # scatter() changes a series in place; the clone keeps the column of the old table as it is.
    patched = [old.get_column(n).clone().scatter(valid["__row"], valid.get_column(n)) for n in names]
    return table.with_columns(patched)
