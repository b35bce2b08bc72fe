"""Tracking in MLflow: one MLflow run for each workflow run that executed something."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.events import (
    Event,
    RunFinished,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepStarted,
)
from magical.integrations.mlflow.client import experiment_id, reached, shown, talking
from magical.integrations.mlflow.progress_marks import MISSED, SENT, Mark, Marks
from magical.run_metrics import MetricExtractor, flatten_settings, make_run_tags
from magical.system.processes import machine_name, is_process_alive

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

__all__ = ["MlflowTracking"]

_PARAMS_AT_ONCE = 100
_STATES = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class MlflowTracking:
    """Writes settings, scores, the data's digest and the lineage of a run to MLflow.

    Args:
        uri: ``sqlite:///…`` for a database in the project, ``http://…`` for a server.
        artifacts: the folder where an embedded one keeps files.
        experiment: the experiment's name.
        value: gives, by its key, the result of a node that has finished, as JSON; it is asked of every node,
            so it may give none for those that are tables or models.
        marks: where it is noted how far a run has come, so that what is missed can be sent later.
        line: what the command line said of tracking, for the mark.
        later: the events are of a run that is over; what MLflow has of it already is completed, not repeated.

    The MLflow run begins with the first step that executes; a run in which all is fresh leaves no trace.
    After the first failure nothing more is tried.
    """

    def __init__(
        self,
        uri: str,
        *,
        artifacts: Path,
        experiment: str,
        value: Callable[[str], Any],
        marks: Marks | None = None,
        line: Mapping[str, Any] | None = None,
        later: bool = False,
    ) -> None:
        self.uri, self._artifacts, self._experiment, self._value = uri, artifacts, experiment, value
        self._marks, self._line, self._later = marks, line or {}, later
        self._lock = threading.RLock()
        self._client: MlflowClient | None = None
        self._begun = RunStarted(run="", workflow=experiment, settings={}, nodes=[])
        self._since = 0.0
        self._run = ""
        self._there: set[str] = set()
        self._broken = False
        self._waiting: list[tuple[str, str, float]] = []
        self._keys: dict[str, str] = {}
        self._contents: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._figures = MetricExtractor()

    @property
    def run_id(self) -> str | None:
        """The MLflow run of the workflow run under way, if there is one."""
        with self._lock:
            return self._run or None

    def on(self, event: Event, at: float | None = None) -> None:
        """Take an event.

        Args:
            event: of a run under way, or from its journal.
            at: when it happened, in seconds since the epoch; now, unless given.

        Raises:
            RegistryDown: MLflow does not answer.
        """
        with self._lock:
            if self._broken:
                return
            try:
                self._take(event, time.time() if at is None else at)
            except Exception:
                self._broken, self._run = True, ""
                if self._marks is not None:
                    self._marks.move(self._begun.run, MISSED)
                raise

    def _take(self, event: Event, at: float) -> None:
        match event:
            case RunStarted():
                self._begun, self._since = event, at
            case StepStarted():
                if not self._run:
                    self._begin()
            case StepCached() | StepFinished():
                self._keys[event.step], self._contents[event.step] = event.key, event.content
                if not event.origin:  # what stands on a pretence or a sample is no result
                    self._waiting.append((event.step, event.key, at))
                if self._run:
                    self._log_scores()
            case StepFailed():
                self._errors[event.step] = event.message
            case RunFinished() if self._run:
                self._end(event, at)

    def _begin(self) -> None:
        begun = self._begun
        if self._marks is not None and not self._later:
            mark = Mark(uri=shown(self.uri), experiment=self._experiment, line=self._line)
            self._marks.write(begun.run, mark)
        with talking(self.uri, "begin a run"), reached(self.uri):
            from mlflow import MlflowClient
            from mlflow.entities import Param

            self._client = client = MlflowClient(tracking_uri=self.uri)
            experiment = experiment_id(client, self._experiment, self.uri, self._artifacts)
            run = self._sent_before(client, experiment) if self._later else None
            if run is None:
                if not self._later:
                    _end_killed(client, experiment)
                since = _milliseconds(self._since or time.time())
                run = client.create_run(experiment, since, make_run_tags(begun), begun.run or None)
            self._run = run.info.run_id
            data = run.inputs.dataset_inputs if run.inputs else []
            self._there = {*run.data.metrics, *(f"data:{i.dataset.name}" for i in data)}
            given = flatten_settings(begun.settings).items()
            params = [Param(k, v) for k, v in given if k not in run.data.params]
            for first in range(0, len(params), _PARAMS_AT_ONCE):
                client.log_batch(self._run, params=params[first : first + _PARAMS_AT_ONCE])

    def _sent_before(self, client: MlflowClient, experiment: str) -> Run | None:
        """What MLflow has of this run; its name is a tag from its first moment on."""
        found = client.search_runs([experiment], f"tags.`magical.run` = '{self._begun.run}'", max_results=1)
        return found[0] if found else None

    def _log_scores(self) -> None:
        """Write the scores among the results that are new."""
        found = [
            (name, number, _milliseconds(at))
            for step, key, at in self._waiting
            for name, number in self._figures.extract(step, self._value(key))
            if name not in self._there
        ]
        self._waiting.clear()
        if found:
            with self._talking("log scores") as client:
                from mlflow.entities import Metric

                client.log_batch(self._run, metrics=[Metric(n, x, at, 0) for n, x, at in found])

    def _end(self, event: RunFinished, at: float) -> None:
        self._log_scores()
        keys = {**self._keys, **event.keys}
        with self._talking("end the run") as client:
            lineage = {"workflow": self._begun.workflow, "run": event.run, "keys": keys}
            client.log_text(self._run, json.dumps(lineage, indent=1), "lineage.json")
            if self._errors:
                text = "\n\n".join(f"{step}\n{message}" for step, message in self._errors.items())
                client.log_text(self._run, text, "errors.txt")
            data = self._data(keys)
            if data is not None:
                client.log_inputs(self._run, [data])
            client.set_tag(self._run, "magical.executed", str(event.executed))
            state = _STATES.get(event.state, "FAILED")
            client.set_terminated(self._run, status=state, end_time=_milliseconds(at))
        if self._marks is not None:
            self._marks.move(self._begun.run, SENT, self._run)
        self._run = ""

    def _data(self, keys: Mapping[str, str]) -> DatasetInput | None:
        """The source as a data set: what the first node gave, by its content."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        first = next((n for n in self._begun.nodes if n in keys), None)
        if first is None or f"data:{first}" in self._there:
            return None
        where = json.dumps({"node": first, "key": keys[first]})
        data = Dataset(
            name=first,
            digest=self._contents.get(first, keys[first])[:32],
            source_type="magical",
            source=where,
        )
        return DatasetInput(data, [InputTag("mlflow.data.context", "training")])

    @contextlib.contextmanager
    def _talking(self, what: str) -> Iterator[MlflowClient]:
        assert self._client is not None, "the run has begun"
        with talking(self.uri, what):
            yield self._client


def _end_killed(client: MlflowClient, experiment: str) -> None:
    """Mark runs as killed whose process on this machine is gone."""
    query = f"attributes.status = 'RUNNING' and tags.`magical.host` = '{machine_name()}'"
    for run in client.search_runs([experiment], query, max_results=50):
        process = run.data.tags.get("magical.process", "")
        if process.isdecimal() and not is_process_alive(int(process)):
            client.set_terminated(run.info.run_id, status="KILLED")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
