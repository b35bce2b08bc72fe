"""The step ``select``: choose the best of several models, or an ensemble of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import Model, format_number
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, WiringError, join_names
from magical.events import current_sink, emit, keep
from magical.library.candidate_table import keep_candidates
from magical.library.common_rows import name_model
from magical.library.decision import Decision, choose_threshold, score_thresholds
from magical.library.ensembling import combine_ranked
from magical.library.judging.candidate_scores import score_candidates
from magical.library.metrics.metric_settings import Metric, check_metrics, find_deciding
from magical.library.model_ranking import check_models, rank_models
from magical.library.prediction_task import PROBABILITY_PREFIX, encode_classes
from magical.steps import step
from magical.synthesis.stub_models import is_stub

__all__ = ["select"]

C = TypeVar("C", bound=Contract)


def _check_selection(
    models: object,
    validation: Schema | None,
    metrics: Sequence[Metric],
    ensemble: bool,
    decision: Decision,
) -> None:
    """Check, while the workflow is drawn, that there are models, and that metrics and decision fit."""
    if isinstance(models, (list, tuple)) and not models:
        raise WiringError(
            "There are no models to compare.", hint="give select one at least; are the experiments empty?"
        )
    check_metrics(metrics, validation)
    decision.check(validation, metrics)


@step(promises=_check_selection)
def select(
    models: list[Model],
    validation: Frame[C] | None = None,
    metrics: tuple[Metric, ...] = (),
    ensemble: bool = True,
    decision: Decision = Decision(),  # noqa: B008
) -> Model:
    """Choose the model with the best score on held-out rows, or an ensemble of models where that is better.

    Only predictions of rows that a fit had not seen are read: those that ``tune`` and ``train`` have put into
    ``Model.held_out``. The rows that all models have are scored by the first of ``metrics``; without one by
    log loss for classes, by the root mean squared error for numbers. Of equally good models the simplest
    wins: a linear model is simpler than any other; among equally simple models, the first in the list.

    The ensemble is the weighted mean of the predictions of its members. Its weights minimise log loss or
    squared error, and it must win by the deciding metric on rows that its weights were not chosen on:
    ``magical.library.ensembling.combine_models`` says how.

    Args:
        models: fitted models of the same target. Those whose experiment failed are left out, with a warning.
        validation: rows that no model was fitted on, for models of a step of the project, which have no
            held-out predictions.
        metrics: the metrics of the settings; the first decides.
        ensemble: False to choose one model always.
        decision: how the threshold of two classes is chosen on the held-out rows; by default it is 0.5.

    Returns:
        The winner, with all other candidates and their scores, which are also kept as ``candidates``.

    Raises:
        BrokenPromise: ``models`` is empty, all failed, the models predict different targets, have no held-out
            row in common or none at all, or the metric is undefined for all of them.
        StepError: the function of the metric raises, or returns no number.
        WiringError: a metric does not fit the target. Found while drawing, if the contract tells.

    Example:
        >>> from magical import Target
        >>> from magical.library import linear, model_data, train, transform
        >>> class Customer(Contract):
        ...     income: float
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "response": [False, True, False, True]})
        >>> table = model_data(raw, Customer)
        >>> models = [train(table, table, transform(table), linear(name=n)) for n in ("one", "other")]
        >>> best = select(models)
        >>> best.chosen.name, [c.name for c in best.candidates]
        ('one', ['other'])
    """
    check_models(models)
    deciding = find_deciding(metrics)
    known = _hold_out(models, validation, deciding)
    if stubs := [m for m in known if is_stub(m) and m.held_out is None]:
        return stubs[0]  # a pretended model has predicted nothing that could be compared
    ranking = rank_models(known, deciding)
    best = _decide((combine_ranked(ranking) if ensemble else None) or ranking.best, decision, metrics)
    assert best.chosen is not None, "a ranking names its candidates"
    scores = join_names(f"{c.name} {format_number(c.score)}" for c in ranking.candidates)
    emit(f"{best.chosen.title} is best: {scores}")
    if best.recipe is None and best.chosen.name == "ensemble":
        emit("steps of the project fitted its members: refit cannot fit it again")
    if current_sink.get() is not None:
        keep("candidate_scores", score_candidates(ranking, best, metrics))
    return keep_candidates(best, len(ranking.rows.truth))


def _decide(model: Model, decision: Decision, metrics: Sequence[Metric]) -> Model:
    """Choose the threshold of a model on its held-out rows, and predict these by it."""
    if not decision.is_made:
        return model
    held_out = model.held_out
    if model.task != "binary" or held_out is None:
        raise BrokenPromise(
            f"A decision is for two classes, and {model.target} has {len(model.classes) or 'numbers'}.",
            hint="leave the decision out.",
        )
    probability = held_out[f"{PROBABILITY_PREFIX}{model.classes[1]}"].to_numpy()
    positive = encode_classes(held_out[model.target], [str(c) for c in model.classes]) == 1
    threshold = choose_threshold(decision, probability, positive, metrics)
    value = float(score_thresholds(decision, probability, positive, np.array([threshold]), metrics)[0])
    told = decision.describe(str(model.classes[1]), threshold, format_number(value))
    emit(f"{told} on the held-out rows")
    places = pl.Series((probability >= threshold).astype(int), dtype=pl.UInt32)
    prediction = pl.Series("prediction", list(model.classes)).gather(places)
    return replace(model, threshold=threshold, held_out=held_out.with_columns(prediction))


def _hold_out(
    models: Sequence[Model], validation: pl.DataFrame | None, deciding: Metric | None
) -> list[Model]:
    """Add predictions of validation as held-out rows to the models of the project's own."""
    own = [m for m in models if m.held_out is None and not m.failure]
    if validation is None or not own:
        return list(models)
    ids, target = contract_of(validation).ids, own[0].target
    if target not in validation.columns:
        raise BrokenPromise(
            f"select: validation has no {target}, which {name_model(own[0])} predicts.",
            hint="give the part validation of split.",
        )
    if not ids and len(own) < len(models):
        raise BrokenPromise(
            f"select cannot match the predictions of {name_model(own[0])} with those of the others: "
            "the rows have no Id.",
            hint="mark an Id[...] in the contract.",
        )
    rows = validation.filter(pl.col(target).is_not_null())
    keys = rows.select(ids) if ids else pl.DataFrame({"row": range(rows.height)})
    weights = [deciding.weights] if deciding and deciding.weights in rows.columns else []
    added = [rows.select(target), *([rows.select(weights)] if weights else [])]

    def judge(model: Model) -> Model:
        if model.held_out is not None or model.failure:
            return model
        held_out = pl.concat([keys, added[0], model.predict(rows), *added[1:]], how="horizontal")
        chosen = model.chosen and replace(model.chosen, scored="on validation")
        return replace(model, held_out=held_out, chosen=chosen)

    return [judge(model) for model in models]
