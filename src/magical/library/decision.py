"""Decision: what a wrong row costs, or the metric that the threshold of two classes serves."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.library.metrics.metric_settings import Metric, build_misfit_error, list_tasks
from magical.settings import Settings

__all__ = ["Decision", "check_decision"]


class Decision(Settings):
    """What decides at which probability the positive class (the last) is predicted: a metric, or costs.

    ``select`` chooses the threshold on held-out rows, ``evaluate`` tells what it is worth on its own rows.
    Without either the threshold stays at one half.

    Attributes:
        metric: a metric that predicted classes have, such as ``f1`` or ``balanced_accuracy``, or the name of
            one of the settings that ``needs="prediction"``.
        false_positive: the cost of a negative row that is called positive, in a unit of your own.
        false_negative: the cost of a positive row that is called negative.

    Example:
        >>> Decision(false_positive=2.0, false_negative=5.0).has_costs
        True
        >>> bool(Decision()), Decision(metric="f1").name
        (False, 'f1')
    """

    metric: str = Field(default="", pattern=r"^\w*$")
    false_positive: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    false_negative: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check(self) -> Self:
        costs = (self.false_positive, self.false_negative)
        if (costs[0] is None) != (costs[1] is None):
            raise ValueError("false_positive and false_negative are given together: a threshold weighs both")
        if self.metric and self.has_costs:
            raise ValueError("give a metric or costs, not both")
        if self.has_costs and not sum(c or 0.0 for c in costs):
            raise ValueError("one of the costs must be above 0")
        return self

    def __bool__(self) -> bool:
        return bool(self.metric) or self.has_costs

    @property
    def has_costs(self) -> bool:
        """True if costs decide."""
        return self.false_positive is not None

    @property
    def name(self) -> str:
        """The name of what the threshold serves: ``cost``, or the metric."""
        return "cost" if self.has_costs else self.metric

    @property
    def costs(self) -> tuple[float, float]:
        """The costs of a false positive and of a false negative."""
        return self.false_positive or 0.0, self.false_negative or 0.0

    def find_metric(self, listed: tuple[Metric, ...] = ()) -> Metric:
        """Return the metric that decides: of the settings, if they list one of this name."""
        return next((m for m in listed if m.name == self.metric), None) or Metric(self.metric)


def check_decision(decision: Decision, table: Schema | None, metrics: tuple[Metric, ...] = ()) -> None:
    """Check that a decision is about two classes, and its metric about predicted classes.

    Raises:
        WiringError: the target is a number or has more classes, or the metric does not depend on a threshold.
        SettingsError: there is no such metric.
    """
    if not decision:
        return
    metric = None if decision.has_costs else decision.find_metric(metrics)
    if metric and (metric.name in _OF_PROBABILITIES or (metric.function and metric.needs != "prediction")):
        why = 'set needs="prediction" in it' if metric.function else "choose f1, precision, recall or costs"
        raise WiringError(
            f"The decision is by {metric.name}, which no threshold changes: it judges probabilities.",
            hint=f"{why}.",
        )
    target = table.by_name.get(table.target or "") if table is not None else None
    if target is None:
        return
    _check_target(target, metric)


def _check_target(target: Column, metric: Metric | None) -> None:
    if "binary" not in (tasks := list_tasks(target)):
        raise WiringError(
            f"A decision has a threshold between two classes, and {target.name} is {target.type_text}.",
            hint="leave out decision; a number or one of many classes has no threshold.",
        )
    if metric and not metric.fits(["binary"]):
        raise build_misfit_error(metric, target.name, target.type_text, tasks)


_OF_PROBABILITIES = {
    "roc_auc", "average_precision", "log_loss", "brier", "neg_log_loss", "neg_brier_score", "roc_auc_ovr",
    "roc_auc_ovo", "roc_auc_ovr_weighted", "roc_auc_ovo_weighted", "d2_log_loss_score", "d2_brier_score",
}  # fmt: skip
