"""The test rows of a run, and checks on them: scorer against run, single rows against batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.promises import PARTS, Parts, attached_promise
from magical.contracts.tables import to_polars
from magical.engine.protocols import StepContext
from magical.errors import MagicalError
from magical.library.scorer.fitted_units import FittedUnits, RunUnits
from magical.library.scorer.promotion_gate import Criterion
from magical.library.scorer.row_conversion import state_offsets
from magical.library.scorer.scorer import Scorer
from magical.library.splitting import SplitSettings, choose_split_kind
from magical.refs import Link
from magical.scoring_path import ScoringPath

__all__ = ["ROW_CRITERION", "HeldOutRows", "check_row_parity", "check_run_parity", "find_held_out"]

SAMPLE_ROWS = 20
_TOLERANCE = 1e-9  # sums over a batch round otherwise than over one row
_RUN_CRITERION = "as in the run"
ROW_CRITERION = "one row at a time"


@dataclass(frozen=True)
class HeldOutRows:
    """The test rows of a run.

    Attributes:
        table: the test part, with its target.
        typed_rows: the same rows as ``model_data`` returned them, in the same order, if they were found.
        predictions: the run's predictions for them, in the same order, if it made any.
        units: the units of all rows of the split, if they were found.
    """

    table: pl.DataFrame
    typed_rows: pl.DataFrame | None = None
    predictions: pl.DataFrame | None = None
    units: RunUnits | None = None

    def save_units(self, folder: Path, key: str) -> None:
        """Write the units that the model was fitted or selected on beside its scorer, if they were found."""
        if self.units is not None:
            FittedUnits.from_run(self.units, key).save(folder)


def find_held_out(context: StepContext, path: ScoringPath, model: Link) -> HeldOutRows | None:
    """Find the test rows of a run: ``path`` names its split and typed rows; None if it has no split."""
    if not path.split:
        return None
    parts = context.load(path.split)
    predictions = _find_predictions(context, path, model, parts.test)
    if path.refusal:
        return HeldOutRows(parts.test, None, predictions)
    typed = context.load(path.source.node)
    typed = to_polars(typed[int(path.source.item)] if path.source.item else typed)
    columns = [c for c in path.typed.names if c in typed.columns]
    rows = _match_typed_rows(typed, columns, path.typed.ids, parts, "test")
    rows = rows if rows is None else state_offsets(rows, path.typed)
    return HeldOutRows(parts.test, rows, predictions, _find_units(context, path, parts, typed))


def check_run_parity(batch: pl.DataFrame | MagicalError, rows: HeldOutRows | None) -> Criterion:
    """Check that the scorer repeats the run's predictions.

    Args:
        batch: the scorer's predictions for the test rows, or its error.
        rows: the test rows, or None if they were not found.
    """
    threshold = "the run's predictions"
    if isinstance(batch, MagicalError):
        return Criterion(_RUN_CRITERION, threshold, "failed", False, f"it cannot be scored: {batch.lines[0]}")
    # All null is a failure even where the run's predictions were not found to compare with.
    if batch.height and batch["prediction"].null_count() == batch.height:
        reason = "no row gets a prediction when it is scored"
        return Criterion(_RUN_CRITERION, threshold, "none", False, reason)
    expected = rows.predictions if rows and rows.typed_rows is not None else None
    if expected is None:
        return Criterion(_RUN_CRITERION, threshold, "not assessed", None)
    common = [c for c in batch.columns if c in expected.columns]
    wrong = _count_differences(batch.select(common), expected.select(common))
    value = f"{wrong:,} of {expected.height:,} rows differ"
    reason = f"scoring gives other numbers than the run for {wrong:,} of {expected.height:,} test rows"
    return Criterion(_RUN_CRITERION, threshold, value, not wrong, reason if wrong else "")


def check_row_parity(scorer: Scorer, rows: pl.DataFrame, batch: pl.DataFrame) -> Criterion:
    """Check that single rows get the predictions that they got in a batch.

    Args:
        scorer: a scorer that was loaded from its folder.
        rows: typed rows.
        batch: the scorer's predictions for them.
    """
    # Half of the sample has nulls: a column that is all null in one row loses its type, which breaks steps.
    incomplete = rows.select(pl.any_horizontal(pl.all().is_null())).to_series()
    order = pl.Series(range(rows.height))
    sample = [*order.filter(incomplete).head(SAMPLE_ROWS // 2), *order.filter(~incomplete).head(SAMPLE_ROWS)]
    sample = sample[:SAMPLE_ROWS]
    threshold = f"{len(sample)} rows equal the batch"
    try:
        single = pl.concat([scorer.predict(rows[i]) for i in sample])
    except MagicalError as error:
        reason = f"one row alone cannot be scored: {error.lines[0]}"
        return Criterion(ROW_CRITERION, threshold, "failed", False, reason)
    wrong = _count_differences(single, batch[sample].select(single.columns))
    reason = f"rows one at a time differ from the batch in {wrong} of {len(sample)}" if wrong else ""
    return Criterion(ROW_CRITERION, threshold, f"{len(sample) - wrong} equal", not wrong, reason)


def _count_differences(left: pl.DataFrame, right: pl.DataFrame) -> int:
    """Count the rows that differ, floats by more than rounding."""
    wrong = pl.Series([False] * left.height, dtype=pl.Boolean)
    for name in left.columns:
        a, b = left.get_column(name), right.get_column(name)
        if a.dtype.is_float():
            # `a == b` accepts equal infinities, whose difference is NaN.
            near = ((a - b).abs() <= _TOLERANCE * b.abs().clip(1e-12)) | (a == b)
            same = near.fill_null(False) | (a.is_null() & b.is_null())
        else:
            same = a.eq_missing(b)
        wrong |= ~same
    return int(wrong.sum())


def _find_units(
    context: StepContext, path: ScoringPath, parts: Parts[Any], typed: pl.DataFrame
) -> RunUnits | None:
    """Find the units of the rows of each part; None if they cannot be told."""
    schema = context.graph.promise_of(path.source).schema
    assert schema is not None, "a source promises columns"
    kind, columns = "content", [c for c in schema.names if c in typed.columns]
    if group := _find_split_group(context, path.split, parts):
        kind, columns = "group", [group]
    elif schema.ids:
        kind, columns = "id", schema.ids
    found = [_match_typed_rows(typed, columns, schema.ids, parts, name) for name in PARTS]
    if kind == "group" and any(rows is None for rows in found):  # a step computed the group, or dropped ids
        found = [getattr(parts, name).select(columns) for name in PARTS]
    train, validation, test = found
    if train is None or validation is None or test is None:
        return None
    return RunUnits(kind, tuple(columns), pl.concat([train, validation]), test)


def _find_split_group(context: StepContext, split: str, parts: Parts[Any]) -> str:
    """Return the column by whose groups the rows were split; empty if they were not split by group."""
    schema = context.graph.promise_of(Link(split)).schema
    groups = schema.names_with_role("group") if schema else []
    call = context.graph.by_name[split].call
    if schema is None or not groups or call is None:
        return ""
    for how in call.arguments.values():
        if isinstance(how, SplitSettings):
            return groups[0] if choose_split_kind(schema, how) == "group" else ""
    # A split of the project's own is by group if it tears no group apart.
    seen = [getattr(parts, name)[groups[0]].drop_nulls().unique() for name in PARTS]
    return "" if pl.concat(seen).is_duplicated().any() else groups[0]


def _match_typed_rows(
    typed: pl.DataFrame, columns: Sequence[str], ids: list[str], parts: Parts[Any], name: str
) -> pl.DataFrame | None:
    """Select the rows of a part from the typed table, in the order of the part.

    They are matched by id or, without ids, by position; None if they cannot be matched, or lack a column.
    """
    if not set(columns) <= set(typed.columns):
        return None
    part: pl.DataFrame = getattr(parts, name)
    if ids and set(ids) <= set(part.columns):
        if typed.select(ids).is_duplicated().any() or typed.select(ids).schema != part.select(ids).schema:
            return None
        if set(columns) <= set(ids):
            return part.select(columns)
        joined = part.select(ids).join(typed, on=ids, how="inner", maintain_order="left")
        return joined.select(columns) if joined.height == part.height else None
    if not ids and typed.height == parts.assignment.height:
        return typed.select(columns).filter((parts.assignment["part"] == name).fill_null(False))
    return None


def _find_predictions(
    context: StepContext, path: ScoringPath, model: Link, table: pl.DataFrame
) -> pl.DataFrame | None:
    """Find the predictions of the first step that takes the model and the test part; None without any."""
    test = Link(path.split, "test")
    for node in context.graph.nodes:
        # Only nodes with a key have run already; a later one cannot be loaded yet.
        if node.name in context.keys and model in node.links and test in node.links:
            value = context.load(node.name)
            if isinstance(value, pl.DataFrame) and "prediction" in value.columns:
                return _align_predictions(value, table)
    return None


def _align_predictions(predictions: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame | None:
    """Return the predictions in the order of the table; None if they cannot be matched with its rows."""
    promise = attached_promise(table)
    ids = promise.schema.ids if promise and promise.schema else []
    if ids and set(ids) <= set(predictions.columns):
        joined = table.select(ids).join(predictions, on=ids, how="inner", maintain_order="left")
        return joined if joined.height == table.height else None
    return predictions if predictions.height == table.height else None
