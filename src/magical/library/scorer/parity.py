"""Checks on a run's test rows: scorer against run, single rows against batch, model against champion."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from magical.contracts.model import Model
from magical.contracts.promises import attach_promise, attached_promise
from magical.engine.protocols import Registry, StepContext, Version
from magical.errors import MagicalError, RegistryDown, shorten
from magical.library.evaluating import evaluate
from magical.library.metrics.metric_settings import Metric
from magical.library.remarks import mute_events
from magical.library.scorer.promotion_gate import Criterion, format_distinct
from magical.library.scorer.scorer import Scorer
from magical.refs import Link
from magical.scoring_path import ScoringPath

__all__ = [
    "CHAMPION_CRITERION",
    "ROW_CRITERION",
    "HeldOutRows",
    "check_row_parity",
    "check_run_parity",
    "compare_with_champion",
    "find_held_out",
]

SAMPLE_ROWS = 20
_TOLERANCE = 1e-9  # sums over a batch round otherwise than over one row
_RUN_CRITERION = "as in the run"
ROW_CRITERION = "one row at a time"
CHAMPION_CRITERION = "better than the champion"


@dataclass(frozen=True)
class HeldOutRows:
    """The test rows of a run.

    Attributes:
        table: the test part, with its target.
        typed_rows: the same rows as ``model_data`` returned them, in the same order, if they were found.
        predictions: the run's predictions for them, in the same order, if it made any.
    """

    table: pl.DataFrame
    typed_rows: pl.DataFrame | None = None
    predictions: pl.DataFrame | None = None


def find_held_out(context: StepContext, path: ScoringPath, model: Link) -> HeldOutRows | None:
    """Find the test rows of a run: ``path`` names its split and typed rows; None if it has no split."""
    if not path.split:
        return None
    parts = context.load(path.split)
    table = parts.test
    typed = None
    if not path.refusal:
        rows = context.load(path.source.node)
        rows = rows[int(path.source.item)] if path.source.item else rows
        columns = [c for c in path.typed.names if c in rows.columns]
        typed = _find_typed_rows(rows.select(columns), path.typed.ids, table, parts.assignment)
    return HeldOutRows(table, typed, _find_predictions(context, path, model, table))


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


def compare_with_champion(
    registry: Registry, champion: Version, model: Model, rows: HeldOutRows | None, metric: Metric
) -> Criterion:
    """Check that the model is better than the present champion on the same test rows, by one metric.

    Raises:
        RegistryDown: the champion's files cannot be fetched now, so there is no verdict.
    """
    name = f"version {champion.number}"
    try:
        new, old = _score_both(Scorer.load(registry.folder(champion)), model, rows, metric)
    except RegistryDown:
        raise
    except Exception as error:  # an old model may fail in any way; that must not stop the registration
        lines = error.lines if isinstance(error, MagicalError) else (shorten(error, 120),)
        reason = f"cannot be compared with {name}: {lines[0]}"
        return Criterion(CHAMPION_CRITERION, metric.name, "cannot be compared", False, reason)
    better = metric.to_loss(new) < metric.to_loss(old)
    value, bound = format_distinct(new, old), format_distinct(old, new)
    reason = "" if better else f"{metric.name} {value} is not better than {bound} of {name}"
    return Criterion(
        CHAMPION_CRITERION, f"{metric.name} better than {bound} of {name}", value, better, reason
    )


class _Incomparable(MagicalError):
    """Raised if a model and the champion cannot be compared."""


def _score_both(
    champion: Scorer, model: Model, rows: HeldOutRows | None, metric: Metric
) -> tuple[float, float]:
    """Return the metric of the model and that of the champion, on the test rows that both predict."""
    if rows is None or rows.typed_rows is None:
        raise _Incomparable(
            "the test rows cannot be found among the typed rows; an Id column would tell them"
        )
    old = champion.model
    if (old.target, old.task) != (model.target, model.task):
        raise _Incomparable(f"it predicts {old.target} ({old.task})")
    if set(old.classes) != set(model.classes):
        raise _Incomparable("it predicts other classes")
    # The champion gets typed rows: its own steps may compute other features than those of the test part.
    predictions = (model.predict(rows.table), champion.predict(rows.typed_rows))
    # A row that one of the two rejects would compare them on different rows.
    common = predictions[0]["prediction"].is_not_null() & predictions[1]["prediction"].is_not_null()
    table, promise = rows.table.filter(common), attached_promise(rows.table)
    table = attach_promise(table, promise) if promise else table  # a filtered table has lost its promise
    with mute_events():
        scores = [evaluate.function(p.filter(common), table, "test", (metric,)) for p in predictions]
    if metric.name not in scores[0].metrics:
        raise _Incomparable(f"{metric.name} is not computed for {model.task}")
    return scores[0][metric.name], scores[1][metric.name]


def _find_typed_rows(
    typed: pl.DataFrame, ids: list[str], test: pl.DataFrame, assignment: pl.DataFrame
) -> pl.DataFrame | None:
    """Select the test rows from the typed table, in the order of the test part.

    They are matched by id or, without ids, by position; None if they cannot be matched.
    """
    if ids and set(ids) <= set(test.columns):
        if typed.select(ids).is_duplicated().any() or typed.select(ids).schema != test.select(ids).schema:
            return None
        joined = test.select(ids).join(typed, on=ids, how="inner", maintain_order="left")
        return joined.select(typed.columns) if joined.height == test.height else None
    if not ids and typed.height == assignment.height:
        return typed.filter((assignment["part"] == "test").fill_null(False))
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
