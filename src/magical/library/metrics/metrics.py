"""Metrics of predictions: one number for a whole table, or many at once for the resamples of a bootstrap.

Everything is computed from sums, so that a resample costs a product of matrices instead of a pass over rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "LOWER_IS_BETTER",
    "PRIMARY",
    "compute_confusion_metrics",
    "compute_ranking_metrics",
    "compute_residual_metrics",
    "is_better",
    "loss",
]

Array = np.ndarray[Any, np.dtype[np.float64]]

PRIMARY = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
"""The metric that is named first, for each task."""

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae"})
"""Metrics of which less is better; of all others more is."""

_EPSILON = float(np.finfo(np.float64).eps)


def is_better(metric: str, value: float, other: float) -> bool:
    """Say whether a value of a metric is better than another.

    Example:
        >>> is_better("roc_auc", 0.9, 0.8), is_better("rmse", 0.9, 0.8)
        (True, False)
    """
    return value < other if metric in LOWER_IS_BETTER else value > other


def loss(predicted: Array, truth: np.ndarray[Any, Any]) -> float:
    """Give the number that tuning and selection minimise.

    Args:
        predicted: probabilities of shape (rows, classes), or numbers of shape (rows,).
        truth: class numbers (-1 for a class that has no column), or numbers.

    Returns:
        The log loss, natural logarithm, probabilities clipped as scikit-learn does; or for numbers the root
        mean squared error in the target's unit.

    Example:
        >>> (
        ...     round(loss(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0])), 3),
        ...     loss(np.array([1.0]), np.array([3.0])),
        ... )
        (0.458, 2.0)
    """
    if predicted.ndim == 1:
        return float(np.sqrt(np.mean((predicted - truth) ** 2)))
    return float(np.mean(compute_log_losses(predicted, truth)))


def compute_log_losses(probabilities: Array, truth: np.ndarray[Any, Any]) -> Array:
    """Give for each row minus the logarithm of the probability of what came true."""
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    of_truth = np.where(truth >= 0, probabilities[np.arange(len(truth)), truth], 0.0)
    surprises: Array = -np.log(np.clip(of_truth, _EPSILON, 1 - _EPSILON))
    return surprises


def compute_ranking_metrics(positive: Array, negative: Array) -> dict[str, Array]:
    """Give the area under the ROC curve, and the average precision.

    Args:
        positive: how many positive rows have each score, scores ascending; shape (resamples, scores).
        negative: the same of negative rows.

    Returns:
        One number for each resample; not a number where a class is absent.

    Example:
        >>> compute_ranking_metrics(np.array([[0.0, 1.0, 1.0]]), np.array([[1.0, 1.0, 0.0]]))[
        ...     "roc_auc"
        ... ].tolist()
        [0.875]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        below = np.cumsum(negative, axis=1) - negative
        wins = np.sum(positive * (below + negative / 2), axis=1)
        positives, negatives = positive.sum(axis=1), negative.sum(axis=1)
        area = wins / (positives * negatives)
        hits, misses = (np.cumsum(a[:, ::-1], axis=1) for a in (positive, negative))
        precision = np.nan_to_num(hits / (hits + misses))
        average = np.sum(positive[:, ::-1] * precision, axis=1) / positives
    return {"roc_auc": area, "average_precision": average}


def compute_confusion_metrics(counts: Array) -> dict[str, Array]:
    """Give accuracy, and precision, recall and F1 of each class; 0 where one is undefined.

    Args:
        counts: rows by truth and prediction; shape (resamples, classes, classes).

    Returns:
        ``accuracy`` of shape (resamples,); ``precision``, ``recall``, ``f1`` of shape (resamples, classes).
    """
    hits = np.diagonal(counts, axis1=1, axis2=2)
    true, predicted = counts.sum(axis=2), counts.sum(axis=1)
    return {
        "accuracy": hits.sum(axis=1) / counts.sum(axis=(1, 2)),
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, true),
        "f1": _ratio(2 * hits, true + predicted),
    }


def compute_residual_metrics(sums: Array) -> dict[str, Array]:
    """Give the errors of predicted numbers.

    Args:
        sums: of one, of absolute errors, of squared errors, of the truth and of its square;
            shape (resamples, 5). The truth is best centred before, lest its variance be lost to rounding.

    Returns:
        ``rmse`` and ``mae`` in the target's unit, and ``r2`` (not a number where the truth does not vary).
    """
    rows, absolute, squared, total, squares = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares - total**2 / rows
        r2 = np.where(spread > 0, 1 - squared / spread, np.nan)
        return {"rmse": np.sqrt(squared / rows), "mae": absolute / rows, "r2": r2}


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)
