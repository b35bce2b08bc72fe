"""The judge: the error of a model from its predictions and the truth alone."""

import math
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Losses = NDArray[np.float64]

SMALLEST = 1e-15
"""A probability is at least so much: a class that was held impossible has a finite loss."""


class BadPredictions(Exception):
    """What a peer wrote are no predictions of the rows of test."""


def read_losses(predictions: Path, truth: Path, kind: str) -> Losses:
    """Compute the loss of each row of test: the log loss for classes, the squared error for numbers.

    Raises:
        BadPredictions: a row is missing or one too many, a value is no number, or no probability.
    """
    values, target = pl.read_parquet(predictions), pl.read_parquet(truth).to_series().to_numpy()
    table = values.cast(pl.Float64).to_numpy()
    classes = 1 if kind == "regression" else int(target.max()) + 1
    if table.shape != (len(target), classes):
        raise BadPredictions(
            f"{table.shape[0]} rows of {table.shape[1]} numbers, not {len(target)} of {classes}"
        )
    if not np.isfinite(table).all():
        raise BadPredictions("a prediction is missing or infinite")
    if kind == "regression":
        return np.asarray((table[:, 0] - target) ** 2, dtype=np.float64)
    if (table < 0).any() or not np.allclose(table.sum(axis=1), 1, atol=1e-3):
        raise BadPredictions("the probabilities of a row are negative, or their sum is not 1")
    given = table[np.arange(len(target)), target] / table.sum(axis=1)
    return np.asarray(-np.log(np.clip(given, SMALLEST, 1)), dtype=np.float64)


def compute_error(losses: Losses, kind: str) -> float:
    """Compute the log loss, or the root mean squared error."""
    mean = float(losses.mean())
    return math.sqrt(mean) if kind == "regression" else mean


def compare_losses(mine: Losses, others: Losses) -> float:
    """Compute by how many standard errors the first of two models is worse on the same rows."""
    difference = mine - others
    spread = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    return float(difference.mean()) / spread if spread else 0.0
