"""The trials of a study: the result of each, and the log that a killed study resumes from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from magical.system.state_files import is_plain_file, parse_state, read_plain, remove_entry

__all__ = ["FitResult", "TrialLog"]


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
