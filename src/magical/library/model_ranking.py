"""The ranking of models by their predictions of held-out rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from magical.contracts.model import Candidate, Model
from magical.errors import BrokenPromise, join_names
from magical.library.common_rows import CommonRows, find_common_rows, name_model
from magical.library.metrics.metric_settings import Metric
from magical.library.remarks import warn

__all__ = ["TIE_TOLERANCE", "Ranking", "check_models", "rank_models", "to_loss"]

TIE_TOLERANCE = 1e-9  # a smaller relative difference of losses may be rounding


@dataclass(frozen=True)
class Ranking:
    """Models with their scores on the held-out rows that all of them have, the best first.

    Attributes:
        models: those that were fitted.
        candidates: the same, with their scores and with names that are different.
        rows: the common rows, with the predictions in the same order.
        failed: those whose experiment failed.
        earlier: those that a model had beaten before, such as the members of ``auto``.
    """

    models: tuple[Model, ...]
    candidates: tuple[Candidate, ...]
    rows: CommonRows
    failed: tuple[Candidate, ...] = ()
    earlier: tuple[Candidate, ...] = ()

    @property
    def others(self) -> tuple[Candidate, ...]:
        """The candidates that are not compared here."""
        return (*self.earlier, *self.failed)

    @property
    def best(self) -> Model:
        """The best model, with the others as its candidates."""
        chosen, *beaten = self.candidates
        return replace(self.models[0], chosen=chosen, candidates=(*beaten, *self.others))


def rank_models(models: Sequence[Model], metric: Metric | None = None) -> Ranking:
    """Rank models by a metric of their held-out rows; of equally good ones the simplest is the best.

    A linear model is simpler than any other; among equally simple models, the first in the list is the best.
    Models whose experiment failed are left out, with a warning.

    Raises:
        BrokenPromise: there are no models, all failed, they are of different tasks, they have no held-out row
            in common or different truths for one, or the metric is undefined for all of them.

    Example:
        >>> import polars as pl
        >>> from magical.contracts.schema import Schema
        >>> rows = pl.DataFrame({"row": [3, 4], "price": [1.0, 2.0], "prediction": [1.0, 4.0]})
        >>> far = Model(None, "regression", "price", Schema("House", ()), held_out=rows)
        >>> near = replace(far, held_out=rows.with_columns(prediction=pl.Series([1.0, 3.0])))
        >>> [round(c.score, 3) for c in rank_models([far, near]).candidates]
        [0.707, 1.414]
    """
    check_models(models)
    for model in models:
        if model.failure:
            warn(f"{name_model(model)} failed and is left out: {model.failure}")
    rows = find_common_rows(fitted := [m for m in models if not m.failure], metric)
    found = []
    for model, name, predicted in zip(fitted, _number_names(fitted), rows.predicted, strict=True):
        known = model.chosen or Candidate(name, math.nan, "")
        score = rows.score(predicted, model.threshold)
        found.append(replace(known, name=name, score=score, metric=rows.metric_name))
    order = _sort_by_loss(fitted, [to_loss(c.score, metric) for c in found])
    if not math.isfinite(found[order[0]].score):
        raise BrokenPromise(
            f"{rows.metric_name} is {found[0].score} for all {len(fitted)} models.",
            hint="look at the held-out rows, or choose another metric.",
        )
    failed = [replace(m.chosen, failure=m.failure) for m in models if m.failure and m.chosen]
    return Ranking(
        tuple(fitted[i] for i in order),
        tuple(found[i] for i in order),
        replace(rows, predicted=tuple(rows.predicted[i] for i in order)),
        tuple(failed),
        tuple(candidate for model in fitted for candidate in model.candidates),
    )


def to_loss(score: float, metric: Metric | None) -> float:
    """Turn a score into a number that is better when it is lower; an undefined score is the worst."""
    if not math.isfinite(score):
        return math.inf
    return metric.to_loss(score) if metric else score


def check_models(models: Sequence[Model]) -> None:
    """Check that models can be compared.

    Raises:
        BrokenPromise: there are none, all failed, or they are of different tasks.
    """
    if not models:
        raise BrokenPromise("There are no models to compare.", hint="give a list of one model at least.")
    if all(m.failure for m in models):
        reasons = [f"  {name_model(m)}: {m.failure}" for m in models]
        raise BrokenPromise(f"All {len(models)} experiments failed:", *reasons, hint="mend one of them.")
    tasks = {(m.task, m.target) for m in models}
    if len(tasks) > 1:
        raise BrokenPromise(
            f"The models are of different tasks: {join_names(' of '.join(t) for t in sorted(tasks))}.",
            hint="compare models of one target only.",
        )


def _number_names(models: Sequence[Model]) -> list[str]:
    """Return the name of each model; those after the first of one name get a number."""
    names: list[str] = []
    for name in map(name_model, models):
        number, free = 1, name
        while free in names:
            number += 1
            free = f"{name} {number}"
        names.append(free)
    return names


def _sort_by_loss(models: Sequence[Model], losses: Sequence[float]) -> list[int]:
    """Order models, the best first; of those that are nearly as good as the best, the simplest."""
    order = sorted(range(len(models)), key=lambda i: (losses[i], not _is_linear(models[i]), i))
    near = [i for i in order if losses[i] - losses[order[0]] <= TIE_TOLERANCE * abs(losses[order[0]])]
    winner = min(near, key=lambda i: (not _is_linear(models[i]), i), default=order[0])
    return [winner, *(i for i in order if i != winner)]


def _is_linear(model: Model) -> bool:
    steps: Any = getattr(model.pipeline, "steps", None)
    return bool(steps) and hasattr(steps[-1][1], "coef_")
