"""Tracking in MLflow: one MLflow run for each workflow run that executed something."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.engine.servers import experiment_id, reached, talking
from magical.errors import shorten
from magical.events import (
    Event,
    RunFinished,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepStarted,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric

__all__ = ["MlflowTracking", "flat"]

LONGEST = 500
_PARAMS_AT_ONCE = 100
_STATES = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class MlflowTracking:
    """Writes settings, scores, the data's digest and the lineage of a run to MLflow.

    Args:
        uri: ``sqlite:///…`` for a database in the project, ``http://…`` for a server.
        artifacts: the folder where an embedded one keeps files.
        experiment: the experiment's name.
        value: gives, by its key, the result of a node that has finished; it is asked of every node, so it may
            give none for those that are tables or models.

    The MLflow run begins with the first step that executes; a run in which all is fresh leaves no trace.
    After the first failure nothing more is tried.
    """

    def __init__(self, uri: str, *, artifacts: Path, experiment: str, value: Callable[[str], Any]) -> None:
        self.uri, self._artifacts, self._experiment, self._value = uri, artifacts, experiment, value
        self._lock = threading.RLock()
        self._client: MlflowClient | None = None
        self._begun: RunStarted | None = None
        self._run = ""
        self._broken = False
        self._waiting: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._contents: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._logged: set[str] = set()

    @property
    def run_id(self) -> str | None:
        """The MLflow run of the workflow run under way, if there is one."""
        with self._lock:
            return self._run or None

    def on(self, event: Event) -> None:
        """Take an event.

        Raises:
            RegistryError: MLflow does not answer.
        """
        with self._lock:
            if self._broken:
                return
            try:
                self._take(event)
            except Exception:
                self._broken, self._run = True, ""
                raise

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begun = event
            case StepStarted():
                if not self._run:
                    self._begin()
            case StepCached() | StepFinished():
                self._keys[event.step] = self._waiting[event.step] = event.key
                self._contents[event.step] = event.content
                if self._run:
                    self._log_scores()
            case StepFailed():
                self._errors[event.step] = event.message
            case RunFinished() if self._run:
                self._end(event)

    def _begin(self) -> None:
        begun = self._begun or RunStarted(run="", workflow=self._experiment, settings={}, nodes=[])
        with talking(self.uri, "begin a run"), reached(self.uri):
            from mlflow import MlflowClient
            from mlflow.entities import Param, RunTag

            self._client = client = MlflowClient(tracking_uri=self.uri)
            experiment = experiment_id(client, self._experiment, self.uri, self._artifacts)
            _end_killed(client, experiment)
            tags = [RunTag(k, v) for k, v in _tags(begun).items()]
            run = client.create_run(experiment, run_name=begun.run or None)
            self._run = run.info.run_id
            params = [Param(k, v) for k, v in flat(begun.settings).items()]
            client.log_batch(self._run, params=params[:_PARAMS_AT_ONCE], tags=tags)
            for first in range(_PARAMS_AT_ONCE, len(params), _PARAMS_AT_ONCE):
                client.log_batch(self._run, params=params[first : first + _PARAMS_AT_ONCE])

    def _log_scores(self) -> None:
        """Write the scores among the results that are new."""
        metrics: list[Metric] = []
        for step, key in self._waiting.items():
            metrics.extend(self._metrics(step, self._value(key)))
        self._waiting.clear()
        if metrics:
            with self._talking("log scores") as client:
                client.log_batch(self._run, metrics=metrics)

    def _metrics(self, step: str, value: Any) -> Iterator[Metric]:
        """What of a result is a score: anything with ``metrics``, each with a ``value``; no pretended one."""
        scores = getattr(value, "metrics", None)
        if not isinstance(scores, Mapping) or getattr(value, "origin", None):
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        part = getattr(value, "part", "test")
        for name, score in scores.items():
            if not isinstance(getattr(score, "value", None), float | int):
                continue
            label = _label(name if part == "test" else f"{part}.{name}")
            if label in self._logged:
                label = _label(f"{step}.{label}")
            self._logged.add(label)
            yield Metric(label, float(score.value), now, 0)
            for bound in ("low", "high"):
                if isinstance(getattr(score, bound, None), float | int):
                    yield Metric(f"{label}.{bound}", float(getattr(score, bound)), now, 0)

    def _end(self, event: RunFinished) -> None:
        self._log_scores()
        state = _STATES.get(event.state, "FAILED")
        keys = {**self._keys, **event.keys}
        with self._talking("end the run") as client:
            lineage = {"workflow": self._begun and self._begun.workflow, "run": event.run, "keys": keys}
            client.log_text(self._run, json.dumps(lineage, indent=1), "lineage.json")
            if self._errors:
                text = "\n\n".join(f"{step}\n{message}" for step, message in self._errors.items())
                client.log_text(self._run, text, "errors.txt")
            data = self._data(keys)
            if data is not None:
                client.log_inputs(self._run, [data])
            client.set_tag(self._run, "magical.executed", str(event.executed))
            client.set_terminated(self._run, status=state)
        self._run = ""

    def _data(self, keys: Mapping[str, str]) -> DatasetInput | None:
        """The source as a data set: what the first node gave, by its content."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        first = next((n for n in (self._begun.nodes if self._begun else []) if n in keys), None)
        if first is None:
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


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Give nested settings as MLflow's parameters: dotted names, short texts.

    Example:
        >>> flat({"split": {"seed": 7}, "experiments": [{"kind": "Linear"}], "columns": ["a", "b"]})
        {'split.seed': '7', 'experiments.0.kind': 'Linear', 'columns': '["a", "b"]'}
    """
    out: dict[str, str] = {}
    for key, given in settings.items():
        name = _label(f"{prefix}{key}")
        nested = isinstance(given, list) and any(isinstance(v, Mapping) for v in given)
        value = {str(i): v for i, v in enumerate(given)} if nested else given
        if isinstance(value, Mapping):
            out |= flat(value, f"{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            out[name] = shorten(text, LONGEST)
    return out


def _end_killed(client: MlflowClient, experiment: str) -> None:
    """Mark runs as killed whose process on this machine is gone."""
    query = f"attributes.status = 'RUNNING' and tags.`magical.host` = '{_host()}'"
    for run in client.search_runs([experiment], query, max_results=50):
        process = run.data.tags.get("magical.process", "")
        if process.isdecimal() and not _lives(int(process)):
            client.set_terminated(run.info.run_id, status="KILLED")


def _host() -> str:
    return re.sub(r"[^\w.-]", "_", platform.node())


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _tags(begun: RunStarted) -> dict[str, str]:
    commit = str(begun.git.get("commit") or "")
    found = {
        "magical.run": begun.run,
        "magical.workflow": begun.workflow,
        "magical.profile": begun.profile,
        "magical.host": _host(),
        "magical.process": str(os.getpid()),
        "magical.commit": commit,
        "magical.dirty": str(bool(begun.git.get("dirty"))).lower() if commit else "",
        "mlflow.source.name": begun.workflow,
        "mlflow.source.git.commit": commit,
    }
    return {name: shorten(text, LONGEST) for name, text in found.items() if text}


def _label(name: str) -> str:
    """A name that MLflow takes: letters, digits and ``_-./ ``."""
    return re.sub(r"[^\w\-./ ]", "_", name, flags=re.ASCII)[:250]
