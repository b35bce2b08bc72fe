"""The trials of a study: their results, the log that a killed study resumes from, and their pruning."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from magical.system.state_files import is_plain_file, parse_state, read_plain, remove_entry

__all__ = ["FitResult", "Pruner", "TrialLog"]

CLEARLY = 2.0  # standard errors: a trial whose gap to the best one is larger stops


@dataclass(frozen=True)
class FitResult:
    """The fits of one set of parameters, one for each fold, and their score.

    Attributes:
        params: the parameters of the estimator and, with a prefix, those of the preprocessing.
        score: the value of the deciding metric on all held-out rows together; of a pruned trial on those of
            its folds, of a failed one NaN.
        seconds: the time that its fits and their scoring took.
        fold_scores: the value in each fold that was fitted: fewer in a pruned trial; none without folds.
        rounds: the mean number of rounds after which the fits stopped early; None if they did not.
        state: ``complete``, ``pruned`` or ``failed``.
        failure: the reason of a failed trial.
        searched: the names of parameters that only the experiment's ``search`` has.
        held_out: the predictions of the held-out rows, fold after fold; None if the result was read from the
            log of an earlier attempt.
        fitted: what was fitted on train and judged by validation; None if there are folds.
    """

    params: Mapping[str, Any]
    score: float
    seconds: float
    fold_scores: tuple[float, ...] = ()
    rounds: float | None = None
    state: Literal["complete", "pruned", "failed"] = "complete"
    failure: str = ""
    searched: tuple[str, ...] = ()
    held_out: np.ndarray[Any, Any] | None = None
    fitted: Any = None


def _read_result(fields: dict[str, Any]) -> tuple[int, FitResult]:
    """Return the trial of a line; raise one of ``DAMAGE_ERRORS`` if it is none."""
    if fields["state"] not in ("complete", "pruned", "failed"):
        raise ValueError(fields["state"])
    rounds = fields["rounds"]
    return int(fields["trial"]), FitResult(
        dict(fields["params"]),
        float(fields["score"]),
        float(fields["seconds"]),
        tuple(float(s) for s in fields["folds"]),
        None if rounds is None else float(rounds),
        fields["state"],
        str(fields["failure"]),
    )


class TrialLog:
    """The finished trials of a study, one JSON line each in a file; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._results: dict[int, FitResult] = {}
        if path is None or not os.path.lexists(path):
            return
        if not is_plain_file(path):
            remove_entry(path)
            return
        lines = read_plain(path).splitlines(keepends=True)
        for number, line in enumerate(lines):
            # Torn: the study was killed while it wrote this line. Or damaged: the later trials do not follow.
            entry = parse_state(line, _read_result) if line.endswith(b"\n") else None
            if entry is None:
                path.write_bytes(b"".join(lines[:number]))
                break
            self._results[entry[0]] = entry[1]

    @property
    def seconds(self) -> float:
        """The time that the logged trials took, so that a budget counts those of an earlier attempt."""
        return sum(result.seconds for result in self._results.values())

    def find(self, number: int, params: Mapping[str, Any]) -> FitResult | None:
        """Return a logged trial if it has these parameters; else forget all logged trials and return None."""
        found = self._results.get(number)
        # As JSON, which has no tuples.
        if found is None or found.params != json.loads(json.dumps(dict(params))):
            # From here on the study differs from the logged one: later trials of the log no longer follow.
            self._results.clear()
            return None
        return replace(found, params=dict(params))

    def add(self, number: int, result: FitResult) -> None:
        """Append a finished trial to the log."""
        if self._path is None:
            return
        entry = {
            "trial": number,
            "params": dict(result.params),
            "score": result.score,
            "seconds": result.seconds,
            "folds": result.fold_scores,
            "rounds": result.rounds,
            "state": result.state,
            "failure": result.failure,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())  # a trial may take an hour: it must survive a crash of the machine


class Pruner:
    """The losses of complete trials in each fold, by which a later trial is judged after each of its folds.

    A trial is compared with the best complete one in the folds that both have. How far its mean gap there may
    be from the gap in all folds is known from earlier trials: their gaps to the best one scatter from fold to
    fold by some standard deviation s. After k of K folds the trial stops if its gap is above twice
    ``s * sqrt(1 / k - 1 / K)``. While there is only one complete trial, s is that of its own losses.

    Time plays no part in it, so that a study that was killed goes the same way again.

    Example:
        >>> pruner = Pruner()
        >>> pruner.note([0.50, 0.70, 0.60])
        >>> pruner.is_hopeless([0.9]), pruner.is_hopeless([0.55])
        (True, False)
        >>> pruner.note([0.52, 0.71, 0.61])
        >>> pruner.is_hopeless([0.55])
        True
    """

    def __init__(self) -> None:
        self._complete: list[list[float]] = []

    def note(self, losses: Sequence[float]) -> None:
        """Note the losses of a complete trial in all folds; one that has no number somewhere is left out."""
        if all(map(math.isfinite, losses)):
            self._complete.append(list(losses))

    def is_hopeless(self, losses: Sequence[float]) -> bool:
        """Return True if a trial is clearly worse than the best one, by its losses in the first folds."""
        if not self._complete or not 1 <= len(losses) < len(self._complete[0]):
            return False
        complete = np.array(self._complete)
        best, done = complete[complete.mean(axis=1).argmin()], len(losses)
        gaps = complete - best
        scatter = (gaps - gaps.mean(axis=1, keepdims=True)) if len(complete) > 1 else best - best.mean()
        freedom = (best.size - 1) * max(1, len(complete) - 1)  # the gap of the best to itself is none
        deviation = math.sqrt((scatter**2).sum() / freedom)
        gap = float(np.mean(losses - best[:done]))
        return gap > CLEARLY * deviation * math.sqrt(1 / done - 1 / best.size)  # False for NaN
