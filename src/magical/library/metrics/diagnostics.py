"""Small tables that show what scores hide: confusion, curve, calibration, and the worst rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.schema import Column
from magical.library.metrics.metrics import compute_log_losses
from magical.library.metrics.table_metrics import PREFIX_LENGTH, encode_classes

__all__ = ["make_diagnostics"]

Array = np.ndarray[Any, Any]

MAX_CURVE_POINTS = 100
WORST_ROWS = 20
CALIBRATION_BINS = 10


def make_diagnostics(
    rows: pl.DataFrame, target: Column, probabilities: Sequence[str], ids: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Give tables for the eye.

    Args:
        rows: with the target, ``prediction`` and the probabilities, none missing.
        target: the column of the truth.
        probabilities: their columns in the order of the classes; none for numbers.
        ids: the columns that name a row.

    Returns:
        For classes ``confusion`` (rows by truth and prediction) and ``worst`` (the rows whose outcome was the
        greatest surprise); for two classes also ``curve`` (the ROC curve, at most 100 points) and
        ``calibration``. For numbers ``calibration`` (mean truth and prediction in tenths) and ``worst``.
    """
    if not probabilities and target.is_class:
        return {"confusion": _confusion_table(rows, target)}
    if not probabilities:
        error = (rows["prediction"] - rows[target.name]).abs().alias("error")
        return {
            "calibration": _calibration_table(rows["prediction"].to_numpy(), rows[target.name].to_numpy()),
            "worst": _worst_rows(rows, error, target, ids),
        }
    classes = [p[PREFIX_LENGTH:] for p in probabilities]
    truth = encode_classes(rows[target.name], classes)
    chances = rows.select(probabilities).to_numpy().astype(np.float64)
    tables = {
        "confusion": _confusion_table(rows, target),
        "worst": _worst_rows(rows, pl.Series("surprise", compute_log_losses(chances, truth)), target, ids),
    }
    if len(classes) == 2:
        tables["curve"] = _roc_curve(chances[:, 1], truth == 1)
        tables["calibration"] = _calibration_table(chances[:, 1], (truth == 1).astype(float))
    return tables


def _confusion_table(rows: pl.DataFrame, target: Column) -> pl.DataFrame:
    pairs = rows.select(
        truth=pl.col(target.name).cast(pl.String), prediction=pl.col("prediction").cast(pl.String)
    )
    return pairs.group_by(pl.all()).len("rows").sort("truth", "prediction")


def _worst_rows(rows: pl.DataFrame, by: pl.Series, target: Column, ids: Sequence[str]) -> pl.DataFrame:
    first = [*ids, target.name, "prediction"]
    others = [c for c in rows.columns if c not in first]
    return rows.select(first).hstack([by]).hstack(rows.select(others)).top_k(WORST_ROWS, by=by.name)


def _roc_curve(scores: Array, positive: Array) -> pl.DataFrame:
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    if len(ends) > MAX_CURVE_POINTS:
        ends = ends[np.linspace(0, len(ends) - 1, MAX_CURVE_POINTS).astype(int)]
    hits, misses = np.cumsum(positive[order])[ends], np.cumsum(~positive[order])[ends]
    return pl.DataFrame(
        {
            "threshold": scores[order][ends],
            "true_positive_rate": hits / max(int(positive.sum()), 1),
            "false_positive_rate": misses / max(int((~positive).sum()), 1),
        }
    )


def _calibration_table(predicted: Array, truth: Array) -> pl.DataFrame:
    table = pl.DataFrame({"prediction": predicted.astype(float), "truth": truth.astype(float)}).sort(
        "prediction"
    )
    tenth = pl.int_range(pl.len()) * CALIBRATION_BINS // pl.len()
    return table.group_by(tenth.alias("tenth"), maintain_order=True).agg(
        pl.len().alias("rows"), pl.col("prediction").mean(), pl.col("truth").mean()
    )
