"""Made-up rows that break a rule across columns are drawn again, a bounded number of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Schema
from magical.contracts.validation import Check, build_rule_checks
from magical.errors import ContractError, join_names

__all__ = ["Redraw", "check_rules", "find_rule_columns", "redraw_broken_rows"]

Redraw = Callable[[Sequence[str], int, int], pl.DataFrame]
"""Draws some columns anew: their names, how many rows, and which attempt it is."""

_ROUNDS, _MAX_CANDIDATES, _PATIENCE = 64, 4096, 8


def find_rule_columns(rule: Check, columns: Sequence[str]) -> list[str]:
    """Give the columns that a rule reads; all where polars cannot say."""
    if rule.holds.meta.has_multiple_outputs():
        return list(columns)
    return [n for n in columns if n in set(rule.holds.meta.root_names())]


def redraw_broken_rows(
    table: pl.DataFrame, schema: Schema, redraw: Redraw, fixed: Sequence[Sequence[str]]
) -> pl.DataFrame:
    """Draw the rows again that break a rule which looks at one row at a time.

    Only what a broken rule reads is drawn anew.

    Args:
        table: has the columns that the rules read.
        schema: has the rules; those that read a column which the table has not are left out.
        redraw: gives new values.
        fixed: columns to leave alone; the first of these sets that leaves a broken rule something counts.
    """
    rules = [
        r for r in build_rule_checks(schema) if set(find_rule_columns(r, schema.names)) <= set(table.columns)
    ]
    rules = [r for r in rules if _is_rowwise(r, table)]
    best = _find_broken(table, rules).sum()
    last = 0
    for turn in range(_ROUNDS if best else 0):
        broken = _find_broken(table, rules)
        count = int(broken.sum())
        if count < best:
            best, last = count, turn
        if not count or turn - last > _PATIENCE:
            break
        names = _find_redraw_columns(table, rules, fixed)
        if not names:
            break
        table = _replace_broken_rows(table, rules, broken, (names, turn), redraw)
    return table


def check_rules(table: pl.DataFrame, schema: Schema) -> None:
    """Check all rules of a made-up table.

    Raises:
        ContractError: one is broken, or polars cannot compute it.
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
        f"{schema.name} cannot be made up: its rule {rule.name} {rule.requirement}, which chance "
        "rarely meets.",
        f"  {count:,} of {height:,} made-up rows still break it.",
        hint=(
            f"give {join_names(columns, 4)} Field(examples=[...]) that meet it, or widen "
            f"it{_source_suffix(schema)}."
        ),
    )


def _source_suffix(schema: Schema) -> str:
    return f" in {schema.source}" if schema.source else ""


def _is_rowwise(rule: Check, table: pl.DataFrame) -> bool:
    """Whether a rule says the same of each row, whatever rows stand beside it, as far as a trial shows."""
    some = table.head(512)
    half = some.head(-(-some.height // 2))
    try:
        whole, part = _find_broken(some, [rule]), _find_broken(half, [rule])
        turned = _find_broken(some.reverse(), [rule]).reverse()
    except pl.exceptions.PolarsError:
        return False
    return bool(whole.equals(turned)) and bool(whole.head(half.height).equals(part))


def _find_broken(table: pl.DataFrame, rules: Sequence[Check]) -> pl.Series:
    if not rules:
        return pl.repeat(False, table.height, eager=True)
    found = table.lazy().select(pl.repeat(False, pl.len()) | pl.any_horizontal(r.broken for r in rules))
    return found.collect().to_series().rename("broken")


def _find_redraw_columns(
    table: pl.DataFrame, rules: Sequence[Check], fixed: Sequence[Sequence[str]]
) -> list[str]:
    """What is drawn anew: of each broken rule the columns that it reads, and that may be."""
    names: dict[str, None] = {}
    for rule in rules:
        if not _find_broken(table, [rule]).any():
            continue
        roots = find_rule_columns(rule, table.columns)
        free = next((f for some in fixed if (f := [n for n in roots if n not in some])), [])
        names |= dict.fromkeys(free)
    return list(names)


def _replace_broken_rows(
    table: pl.DataFrame,
    rules: Sequence[Check],
    broken: pl.Series,
    attempt: tuple[list[str], int],
    redraw: Redraw,
) -> pl.DataFrame:
    """Try several new values for each broken row, and take the first that keeps all rules."""
    (names, turn), rows = attempt, broken.arg_true()
    each = max(1, _MAX_CANDIDATES // rows.len())
    places = pl.concat([rows] * each)
    fresh = redraw(names, places.len(), turn)
    names = [n for n in fresh.columns if dtype_kind(fresh.schema[n]) == dtype_kind(table.schema[n])]
    tried = table[places].with_columns(fresh.select(names).get_columns())
    good = tried.select(names).with_columns(places.alias("__place")).filter(~_find_broken(tried, rules))
    if good.is_empty():
        return table
    good = good.unique("__place", keep="first", maintain_order=True)
    kept = table.select(
        n if table.schema[n] == good.schema[n] else pl.col(n).cast(good.schema[n]) for n in names
    )
    patched = [kept.get_column(n).clone().scatter(good["__place"], good.get_column(n)) for n in names]
    return table.with_columns(patched)
