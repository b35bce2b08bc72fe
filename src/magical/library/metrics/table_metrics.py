"""The metrics of a table of predictions with the truth beside them, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from magical.contracts.schema import Column
from magical.errors import BrokenPromise, join_names
from magical.library.metrics.bootstrap import Resamples, bin_scores
from magical.library.metrics.metrics import (
    compute_confusion_metrics,
    compute_log_losses,
    compute_ranking_metrics,
    compute_residual_metrics,
)
from magical.library.metrics.scores import Score
from magical.library.remarks import warn

__all__ = ["EvaluationResult", "encode_classes", "score_labels", "score_probabilities", "score_regression"]

Array = np.ndarray[Any, Any]

BOOTSTRAP_SEED = 1979
PREFIX_LENGTH = len("probability_")


class EvaluationResult(NamedTuple):
    """What evaluation found.

    Attributes:
        task: ``binary``, ``multiclass`` or ``regression``.
        metrics: by name, the most telling first.
        positive: for ``binary`` the class that the metrics are of.
    """

    task: str
    metrics: dict[str, Score]
    positive: str = ""


def score_regression(rows: pl.DataFrame, target: Column) -> EvaluationResult:
    """Compare predicted numbers with the truth.

    Args:
        rows: with the target and ``prediction``, none missing.
        target: the column of the truth.
    """
    truth = rows.get_column(target.name).cast(pl.Float64).to_numpy()
    error = rows.get_column("prediction").cast(pl.Float64).to_numpy() - truth
    centred = truth - truth.mean()
    values = np.column_stack([np.ones(len(error)), np.abs(error), error**2, centred, centred**2])
    return EvaluationResult(
        "regression",
        _compute_intervals(compute_residual_metrics(Resamples(len(error), BOOTSTRAP_SEED).sums(values))),
    )


def score_probabilities(rows: pl.DataFrame, target: Column, names: Sequence[str]) -> EvaluationResult:
    """Compare predicted classes and probabilities with the truth.

    Args:
        rows: with the target, ``prediction`` and the probabilities, none missing.
        target: the column of the truth.
        names: the columns of probabilities, in the order of the classes; of two, the last is positive.

    Raises:
        BrokenPromise: a class is predicted that has no probability.
    """
    classes, chances = _read_probabilities(rows, target, names)
    truth = encode_classes(rows.get_column(target.name), classes)
    picked = encode_classes(rows.get_column("prediction"), classes)
    if (picked < 0).any():
        raise BrokenPromise(
            f"evaluate: a prediction is none of the classes {join_names(classes)}.",
            hint="name each column of probabilities probability_CLASS.",
        )
    resamples = Resamples(len(truth), BOOTSTRAP_SEED)
    size = len(classes)
    confusion = resamples.counts(truth * size + picked, size * size).reshape(-1, size, size)
    by_class = compute_confusion_metrics(confusion)
    rowwise = np.column_stack(
        [np.ones(len(truth)), compute_log_losses(chances, truth), (chances[:, -1] - (truth == size - 1)) ** 2]
    )
    count, logs, squares = resamples.sums(rowwise).T
    if size == 2:
        found = _score_ranking(resamples, chances[:, 1], truth == 1)
        found |= {"log_loss": logs / count, "brier": squares / count, "accuracy": by_class["accuracy"]}
        found |= {name: by_class[name][:, 1] for name in ("f1", "precision", "recall")}
        return EvaluationResult("binary", _compute_intervals(found), classes[-1])
    present = [c for c in range(size) if 0 < (truth == c).sum() < len(truth)]
    areas = [_score_ranking(resamples, chances[:, c], truth == c)["roc_auc"] for c in present]
    found = {
        "log_loss": logs / count,
        "accuracy": by_class["accuracy"],
        "f1_macro": by_class["f1"].mean(axis=1),
    }
    if areas:
        found["roc_auc_ovr"] = np.mean(areas, axis=0)
    return EvaluationResult("multiclass", _compute_intervals(found))


def score_labels(rows: pl.DataFrame, target: Column) -> EvaluationResult:
    """Compare predicted classes with the truth, where no probabilities are told.

    Args:
        rows: with the target and ``prediction``, none missing.
        target: the column of the truth.
    """
    both = rows.select(pl.col(target.name, "prediction").cast(pl.String))
    seen = set(both[target.name]) | set(both["prediction"])
    classes = [*(str(c) for c in target.choices if str(c) in seen)]
    classes += sorted(seen - set(classes))
    truth, picked = (encode_classes(both.get_column(n), classes) for n in (target.name, "prediction"))
    size, resamples = len(classes), Resamples(len(truth), BOOTSTRAP_SEED)
    confusion = resamples.counts(truth * size + picked, size * size).reshape(-1, size, size)
    by_class = compute_confusion_metrics(confusion)
    if size == 2:
        found = {name: by_class[name][:, 1] for name in ("f1", "precision", "recall")}
        return EvaluationResult(
            "binary", _compute_intervals({"accuracy": by_class["accuracy"]} | found), classes[-1]
        )
    found = {"accuracy": by_class["accuracy"], "f1_macro": by_class["f1"].mean(axis=1)}
    return EvaluationResult("multiclass", _compute_intervals(found))


def encode_classes(values: pl.Series, classes: Sequence[str]) -> Array:
    """Give classes as their numbers from 0, and -1 for what is none of them.

    Example:
        >>> encode_classes(pl.Series([True, False]), ["False", "True"]).tolist()
        [1, 0]
    """
    different = values.unique().to_list()
    number = {name: i for i, name in enumerate(classes)}
    found = [number.get(str(v), -1) for v in different]
    return values.replace_strict(different, found, return_dtype=pl.Int64).to_numpy()


def _read_probabilities(rows: pl.DataFrame, target: Column, names: Sequence[str]) -> tuple[list[str], Array]:
    """Give the classes with their probabilities: 0 for a class that the model has not met in train."""
    classes = [n[PREFIX_LENGTH:] for n in names]
    chances = rows.select(names).to_numpy().astype(np.float64)
    seen = map(str, rows.get_column(target.name).unique().to_list())
    strangers = sorted(set(seen) - set(classes))
    if strangers:
        warn(
            f"{join_names(strangers)} of {target.name} were not in train: each is counted as a "
            "wrong prediction."
        )
    return [*classes, *strangers], np.hstack([chances, np.zeros((len(chances), len(strangers)))])


def _score_ranking(resamples: Resamples, scores: Array, positive: Array) -> dict[str, Array]:
    """The metrics of a ranking; of many rows the first is exact, and the resamples are shifted to it."""
    ranks, size = bin_scores(scores)
    counts = [resamples.counts(ranks, size, chosen) for chosen in (positive, ~positive)]
    found = compute_ranking_metrics(*counts)
    different, exact = np.unique(scores, return_inverse=True)
    if len(different) > size:
        sides = [
            np.bincount(exact[c], minlength=len(different))[None].astype(float) for c in (positive, ~positive)
        ]
        true = compute_ranking_metrics(*sides)
        found = {name: values + (true[name][0] - values[0]) for name, values in found.items()}
    return found


def _compute_intervals(resampled: Mapping[str, Array]) -> dict[str, Score]:
    """Give the first of each as the value, and the middle 95 % of the others as its interval."""
    scores = {}
    for name, values in resampled.items():
        drawn = values[1:][np.isfinite(values[1:])]
        if np.isfinite(values[0]) and len(drawn):
            low, high = np.percentile(drawn, [2.5, 97.5])
            scores[name] = Score(value=float(values[0]), low=float(low), high=float(high))
    return scores
