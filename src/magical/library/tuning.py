"""The step ``tune``: search an experiment's best parameters, reproducibly and resumably."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.model import Model, format_number
from magical.contracts.promises import Frame, Pipeline
from magical.errors import BrokenPromise
from magical.events import current_sink, keep, scratch
from magical.library.candidate_table import keep_candidates
from magical.library.experiments import Experiment
from magical.library.metrics.metric_settings import Metric
from magical.library.prediction_task import TaskKind
from magical.library.remarks import log_warnings, progress
from magical.library.search_space import SearchedTrial, find_start, suggest_value
from magical.library.training import FitResult, Trainer, check_training, prepare_trainer
from magical.steps import step
from magical.system.state_files import is_plain_file, parse_state, read_plain, remove_entry

if TYPE_CHECKING:
    from optuna import Trial

__all__ = ["tune"]

C = TypeVar("C", bound=Contract)

# The trials that the sampler proposes before it gets their scores. The result depends on this number, so it
# must not depend on the number of workers.
TRIAL_BATCH = 4
LOG_FILE = "trials.jsonl"


@step(promises=check_training)
def tune(
    train: Frame[C],
    validation: Frame[C],
    preprocessing: Pipeline,
    experiment: Experiment,
    metrics: tuple[Metric, ...] = (),
) -> Model:
    """Search for the parameters that give an experiment's estimator the best score on validation.

    The task follows from the target's type in the contract: a bool, a text or a ``Literal`` gives classes
    (two: ``binary``, more: ``multiclass``), a number without choices gives ``regression``. The first of
    ``metrics`` decides, in its direction; without one the search minimises log loss for classes, and the root
    mean squared error for numbers. The first trial has the experiment's defaults, the others come from
    Optuna's TPE sampler (Bergstra and others 2011). The sampler proposes trials in batches of four, seeded by
    study and trial number, and gets their scores in order. Finished trials are logged, so a killed study
    resumes, with the same result to the last bit.

    Args:
        train: rows to fit on.
        validation: rows to score on; some estimators stop early by it, by a loss of their own.
        preprocessing: the unfitted Pipeline of ``transform``; it is fitted on train, once for each set of its
            parameters that the search tries. An experiment's own takes its place.
        experiment: the estimator, its search space and the number of trials.
        metrics: the metrics of the settings.

    Returns:
        The best fitted model, with its score. All trials are kept as ``trials``.

    Raises:
        BrokenPromise: the contract has no target, or no trial ended with a finite score.
        StepError: the function of the deciding metric raises, or returns no number.
        WiringError: a metric does not fit the target, or the experiment's preprocessing names a column that
            is missing; found while drawing, if the contract tells. Or its search names no parameter.

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
    with log_warnings():
        trainer = prepare_trainer(train, validation, preprocessing, experiment, metrics)
        best = _search(trainer, experiment)
        if best.estimator is None:  # the log of an earlier attempt has scores, no estimators
            best = trainer.fit(experiment, best.params, best.searched)
    return keep_candidates(trainer.build_model(experiment, best))


def _search(trainer: Trainer, experiment: Experiment) -> FitResult:
    """Run all trials, and return the one with the best score; the first of equal ones."""
    log = _TrialLog(scratch() / LOG_FILE if current_sink.get() is not None else None)
    best, rows = None, []
    for number, fit in enumerate(_run_trials(trainer, experiment, log)):
        # A column of a table has one type: lists among the choices are shown as texts.
        shown = {
            n: json.dumps(v) if n in experiment.search and isinstance(v, tuple) else v
            for n, v in fit.params.items()
        }
        rows.append({"trial": number, trainer.metric_name: fit.score, "seconds": fit.seconds, **shown})
        if math.isfinite(fit.score) and (best is None or trainer.to_loss(fit) < trainer.to_loss(best)):
            best = fit
        if best is not None:
            progress(number + 1, experiment.trials, f"best {trainer.metric_name} {format_number(best.score)}")
    if best is None:
        function = trainer.metric.function if trainer.metric else ""
        where = f"what {function} returns" if function else "the features for infinite numbers"
        raise BrokenPromise(
            f"{experiment.name}: none of {len(rows)} trials gave a finite {trainer.metric_name}.",
            hint=f"look at {where}, and at the experiment's space.",
        )
    keep("trials", pl.DataFrame(rows, infer_schema_length=None))
    return best


def _run_trials(trainer: Trainer, experiment: Experiment, log: "_TrialLog") -> Iterator[FitResult]:
    """Run the trials in order; trials from the log of an earlier attempt lack the estimator."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=trainer.metric.direction if trainer.metric else "minimize")
    defaults = experiment.defaults(trainer.task.kind)
    present = {**trainer.preprocessing_params, **defaults}
    own = {name: value for name, value in defaults.items() if name not in experiment.search}
    if start := own | find_start(experiment.search, present):
        study.enqueue_trial(start)
    for first in range(0, experiment.trials, TRIAL_BATCH):
        asked = []
        for number in range(first, min(first + TRIAL_BATCH, experiment.trials)):
            # A sampler of its own for each trial: the state of one that has drawn before would depend on how
            # many trials this process has run, and a resumed study would go another way.
            study.sampler = optuna.samplers.TPESampler(
                seed=_trial_seed(experiment.seed, number), n_startup_trials=5
            )
            trial = study.ask()
            asked.append((number, trial, *_suggest(trial, experiment, trainer.task.kind, defaults)))
            if not trial.params:  # an empty space: any other trial would be the same
                break
        scores = []
        # The sampler gets the scores after the whole batch, in order, so that no trial steers one beside it.
        for number, _, params, searched in asked:
            fit = log.find(number, params) or log.add(number, trainer.fit(experiment, params, searched))
            scores.append(fit.score)
            yield replace(fit, searched=searched)  # the log does not have them
        if not asked[0][1].params:
            return
        for (_, trial, *_), score in zip(asked, scores, strict=True):
            if math.isfinite(score):
                study.tell(trial, score)
            else:
                # A score of NaN or infinity must not steer the sampler.
                study.tell(trial, state=optuna.trial.TrialState.FAIL)


def _suggest(
    trial: "Trial", experiment: Experiment, kind: TaskKind, defaults: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Suggest the parameters of a trial; return them, and the names that only the search has."""
    search = experiment.search
    # Only with a search: a space may look at the trial's class.
    asked: Any = SearchedTrial(trial, search) if search else trial
    own = experiment.space(asked, kind) or defaults
    # By name, not as the search is written: a layer of settings may reorder it.
    values = {name: suggest_value(trial, name, search[name]) for name in sorted(search)}
    return {**own, **values}, [name for name in values if name not in own]


def _trial_seed(study_seed: int, number: int) -> int:
    return (study_seed * 1_000_003 + number * 7_919) % 2**32  # primes keep neighbouring studies apart


def _build_entry(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the line of a trial; raise one of ``DAMAGE_ERRORS`` if it is none."""
    numbers = {name: float(fields[name]) for name in ("score", "seconds")}
    return {"trial": int(fields["trial"]), "params": dict(fields["params"]), **numbers}


class _TrialLog:
    """The finished trials of a study, one JSON line each in a file; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries: dict[int, dict[str, Any]] = {}
        if path is None or not os.path.lexists(path):
            return
        if not is_plain_file(path):
            remove_entry(path)
            return
        lines = read_plain(path).splitlines(keepends=True)
        for number, line in enumerate(lines):
            # Torn: the study was killed while it wrote this line. Or damaged: the later trials do not follow.
            entry = parse_state(line, _build_entry) if line.endswith(b"\n") else None
            if entry is None:
                path.write_bytes(b"".join(lines[:number]))
                break
            self._entries[entry["trial"]] = entry

    def find(self, number: int, params: Mapping[str, Any]) -> FitResult | None:
        """Return a logged trial if it has these parameters; else forget all logged trials and return None."""
        entry = self._entries.get(number)
        # As JSON, which has no tuples.
        if entry is None or entry["params"] != json.loads(json.dumps(dict(params))):
            # From here on the study differs from the logged one: later trials of the log no longer follow.
            self._entries.clear()
            return None
        return FitResult(dict(params), entry["score"], entry["seconds"])

    def add(self, number: int, fit: FitResult) -> FitResult:
        """Append a finished trial to the log, and return it."""
        if self._path is not None:
            entry = {"trial": number, "params": dict(fit.params), "score": fit.score, "seconds": fit.seconds}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
                file.flush()
                os.fsync(file.fileno())  # a trial may take an hour: it must survive a crash of the machine
        return fit
