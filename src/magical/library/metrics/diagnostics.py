"""Small tables that show what scores hide: confusion, curve, calibration, and the worst rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.schema import Column
from magical.library.metrics.metrics import surprise
from magical.library.metrics.table_metrics import PREFIX, class_numbers

__all__ = ["show"]

Array = np.ndarray[Any, Any]

POINTS = 100
WORST = 20
TENTHS = 10


def show(
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
        return {"confusion": _confusion(rows, target)}
    if not probabilities:
        error = (rows["prediction"] - rows[target.name]).abs().alias("error")
        return {
            "calibration": _tenths(rows["prediction"].to_numpy(), rows[target.name].to_numpy()),
            "worst": _worst(rows, error, target, ids),
        }
    classes = [p[PREFIX:] for p in probabilities]
    truth = class_numbers(rows[target.name], classes)
    chances = rows.select(probabilities).to_numpy().astype(np.float64)
    tables = {
        "confusion": _confusion(rows, target),
        "worst": _worst(rows, pl.Series("surprise", surprise(chances, truth)), target, ids),
    }
    if len(classes) == 2:
        tables["curve"] = _curve(chances[:, 1], truth == 1)
        tables["calibration"] = _tenths(chances[:, 1], (truth == 1).astype(float))
    return tables


def _confusion(rows: pl.DataFrame, target: Column) -> pl.DataFrame:
    pairs = rows.select(
        truth=pl.col(target.name).cast(pl.String), prediction=pl.col("prediction").cast(pl.String)
    )
    return pairs.group_by(pl.all()).len("rows").sort("truth", "prediction")


def _worst(rows: pl.DataFrame, by: pl.Series, target: Column, ids: Sequence[str]) -> pl.DataFrame:
    first = [*ids, target.name, "prediction"]
    others = [c for c in rows.columns if c not in first]
    return rows.select(first).hstack([by]).hstack(rows.select(others)).top_k(WORST, by=by.name)


def _curve(scores: Array, positive: Array) -> pl.DataFrame:
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    if len(ends) > POINTS:
        ends = ends[np.linspace(0, len(ends) - 1, POINTS).astype(int)]
    hits, misses = np.cumsum(positive[order])[ends], np.cumsum(~positive[order])[ends]
    return pl.DataFrame(
        {
            "threshold": scores[order][ends],
            "true_positive_rate": hits / max(int(positive.sum()), 1),
            "false_positive_rate": misses / max(int((~positive).sum()), 1),
        }
    )


def _tenths(predicted: Array, truth: Array) -> pl.DataFrame:
    table = pl.DataFrame({"prediction": predicted.astype(float), "truth": truth.astype(float)}).sort(
        "prediction"
    )
    tenth = pl.int_range(pl.len()) * TENTHS // pl.len()
    return table.group_by(tenth.alias("tenth"), maintain_order=True).agg(
        pl.len().alias("rows"), pl.col("prediction").mean(), pl.col("truth").mean()
    )
