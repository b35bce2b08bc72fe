"""Small tables beside the scores: confusion, ROC curve, calibration, and the worst rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from magical.contracts.schema import Column
from magical.library.metrics.metrics import Array, compute_log_losses
from magical.library.prediction_task import PROBABILITY_PREFIX, encode_classes

__all__ = ["make_diagnostics"]

MAX_CURVE_POINTS = 100
WORST_ROWS = 20
CALIBRATION_BINS = 10


def make_diagnostics(
    rows: pl.DataFrame, target: Column, probabilities: Sequence[str], ids: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Make the tables that a report shows beside the scores.

    Args:
        rows: a table with the target, ``prediction`` and the probabilities, without nulls.
        target: the column with the true values.
        probabilities: the columns of probabilities, in the order of the classes; may be empty.
        ids: the columns that name a row.

    Returns:
        For classes ``confusion`` (the number of rows by truth and prediction); with probabilities also
        ``worst`` (the rows of the largest loss), and of two classes ``curve`` (the ROC curve, at most 100
        points) and ``calibration``. For numbers ``calibration`` (mean truth and prediction in tenths of the
        rows) and ``worst``.
    """
    if not probabilities and target.is_class:
        return {"confusion": _confusion_table(rows, target)}
    if not probabilities:
        error = (rows["prediction"] - rows[target.name]).abs().alias("error")
        return {
            "calibration": _calibration_table(rows["prediction"].to_numpy(), rows[target.name].to_numpy()),
            "worst": _worst_rows(rows, error, target, ids),
        }
    classes = [p.removeprefix(PROBABILITY_PREFIX) for p in probabilities]
    truth = encode_classes(rows[target.name], classes)
    values = rows.select(probabilities).to_numpy().astype(np.float64)
    tables = {
        "confusion": _confusion_table(rows, target),
        "worst": _worst_rows(rows, pl.Series("surprise", compute_log_losses(values, truth)), target, ids),
    }
    if len(classes) == 2:
        tables["curve"] = _roc_curve(values[:, 1], truth == 1)
        tables["calibration"] = _calibration_table(values[:, 1], (truth == 1).astype(float))
    return tables


def _confusion_table(rows: pl.DataFrame, target: Column) -> pl.DataFrame:
    pairs = rows.select(
        truth=pl.col(target.name).cast(pl.String), prediction=pl.col("prediction").cast(pl.String)
    )
    return pairs.group_by(pl.all()).len("rows").sort("truth", "prediction")


def _worst_rows(rows: pl.DataFrame, by: pl.Series, target: Column, ids: Sequence[str]) -> pl.DataFrame:
    """Select the rows with the largest values of ``by``; put the main columns first."""
    first = [*ids, target.name, "prediction"]
    others = [c for c in rows.columns if c not in first]
    return rows.select(first).hstack([by]).hstack(rows.select(others)).top_k(WORST_ROWS, by=by.name)


def _roc_curve(scores: Array, positive: Array) -> pl.DataFrame:
    order = np.argsort(-scores, kind="stable")
    # A threshold cannot cut between equal scores: only the last row of each score is a point.
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    if len(ends) > MAX_CURVE_POINTS:
        ends = ends[np.linspace(0, len(ends) - 1, MAX_CURVE_POINTS).astype(int)]
    true_positives, false_positives = np.cumsum(positive[order])[ends], np.cumsum(~positive[order])[ends]
    return pl.DataFrame(
        {
            "threshold": scores[order][ends],
            "true_positive_rate": true_positives / max(int(positive.sum()), 1),
            "false_positive_rate": false_positives / max(int((~positive).sum()), 1),
        }
    )


def _calibration_table(predicted: Array, truth: Array) -> pl.DataFrame:
    table = pl.DataFrame({"prediction": predicted.astype(float), "truth": truth.astype(float)})
    table = table.sort("prediction")
    # Bins of equal numbers of rows, not of equal width: predictions often crowd at one end.
    tenth = pl.int_range(pl.len()) * CALIBRATION_BINS // pl.len()
    return table.group_by(tenth.alias("tenth"), maintain_order=True).agg(
        pl.len().alias("rows"), pl.col("prediction").mean(), pl.col("truth").mean()
    )
