"""The step ``tune``: search an experiment's best parameters, reproducibly and resumably."""

import hashlib
import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import Model, format_number
from magical.contracts.promises import Frame, Pipeline
from magical.events import current_sink, keep, scratch
from magical.library.candidate_table import keep_candidates
from magical.library.experiment_checks import check_training
from magical.library.experiments import Experiment
from magical.library.metrics.metric_settings import Metric
from magical.library.prediction_task import TaskKind
from magical.library.remarks import progress, warn
from magical.library.search_space import SearchedTrial, find_start, suggest_value
from magical.library.thread_limits import limit_threads
from magical.library.training import Trainer
from magical.library.training_data import TrainingData
from magical.library.trials import FitResult, Pruner, TrialLog
from magical.steps import step

if TYPE_CHECKING:
    from optuna import Study, Trial

__all__ = ["TuningData", "tune"]

C = TypeVar("C", bound=Contract)

# The trials that the sampler proposes before it gets their scores. The result depends on this number, so it
# must not depend on the number of workers.
TRIAL_BATCH = 4


class TuningData(TrainingData):
    """The data that an experiment tunes itself on: those of ``TrainingData``, and the search."""

    def search(self, experiment: Experiment) -> Model:
        """Search for the best parameters of one experiment, as the step ``tune`` describes."""
        trainer = Trainer.prepare(self, experiment)
        # By the settings: several experiments of one step may have the same name.
        name = hashlib.sha256(repr(experiment).encode()).hexdigest()[:12]
        log = TrialLog(scratch() / f"trials-{name}.jsonl" if current_sink.get() is not None else None)
        search = _Search(trainer, log)
        search.run()
        keep("trials", pl.DataFrame(search.rows, infer_schema_length=None))
        if search.best is None:
            return trainer.build_failed_model(search.describe_failure())
        return trainer.build_model(search.best)


@step(promises=check_training)
def tune(
    train: Frame[C],
    validation: Frame[C],
    preprocessing: Pipeline,
    experiment: Experiment,
    metrics: tuple[Metric, ...] = (),
) -> Model:
    """Search for the parameters that give an experiment's estimator the best score on rows it did not see.

    The task follows from the target's type in the contract: a bool, a text or a ``Literal`` gives classes
    (two: ``binary``, more: ``multiclass``), a number without choices gives ``regression``. The first of
    ``metrics`` decides, in its direction; without one the search minimises log loss for classes, and the root
    mean squared error for numbers.

    Each set of parameters, a trial, is fitted once in each fold of ``split``, and its preprocessing, too. The
    predictions of all rows, by the fits that did not see them, are scored together. Without folds there is
    one fit on train, which predicts validation. The first trial has the experiment's defaults, the others
    come from Optuna's TPE sampler (Bergstra and others 2011). The sampler proposes trials in batches of four,
    seeded by study and trial number, and gets their scores in order. Finished trials are logged, so a killed
    study resumes, with the same result to the last bit.

    A trial is pruned after a fold if it is clearly worse than the best one before it: if the mean gap of
    their losses in the folds so far is above twice its standard error, as the gaps of earlier trials scatter
    from fold to fold. Time plays no part in that. With a ``budget``, no trial begins when its seconds are
    over, except the first.

    Args:
        train: rows to fit on.
        validation: rows to score on, with folds also to fit on; some estimators stop early by the rows that
            are held out, by a loss of their own.
        preprocessing: the unfitted Pipeline of ``transform``; it is fitted on the rows of a fit only, once
            for each set of its parameters that the search tries. An experiment's own takes its place.
        experiment: the estimator, its search space, and the number of trials or the seconds.
        metrics: the metrics of the settings.

    Returns:
        The best model: fitted on train, stopped early by validation, with its score and its predictions of
        held-out rows. All trials are kept as ``trials``. If no trial ends with a finite score, a model with
        the reason as its ``failure``, which ``select`` passes over; the traceback is kept as ``failure``.

    Raises:
        BrokenPromise: the contract has no target, or the target has a number that its scale does not take.
        StepError: the function of the deciding metric raises, or returns no number.
        WiringError: there is no target, a metric or ``class_weight`` does not fit it, or the experiment's
            preprocessing names a column that is missing; found while drawing, if the contract tells. Or the
            estimator gives no probabilities of classes, or the search names no parameter.

    Example:
        >>> from magical import Target
        >>> from magical.library import linear, model_data, transform
        >>> class Customer(Contract):
        ...     income: float
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "response": [False, True, False, True]})
        >>> customers = model_data(raw, Customer)
        >>> best = tune(customers, customers, transform(customers), linear(trials=2))
        >>> best.chosen.metric, best.classes
        ('log_loss', (False, True))
    """
    with limit_threads():
        data = TuningData.prepare(train, validation, preprocessing, metrics)
        return keep_candidates(experiment.tune(data))


class _Search:
    """The trials of one experiment in order, and the best of them.

    Attributes:
        best: the best complete trial so far, the first of equal ones.
        rows: one of the table ``trials`` for each.
        failures: the reasons of trials that failed, each once.
    """

    def __init__(self, trainer: Trainer, log: TrialLog) -> None:
        self.trainer, self.experiment, self.data, self.log = trainer, trainer.experiment, trainer.data, log
        self.best: FitResult | None = None
        self.pruner = Pruner()
        self.rows: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self._end = time.monotonic() + float(self.experiment.budget or math.inf) - log.seconds

    def run(self) -> None:
        """Run the trials, in batches, until there are enough or the budget of seconds is over."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction=self.data.metric.direction if self.data.metric else "minimize")
        kind, search = self.data.task.kind, self.experiment.search
        defaults = self.experiment.defaults(kind)
        present = {**self.trainer.preprocessing_params, **defaults}
        own = {name: value for name, value in defaults.items() if name not in search}
        if start := own | find_start(search, present):
            study.enqueue_trial(start)
        for first in range(0, self.experiment.trials, TRIAL_BATCH):
            numbers = range(first, min(first + TRIAL_BATCH, self.experiment.trials))
            asked = [self._ask(study, number, kind, defaults) for number in numbers]
            if not asked[0][0].params:  # an empty space: any other trial would be the same
                asked = asked[:1]
            told = []
            for number, (trial, params, searched) in zip(numbers, asked, strict=False):
                result = self._run_trial(number, params, searched)
                if result is None:
                    return
                told.append((trial, result))
            if not asked[0][0].params:
                return
            # The sampler gets the scores after the whole batch, in order: no trial steers one beside it.
            for trial, result in told:
                _tell(study, trial, result)

    def _ask(
        self, study: "Study", number: int, kind: TaskKind, defaults: dict[str, Any]
    ) -> tuple["Trial", dict[str, Any], tuple[str, ...]]:
        """Ask for a trial; return it, its parameters, and the names of those that only the search has."""
        import optuna

        # A sampler of its own for each trial: the state of one that has drawn before would depend on how many
        # trials this process has run, and a resumed study would go another way.
        seed = _trial_seed(self.experiment.seed, number)
        study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
        trial, search = study.ask(), self.experiment.search
        # Only with a search: a space may look at the trial's class.
        asked: Any = SearchedTrial(trial, search) if search else trial
        own = self.experiment.space(asked, kind) or defaults
        # By name, not as the search is written: a layer of settings may reorder it.
        values = {name: suggest_value(trial, name, search[name]) for name in sorted(search)}
        return trial, {**own, **values}, tuple(name for name in values if name not in own)

    def _run_trial(self, number: int, params: dict[str, Any], searched: tuple[str, ...]) -> FitResult | None:
        """Run a trial, or read it from the log; return None if the budget is over."""
        if (result := self.log.find(number, params)) is not None:
            result = replace(result, searched=searched)
        elif number and time.monotonic() >= self._end:
            return None
        else:
            result = self.trainer.fit(params, searched, pruner=self.pruner)
            self.log.add(number, result)
        if result.failure and result.failure not in self.failures:
            warn(f"{self.experiment.name}, trial {number}: {result.failure}")
            self.failures.append(result.failure)
        self.rows.append(self._tabulate(number, result))
        if result.state == "complete" and math.isfinite(result.score):
            self.pruner.note([*map(self.data.to_loss, result.fold_scores)])
            self.best = result if self._is_better(result) else self.best
        self._tell_progress(number + 1)
        return result

    def _is_better(self, result: FitResult) -> bool:
        to_loss = self.data.to_loss
        return self.best is None or to_loss(result.score) < to_loss(self.best.score)

    def _tabulate(self, number: int, result: FitResult) -> dict[str, Any]:
        """Describe a trial as a row of the table ``trials``."""
        row: dict[str, Any] = {
            "trial": number,
            self.data.metric_name: result.score,
            "seconds": result.seconds,
        }
        row |= {"state": result.state, "folds": len(result.fold_scores), "failure": result.failure}
        # A column of a table has one type: lists among the choices are shown as texts.
        search = self.experiment.search
        return row | {
            n: json.dumps(v) if n in search and isinstance(v, tuple) else v for n, v in result.params.items()
        }

    def _tell_progress(self, done: int) -> None:
        if self.best is None:
            return
        text = f"best {self.data.metric_name} {format_number(self.best.score)}"
        if self.experiment.budget is not None:
            text += f", {max(0, self._end - time.monotonic()):.0f} s left"
        progress(done, self.experiment.trials, text)

    def describe_failure(self) -> str:
        """Describe why no trial ended with a finite score."""
        what = f"none of {len(self.rows)} trials gave a finite {self.data.metric_name}"
        if self.failures:
            return f"{what}: {self.failures[0]}"
        function = self.data.metric.function if self.data.metric else ""
        where = f"what {function} returns" if function else "the features for infinite numbers"
        return f"{what}; look at {where}, and at the experiment's space"


def _tell(study: "Study", trial: "Trial", result: FitResult) -> None:
    """Tell Optuna the score of a trial; a pruned one gets the score in the folds that it was fitted in."""
    from optuna.trial import TrialState

    if not math.isfinite(result.score):  # a score of NaN or infinity must not steer the sampler
        study.tell(trial, state=TrialState.FAIL)
    elif result.state == "pruned":
        trial.report(result.score, step=len(result.fold_scores))
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, result.score)


def _trial_seed(study_seed: int, number: int) -> int:
    return (study_seed * 1_000_003 + number * 7_919) % 2**32  # primes keep neighbouring studies apart
