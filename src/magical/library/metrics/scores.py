"""Scores: the metrics of a model, each with its interval."""

from __future__ import annotations

import math

from pydantic import Field

from magical.brand import mark_not_real
from magical.contracts.contract import Contract
from magical.library.metrics.metrics import PRIMARY

__all__ = ["Score", "Scores"]


class Score(Contract):
    """One number with its 95 % interval.

    Attributes:
        value: the number on all rows.
        low: the 2.5 % percentile of the bootstrap.
        high: the 97.5 % percentile.

    Example:
        >>> print(Score(value=0.891, low=0.86, high=0.918))
        0.891 (0.860 to 0.918)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (
            _format_number(x, self.high - self.low) for x in (self.value, self.low, self.high)
        )
        return f"{value} ({low} to {high})"


class Scores(Contract):
    """The scores of a model on the rows of one part.

    Attributes:
        task: ``binary``, ``multiclass`` or ``regression``.
        part: the evaluated rows: ``test``, ``validation`` or ``train``.
        rows: the number of the evaluated rows.
        positive: for ``binary`` the class that precision, recall and F1 refer to.
        metrics: the scores by name of the metric, the primary metric first.
        origin: the pretended or sampled steps upstream; such scores are struck through, and never logged.

    Example:
        >>> auc = Score(value=0.891, low=0.86, high=0.918)
        >>> print(Scores(task="binary", target="response", part="test", rows=448, metrics={"roc_auc": auc}))
        roc_auc 0.891 (0.860 to 0.918), 448 test rows
    """

    task: str = Field(examples=["binary"])
    target: str = Field(examples=["target"])
    part: str = Field(examples=["test"])
    rows: int = Field(examples=[200])
    positive: str = ""
    metrics: dict[str, Score] = Field(examples=[{"roc_auc": {"value": 0.5, "low": 0.4, "high": 0.6}}])
    origin: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.summary()

    def __getitem__(self, metric: str) -> float:
        return self.metrics[metric].value

    @property
    def primary(self) -> str:
        """The name of the metric that is shown first."""
        usual = PRIMARY.get(self.task, "")
        return usual if usual in self.metrics else next(iter(self.metrics), "")

    def summary(self) -> str:
        """Format the primary metric in one line, with its interval and the evaluated rows."""
        text = f"{self.primary} {self.metrics[self.primary]}, {self.rows:,} {self.part} rows"
        return mark_not_real(text) if self.origin else text


def _format_number(number: float, width: float) -> str:
    """Format a number with as many digits as the width of its interval justifies."""
    digits = 3 if width <= 0 else 1 - math.floor(math.log10(width))
    minimum = 3 if abs(number) < 10 else 0
    return f"{number:,.{min(max(digits, minimum), 6)}f}"
