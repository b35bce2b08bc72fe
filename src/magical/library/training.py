"""The step ``train``: fit an experiment once, with its defaults; and the trainer that ``tune`` shares."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import Candidate, Model
from magical.contracts.promises import Frame, Pipeline, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise
from magical.library.candidate_table import keep_candidates
from magical.library.experiments import Experiment
from magical.library.metrics.metrics import loss
from magical.library.prediction_task import Examples, Task, infer_task, make_examples
from magical.library.preprocessing import build_pipeline, find_pipeline_inputs
from magical.library.remarks import log_warnings
from magical.steps import step

__all__ = ["FitResult", "Trainer", "compute_model_loss", "prepare_trainer", "train"]

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class FitResult:
    """One fitted estimator, with its parameters and its loss on validation (``score``).

    Attributes:
        seconds: the time that the fit and its scoring took.
        estimator: the fitted estimator; None if the score was read from the log of an earlier attempt.
    """

    params: Mapping[str, Any]
    score: float
    seconds: float
    estimator: Any = None


@dataclass(frozen=True)
class Trainer:
    """Fits estimators on parts that are transformed once: ``preprocessing`` is fitted on train only."""

    task: Task
    inputs: Schema
    preprocessing: Pipeline
    train: Examples
    validation: Examples

    def fit(self, experiment: Experiment, params: Mapping[str, Any]) -> FitResult:
        """Fit the experiment's estimator with these parameters, and score it on validation.

        Raises:
            BrokenPromise: the estimator gives no probabilities.
        """
        start = time.perf_counter()
        with log_warnings():
            estimator = experiment.estimator(self.task.kind, params)
            if self.task.classes and not hasattr(estimator, "predict_proba"):
                raise BrokenPromise(
                    f"{type(experiment).__name__}: {type(estimator).__name__} gives no probabilities.",
                    hint="choose an estimator with predict_proba, or wrap it in CalibratedClassifierCV.",
                )
            fitted = experiment.fit(estimator, self.train, self.validation)
            score = _compute_loss(fitted, self.validation, self.task)
        return FitResult(dict(params), score, time.perf_counter() - start, fitted)

    def build_model(self, experiment: Experiment, fit: FitResult) -> Model:
        """Build a Model from a fitted estimator, with the whole Pipeline from features to predictions."""
        return Model(
            pipeline=build_pipeline(*self.preprocessing.steps, ("estimator", fit.estimator)),
            task=self.task.kind,
            target=self.task.target,
            schema=self.inputs,
            classes=self.task.classes,
            chosen=Candidate(experiment.name, fit.score, self.task.metric, fit.params),
        )


def prepare_trainer(train: pl.DataFrame, validation: pl.DataFrame, preprocessing: Pipeline) -> Trainer:
    """Fit the preprocessing on train, and transform both parts.

    Raises:
        BrokenPromise: the contract has no target, or no row of validation has one.
    """
    from sklearn.base import clone

    task = infer_task(train)
    inputs = find_pipeline_inputs(preprocessing, contract_of(train))
    fit_on, score_on = (make_examples(part, task, inputs) for part in (train, validation))
    if not len(score_on.y):
        raise BrokenPromise(
            f"validation has no row with a {task.target}, so nothing can be scored.",
            hint="give split a larger validation share.",
        )
    with log_warnings():
        # The input of a step is shared and cached: fit a copy. And keep fit_transform, which is not fit and
        # transform: it cross-fits the target encoder, so that no row is encoded by its own target.
        fitted = clone(preprocessing)
        X = fitted.fit_transform(fit_on.X, fit_on.y)
        V = fitted.transform(score_on.X)
    return Trainer(task, inputs, fitted, Examples(X, fit_on.y), Examples(V, score_on.y))


def compute_model_loss(model: Model, table: pl.DataFrame) -> float:
    """Compute a model's loss on the rows of a table that have a target."""
    task = Task(model.task, model.target, model.classes)  # type: ignore[arg-type]
    return _compute_loss(model.pipeline, make_examples(table, task, model.schema), task)


def _compute_loss(estimator: Any, validation: Examples, task: Task) -> float:
    predict = estimator.predict if task.kind == "regression" else estimator.predict_proba
    return loss(np.asarray(predict(validation.X), dtype=np.float64), validation.y)


@step
def train(train: Frame[C], validation: Frame[C], preprocessing: Pipeline, experiment: Experiment) -> Model:
    """Fit an experiment's estimator with its defaults.

    Args:
        train: rows to fit on.
        validation: rows to score on; some estimators stop early by it.
        preprocessing: the unfitted Pipeline of ``transform``; it is fitted on train.
        experiment: the estimator and its defaults.

    Returns:
        The fitted model, with its score on validation.

    Raises:
        BrokenPromise: the contract has no target, no row of validation has one, or the estimator gives no
            probabilities of classes.

    Example:
        >>> import polars as pl
        >>> from magical import Target
        >>> from magical.library import linear, model_data, transform
        >>> class Customer(Contract):
        ...     income: float
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "response": [False, False, True, True]})
        >>> customers = model_data(raw, Customer)
        >>> train(customers, customers, transform(customers), linear()).chosen.name
        'linear'
    """
    trainer = prepare_trainer(train, validation, preprocessing)
    fit = trainer.fit(experiment, experiment.defaults(trainer.task.kind))
    return keep_candidates(trainer.build_model(experiment, fit))
