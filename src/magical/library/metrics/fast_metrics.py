"""Our own metrics, on a table and on all resamples of it at once."""

from __future__ import annotations

import numpy as np

from magical.library.metrics.bootstrap import Resamples, bin_scores
from magical.library.metrics.metrics import (
    Array,
    compute_confusion_metrics,
    compute_log_losses,
    compute_ranking_metrics,
    compute_residual_metrics,
)
from magical.library.metrics.predicted_rows import PredictedRows

__all__ = ["resample_fast"]


def resample_fast(predicted: PredictedRows, resamples: Resamples) -> dict[str, Array]:
    """Compute our metrics for the task of the rows, the primary one first: one number for each resample.

    Example:
        >>> predicted = PredictedRows("regression", np.array([1.0, 3.0]), np.array([1.0, 5.0]))
        >>> resample_fast(predicted, Resamples(2, seed=0, number=0))["mae"].tolist()
        [1.0]
    """
    if predicted.task == "regression":
        return _resample_numbers(predicted, resamples)
    if predicted.probability is None:
        return _resample_labels(predicted, resamples)
    return _resample_probabilities(predicted.truth, predicted.prediction, predicted.probability, resamples)


def _resample_numbers(predicted: PredictedRows, resamples: Resamples) -> dict[str, Array]:
    truth, error = predicted.truth, predicted.prediction - predicted.truth
    # Squares of huge numbers are infinite: what is computed from them is undefined then, and left out.
    with np.errstate(over="ignore", invalid="ignore"):
        centred = truth - truth.mean()  # a large mean would swallow the variance in the sum of squares
        values = np.column_stack([np.ones(len(error)), np.abs(error), error**2, centred, centred**2])
        return compute_residual_metrics(resamples.sums(values))


def _resample_probabilities(
    truth: Array, predicted: Array, probabilities: Array, resamples: Resamples
) -> dict[str, Array]:
    size = probabilities.shape[1]
    by_class = _score_confusion(resamples, truth, predicted, size)
    errors = probabilities[:, -1] - (truth == size - 1)
    losses = compute_log_losses(probabilities, truth)
    count, logs, squares = resamples.sums(np.column_stack([np.ones(len(truth)), losses, errors**2])).T
    if size == 2:
        metrics = _score_ranking(resamples, probabilities[:, 1], truth == 1)
        metrics |= {"log_loss": logs / count, "brier": squares / count, "accuracy": by_class["accuracy"]}
        return metrics | {name: by_class[name][:, 1] for name in ("f1", "precision", "recall")}
    metrics = {
        "log_loss": logs / count,
        "accuracy": by_class["accuracy"],
        "f1_macro": by_class["f1"].mean(axis=1),
    }
    # A class that no row has, or that all have, has no ROC curve.
    ranked = [c for c in range(size) if 0 < (truth == c).sum() < len(truth)]
    if areas := [_score_ranking(resamples, probabilities[:, c], truth == c)["roc_auc"] for c in ranked]:
        metrics["roc_auc_ovr"] = np.mean(areas, axis=0)
    return metrics


def _resample_labels(predicted: PredictedRows, resamples: Resamples) -> dict[str, Array]:
    size = 1 + int(max(predicted.truth.max(), predicted.prediction.max()))
    by_class = _score_confusion(resamples, predicted.truth, predicted.prediction, size)
    if predicted.task == "binary":
        return {"accuracy": by_class["accuracy"]} | {
            name: by_class[name][:, 1] for name in ("f1", "precision", "recall")
        }
    return {"accuracy": by_class["accuracy"], "f1_macro": by_class["f1"].mean(axis=1)}


def _score_confusion(resamples: Resamples, truth: Array, predicted: Array, size: int) -> dict[str, Array]:
    # A pair of class numbers is one code, so a confusion matrix is one count.
    counts = resamples.counts(truth * size + predicted, size * size)
    return compute_confusion_metrics(counts.reshape(-1, size, size))


def _score_ranking(resamples: Resamples, scores: Array, positive: Array) -> dict[str, Array]:
    """Compute the ranking metrics: entry 0 from exact ranks, those of the resamples from binned scores."""
    ranks, size = bin_scores(scores)
    metrics = compute_ranking_metrics(*(resamples.counts(ranks, size, c) for c in (positive, ~positive)))
    distinct, exact_ranks = np.unique(scores, return_inverse=True)
    if len(distinct) > size:
        # Bins bias a metric a little: compute the table's own from exact ranks, and shift the resamples.
        sides = (np.bincount(exact_ranks[c], minlength=len(distinct)) for c in (positive, ~positive))
        exact = compute_ranking_metrics(*(side[None].astype(float) for side in sides))
        metrics = {name: values + (exact[name][0] - values[0]) for name, values in metrics.items()}
    return metrics
