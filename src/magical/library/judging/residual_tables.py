"""Residuals of predicted numbers: by prediction, their distribution, and predictions against the truth."""

from __future__ import annotations

import numpy as np
import polars as pl

from magical.library.metrics.metrics import Array

__all__ = ["make_residual_tables"]

BINS, HISTOGRAM_BINS, MAX_DOTS = 10, 30, 2000
_QUANTILES = {"low5": 0.05, "low25": 0.25, "median": 0.5, "high75": 0.75, "high95": 0.95}
_SEED = 1886


def make_residual_tables(prediction: Array, truth: Array) -> dict[str, pl.DataFrame]:
    """Make the tables of residuals, which are truth minus prediction in the target's unit.

    Returns:
        ``residuals`` (quantiles of them in tenths of the rows, by prediction), ``residual_histogram`` (thirty
        bins; the outermost ones have the last half percent of each side as well), and ``predicted_truth``
        (at most 2,000 rows, drawn at random with a seed).

    Example:
        >>> tables = make_residual_tables(np.zeros(4), np.array([-1.0, 0.0, 0.0, 1.0]))
        >>> tables["residual_histogram"]["rows"].sum(), tables["predicted_truth"].height
        (4, 4)
    """
    rows = pl.DataFrame({"prediction": prediction, "truth": truth})
    residual = pl.col("truth") - pl.col("prediction")
    tenth = pl.int_range(pl.len()) * BINS // pl.len()
    by_prediction = (
        rows.sort("prediction")
        .group_by(tenth.alias("tenth"), maintain_order=True)
        .agg(
            pl.col("prediction").mean(),
            pl.len().alias("rows"),
            *(residual.quantile(q, "linear").alias(name) for name, q in _QUANTILES.items()),
        )
    )
    dots = rows if rows.height <= MAX_DOTS else rows.sample(MAX_DOTS, seed=_SEED)
    return {
        "residuals": by_prediction.drop("tenth"),
        "residual_histogram": _histogram(truth - prediction),
        "predicted_truth": dots,
    }


def _histogram(residuals: Array) -> pl.DataFrame:
    low, high = np.quantile(residuals, [0.005, 0.995])
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    counts, edges = np.histogram(np.clip(residuals, low, high), HISTOGRAM_BINS, (low, high))
    return pl.DataFrame({"left": edges[:-1], "right": edges[1:], "rows": counts})
