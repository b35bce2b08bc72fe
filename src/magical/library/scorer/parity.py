"""Show on the run's own rows that a scorer gives what was evaluated, and which of two models is better."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from magical.contracts.model import Model
from magical.contracts.promises import attach_promise, attached_promise
from magical.engine.protocols import Registry, StepContext, Version
from magical.errors import MagicalError, RegistryDown, shorten
from magical.events import current_sink
from magical.library.evaluating import evaluate
from magical.library.metrics.metrics import is_better
from magical.library.scorer.promotion_gate import Criterion, format_distinct
from magical.library.scorer.scorer import Scorer
from magical.refs import Link
from magical.scoring_path import ScoringPath

__all__ = [
    "CHAMPION_CRITERION",
    "HeldOutRows",
    "check_row_parity",
    "check_run_parity",
    "compare_with_champion",
    "find_held_out",
]

SAMPLE_ROWS = 20
_TOLERANCE = 1e-9
_RUN_CRITERION = "as in the run"
_ROW_CRITERION = "one row at a time"
CHAMPION_CRITERION = "better than the champion"


@dataclass(frozen=True)
class HeldOutRows:
    """The rows that were looked at last.

    Attributes:
        table: the test part, with its target.
        typed: the same rows as ``model_data`` gave them, in the same order, if they could be found.
        predicted: what the run predicted for them, in the same order, if it did.
    """

    table: pl.DataFrame
    typed_rows: pl.DataFrame | None = None
    predictions: pl.DataFrame | None = None


def find_held_out(context: StepContext, path: ScoringPath, model: Link) -> HeldOutRows | None:
    """Find the test rows of a run.

    Args:
        context: of the step that registers.
        path: names the split and the typed rows.
        model: what is registered, in the graph.
    """
    if not path.split:
        return None
    parts = context.load(path.split)
    table = parts.test
    typed = None
    if not path.refusal:
        rows = context.load(path.source.node)
        rows = rows[int(path.source.item)] if path.source.item else rows
        kept = [c for c in path.typed.names if c in rows.columns]
        typed = _find_typed_rows(rows.select(kept), path.typed.ids, table, parts.assignment)
    return HeldOutRows(table, typed, _find_predictions(context, path, model, table))


def check_run_parity(batch: pl.DataFrame | MagicalError, rows: HeldOutRows | None) -> Criterion:
    """The scorer must give what the run predicted.

    Args:
        batch: what the scorer gave for the test rows, where they could be found, or how it failed.
        rows: the test rows.
    """
    asked = "the run's predictions"
    if isinstance(batch, MagicalError):
        return Criterion(_RUN_CRITERION, asked, "failed", False, f"it cannot be scored: {batch.lines[0]}")
    if batch.height and batch["prediction"].null_count() == batch.height:
        return Criterion(_RUN_CRITERION, asked, "none", False, "no row gets a prediction when it is scored")
    predicted = rows.predictions if rows and rows.typed_rows is not None else None
    if predicted is None:
        return Criterion(_RUN_CRITERION, asked, "not assessed", None)
    known = [c for c in batch.columns if c in predicted.columns]
    wrong = _count_differences(batch.select(known), predicted.select(known))
    value = f"{wrong:,} of {predicted.height:,} rows differ"
    reason = f"scoring gives other numbers than the run for {wrong:,} of {predicted.height:,} test rows"
    return Criterion(_RUN_CRITERION, asked, value, not wrong, reason if wrong else "")


def check_row_parity(scorer: Scorer, rows: pl.DataFrame, batch: pl.DataFrame) -> Criterion:
    """Rows one at a time must give what they gave in a batch.

    Args:
        scorer: as it is read back from its folder.
        rows: typed rows.
        batch: what the scorer gave for them.
    """
    lacking = rows.select(pl.any_horizontal(pl.all().is_null())).to_series()
    order = pl.Series(range(rows.height))
    chosen = [*order.filter(lacking).head(SAMPLE_ROWS // 2), *order.filter(~lacking).head(SAMPLE_ROWS)][
        :SAMPLE_ROWS
    ]
    asked = f"{len(chosen)} rows equal the batch"
    try:
        alone = pl.concat([scorer.predict(rows[i]) for i in chosen])
    except MagicalError as error:
        return Criterion(
            _ROW_CRITERION, asked, "failed", False, f"one row alone cannot be scored: {error.lines[0]}"
        )
    wrong = _count_differences(alone, batch[chosen].select(alone.columns))
    reason = f"rows one at a time differ from the batch in {wrong} of {len(chosen)}" if wrong else ""
    return Criterion(_ROW_CRITERION, asked, f"{len(chosen) - wrong} equal", not wrong, reason)


def compare_with_champion(
    registry: Registry, champion: Version | None, model: Model, rows: HeldOutRows | None, metric: str
) -> Criterion:
    """The model must be better than the present champion on the same test rows.

    Args:
        registry: gives the champion's folder.
        champion: the present one, of another key.
        model: the new one.
        rows: the test rows.
        metric: decides.

    Raises:
        RegistryDown: the champion cannot be had now, so nothing can be said of it.
    """
    if champion is None:
        return Criterion(CHAMPION_CRITERION, metric, "there is no champion yet", True)
    name = f"version {champion.number}"
    try:
        ours, theirs = _score_both(Scorer.load(registry.folder(champion)), model, rows, metric)
    except RegistryDown:
        raise
    except Exception as error:  # whatever is wrong with an old model, the new one is not at fault
        lines = error.lines if isinstance(error, MagicalError) else (shorten(error, 120),)
        reason = f"cannot be compared with {name}: {lines[0]}"
        return Criterion(CHAMPION_CRITERION, metric, "cannot be compared", False, reason)
    better = is_better(metric, ours, theirs)
    mine, other = format_distinct(ours, theirs), format_distinct(theirs, ours)
    reason = "" if better else f"{metric} {mine} is not better than {other} of {name}"
    return Criterion(CHAMPION_CRITERION, f"{metric} better than {other} of {name}", mine, better, reason)


class _Incomparable(MagicalError):
    """Two models that do not predict the same."""


def _score_both(champion: Scorer, model: Model, rows: HeldOutRows | None, metric: str) -> tuple[float, float]:
    if rows is None or rows.typed_rows is None:
        raise _Incomparable(
            "the test rows cannot be found among the typed rows; an Id column would tell them"
        )
    theirs = champion.model
    if (theirs.target, theirs.task) != (model.target, model.task):
        raise _Incomparable(f"it predicts {theirs.target} ({theirs.task})")
    if set(theirs.classes) != set(model.classes):
        raise _Incomparable("it predicts other classes")
    both = {"new": model.predict(rows.table), "old": champion.predict(rows.typed_rows)}
    known = pl.Series([True] * rows.table.height)
    for predictions in both.values():
        known &= predictions["prediction"].is_not_null()
    table = rows.table.filter(known)
    promise = attached_promise(rows.table)
    table = attach_promise(table, promise) if promise else table
    with _mute_events():
        found = {n: evaluate.function(p.filter(known), table, "test") for n, p in both.items()}
    if metric not in found["new"].metrics:
        raise _Incomparable(f"{metric} is not computed for {model.task}")
    return found["new"].metrics[metric].value, found["old"].metrics[metric].value


@contextlib.contextmanager
def _mute_events() -> Iterator[None]:
    token = current_sink.set(None)
    try:
        yield
    finally:
        current_sink.reset(token)


def _find_typed_rows(
    rows: pl.DataFrame, ids: list[str], table: pl.DataFrame, assignment: pl.DataFrame
) -> pl.DataFrame | None:
    """The typed rows of the test part, in its order: by their ids, or by place where no row was dropped."""
    if ids and set(ids) <= set(table.columns):
        if rows.select(ids).is_duplicated().any() or rows.select(ids).schema != table.select(ids).schema:
            return None
        found = table.select(ids).join(rows, on=ids, how="inner", maintain_order="left")
        return found.select(rows.columns) if found.height == table.height else None
    if not ids and rows.height == assignment.height:
        return rows.filter((assignment["part"] == "test").fill_null(False))
    return None


def _find_predictions(
    context: StepContext, path: ScoringPath, model: Link, table: pl.DataFrame
) -> pl.DataFrame | None:
    """What a step that takes the model and the test part gave."""
    test = Link(path.split, "test")
    for node in context.graph.nodes:
        if node.name in context.keys and model in node.links and test in node.links:
            value = context.load(node.name)
            if isinstance(value, pl.DataFrame) and "prediction" in value.columns:
                return _align_predictions(value, table)
    return None


def _align_predictions(predictions: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame | None:
    promise = attached_promise(table)
    ids = promise.schema.ids if promise and promise.schema else []
    if ids and set(ids) <= set(predictions.columns):
        found = table.select(ids).join(predictions, on=ids, how="inner", maintain_order="left")
        return found if found.height == table.height else None
    return predictions if predictions.height == table.height else None


def _count_differences(one: pl.DataFrame, other: pl.DataFrame) -> int:
    """How many rows differ, floats by more than rounding."""
    wrong = pl.Series([False] * one.height, dtype=pl.Boolean)
    for name in one.columns:
        a, b = one.get_column(name), other.get_column(name)
        if a.dtype.is_float():
            near = ((a - b).abs() <= _TOLERANCE * b.abs().clip(1e-12)) | (a == b)
            same = near.fill_null(False) | (a.is_null() & b.is_null())
        else:
            same = a.eq_missing(b)
        wrong |= ~same
    return int(wrong.sum())
