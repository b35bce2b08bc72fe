"""Scores: what an evaluation says of a model, each number with its interval."""

from __future__ import annotations

import math

from pydantic import Field

from magical.brand import mark_not_real
from magical.contracts.contract import Contract
from magical.library.metrics.metrics import PRIMARY

__all__ = ["Score", "Scores"]


class Score(Contract):
    """One number with the interval in which it lies for 95 of 100 test sets like this one.

    Attributes:
        value: on all rows.
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
    """How good a model is on rows that it has not seen.

    Attributes:
        task: ``binary``, ``multiclass`` or ``regression``.
        target: the column that was predicted.
        part: which rows: ``test``, ``validation`` or ``train``.
        rows: how many.
        positive: for ``binary`` the class that precision, recall and the like are of.
        metrics: by name, the most telling first.
        origin: what they stand on that is not real; such scores are shown struck through, and never logged.

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
        """The name of the most telling metric."""
        usual = PRIMARY.get(self.task, "")
        return usual if usual in self.metrics else next(iter(self.metrics), "")

    def summary(self) -> str:
        """Give the most telling metric in one line, with its interval and the rows that it is from."""
        text = f"{self.primary} {self.metrics[self.primary]}, {self.rows:,} {self.part} rows"
        return mark_not_real(text) if self.origin else text


def _format_number(number: float, width: float) -> str:
    """Write a number with as many digits as the width of its interval makes worth reading."""
    worth = 3 if width <= 0 else 1 - math.floor(math.log10(width))
    least = 3 if abs(number) < 10 else 0
    return f"{number:,.{min(max(worth, least), 6)}f}"
