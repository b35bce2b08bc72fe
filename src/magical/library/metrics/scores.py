"""Scores: the metrics of a model, each with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from magical.brand import mark_not_real
from magical.contracts.contract import Contract
from magical.errors import did_you_mean, join_names, shorten
from magical.html_tables import NotReal, render_table
from magical.library.metrics.metric_settings import Metric, find_deciding
from magical.library.metrics.metrics import LOWER_IS_BETTER, METRICS_BY_TASK, PRIMARY
from magical.library.rare_classes import FEW_ROWS, RARE_SHARE

if TYPE_CHECKING:
    import polars as pl

    from magical.contracts.schema import Column

__all__ = ["Score", "Scores"]

_NO_METRIC = "no metric can be computed on these rows"


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
        rarest: the evaluated rows of the rarest class; None if the target is a number.
        absent: the classes of the model that no evaluated row has; ``rarest`` is 0 then.
        metrics: the scores by name of the metric, the primary metric first.
        project_metrics: the metrics of the settings, the deciding one first; empty where ours decides.
        baselines: the scores of what a model must beat on the same rows, ``constant`` and ``linear``.
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
    rarest: int | None = None
    absent: tuple[str, ...] = ()
    # The examples are for a pretended step that takes no table with a target.
    metrics: dict[str, Score] = Field(examples=[{"roc_auc": {"value": 0.5, "low": 0.4, "high": 0.6}}])
    project_metrics: tuple[Metric, ...] = ()
    baselines: dict[str, dict[str, Score]] = Field(default_factory=dict)
    origin: tuple[str, ...] = ()

    @classmethod
    def __pretend__(cls, target: Column, values: pl.Series) -> Scores:
        """Pretend the scores of a model that knows nothing, for rows whose target has these values."""
        known = values.drop_nulls()
        task, positive, metrics = "regression", "", _guess_regression(known)
        if target.is_class:
            classes = [str(c) for c in target.choices] or sorted({str(v) for v in known})
            task = "multiclass" if len(classes) > 2 else "binary"
            positive = classes[-1] if task == "binary" and classes else ""
            metrics = _guess_classification(max(len(classes), 2))
        scores = {k: Score(value=v, low=v - abs(v) / 5, high=v + abs(v) / 5) for k, v in metrics.items()}
        return cls(
            task=task, target=target.name, part="test", rows=known.len(), positive=positive, metrics=scores
        )

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<scores of {self.target}: {shorten(self.summary(), 400)}>" if self.metrics else "<no scores>"

    def _repr_html_(self) -> str:
        rows = [
            (name, NotReal(str(score)) if self.origin else str(score)) for name, score in self.metrics.items()
        ]
        title = f"{self.target}, {self.rows:,} {self.part} rows"
        return render_table(title, rows, ("metric", "value (95 % interval)"), self.cautions)

    def __getitem__(self, metric: str) -> float:
        if metric not in self.metrics:
            raise KeyError(f"there is no metric {metric!r}: {did_you_mean(metric, list(self.metrics))}")
        return self.metrics[metric].value

    @property
    def primary(self) -> str:
        """The name of the metric that is shown first: the deciding one, or that of the task."""
        deciding = find_deciding(self.project_metrics)
        usual = deciding.name if deciding else ""
        usual = usual if usual in self.metrics else PRIMARY.get(self.task, "")
        return usual if usual in self.metrics else next(iter(self.metrics), "")

    @property
    def is_wide(self) -> bool:
        """True if a class has fewer than 30 of the evaluated rows."""
        return self.rarest is not None and self.rarest < FEW_ROWS

    @property
    def cautions(self) -> list[str]:
        """The reasons to doubt the scores, with the numbers: few rows, or few or no rows of a class.

        Example:
            >>> Scores(task="binary", target="y", part="test", rows=300, rarest=12, metrics={}).cautions
            ['the intervals are wide: 12 of 300 test rows are of the rarest class']
            >>> Scores(task="regression", target="y", part="test", rows=12, metrics={}).cautions
            ['the intervals are too narrow, being of 12 test rows only']
        """
        # A bootstrap knows no errors but those that it saw.
        if self.task == "regression" and self.rows < FEW_ROWS:
            return [f"the intervals are too narrow, being of {self.rows:,} {self.part} rows only"]
        if self.rarest is None:
            return []
        rows = f"{self.rarest:,} of {self.rows:,} {self.part} rows"
        absent = f"no {self.part} row is of {self.target} {join_names(self.absent, 6)}, so nothing judges it"
        found = [absent] if self.absent else []
        if self.is_wide and not self.absent:
            found.append(f"the intervals are wide: {rows} are of the rarest class")
        elif not self.absent and self.rarest < RARE_SHARE * self.rows:
            found.append(
                f"accuracy says little: {rows} ({self.rarest / self.rows:.2%}) are of the rarest class"
            )
        return found

    def find_metric(self, name: str) -> Metric | None:
        """Find a metric that can be computed again, for another model; None for one of a project's own step.

        Example:
            >>> scores = Scores(task="binary", target="y", part="test", rows=9, metrics={})
            >>> scores.find_metric("roc_auc") == Metric("roc_auc"), scores.find_metric("lift")
            (True, None)
        """
        listed = {m.name: m for m in self.project_metrics}
        ours = any(name in names for names in METRICS_BY_TASK.values())
        return listed.get(name) or (Metric(name) if ours else None)

    def is_lower_better(self, metric: str) -> bool:
        """Return True if a metric improves when it falls.

        Example:
            >>> cost = Metric("cost", function="workflow:cost", greater_is_better=False)
            >>> scores = Scores(
            ...     task="binary", target="y", part="test", rows=9, metrics={}, project_metrics=(cost,)
            ... )
            >>> scores.is_lower_better("cost"), scores.is_lower_better("roc_auc")
            (True, False)
        """
        known = {m.name: m.direction == "minimize" for m in self.project_metrics}
        return known.get(metric, metric in LOWER_IS_BETTER)

    def summary(self) -> str:
        """Format the primary metric in one line, with its interval and the evaluated rows."""
        if not self.metrics:
            return mark_not_real(_NO_METRIC) if self.origin else _NO_METRIC
        rows = f"{self.part} rows" if " " not in self.part else f"rows in {self.part}"
        text = f"{self.primary} {self.metrics[self.primary]}, {self.rows:,} {rows}"
        if self.is_wide:
            text += f", wide: {self.rarest} of the rarest class"
        own = self.metrics[self.primary]
        # With the digits of the model's number: a constant may have an interval without a width.
        width = own.high - own.low
        beside = {n: s[self.primary] for n, s in self.baselines.items() if self.primary in s}
        if len(beside) > 1:  # alone, a constant says what everybody knows
            text += f"; {', '.join(f'{n} {_format_number(s.value, width)}' for n, s in beside.items())}"
        return mark_not_real(text) if self.origin else text


def _guess_classification(classes: int) -> dict[str, float]:
    """Compute the metrics of equal probabilities, for classes of equal size."""
    share = 1 / classes
    if classes > 2:
        return {
            "log_loss": math.log(classes), "accuracy": share, "f1_macro": share, "roc_auc_ovr": 0.5
        }  # fmt: skip
    ranking = {"roc_auc": 0.5, "average_precision": 0.5, "log_loss": math.log(2), "brier": 0.25}
    return ranking | dict.fromkeys(("accuracy", "f1", "precision", "recall"), share)


def _guess_regression(values: pl.Series) -> dict[str, float]:
    """Compute the metrics of predicting the mean."""
    numbers = values.cast(float, strict=False).drop_nulls()
    errors = (numbers - (numbers.mean() or 0.0)).abs()
    return {"rmse": float(numbers.std(ddof=0) or 0.0), "mae": float(errors.mean() or 0.0), "r2": 0.0}  # type: ignore[arg-type]


def _format_number(number: float, width: float) -> str:
    """Format a number with as many digits as the width of its interval justifies."""
    digits = 3 if width <= 0 else 1 - math.floor(math.log10(width))
    minimum = 3 if abs(number) < 10 else 0
    return f"{number:,.{min(max(digits, minimum), 6)}f}"
