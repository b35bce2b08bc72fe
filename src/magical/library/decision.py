"""Decision: how the threshold of two classes is chosen, by the costs of errors or by a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from pydantic import Field, model_validator

from magical.contracts.model import format_number
from magical.contracts.schema import Schema
from magical.errors import MagicalError, WiringError, did_you_mean
from magical.library.metrics.metric_settings import Metric, list_tasks
from magical.library.metrics.metric_values import compute_metric
from magical.library.metrics.metrics import METRICS_BY_TASK, Array
from magical.library.metrics.predicted_rows import PredictedRows
from magical.settings import Settings

__all__ = ["Decision", "choose_threshold", "list_thresholds", "score_counts", "score_thresholds"]

MAX_THRESHOLDS = 100
# They compare probabilities or ranks, so no threshold changes them.
_WITHOUT_THRESHOLD = {
    "roc_auc", "average_precision", "log_loss", "brier", "neg_log_loss", "neg_brier_score", "roc_auc_ovr",
    "roc_auc_ovo", "roc_auc_ovr_weighted", "roc_auc_ovo_weighted", "d2_log_loss_score", "d2_brier_score",
}  # fmt: skip


class Decision(Settings):
    """The choice of the probability from which on a row is called positive: by costs, or by a metric.

    Without a choice the threshold is 0.5. It is chosen on held-out rows, and what it costs is told of test.

    Attributes:
        false_positive: the cost of a row that is called positive and is not, in a unit of the project.
        false_negative: the cost of a positive row that is not called so, in the same unit.
        metric: the name of the metric to make best instead, such as ``f1``.

    Example:
        >>> Decision(false_positive=1, false_negative=4).ideal_threshold
        0.2
    """

    false_positive: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    false_negative: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    metric: str = ""

    @model_validator(mode="after")
    def _check(self) -> Decision:
        costs = self.false_positive, self.false_negative
        if (costs[0] is None) != (costs[1] is None):
            raise ValueError("a decision by costs needs both, false_positive and false_negative")
        if costs[0] is not None and costs[1] is not None:
            if self.metric:
                raise ValueError("a decision is by costs or by a metric, not by both; null takes a cost back")
            if not costs[0] + costs[1]:
                raise ValueError("one of the two costs is above 0")
        if self.metric in _WITHOUT_THRESHOLD:
            raise ValueError(f"{self.metric} is the same for every threshold; f1 or accuracy depends on it")
        return self

    @property
    def is_made(self) -> bool:
        """True if costs or a metric are given."""
        return self.by_costs or bool(self.metric)

    @property
    def by_costs(self) -> bool:
        """True if the costs of errors decide."""
        return self.false_positive is not None

    def describe(self, positive: str, threshold: float, value: str) -> str:
        """Describe a threshold with what it is worth, as a text with its number.

        Example:
            >>> Decision(metric="f1").describe("yes", 0.25, "0.71")
            'yes from a probability of 0.25 on: f1 0.71'
        """
        what = f"a cost of {value} a row" if self.by_costs else f"{self.metric} {value}"
        return f"{positive} from a probability of {format_number(threshold)} on: {what}"

    @property
    def ideal_threshold(self) -> float:
        """The best threshold of calibrated probabilities by costs (Elkan 2001); 0.5 without costs."""
        if self.false_positive is None or self.false_negative is None:
            return 0.5
        return self.false_positive / (self.false_positive + self.false_negative)

    def find_metric(self, listed: Sequence[Metric] = ()) -> Metric:
        """Return the metric that decides: that of the settings with this name, else the one that is known.

        Raises:
            WiringError: there is none of this name.
        """
        found = next((m for m in listed if m.name == self.metric), None)
        try:
            return found or Metric(self.metric)
        except (MagicalError, ValueError) as error:
            known = [*(m.name for m in listed), *METRICS_BY_TASK["binary"]]
            raise WiringError(
                f"The decision is by {self.metric!r}, which is no metric, nor one of the settings.",
                hint=did_you_mean(self.metric, known),
            ) from error

    def check(self, table: Schema | None, listed: Sequence[Metric] = ()) -> None:
        """Check that the target has two classes, as far as a contract tells.

        Raises:
            WiringError: it has not, or the metric does not fit two classes.
        """
        if not self.is_made:
            return
        metric = self.find_metric(listed) if self.metric else None
        if metric and metric.function and metric.needs != "prediction":
            raise WiringError(
                f"The decision is by {self.metric}, whose function gets probabilities, "
                "which no threshold changes.",
                hint='set needs="prediction" in it, so that it gets predicted classes.',
            )
        if metric and metric.weights:
            raise WiringError(
                f"The decision is by {self.metric}, which has weights; held-out rows are counted alike.",
                hint="decide by a metric without weights, or by costs.",
            )
        target = table.by_name.get(table.target or "") if table is not None else None
        if target is not None and "binary" not in list_tasks(target):
            raise WiringError(
                f"A decision is for two classes, and {target.name} is {target.type_text}.",
                hint="leave the decision out.",
            )
        if metric and not metric.fits(["binary"]):
            raise WiringError(
                f"The decision is by {self.metric}, which is not for two classes.",
                hint="f1, accuracy, precision or recall are; or give the costs of errors.",
            )


def choose_threshold(
    decision: Decision, probability: Array, positive: Array, listed: Sequence[Metric] = ()
) -> float:
    """Choose the threshold on held-out rows.

    By costs it is ``false_positive / (false_positive + false_negative)`` if the probabilities are calibrated
    (the test of Spiegelhalter 1986 does not reject it at 5 %), else that of the least cost on these rows. By
    a metric it is that of the best value; of equally good ones the nearest to 0.5.

    Args:
        decision: the costs, or the metric.
        probability: of the positive class, of each row.
        positive: whether the row is of the positive class.
        listed: the metrics of the settings.

    Example:
        >>> probability, positive = np.array([0.1, 0.3, 0.4, 0.8]), np.array([False, True, True, True])
        >>> choose_threshold(Decision(metric="accuracy"), probability, positive)
        0.3
    """
    if not decision.is_made or not len(probability):
        return 0.5
    if decision.by_costs and _is_calibrated(probability, positive):
        return decision.ideal_threshold
    tried = list_thresholds(probability, 4 * MAX_THRESHOLDS)
    values = score_thresholds(decision, probability, positive, tried, listed)
    if decision.by_costs or decision.find_metric(listed).direction == "minimize":
        values = -values
    if not np.isfinite(values).any():
        return 0.5
    best = np.flatnonzero(values >= np.nanmax(values) - 1e-12)
    return float(tried[best[np.argmin(np.abs(tried[best] - decision.ideal_threshold))]])


def list_thresholds(probability: Array, most: int = MAX_THRESHOLDS) -> Array:
    """List thresholds at which decisions change, ascending: all probabilities, or quantiles of them.

    Example:
        >>> list_thresholds(np.array([0.5, 0.1, 0.5])).tolist()
        [0.1, 0.5]
    """
    distinct: Array = np.unique(probability)
    if len(distinct) <= most:
        return distinct
    # Between the values, so that a threshold means the same for the rows of another part.
    quantiles: Array = np.unique(np.quantile(probability, np.linspace(0, 1, most)))
    return quantiles


def score_thresholds(
    decision: Decision,
    probability: Array,
    positive: Array,
    thresholds: Array,
    listed: Sequence[Metric] = (),
) -> Array:
    """Compute the cost of a row, or the metric, at each threshold; NaN where it is undefined.

    Example:
        >>> costs = Decision(false_positive=1, false_negative=4)
        >>> probability, positive = np.array([0.1, 0.3]), np.array([False, True])
        >>> score_thresholds(costs, probability, positive, np.array([0.1, 0.3, 0.5])).tolist()
        [0.5, 0.0, 2.0]
    """
    hits, false = (_count_above(probability[p], thresholds) for p in (positive, ~positive))
    counted = score_counts(decision, hits, false, positive.sum(), (~positive).sum())
    if counted is not None:
        return counted
    metric = decision.find_metric(listed)
    both = np.column_stack([1 - probability, probability])
    truth = positive.astype(int)

    def compute(threshold: float) -> float:
        chosen = (probability >= threshold).astype(int)
        value = compute_metric(metric, PredictedRows("binary", truth, chosen, both))
        return value if math.isfinite(value) else math.nan

    return np.array([compute(t) for t in thresholds])


def score_counts(
    decision: Decision, hits: Array, false: Array, positives: Array, negatives: Array
) -> Array | None:
    """Compute the cost of a row, or the metric, from counts; None for a metric that is not one of counts.

    Args:
        decision: the costs, or the metric.
        hits: the positive rows that are called so.
        false: the negative rows that are called positive.
        positives: all positive rows.
        negatives: all negative rows.

    Example:
        >>> ones = np.array([1.0])
        >>> score_counts(Decision(metric="f1"), ones, ones, 2 * ones, ones).tolist()
        [0.5]
    """
    missed, rows = positives - hits, positives + negatives
    if decision.false_positive is not None and decision.false_negative is not None:
        costs: Array = (decision.false_positive * false + decision.false_negative * missed) / rows
        return costs
    by_name = {
        "accuracy": (rows - missed - false, rows),
        "f1": (2 * hits, 2 * hits + missed + false),
        "precision": (hits, hits + false),
        "recall": (hits, positives),
    }
    if decision.metric not in by_name:
        return None
    part, whole = np.broadcast_arrays(*by_name[decision.metric])
    values: Array = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return values


def _count_above(values: Array, thresholds: Array) -> Array:
    """Count the values at or above each threshold."""
    counts: Array = len(values) - np.searchsorted(np.sort(values), thresholds, side="left")
    return counts


def _is_calibrated(probability: Array, positive: Array) -> bool:
    """Return True if the Brier score is as large as these probabilities promise, by Spiegelhalter's test."""
    weight = 1 - 2 * probability
    spread = float(np.sum(weight**2 * probability * (1 - probability)))
    if spread <= 0:
        return False
    z = float(np.sum((positive - probability) * weight)) / math.sqrt(spread)
    return abs(z) < 1.96
