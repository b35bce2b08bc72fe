"""The step ``train``: fit an experiment with its defaults; and the trainer that ``tune`` shares."""

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from magical.contracts.contract import Contract
from magical.contracts.model import Candidate, Model
from magical.contracts.promises import Frame, Pipeline, contract_of
from magical.contracts.schema import Schema
from magical.errors import MagicalError, WiringError
from magical.events import keep
from magical.library.candidate_table import keep_candidates
from magical.library.column_plan import build_pipeline
from magical.library.experiment_checks import check_scale, check_target_settings, check_training
from magical.library.experiments import Experiment
from magical.library.fitting import (
    describe_failure,
    is_failed_fit,
    name_failures,
    present_rows,
    wrap_fitted,
)
from magical.library.folds import Fold
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metrics import Array
from magical.library.part_transformer import set_preprocessing
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import Task
from magical.library.preprocessing import plan_pipeline
from magical.library.recipes import FitRecipe
from magical.library.remarks import log_warnings, warn
from magical.library.search_space import PREPROCESSING_PREFIX, check_parameter_names, select_preprocessing
from magical.library.thread_limits import limit_threads
from magical.library.training_data import TrainingData, predict_examples
from magical.library.trials import FitResult, Pruner
from magical.steps import step
from magical.system.tracebacks import format_trace

__all__ = [
    "Trainer",
    "make_estimator",
    "train",
]

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class Trainer:
    """Fits an experiment in the folds of its data.

    Attributes:
        preprocessing: the unfitted Pipeline of the experiment.
        inputs: the columns that it reads.
    """

    data: TrainingData
    experiment: Experiment
    preprocessing: Pipeline
    inputs: Schema

    @classmethod
    def prepare(cls, data: TrainingData, experiment: Experiment) -> Self:
        """Plan the preprocessing of an experiment; nothing is fitted.

        Raises:
            BrokenPromise: the target has a number that the experiment's ``target`` does not take.
            WiringError: what it needs is missing or does not fit the target, its preprocessing names a column
                that train lacks, its ``class_weight`` no class, or its ``target`` is for numbers and the task
                has classes.
        """
        task = data.task
        is_class = bool(task.classes)
        experiment.check(contract_of(data.train), data.metrics)
        check_target_settings(experiment, task.target, is_class=is_class, choices=task.classes)
        if experiment.target is not None:
            check_scale(experiment.name, experiment.target, task.target, data.y)
        if experiment.preprocessing is not None:
            preprocessing = plan_pipeline(data.train, experiment.preprocessing)
        else:
            preprocessing = experiment.prepare(data.preprocessing)
        inputs = find_pipeline_inputs(preprocessing, contract_of(data.train))
        return cls(data, experiment, preprocessing, inputs)

    @property
    def preprocessing_params(self) -> dict[str, Any]:
        """The present parameters of the preprocessing, by the names that a search has."""
        return {f"{PREPROCESSING_PREFIX}{n}": v for n, v in self.preprocessing.get_params().items()}

    def fit(
        self, params: Mapping[str, Any], searched: Sequence[str] = (), pruner: Pruner | None = None
    ) -> FitResult:
        """Fit the experiment's estimator with these parameters in each fold, and score what was held out.

        A fit that fails is a result, too, with the reason; its traceback is kept as ``failure``.

        Args:
            params: the parameters of the estimator; with a prefix, those of the preprocessing.
            searched: the names that ``experiment.estimator`` does not know: they are set on what it made.
            pruner: stops after a fold if the result is clearly worse than earlier ones.

        Raises:
            StepError: the function of the deciding metric raises, or returns no number.
            WiringError: a parameter that is searched does not exist, the estimator gives no probabilities,
                or it takes no weights.
        """
        start = time.perf_counter()
        try:
            with log_warnings():
                result = self._fit_folds(params, tuple(searched), pruner)
        except Exception as error:
            failure = self._describe(error)
            result = FitResult(dict(params), math.nan, 0.0, state="failed", failure=failure)
        return replace(result, seconds=time.perf_counter() - start, searched=tuple(searched))

    def build_model(self, result: FitResult) -> Model:
        """Build the model of a result: its Pipeline is fitted on train, its predictions are held out.

        If the result failed, or the fit on train does, the model has the reason in the place of a Pipeline.
        """
        if result.state == "complete" and not math.isfinite(result.score):
            return self.build_failed_model(f"its {self.data.metric_name} is {result.score}")
        if result.state == "complete" and result.held_out is None:
            result = self.fit(result.params, result.searched)  # the log has scores, no predictions
        if result.state == "failed" or result.held_out is None:
            return self.build_failed_model(result.failure)
        try:
            with log_warnings():
                fitted = result.fitted or self._fit_fold(
                    len(self.data.folds), self.data.train_fold, result.params, result.searched
                )
        except Exception as error:
            return self.build_failed_model(self._describe(error))
        examples = np.concatenate([fold.held_out for fold in self.data.folds])
        return replace(
            self._describe_model(result.score, result.params),
            pipeline=build_pipeline(*fitted.preprocessing.steps, ("estimator", fitted.estimator)),
            held_out=self.data.tabulate_held_out(result.held_out, examples),
            recipe=self._make_recipe(result),
        )

    def _describe(self, error: Exception) -> str:
        """Keep the traceback of a fit that failed, and describe it; raise an error that ends the step."""
        if not is_failed_fit(error):
            raise error
        keep("failure", format_trace(error))
        return describe_failure(error).removeprefix(f"{self.experiment.name}: ")

    def build_failed_model(self, failure: str) -> Model:
        """Build the model of an experiment that failed, and warn."""
        warn(f"{self.experiment.name} failed: {failure}")
        return replace(self._describe_model(math.nan, {}), failure=failure)

    def _describe_model(self, score: float, params: Mapping[str, Any]) -> Model:
        data, task = self.data, self.data.task
        scored = "out of fold" if data.is_folded else "on validation"
        chosen = Candidate(self.experiment.name, score, data.metric_name, params, scored)
        return Model(None, task.kind, task.target, self.inputs, task.classes, chosen=chosen)

    def _make_recipe(self, result: FitResult) -> FitRecipe:
        own = {n: v for n, v in result.params.items() if not n.startswith(PREPROCESSING_PREFIX)}
        return FitRecipe(
            experiment=self.experiment,
            preprocessing=set_preprocessing(self.preprocessing, select_preprocessing(result.params)),
            params=own,
            searched=tuple(n for n in result.searched if n in own),
            rounds=result.rounds,
        )

    def _fit_folds(
        self, params: Mapping[str, Any], searched: tuple[str, ...], pruner: Pruner | None
    ) -> FitResult:
        data, predicted, scores, rounds = self.data, [], [], []
        for number, fold in enumerate(data.folds):
            fitted = self._fit_fold(number, fold, params, searched)
            predicted.append(fitted.predicted)
            rounds.append(fitted.rounds)
            if len(data.folds) == 1:
                break
            scores.append(self._score_fold(fitted.predicted, fold))
            if pruner is not None and pruner.is_hopeless([*map(data.to_loss, scores)]):
                break
        held_out = np.concatenate(predicted)
        examples = np.concatenate([fold.held_out for fold in data.folds[: len(predicted)]])
        return FitResult(
            params=dict(params),
            score=data.score(held_out, examples),
            seconds=0.0,
            fold_scores=tuple(scores),
            rounds=None if None in rounds else float(np.mean(np.array(rounds, dtype=float))),
            state="complete" if len(predicted) == len(data.folds) else "pruned",
            held_out=held_out,
            fitted=None if data.is_folded else fitted,
        )

    def _fit_fold(
        self, number: int, fold: Fold, params: Mapping[str, Any], searched: tuple[str, ...]
    ) -> "FittedFold":
        """Fit the preprocessing and the estimator on the rows of a fold, and predict those held out."""
        experiment, data = self.experiment, self.data
        added = {name: params[name] for name in searched}
        # Before anything is fitted, so that a wrong name costs no time.
        estimator = make_estimator(experiment, data.task, params, searched, self.preprocessing_params)
        chosen = select_preprocessing(added)
        with name_failures(f"{experiment.name}: the preprocessing", chosen):
            pipeline = set_preprocessing(self.preprocessing, chosen)
            parts = data.transformer.transform(
                pipeline, number, fold, lambda: data.read_examples(self.inputs)
            )
        rows, held_out = (
            present_rows(part, experiment.target, experiment.class_weight, data.task.classes, parts.train)
            for part in (parts.train, parts.validation)
        )
        with name_failures(f"{experiment.name}: the estimator", added):
            fitted = experiment.fit(estimator, rows, held_out)
        rounds = experiment.count_rounds(fitted)
        fitted = wrap_fitted(fitted, experiment.target)
        return FittedFold(parts.preprocessing, fitted, rounds, predict_examples(fitted, held_out, data.task))

    def _score_fold(self, predicted: Array, fold: Fold) -> float:
        """Score one fold, to compare trials; NaN where the metric needs more rows than that."""
        try:
            return self.data.score(predicted, fold.held_out)
        except MagicalError:
            return math.nan


class FittedFold(NamedTuple):
    """The fitted parts of a Pipeline, the rounds of the estimator, and its held-out predictions."""

    preprocessing: Pipeline
    estimator: Any
    rounds: int | None
    predicted: Array


def make_estimator(
    experiment: Experiment,
    task: Task,
    params: Mapping[str, Any],
    searched: Collection[str] = (),
    preprocessing_params: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Make the unfitted estimator of an experiment.

    Args:
        experiment: makes it from the parameters that it knows.
        task: what is predicted.
        params: all parameters.
        searched: the names of those that are set on what it made.
        preprocessing_params: the parameters of the preprocessing that a search may name.

    Raises:
        WiringError: a parameter that is searched does not exist, or the estimator gives no probabilities.
    """
    own = {n: v for n, v in params.items() if n not in searched and not n.startswith(PREPROCESSING_PREFIX)}
    estimator = experiment.estimator(task.kind, own)
    if task.classes and not hasattr(estimator, "predict_proba"):
        raise WiringError(
            f"{type(experiment).__name__}: {type(estimator).__name__} gives no probabilities.",
            hint="choose an estimator with predict_proba, or wrap it in CalibratedClassifierCV.",
        )
    if searched:
        known = {**estimator.get_params(), **preprocessing_params}
        check_parameter_names(searched, known, experiment.name)
        added = {n: params[n] for n in searched if not n.startswith(PREPROCESSING_PREFIX)}
        estimator.set_params(**added)
    return estimator


@step(promises=check_training)
def train(
    train: Frame[C],
    validation: Frame[C],
    preprocessing: Pipeline,
    experiment: Experiment,
    metrics: tuple[Metric, ...] = (),
) -> Model:
    """Fit an experiment's estimator with its defaults: in each fold of ``split``, and on train.

    Args:
        train: rows to fit on.
        validation: rows to score on, with folds also to fit on; some estimators stop early by the rows that
            are held out.
        preprocessing: the unfitted Pipeline of ``transform``; it is fitted on the rows of a fit only. An
            experiment's own takes its place.
        experiment: the estimator and its defaults.
        metrics: the metrics of the settings; the model's score is of the first.

    Returns:
        The model that was fitted on train, with its predictions of rows that a fit did not see, and their
        score. If a fit fails, a model with the reason as its ``failure``.

    Raises:
        BrokenPromise: the contract has no target, or no row of validation has one.
        WiringError: a metric does not fit the target, or the estimator gives no probabilities of classes.
            Found while drawing, if the contract tells.

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
    with limit_threads():
        data = TrainingData.prepare(train, validation, preprocessing, metrics)
        trainer = Trainer.prepare(data, experiment)
        return keep_candidates(trainer.build_model(trainer.fit(experiment.defaults(data.task.kind))))
