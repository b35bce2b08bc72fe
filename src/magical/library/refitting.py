"""The step ``refit``: fit a chosen model again on train and validation together."""

from dataclasses import replace
from typing import Any, TypeVar

from magical.contracts.contract import Contract
from magical.contracts.model import Model
from magical.contracts.promises import Frame
from magical.errors import BrokenPromise
from magical.library.column_plan import build_pipeline
from magical.library.fitting import name_failures, present_rows, wrap_fitted
from magical.library.part_transformer import fit_preprocessing, hash_pipeline, take_rows
from magical.library.prediction_task import Examples, Task
from magical.library.recipes import EnsembleRecipe, FitRecipe
from magical.library.remarks import log_warnings, progress
from magical.library.thread_limits import limit_threads
from magical.library.training import make_estimator
from magical.library.training_data import TrainingData
from magical.steps import step
from magical.synthesis.stub_models import is_stub

__all__ = ["fit_recipe", "read_recipe", "refit"]

C = TypeVar("C", bound=Contract)
Recipe = FitRecipe | EnsembleRecipe


@step
def refit(model: Model, train: Frame[C], validation: Frame[C]) -> Model:
    """Fit the winner once more, on the rows of train and validation together.

    An estimator that stopped early gets a tenth more rounds than its fits on fewer rows needed. With
    ``seeds`` in its settings it is fitted with as many seeds, and predicts their mean. The members of an
    ensemble are each fitted, and keep their weights; members with equal preprocessings share one fit of it.

    Args:
        model: of ``tune``, ``train`` or ``select``.
        train: the rows that it was tuned on.
        validation: those that judged it.

    Returns:
        The model with the new fit. Its held-out predictions, scores, candidates and threshold stay those of
        the fits before: of rows that a fit has seen nothing can be learned about it.

    Raises:
        BrokenPromise: its experiment failed, a step of the project fitted it, it is of another target, or the
            fit fails.

    Example:
        >>> import polars as pl
        >>> from magical import Target
        >>> from magical.library import linear, model_data, transform, tune
        >>> class House(Contract):
        ...     size: float
        ...     price: Target[float]
        >>> rows = model_data(pl.DataFrame({"size": [1.0, 2.0, 4.0], "price": [2.0, 4.0, 8.0]}), House)
        >>> best = refit(tune(rows, rows, transform(rows), linear(trials=1)), rows, rows)
        >>> best.chosen.scored
        'on validation'
    """
    if is_stub(model):  # a pretended model predicts without a fit
        return model
    recipe, data = read_recipe(model, train, validation, "refit")
    rows = data.read_examples(model.schema)
    if data.task.classes:  # rows of a class that train lacks
        rows = take_rows(rows, (rows.y >= 0).nonzero()[0])
    with log_warnings(), limit_threads():
        return replace(model, pipeline=fit_recipe(recipe, rows, data.task))


def read_recipe(model: Model, train: Any, validation: Any, step: str) -> tuple[Recipe, TrainingData]:
    """Return what a model is made of, and the rows to make it again on.

    Args:
        model: of ``tune``, ``train`` or ``select``; no stub.
        train: the rows that it was tuned on.
        validation: those that judged it.
        step: the name of the step that asks, for the messages.

    Raises:
        BrokenPromise: its experiment failed, a step of the project fitted it, or it is of another target.
    """
    model.check_fitted()
    if not isinstance(model.recipe, (FitRecipe, EnsembleRecipe)):
        raise BrokenPromise(
            f"{step} was given a model that it cannot fit again: it was not fitted by tune or train.",
            hint=f"fit it on train and validation in the step that makes it, and leave out {step}.",
        )
    recipe = model.recipe
    first = recipe.members[0] if isinstance(recipe, EnsembleRecipe) else recipe
    data = TrainingData.prepare(train, validation, first.preprocessing)
    if (data.task.kind, data.task.target, data.task.classes) != (model.task, model.target, model.classes):
        raise BrokenPromise(
            f"{step} was given a {model.task} model of {model.target}, and rows of another task: "
            f"{data.task.kind} of {data.task.target}.",
            hint="give it the train and validation that the model was tuned on.",
        )
    return recipe, data


def fit_recipe(recipe: Recipe, rows: Examples, task: Task) -> Any:
    """Fit a recipe on rows, and return the fitted Pipeline, or the mean of those of an ensemble.

    Raises:
        BrokenPromise: the fit fails.
    """
    if isinstance(recipe, EnsembleRecipe):
        return _fit_members(recipe.members, recipe.weights, rows, task)
    return _fit_members((recipe,), (1.0,), rows, task)


def _fit_members(
    members: tuple[FitRecipe, ...], weights: tuple[float, ...], rows: Examples, task: Task
) -> Any:
    """Fit all members, each distinct preprocessing once; return their mean, or the only one's Pipeline."""
    from magical.estimators import mean_of_pipelines

    groups: dict[str, list[int]] = {}
    for place, member in enumerate(members):
        groups.setdefault(hash_pipeline(member.preprocessing), []).append(place)
    pipelines: dict[int, Any] = {}
    for places in groups.values():
        first = members[places[0]]
        with name_failures(f"{first.experiment.name}: the preprocessing", {}):
            fitted, numbers = fit_preprocessing(first.preprocessing, rows)
        for place in places:
            progress(
                len(pipelines), len(members), f"{members[place].experiment.name} on train and validation"
            )
            estimator = _fit_seeds(members[place], numbers, task)
            pipelines[place] = build_pipeline(*fitted.steps, ("estimator", estimator))
    named = [(member.experiment.name, pipelines[place]) for place, member in enumerate(members)]
    return mean_of_pipelines(named, weights)


def _fit_seeds(recipe: FitRecipe, rows: Examples, task: Task) -> Any:
    """Fit the estimator of a recipe with each of its seeds."""
    given = recipe.experiment
    shown = present_rows(rows, given.target, given.class_weight, task.classes, rows)
    fitted = []
    for number in range(given.seeds):
        experiment = given.model_copy(update={"seed": given.seed + number})
        estimator = make_estimator(experiment, task, recipe.params, recipe.searched)
        with name_failures(f"{given.name}: the estimator", recipe.params):
            estimator = experiment.refit(estimator, shown, recipe.rounds)
        fitted.append((f"seed {experiment.seed}", wrap_fitted(estimator, given.target)))
    if len(fitted) == 1:
        return fitted[0][1]
    from magical.estimators import mean_of

    return mean_of(fitted, [1.0] * len(fitted))
