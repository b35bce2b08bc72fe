"""train: one fit with an experiment's defaults, and no search."""

from __future__ import annotations

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
from magical.library.experiments import Experiment
from magical.library.metrics.metrics import loss
from magical.library.prediction_task import Examples, Task, infer_task, make_examples
from magical.library.preprocessing import build_pipeline, find_pipeline_inputs
from magical.library.remarks import log_warnings
from magical.steps import step

__all__ = [
    "FitResult",
    "Trainer",
    "compute_model_loss",
    "prepare_trainer",
    "train",
]


@dataclass(frozen=True)
class FitResult:
    """One fitted estimator.

    Attributes:
        params: what it was fitted with.
        score: the deciding metric on validation, the lower the better.
        seconds: how long it took.
        estimator: fitted; none where a score was read back from an earlier attempt.
    """

    params: Mapping[str, Any]
    score: float
    seconds: float
    estimator: Any = None


@dataclass(frozen=True)
class Trainer:
    """Where estimators are tried: everything is transformed once, and each gets the same.

    Attributes:
        task: what is predicted.
        inputs: the features that the preprocessing takes.
        preprocessing: fitted on train.
        train: transformed.
        validation: transformed.
    """

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
        begun = time.perf_counter()
        with log_warnings():
            estimator = experiment.estimator(self.task.kind, params)
            if self.task.classes and not hasattr(estimator, "predict_proba"):
                raise BrokenPromise(
                    f"{type(experiment).__name__}: {type(estimator).__name__} gives no probabilities.",
                    hint="choose an estimator with predict_proba, or wrap it in CalibratedClassifierCV.",
                )
            fitted = experiment.fit(estimator, self.train, self.validation)
            score = _compute_loss(fitted, self.validation, self.task)
        return FitResult(dict(params), score, time.perf_counter() - begun, fitted)

    def build_model(self, experiment: Experiment, fit: FitResult) -> Model:
        """Make a Model of a fitted estimator: the whole Pipeline, from features to predictions."""
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
        BrokenPromise: there is no target, or validation has no row with one.
    """
    from sklearn.base import clone

    task = infer_task(train)
    inputs = find_pipeline_inputs(preprocessing, contract_of(train))
    learnt = make_examples(train, task, inputs)
    judged = make_examples(validation, task, inputs)
    if not len(judged.y):
        raise BrokenPromise(
            f"validation has no row with a {task.target}, so nothing can be scored.",
            hint="give split a larger validation share.",
        )
    with log_warnings():
        fitted = clone(preprocessing)
        X = fitted.fit_transform(learnt.X, learnt.y)
        V = fitted.transform(judged.X)
    return Trainer(task, inputs, fitted, Examples(X, learnt.y), Examples(V, judged.y))


def compute_model_loss(model: Model, table: pl.DataFrame) -> float:
    """Give a model's deciding metric on the rows of a table that have a target, the lower the better."""
    task = Task(model.task, model.target, model.classes)  # type: ignore[arg-type]
    X, y = make_examples(table, task, model.schema)
    return _compute_loss(model.pipeline, Examples(X, y), task)


def _compute_loss(estimator: Any, validation: Examples, task: Task) -> float:
    predict = estimator.predict if task.kind == "regression" else estimator.predict_proba
    return loss(np.asarray(predict(validation.X), dtype=np.float64), validation.y)


C = TypeVar("C", bound=Contract)


@step
def train(train: Frame[C], validation: Frame[C], preprocessing: Pipeline, experiment: Experiment) -> Model:
    """Fit an experiment's estimator with its defaults.

    Args:
        train: fitted on.
        validation: scored on; some estimators stop early by it.
        preprocessing: unfitted, as ``transform`` gives it; it is fitted on train.
        experiment: which estimator.

    Returns:
        The fitted model, with its score on validation.

    Raises:
        BrokenPromise: there is no target to predict.

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
    bench = prepare_trainer(train, validation, preprocessing)
    return bench.build_model(experiment, bench.fit(experiment, experiment.defaults(bench.task.kind)))
