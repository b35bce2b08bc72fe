"""Scores of each class: precision, recall and F1 with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from magical.library.metrics.bootstrap import Resamples, percentile_interval
from magical.library.metrics.metrics import Array, compute_confusion_metrics

__all__ = ["make_class_table"]

MAX_CLASSES = 100  # the counts of a resample grow with their square


def make_class_table(
    truth: Array, prediction: Array, classes: Sequence[str], resamples: Resamples
) -> pl.DataFrame | None:
    """Compute precision, recall and F1 of each class, with 95 % intervals; None above 100 classes.

    Args:
        truth: class numbers; -1 for a class that the model does not know.
        prediction: class numbers.
        classes: their names.
        resamples: of the same rows.

    Example:
        >>> import numpy as np
        >>> numbers = np.array([0, 1, 1])
        >>> make_class_table(numbers, numbers, ["no", "yes"], Resamples(3, seed=0))["recall"].to_list()
        [1.0, 1.0]
    """
    count = len(classes)
    if count > MAX_CLASSES:
        return None
    # One more class stands for all that the model does not know.
    size = count + 1
    codes = (truth % size) * size + prediction
    counts = resamples.counts(codes, size * size).reshape(-1, size, size)
    metrics = compute_confusion_metrics(counts)
    columns: dict[str, object] = {
        "class": list(classes),
        "rows": counts[0].sum(axis=1)[:count].astype(int),
        "predicted": counts[0].sum(axis=0)[:count].astype(int),
    }
    for name in ("precision", "recall", "f1"):
        low, high = percentile_interval(metrics[name][:, :count])
        columns |= {name: metrics[name][0, :count], f"{name}_low": low, f"{name}_high": high}
    return pl.DataFrame(columns)
