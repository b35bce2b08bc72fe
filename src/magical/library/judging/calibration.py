"""Calibration: whether predictions are as large as the truth is on average."""

from __future__ import annotations

import numpy as np
import polars as pl

from magical.library.metrics.bootstrap import wilson_interval
from magical.library.metrics.metrics import Array

__all__ = ["calibration_error", "make_calibration_table"]

BINS = 10


def make_calibration_table(predicted: Array, truth: Array, *, is_share: bool) -> pl.DataFrame:
    """Compare the mean prediction with the mean truth in tenths of the rows, ordered by prediction.

    The 95 % interval of the truth is that of a share (Wilson 1927), or of a mean of numbers. Tenths have
    equal numbers of rows, not equal widths, since predictions often crowd at one end.

    Args:
        predicted: probabilities, or numbers.
        truth: 0 or 1, or numbers.
        is_share: True for probabilities.

    Returns:
        ``tenth``, ``rows``, ``prediction``, ``truth``, ``low``, ``high``; at most ten lines.

    Example:
        >>> table = make_calibration_table(np.arange(20.0), np.arange(20.0), is_share=False)
        >>> table.height, table["truth"][0]
        (10, 0.5)
    """
    table = pl.DataFrame({"prediction": predicted.astype(float), "truth": truth.astype(float)})
    table = table.sort("prediction")
    tenth = pl.int_range(pl.len()) * BINS // pl.len()
    bins = table.group_by(tenth.alias("tenth"), maintain_order=True).agg(
        pl.len().alias("rows"),
        pl.col("prediction").mean(),
        pl.col("truth").mean(),
        pl.col("truth").std().alias("spread"),
    )
    bounds = [
        wilson_interval(mean, rows) if is_share else _mean_interval(mean, spread, rows)
        for _, rows, _, mean, spread in bins.rows()
    ]
    low, high = ([pair[i] for pair in bounds] for i in (0, 1))
    return bins.drop("spread").with_columns(pl.Series("low", low), pl.Series("high", high)).fill_nan(None)


def calibration_error(table: pl.DataFrame) -> float:
    """Compute the root of the mean squared difference of predicted and true shares, without its bias.

    The plain mean is above 0 for a perfect model: .057 with 200 rows. The variance of each tenth's share is
    taken off, so that a perfect model has 0 on average (Brocker 2012). Never a gate.

    Args:
        table: from ``make_calibration_table`` of probabilities.

    Example:
        >>> predicted = np.linspace(0, 1, 1000)
        >>> truth = (np.random.default_rng(0).random(1000) < predicted).astype(float)
        >>> calibration_error(make_calibration_table(predicted, truth, is_share=True)) < 0.03
        True
    """
    rows, predicted, truth = (table[name].to_numpy() for name in ("rows", "prediction", "truth"))
    known = rows > 1
    if not known.any():
        return 0.0
    rows, predicted, truth = rows[known], predicted[known], truth[known]
    squared = (predicted - truth) ** 2 - truth * (1 - truth) / (rows - 1)
    return float(np.sqrt(max(0.0, float(np.average(squared, weights=rows)))))


def _mean_interval(mean: float, spread: float | None, rows: int) -> tuple[float, float]:
    half = 1.96 * spread / float(np.sqrt(rows)) if spread is not None else float("nan")
    return mean - half, mean + half
