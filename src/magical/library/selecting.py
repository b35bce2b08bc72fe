"""The step ``select``: choose the best of several models on validation."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from magical.contracts.contract import Contract
from magical.contracts.model import Candidate, Model, format_number
from magical.contracts.promises import Frame
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, join_names
from magical.events import emit
from magical.library.candidate_table import keep_candidates
from magical.library.metrics.metric_settings import Metric, check_metrics, find_deciding
from magical.library.prediction_task import Task
from magical.library.training import compute_model_score
from magical.steps import step

__all__ = ["select"]

C = TypeVar("C", bound=Contract)

TIE_TOLERANCE = 1e-9  # a smaller relative difference of losses may be rounding


def _check_selection(models: object, validation: Schema | None, metrics: Sequence[Metric]) -> None:
    """Check the metrics while the workflow is drawn."""
    check_metrics(metrics, validation)


@step(promises=_check_selection)
def select(models: list[Model], validation: Frame[C], metrics: tuple[Metric, ...] = ()) -> Model:
    """Choose the model with the best score on validation; of equally good models, the simplest.

    Every model is scored on these rows, by the first of ``metrics``; without one by log loss for classes, by
    the root mean squared error for numbers. A linear model is simpler than any other; among equally simple
    models, the first in the list wins.

    Args:
        models: fitted models of the same target.
        validation: rows that no model was fitted on.
        metrics: the metrics of the settings; the first decides.

    Returns:
        The winner, with the other candidates and their scores, which are also kept as ``candidates``.

    Raises:
        BrokenPromise: ``models`` is empty, the models predict different targets, or the metric is undefined
            for all of them.
        StepError: the function of the metric raises, or returns no number.
        WiringError: a metric does not fit the target. Found while drawing, if the contract tells.

    Example:
        >>> import polars as pl
        >>> from magical import Target
        >>> from magical.library import linear, model_data, train, transform
        >>> class Customer(Contract):
        ...     income: float
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "response": [False, True, False, True]})
        >>> table = model_data(raw, Customer)
        >>> models = [train(table, table, transform(table), linear(name=n)) for n in ("one", "other")]
        >>> best = select(models, table)
        >>> best.chosen.name, [c.name for c in best.candidates]
        ('one', ['other'])
    """
    if not models:
        raise BrokenPromise("select was given no models.", hint="give a list of one model at least.")
    tasks = {(m.task, m.target) for m in models}
    if len(tasks) > 1:
        raise BrokenPromise(
            "select was given models of different tasks: "
            f"{join_names(' of '.join(t) for t in sorted(tasks))}.",
            hint="compare models of one target only.",
        )
    # Score all again here: models may have been tuned on different rows, so their own scores do not compare.
    deciding = find_deciding(metrics)
    scores = [compute_model_score(m, validation, deciding) for m in models]
    losses = _to_losses(scores, deciding)
    order = sorted(range(len(models)), key=lambda i: (losses[i], not _is_linear(models[i]), i))
    near = [i for i in order if losses[i] - losses[order[0]] <= TIE_TOLERANCE * abs(losses[order[0]])]
    winner = min(near, key=lambda i: (not _is_linear(models[i]), i))
    scored = [_make_candidate(m, score, deciding) for m, score in zip(models, scores, strict=True)]
    beaten = tuple(scored[i] for i in order if i != winner)
    emit(
        f"{scored[winner].name} is best: " + join_names(f"{c.name} {format_number(c.score)}" for c in scored)
    )
    return keep_candidates(replace(models[winner], chosen=scored[winner], candidates=beaten))


def _to_losses(scores: list[float], metric: Metric | None) -> list[float]:
    """Turn scores into numbers that are better when they are lower; an undefined score is the worst."""
    if metric is None:
        return scores
    if not any(map(math.isfinite, scores)):
        raise BrokenPromise(
            f"select: {metric.name} is {scores[0]} for all {len(scores)} models.",
            hint="look at the rows of validation, or choose another metric.",
        )
    return [metric.to_loss(s) if math.isfinite(s) else math.inf for s in scores]


def _is_linear(model: Model) -> bool:
    steps: Any = getattr(model.pipeline, "steps", None)
    return bool(steps) and hasattr(steps[-1][1], "coef_")


def _make_candidate(model: Model, score: float, deciding: Metric | None) -> Candidate:
    """Describe a model with its score on validation as a candidate."""
    metric = deciding.name if deciding else Task(model.task, model.target).metric  # type: ignore[arg-type]
    chosen = model.chosen or Candidate("model", score, metric)  # a project's own model may have none
    return Candidate(chosen.name, score, metric, chosen.params)
