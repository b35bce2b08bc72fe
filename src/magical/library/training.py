"""The step ``train``: fit an experiment once, with its defaults; and the trainer that ``tune`` shares."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import Candidate, Model
from magical.contracts.promises import Frame, Pipeline, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, WiringError
from magical.features import LearnedFeature
from magical.library.candidate_table import keep_candidates
from magical.library.column_plan import build_pipeline
from magical.library.experiments import Experiment
from magical.library.metrics.metric_settings import Metric, build_misfit_error, check_metrics, find_deciding
from magical.library.metrics.metric_values import compute_metric, read_weights
from magical.library.metrics.metrics import Array, loss
from magical.library.metrics.predicted_rows import PredictedRows
from magical.library.part_transformer import PartTransformer, name_failures
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import Examples, Task, infer_task, make_examples
from magical.library.preprocessing import plan_pipeline
from magical.library.remarks import log_warnings
from magical.library.search_space import PREPROCESSING_PREFIX, check_parameter_names, select_preprocessing
from magical.steps import step

__all__ = ["FitResult", "Trainer", "check_training", "compute_model_score", "prepare_trainer", "train"]

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class FitResult:
    """One fitted estimator, with its parameters and its score on validation.

    Attributes:
        params: the parameters of the estimator and, with a prefix, those of the preprocessing.
        score: the value of the deciding metric.
        seconds: the time that the fit and its scoring took.
        estimator: the fitted estimator; None if the score was read from the log of an earlier attempt.
        preprocessing: the Pipeline that made its features, fitted; None if there is no estimator.
        searched: the names of parameters that only the experiment's ``search`` has.
    """

    params: Mapping[str, Any]
    score: float
    seconds: float
    estimator: Any = None
    preprocessing: Any = None
    searched: Collection[str] = ()


@dataclass(frozen=True)
class Trainer:
    """Fits estimators on parts that are transformed by a preprocessing, which is fitted on train only.

    Attributes:
        preprocessing: the unfitted Pipeline.
        metric: the deciding metric; None for ours.
        weights: its weights of the rows of validation, by column.
    """

    task: Task
    inputs: Schema
    preprocessing: Pipeline
    parts: PartTransformer
    metric: Metric | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)

    @property
    def metric_name(self) -> str:
        """The name of the metric that decides."""
        return self.metric.name if self.metric else self.task.metric

    @property
    def preprocessing_params(self) -> dict[str, Any]:
        """The present parameters of the preprocessing, by the names that a search has."""
        return {f"{PREPROCESSING_PREFIX}{n}": v for n, v in self.preprocessing.get_params().items()}

    def to_loss(self, fit: FitResult) -> float:
        """Turn the score of a fit into a number that is better when it is lower."""
        return self.metric.to_loss(fit.score) if self.metric else fit.score

    def fit(
        self, experiment: Experiment, params: Mapping[str, Any], searched: Collection[str] = ()
    ) -> FitResult:
        """Fit the experiment's estimator with these parameters, and score it on validation.

        Args:
            experiment: makes the estimator.
            params: its parameters; with a prefix, those of the preprocessing.
            searched: the names that ``experiment.estimator`` does not know: they are set on what it made.

        Raises:
            BrokenPromise: the estimator gives no probabilities, or the preprocessing cannot be fitted.
            WiringError: a parameter that is searched does not exist.
        """
        added = {name: params[name] for name in searched}
        with log_warnings():
            estimator = self._make_estimator(experiment, params, added)
            parts = self.parts.transform(select_preprocessing(added))
            start = time.perf_counter()
            with name_failures(f"{experiment.name}: the estimator", added) if added else nullcontext():
                fitted = experiment.fit(estimator, parts.train, parts.validation)
            guess = _predict(fitted, parts.validation, self.task)
            score = _compute_score(guess, parts.validation, self.task, self.metric, self.weights)
        seconds = time.perf_counter() - start
        return FitResult(dict(params), score, seconds, fitted, parts.preprocessing, searched)

    def build_model(self, experiment: Experiment, fit: FitResult) -> Model:
        """Build a Model from a fitted estimator, with the whole Pipeline from features to predictions."""
        return Model(
            pipeline=build_pipeline(*fit.preprocessing.steps, ("estimator", fit.estimator)),
            task=self.task.kind,
            target=self.task.target,
            schema=self.inputs,
            classes=self.task.classes,
            chosen=Candidate(experiment.name, fit.score, self.metric_name, fit.params),
        )

    def _make_estimator(
        self, experiment: Experiment, params: Mapping[str, Any], added: Mapping[str, Any]
    ) -> Any:
        """Make the unfitted estimator; before anything is fitted, so that a wrong name costs no time."""
        own = {name: value for name, value in params.items() if name not in added}
        estimator = experiment.estimator(self.task.kind, own)
        if self.task.classes and not hasattr(estimator, "predict_proba"):
            raise BrokenPromise(
                f"{type(experiment).__name__}: {type(estimator).__name__} gives no probabilities.",
                hint="choose an estimator with predict_proba, or wrap it in CalibratedClassifierCV.",
            )
        if added:
            known = {**estimator.get_params(), **self.preprocessing_params}
            check_parameter_names(added, known, experiment.name)
            estimator.set_params(**{n: v for n, v in added.items() if not n.startswith(PREPROCESSING_PREFIX)})
        return estimator


def check_training(
    train: Schema | None,
    validation: Schema | None,
    preprocessing: object,
    experiment: Experiment,
    metrics: Sequence[Metric],
) -> None:
    """Check the metrics and the preprocessing of a step that fits an experiment, while drawing."""
    check_metrics(metrics, validation)
    for feature in experiment.preprocessing or ():
        if train is None or not isinstance(feature, LearnedFeature):
            continue
        try:
            feature.find_columns(train)
        except WiringError as error:
            first, *rest = error.lines
            raise error.with_message(f"{experiment.name}: {first}", *rest) from None


def prepare_trainer(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    preprocessing: Pipeline,
    experiment: Experiment,
    metrics: Sequence[Metric] = (),
) -> Trainer:
    """Prepare both parts; the preprocessing is fitted by the first fit of an estimator.

    Raises:
        BrokenPromise: the contract has no target, or no row of validation has one.
        WiringError: a metric does not fit the target, or the experiment's preprocessing names a column that
            train lacks.
    """
    task = infer_task(train)
    check_metrics(metrics, contract_of(train))
    for metric in metrics:
        if not metric.fits([task.kind]):  # the number of classes may be known only now
            raise build_misfit_error(metric, task.target, f"one of {len(task.classes)} classes", [task.kind])
    weights = _read_weights(validation, task, metrics)
    if experiment.preprocessing is not None:
        preprocessing = plan_pipeline(train, experiment.preprocessing)
    inputs = find_pipeline_inputs(preprocessing, contract_of(train))
    fit_on, score_on = (make_examples(part, task, inputs) for part in (train, validation))
    if not len(score_on.y):
        raise BrokenPromise(
            f"validation has no row with a {task.target}, so nothing can be scored.",
            hint="give split a larger validation share.",
        )
    is_tuned = any(name.startswith(PREPROCESSING_PREFIX) for name in experiment.search)
    parts = PartTransformer(experiment.name, preprocessing, fit_on, score_on, is_tuned=is_tuned)
    return Trainer(task, inputs, preprocessing, parts, find_deciding(metrics), weights)


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
        preprocessing: the unfitted Pipeline of ``transform``; it is fitted on train. An experiment's own
            takes its place.
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
    trainer = prepare_trainer(train, validation, preprocessing, experiment, metrics)
    fit = trainer.fit(experiment, experiment.defaults(trainer.task.kind))
    return keep_candidates(trainer.build_model(experiment, fit))
