"""The tables that `evaluate` keeps beside the scores, each by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from magical.contracts.promises import FOLD, TIME_FOLD
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, shorten
from magical.library.decision import Decision
from magical.library.judging.baselines import EvaluatedRows
from magical.library.judging.calibration import calibration_error, make_calibration_table
from magical.library.judging.class_scores import make_class_table
from magical.library.judging.curves import make_curves
from magical.library.judging.decision_curve import make_decision_table
from magical.library.judging.residual_tables import make_residual_tables
from magical.library.judging.slices import find_slices
from magical.library.metrics.bootstrap import Resamples
from magical.library.metrics.metrics import Array, compute_log_losses
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.metrics.table_metrics import BOOTSTRAP_SEED, read_predicted
from magical.library.remarks import warn

__all__ = ["JUDGED", "make_diagnostics"]

JUDGED = "_judged"
"""The judged rows with their predictions, to compare runs; it stays in the store."""

WORST_ROWS = 20
BAND_RESAMPLES = 200  # a band is looked at, not read to the third digit


class _Judged(NamedTuple):
    """Evaluated rows as arrays, and their losses; without classes they are numbers."""

    classes: list[str]
    rows: PredictedRows
    losses: Array
    loss: str

    @property
    def loss_and_metric(self) -> tuple[Array, str]:
        """The losses whose means are compared between slices, and the name of that mean."""
        if not self.classes:
            return self.losses**2, "mean squared error"
        return self.losses, "error rate" if self.rows.probability is None else "log_loss"


def make_diagnostics(
    rows: EvaluatedRows,
    schema: Schema,
    decision: Decision | None = None,
    slices: Sequence[str] = (),
) -> dict[str, Any]:
    """Make the tables that a report shows beside the scores; one that fails is left out, with a warning.

    Args:
        rows: the evaluated rows.
        schema: their contract.
        decision: the costs or the metric of the threshold.
        slices: the columns whose every value is judged by itself.

    Raises:
        BrokenPromise: a column to slice by is not there.

    Returns:
        For classes ``confusion`` and ``classes`` (precision, recall and F1 of each). With probabilities
        ``worst`` (the rows of the largest loss), ``calibration``, ``calibration_error``, and for two classes
        ``roc``, ``precision_recall``, ``gain``, ``score_histogram`` and, with a decision, ``decision``. For
        numbers ``calibration``, ``worst``, ``residuals``, ``residual_histogram`` and ``predicted_truth``.
        Always ``slices``, and ``_judged``: the rows with what was predicted, to compare runs by.
    """
    resamples = Resamples(rows.table.height, BOOTSTRAP_SEED, BAND_RESAMPLES, rows.units)
    made: dict[str, Any] = {}
    for make in _list_makers(rows, schema, decision or Decision(), slices, resamples):
        try:
            made |= {name: table for name, table in make().items() if table is not None}
        except (MemoryError, OSError, BrokenPromise):
            raise
        except Exception as error:  # one table less must not lose the scores
            warn(f"a table beside the scores is left out: {shorten(f'{type(error).__name__}: {error}', 200)}")
    return made


def _list_makers(
    rows: EvaluatedRows, schema: Schema, decision: Decision, slices: Sequence[str], resamples: Resamples
) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """Yield functions that make tables, in the order in which a reader meets them."""
    judged = _read(rows)
    seen = judged.rows
    yield lambda: {JUDGED: _tabulate_judged(rows, schema)}
    yield lambda: {"worst": _worst_rows(rows, judged, schema.ids)}
    yield lambda: {
        "slices": find_slices(_cut_columns(rows, schema), *judged.loss_and_metric, slices, rows.units)
    }
    if not judged.classes:
        yield lambda: {"calibration": make_calibration_table(seen.prediction, seen.truth, is_share=False)}
        yield lambda: make_residual_tables(seen.prediction, seen.truth)
        return
    yield lambda: {"confusion": _confusion_table(rows)}
    yield lambda: {"classes": make_class_table(seen.truth, seen.prediction, judged.classes, resamples)}
    if (probability := seen.probability) is None:
        return
    yield lambda: _calibrate(seen, probability)
    if seen.task == "binary":
        yield lambda: make_curves(probability[:, 1], seen.truth == 1, resamples)
        if decision.is_made:
            yield lambda: {"decision": make_decision_table(decision, seen, resamples, rows.metrics)}


def _read(rows: EvaluatedRows) -> _Judged:
    classes, seen = read_predicted(rows.table, rows.target, rows.names)
    if not classes:
        return _Judged(classes, seen, np.abs(seen.prediction - seen.truth), "error")
    if seen.probability is None:
        return _Judged(classes, seen, (seen.truth != seen.prediction).astype(float), "error")
    return _Judged(classes, seen, compute_log_losses(seen.probability, seen.truth), "surprise")


def _calibrate(rows: PredictedRows, probability: Array) -> dict[str, Any]:
    """Calibrate the positive class of two; of more classes, the predicted one."""
    if rows.task == "binary":
        predicted, truth = probability[:, 1], rows.truth == 1
    else:
        predicted, truth = probability.max(axis=1), rows.truth == rows.prediction
    table = make_calibration_table(predicted, truth, is_share=True)
    return {"calibration": table, "calibration_error": calibration_error(table)}


def _confusion_table(rows: EvaluatedRows) -> pl.DataFrame:
    truth, prediction = (pl.col(n).cast(pl.String) for n in (rows.target.name, "prediction"))
    pairs = rows.table.select(truth=truth, prediction=prediction)
    return pairs.group_by(pl.all()).len("rows").sort("truth", "prediction")


def _worst_rows(rows: EvaluatedRows, judged: _Judged, ids: Sequence[str]) -> pl.DataFrame | None:
    """Select the rows with the largest loss; put the main columns first. Classes alone have no worst rows."""
    if judged.classes and judged.rows.probability is None:
        return None
    first = [*ids, rows.target.name, "prediction"]
    # A column of the project may have the name of the loss; an id or the target of that name stays.
    loss = judged.loss if judged.loss not in first else f"{judged.loss}_of_row"
    others = [c for c in rows.table.columns if c not in {*first, loss, FOLD, TIME_FOLD}]
    table = rows.table.select(first).with_columns(pl.Series(loss, judged.losses))
    return table.hstack(rows.table.select(others)).top_k(WORST_ROWS, by=loss)


def _cut_columns(rows: EvaluatedRows, schema: Schema) -> pl.DataFrame:
    """Select the columns that slices are made of."""
    left_out = {*schema.ids, rows.target.name, "prediction", *rows.names, FOLD, TIME_FOLD}
    return rows.table.select(c for c in rows.table.columns if c not in left_out)


def _tabulate_judged(rows: EvaluatedRows, schema: Schema) -> pl.DataFrame:
    """Select what names a row, its group, the truth and what was predicted."""
    table = rows.table
    groups = [n for n in schema.names_with_role("group") if n in table.columns][:1]
    keys = schema.ids or ["row"]
    if not schema.ids:
        table = table.drop("row", strict=False).with_row_index("row")
    names = dict.fromkeys([*keys, *groups, rows.target.name, "prediction", *rows.names])
    return table.select(list(names))
