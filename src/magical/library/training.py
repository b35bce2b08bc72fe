"""The step ``train``: fit an experiment once, with its defaults; and the trainer that ``tune`` shares."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from magical.library.metrics.metric_settings import Metric, build_misfit_error, check_metrics, find_deciding
from magical.library.metrics.metric_values import compute_metric, read_weights
from magical.library.metrics.metrics import Array, loss
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.pipeline_columns import find_pipeline_inputs
from magical.library.prediction_task import Examples, Task, infer_task, make_examples
from magical.library.preprocessing import build_pipeline
from magical.library.remarks import log_warnings
from magical.steps import step

__all__ = ["FitResult", "Trainer", "check_training", "compute_model_score", "prepare_trainer", "train"]

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class FitResult:
    """One fitted estimator, with its parameters and its score on validation.

    Attributes:
        score: the value of the deciding metric.
        seconds: the time that the fit and its scoring took.
        estimator: the fitted estimator; None if the score was read from the log of an earlier attempt.
    """

    params: Mapping[str, Any]
    score: float
    seconds: float
    estimator: Any = None


@dataclass(frozen=True)
class Trainer:
    """Fits estimators on parts that are transformed once: ``preprocessing`` is fitted on train only.

    Attributes:
        metric: the deciding metric; None for ours.
        weights: its weights of the rows of validation, by column.
    """

    task: Task
    inputs: Schema
    preprocessing: Pipeline
    train: Examples
    validation: Examples
    metric: Metric | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)

    @property
    def metric_name(self) -> str:
        """The name of the metric that decides."""
        return self.metric.name if self.metric else self.task.metric

    def to_loss(self, fit: FitResult) -> float:
        """Turn the score of a fit into a number that is better when it is lower."""
        return self.metric.to_loss(fit.score) if self.metric else fit.score

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
            guess = _predict(fitted, self.validation, self.task)
            score = _compute_score(guess, self.validation, self.task, self.metric, self.weights)
        return FitResult(dict(params), score, time.perf_counter() - start, fitted)

    def build_model(self, experiment: Experiment, fit: FitResult) -> Model:
        """Build a Model from a fitted estimator, with the whole Pipeline from features to predictions."""
        return Model(
            pipeline=build_pipeline(*self.preprocessing.steps, ("estimator", fit.estimator)),
            task=self.task.kind,
            target=self.task.target,
            schema=self.inputs,
            classes=self.task.classes,
            chosen=Candidate(experiment.name, fit.score, self.metric_name, fit.params),
        )


def check_training(
    train: Schema | None,
    validation: Schema | None,
    preprocessing: object,
    experiment: Experiment,
    metrics: Sequence[Metric],
) -> None:
    """Check the metrics of a step that fits an experiment, while the workflow is drawn."""
    check_metrics(metrics, validation)


def prepare_trainer(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    preprocessing: Pipeline,
    metrics: Sequence[Metric] = (),
) -> Trainer:
    """Fit the preprocessing on train, and transform both parts.

    Raises:
        BrokenPromise: the contract has no target, or no row of validation has one.
        WiringError: a metric does not fit the target.
    """
    from sklearn.base import clone

    task = infer_task(train)
    check_metrics(metrics, contract_of(train))
    for metric in metrics:
        if not metric.fits([task.kind]):  # the number of classes may be known only now
            raise build_misfit_error(metric, task.target, f"one of {len(task.classes)} classes", [task.kind])
    weights = _read_weights(validation, task, metrics)
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
    return Trainer(
        task,
        inputs,
        fitted,
        Examples(X, fit_on.y),
        Examples(V, score_on.y),
        find_deciding(metrics),
        weights,
    )


def compute_model_score(model: Model, table: pl.DataFrame, metric: Metric | None = None) -> float:
    """Compute a metric of a model on the rows of a table that have a target; by default our loss."""
    task = Task(model.task, model.target, model.classes)  # type: ignore[arg-type]
    rows = make_examples(table, task, model.schema)
    weights = _read_weights(table, task, [metric] if metric else [])
    guess = _predict(model.pipeline, rows, task)
    return _compute_score(guess, rows, task, metric, weights, model.threshold)


def _predict(estimator: Any, rows: Examples, task: Task) -> Array:
    """Predict numbers, or the probabilities of the classes."""
    predict = estimator.predict if task.kind == "regression" else estimator.predict_proba
    return np.asarray(predict(rows.X), dtype=np.float64)


def _compute_score(
    guess: Array,
    rows: Examples,
    task: Task,
    metric: Metric | None,
    weights: Mapping[str, Array],
    threshold: float = 0.5,
) -> float:
    if metric is None:
        return loss(guess, rows.y)
    if task.kind == "regression":
        return compute_metric(metric, PredictedRows(task.kind, rows.y, guess, weights=weights))
    classes = (guess[:, 1] >= threshold).astype(int) if task.kind == "binary" else guess.argmax(axis=1)
    return compute_metric(metric, PredictedRows(task.kind, rows.y, classes, guess, weights))


def _read_weights(table: pl.DataFrame, task: Task, metrics: Sequence[Metric]) -> dict[str, Array]:
    """Read the weights of the deciding metric, for the rows that have a target."""
    return read_weights(table.filter(pl.col(task.target).is_not_null()), metrics[:1])


@step(promises=check_training)
def train(
    train: Frame[C],
    validation: Frame[C],
    preprocessing: Pipeline,
    experiment: Experiment,
    metrics: tuple[Metric, ...] = (),
) -> Model:
    """Fit an experiment's estimator with its defaults.

    Args:
        train: rows to fit on.
        validation: rows to score on; some estimators stop early by it.
        preprocessing: the unfitted Pipeline of ``transform``; it is fitted on train.
        experiment: the estimator and its defaults.
        metrics: the metrics of the settings; the model's score is of the first.

    Returns:
        The fitted model, with its score on validation.

    Raises:
        BrokenPromise: the contract has no target, no row of validation has one, or the estimator gives no
            probabilities of classes.
        WiringError: a metric does not fit the target. Found while drawing, if the contract tells.

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
    trainer = prepare_trainer(train, validation, preprocessing, metrics)
    fit = trainer.fit(experiment, experiment.defaults(trainer.task.kind))
    return keep_candidates(trainer.build_model(experiment, fit))
