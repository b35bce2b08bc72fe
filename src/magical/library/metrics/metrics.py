"""Metrics of predictions, for a whole table or for all resamples of a bootstrap at once.

All are computed from sums, so a resample costs a product of matrices instead of a pass over the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS_BY_TASK",
    "PRIMARY",
    "Array",
    "compute_confusion_metrics",
    "compute_ranking_metrics",
    "compute_residual_metrics",
    "loss",
]

Array = np.ndarray[Any, Any]

PRIMARY = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
"""The metric that is shown first, for each task."""

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae", "pinball"})
"""Metrics that improve when they fall; all others improve when they rise."""

METRICS_BY_TASK = {
    "binary": (
        "roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1", "precision", "recall",
    ),
    "multiclass": ("log_loss", "accuracy", "f1_macro", "roc_auc_ovr"),
    "regression": ("rmse", "mae", "r2"),
}  # fmt: skip
"""The metrics that ``evaluate`` computes, for each task."""

_EPSILON = float(np.finfo(np.float64).eps)


def loss(predicted: Array, truth: Array) -> float:
    """Compute the number that tuning and selection minimise.

    Args:
        predicted: probabilities of shape (rows, classes), or numbers of shape (rows,).
        truth: class numbers (-1 for a class without a column), or numbers.

    Returns:
        For classes the log loss (natural logarithm), for numbers the root mean squared error in the target's
        unit.

    Example:
        >>> round(loss(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0])), 3)
        0.458
    """
    if predicted.ndim == 1:
        return float(np.sqrt(np.mean((predicted - truth) ** 2)))
    return float(np.mean(compute_log_losses(predicted, truth)))


def compute_log_losses(probabilities: Array, truth: Array) -> Array:
    """Compute the log loss of each row: minus the logarithm of the probability of its true class.

    Example:
        >>> compute_log_losses(np.array([[0.5, 0.5]]), np.array([0])).round(3).tolist()
        [0.693]
    """
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    # -1 is a class that the model does not know: its probability is 0, not that of the last column.
    true_class = np.where(truth >= 0, probabilities[np.arange(len(truth)), truth], 0.0)
    # Clip as scikit-learn does, or one confident error makes the mean infinite.
    losses: Array = -np.log(np.clip(true_class, _EPSILON, 1 - _EPSILON))
    return losses


def compute_ranking_metrics(positive: Array, negative: Array) -> dict[str, Array]:
    """Compute the area under the ROC curve, and the average precision.

    Args:
        positive: the number of positive rows with each score, scores ascending; shape (resamples, scores).
        negative: the same for negative rows.

    Returns:
        One number for each resample, NaN where a class is absent.

    Example:
        >>> positive, negative = np.array([[0.0, 1.0, 1.0]]), np.array([[1.0, 1.0, 0.0]])
        >>> compute_ranking_metrics(positive, negative)["roc_auc"].tolist()
        [0.875]
    """
    # A resample may miss a class entirely: 0 / 0 is then NaN, and the interval leaves it out.
    with np.errstate(invalid="ignore", divide="ignore"):
        below = np.cumsum(negative, axis=1) - negative
        # A tie counts half, as in the Mann-Whitney statistic.
        wins = np.sum(positive * (below + negative / 2), axis=1)
        positives, negatives = positive.sum(axis=1), negative.sum(axis=1)
        area = wins / (positives * negatives)
        hits, misses = (np.cumsum(a[:, ::-1], axis=1) for a in (positive, negative))
        precision = np.nan_to_num(hits / (hits + misses))
        average = np.sum(positive[:, ::-1] * precision, axis=1) / positives
    return {"roc_auc": area, "average_precision": average}


def compute_confusion_metrics(counts: Array) -> dict[str, Array]:
    """Compute accuracy, and precision, recall and F1 of each class; 0 where one is undefined.

    Args:
        counts: the number of rows by truth and prediction; shape (resamples, classes, classes).

    Returns:
        ``accuracy`` of shape (resamples,); ``precision``, ``recall``, ``f1`` of shape (resamples, classes).

    Example:
        >>> compute_confusion_metrics(np.array([[[3, 1], [0, 4]]]))["precision"].tolist()
        [[1.0, 0.8]]
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
    """Compute the errors of predicted numbers.

    Args:
        sums: the sums of ones, absolute errors, squared errors, the truth and its square, of shape
            (resamples, 5). Centre the truth first, or its variance is lost to rounding.

    Returns:
        ``rmse`` and ``mae`` in the target's unit, and ``r2`` (NaN where the truth does not vary).
    """
    rows, absolute, squared, total, squares = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares - total**2 / rows
        r2 = np.where(spread > 0, 1 - squared / spread, np.nan)
        return {"rmse": np.sqrt(squared / rows), "mae": absolute / rows, "r2": r2}


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)
