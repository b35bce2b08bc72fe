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
from magical.library.prediction_task import Examples, Task, examples, task_of
from magical.library.preprocessing import chained, inputs_of
from magical.library.remarks import quietly
from magical.steps import step

__all__ = [
    "Bench",
    "Fit",
    "loss_of",
    "prepare",
    "train",
]


@dataclass(frozen=True)
class Fit:
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
class Bench:
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

    def fit(self, experiment: Experiment, params: Mapping[str, Any]) -> Fit:
        """Fit the experiment's estimator with these parameters, and score it on validation.

        Raises:
            BrokenPromise: the estimator gives no probabilities.
        """
        begun = time.perf_counter()
        with quietly():
            estimator = experiment.estimator(self.task.kind, params)
            if self.task.classes and not hasattr(estimator, "predict_proba"):
                raise BrokenPromise(
                    f"{type(experiment).__name__}: {type(estimator).__name__} gives no probabilities.",
                    hint="choose an estimator with predict_proba, or wrap it in CalibratedClassifierCV.",
                )
            fitted = experiment.fit(estimator, self.train, self.validation)
            score = _score(fitted, self.validation, self.task)
        return Fit(dict(params), score, time.perf_counter() - begun, fitted)

    def model(self, experiment: Experiment, fit: Fit) -> Model:
        """Make a Model of a fitted estimator: the whole Pipeline, from features to predictions."""
        return Model(
            pipeline=chained(*self.preprocessing.steps, ("estimator", fit.estimator)),
            task=self.task.kind,
            target=self.task.target,
            schema=self.inputs,
            classes=self.task.classes,
            chosen=Candidate(experiment.name, fit.score, self.task.metric, fit.params),
        )


def prepare(train: pl.DataFrame, validation: pl.DataFrame, preprocessing: Pipeline) -> Bench:
    """Fit the preprocessing on train, and transform both parts.

    Raises:
        BrokenPromise: there is no target, or validation has no row with one.
    """
    from sklearn.base import clone

    task = task_of(train)
    inputs = inputs_of(preprocessing, contract_of(train))
    learnt = examples(train, task, inputs)
    judged = examples(validation, task, inputs)
    if not len(judged.y):
        raise BrokenPromise(
            f"validation has no row with a {task.target}, so nothing can be scored.",
            hint="give split a larger validation share.",
        )
    with quietly():
        fitted = clone(preprocessing)
        X = fitted.fit_transform(learnt.X, learnt.y)
        V = fitted.transform(judged.X)
    return Bench(task, inputs, fitted, Examples(X, learnt.y), Examples(V, judged.y))


def loss_of(model: Model, table: pl.DataFrame) -> float:
    """Give a model's deciding metric on the rows of a table that have a target, the lower the better."""
    task = Task(model.task, model.target, model.classes)  # type: ignore[arg-type]
    X, y = examples(table, task, model.schema)
    return _score(model.pipeline, Examples(X, y), task)


def _score(estimator: Any, judged: Examples, task: Task) -> float:
    predict = estimator.predict if task.kind == "regression" else estimator.predict_proba
    return loss(np.asarray(predict(judged.X), dtype=np.float64), judged.y)


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
    bench = prepare(train, validation, preprocessing)
    return bench.model(experiment, bench.fit(experiment, experiment.defaults(bench.task.kind)))
