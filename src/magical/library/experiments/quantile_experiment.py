"""Experiments that may predict a quantile of a number in the place of its mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from magical.errors import WiringError
from magical.library.experiments.experiment import Experiment

if TYPE_CHECKING:
    from magical.contracts.schema import Schema
    from magical.library.metrics.metric_settings import Metric
    from magical.library.prediction_task import TaskKind

__all__ = ["QuantileExperiment"]


class QuantileExperiment(Experiment):
    """An experiment whose estimator can predict a quantile.

    Attributes:
        quantile: the quantile of a number to predict, such as 0.9; by default its mean.
    """

    is_abstract: ClassVar[bool] = True

    quantile: float | None = Field(default=None, gt=0, lt=1)

    def check(self, train: Schema | None, metrics: Sequence[Metric]) -> None:
        """Check that the target is a number, and that the deciding metric judges a quantile.

        Raises:
            WiringError: it is not so.
        """
        super().check(train, metrics)
        target = train.by_name.get(train.target or "") if train is not None else None
        if target is not None and target.is_class:
            self.check_task("binary")
        if self.quantile is None or any(m.judges_quantile(self.quantile) for m in metrics[:1]):
            return
        decides = metrics[0].name if metrics else "rmse"
        raise WiringError(
            f"{self.name} predicts the quantile {self.quantile}, which the metric {decides} does not judge.",
            hint=f'let the first of the metrics be {{name = "pinball", quantile = {self.quantile}}}.',
        )

    def check_task(self, task: TaskKind) -> None:
        """Check that a quantile is of a number.

        Raises:
            WiringError: the target has classes.
        """
        if self.quantile is not None and task != "regression":
            raise WiringError(
                f"{self.name} predicts the quantile {self.quantile}, and the target has classes.",
                hint="leave quantile out; classes have probabilities.",
            )
