"""Tracking in MLflow: one MLflow run for each workflow run that executed something."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from magical.integrations.mlflow.client import (
    ensure_experiment,
    hide_password,
    prepare_mlflow,
    wrap_mlflow_errors,
)
from magical.integrations.mlflow.kept_files import KeptFiles, make_table_tag
from magical.integrations.mlflow.progress_marks import MISSED, SENT, ProgressMark, ProgressMarkStore
from magical.run_metrics import MetricExtractor, flatten_settings, make_run_tags
from magical.system.processes import is_process_alive, machine_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

__all__ = ["MlflowTracking"]

_PARAM_BATCH = 100
_STATES = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class MlflowTracking:
    """A listener that tells MLflow a run: settings, scores, kept tables and figures, data, lineage.

    The MLflow run begins with the first step that executes, so a run in which all is fresh leaves no trace.
    After the first failure nothing more is sent; ``magical sync`` sends it later.

    Args:
        uri: the address: ``sqlite:///…`` for a database in the project, ``http://…`` for a server.
        artifacts: the folder of the files of a database.
        experiment: the experiment's name.
        read_value: returns the result of a key as JSON, or None for tables and models.
        kept: reads what the steps kept; None to send nothing of it.
        marks: note how far a run was sent, so that ``sync`` can send the rest.
        line: the tracking options of the command line, for the mark.
        list_files: lists further files of a run that MLflow keeps, by the name of the run.
        is_replay: the events come from a journal; what MLflow already has of the run is not sent again.

    Example:
        >>> tracking = MlflowTracking(
        ...     "sqlite:///mlflow.db", artifacts=Path("a"), experiment="x", read_value=lambda key: None
        ... )
        >>> tracking.on(RunStarted(run="r", workflow="x", settings={}, nodes=[]))
        >>> print(tracking.run_id)
        None
    """

    def __init__(
        self,
        uri: str,
        *,
        artifacts: Path,
        experiment: str,
        read_value: Callable[[str], Any],
        kept: KeptFiles | None = None,
        marks: ProgressMarkStore | None = None,
        line: Mapping[str, Any] | None = None,
        list_files: Callable[[str], Iterable[Path]] = lambda run: (),
        is_replay: bool = False,
    ) -> None:
        self.uri, self._artifacts, self._experiment, self._read_value = uri, artifacts, experiment, read_value
        self._kept, self._marks, self._line, self._is_replay = kept, marks, line or {}, is_replay
        self._list_files = list_files
        self._lock = threading.RLock()
        self._client: MlflowClient | None = None
        self._run_started = RunStarted(run="", workflow=experiment, settings={}, nodes=[])
        self._started_at = 0.0
        self._run_id = ""
        self._logged_metrics: dict[str, float] = {}
        self._logged_data: set[str] = set()
        self._broken = False
        self._pending: list[tuple[str, str, float]] = []
        self._real: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._contents: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._metrics = MetricExtractor()

    @property
    def run_id(self) -> str | None:
        """The id of the MLflow run of the workflow run under way, or None."""
        with self._lock:
            return self._run_id or None

    def on(self, event: Event, at: float | None = None) -> None:
        """Handle an event of a run.

        Args:
            event: of a run under way, or from its journal.
            at: the time of the event, in seconds since the epoch; now by default.

        Raises:
            RegistryDown: MLflow does not answer.
            RegistryError: MLflow refuses a request.
        """
        with self._lock:
            if self._broken:
                return
            try:
                self._handle(event, time.time() if at is None else at)
            except Exception:
                # One failure is reported, and the run goes on: the next event would only fail again, slowly.
                self._broken, self._run_id = True, ""
                if self._marks is not None:
                    self._marks.advance(self._run_started.run, MISSED)
                raise

    def _handle(self, event: Event, at: float) -> None:
        match event:
            case RunStarted():
                self._run_started, self._started_at = event, at
            case StepStarted():
                if not self._run_id:
                    self._start_run()
            case StepCached() | StepFinished():
                self._keys[event.step], self._contents[event.step] = event.key, event.content
                if not event.origin:  # scores from a pretended or sampled step are no results
                    self._pending.append((event.step, event.key, at))
                    self._real[event.step] = event.key
                if self._run_id:
                    self._log_scores()
            case StepFailed():
                self._errors[event.step] = event.message
            case RunFinished() if self._run_id:
                self._finish_run(event, at)

    def _start_run(self) -> None:
        """Create the MLflow run, or find it in a replay, and log the settings."""
        begun = self._run_started
        if self._marks is not None and not self._is_replay:
            mark = ProgressMark(uri=hide_password(self.uri), experiment=self._experiment, line=self._line)
            self._marks.write(begun.run, mark)  # before the first request, for `sync` to know of the run
        with wrap_mlflow_errors(self.uri, "begin a run"), prepare_mlflow(self.uri):
            from mlflow import MlflowClient
            from mlflow.entities import Param

            self._client = client = MlflowClient(tracking_uri=self.uri)
            experiment = ensure_experiment(client, self._experiment, self.uri, self._artifacts)
            run = self._find_existing_run(client, experiment) if self._is_replay else None
            if run is None:
                if not self._is_replay:
                    _mark_killed(client, experiment)
                since = _milliseconds(self._started_at or time.time())
                run = client.create_run(experiment, since, make_run_tags(begun), begun.run or None)
            self._run_id = run.info.run_id
            data = run.inputs.dataset_inputs if run.inputs else []
            self._logged_metrics = dict(run.data.metrics)
            self._logged_data = {i.dataset.name for i in data}
            settings = flatten_settings(begun.settings).items()
            params = [Param(k, v) for k, v in settings if k not in run.data.params]
            for first in range(0, len(params), _PARAM_BATCH):  # MLflow takes at most 100 in one request
                client.log_batch(self._run_id, params=params[first : first + _PARAM_BATCH])

    def _find_existing_run(self, client: MlflowClient, experiment: str) -> Run | None:
        """Return the MLflow run of this run, found by the tag that it is created with; None if it is new."""
        found = client.search_runs(
            [experiment], f"tags.`magical.run` = '{self._run_started.run}'", max_results=1
        )
        return found[0] if found else None

    def _log_scores(self) -> None:
        """Log the scores among the pending results to MLflow."""
        found = [
            (name, number, _milliseconds(at))
            for step, key, at in self._pending
            for name, number in self._extract_scores(step, key)
            if self._logged_metrics.get(name) != number
        ]
        self._pending.clear()
        self._logged_metrics |= {name: number for name, number, _ in found}
        if found:
            with self._use_client("log scores") as client:
                from mlflow.entities import Metric

                client.log_batch(self._run_id, metrics=[Metric(n, x, at, 0) for n, x, at in found])

    def _extract_scores(self, step: str, key: str) -> Iterator[tuple[str, float]]:
        yield from self._metrics.extract(step, self._read_value(key))
        if self._kept is not None:
            yield from self._metrics.extract_candidates(step, self._kept.read_candidates(key))

    def _finish_run(self, event: RunFinished, at: float) -> None:
        self._log_scores()
        keys = {**self._keys, **event.keys}
        with self._use_client("end the run") as client:
            from mlflow.entities import RunTag

            tables = self._log_files(client, event.run, keys)
            data = self._source_dataset(keys)
            if data is not None:
                client.log_inputs(self._run_id, [data])
            tags = {"magical.executed": str(event.executed), **make_table_tag(tables)}
            client.log_batch(self._run_id, tags=[RunTag(name, text) for name, text in tags.items()])
            state = _STATES.get(event.state, "FAILED")
            client.set_terminated(self._run_id, status=state, end_time=_milliseconds(at))
        if self._marks is not None:
            self._marks.advance(self._run_started.run, SENT, self._run_id)
        self._run_id = ""

    def _log_files(self, client: MlflowClient, run: str, keys: Mapping[str, str]) -> list[str]:
        """Upload lineage, errors, kept values and further files in one go; return the paths of the tables."""
        with tempfile.TemporaryDirectory(prefix="magical-") as name:
            folder = Path(name)
            lineage = {"workflow": self._run_started.workflow, "run": run, "keys": keys}
            (folder / "lineage.json").write_text(json.dumps(lineage, indent=1), encoding="utf-8")
            if self._errors:
                text = "\n\n".join(f"{step}\n{message}" for step, message in self._errors.items())
                (folder / "errors.txt").write_text(text, encoding="utf-8")
            tables = []
            if (kept := self._kept) is not None:
                tables = [p for step, key in self._real.items() for p in kept.write(step, key, folder)]
            for file in self._list_files(run):
                shutil.copyfile(file, folder / file.name)
            client.log_artifacts(self._run_id, str(folder))
        return tables

    def _source_dataset(self, keys: Mapping[str, str]) -> DatasetInput | None:
        """Describe the result of the first node as an MLflow data set; None if missing or already logged."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        first = next((n for n in self._run_started.nodes if n in keys), None)
        if first is None or first in self._logged_data:
            return None
        source = json.dumps({"node": first, "key": keys[first]})
        digest = self._contents.get(first, keys[first])[:32]  # MLflow allows at most 36 characters
        data = Dataset(name=first, digest=digest, source_type="magical", source=source)
        return DatasetInput(data, [InputTag("mlflow.data.context", "training")])

    @contextlib.contextmanager
    def _use_client(self, action: str) -> Iterator[MlflowClient]:
        assert self._client is not None, "the run has begun"
        with wrap_mlflow_errors(self.uri, action):
            yield self._client


def _mark_killed(client: MlflowClient, experiment: str) -> None:
    """End the open MLflow runs of this machine as killed if their process has ended."""
    query = f"attributes.status = 'RUNNING' and tags.`magical.host` = '{machine_name()}'"
    for run in client.search_runs([experiment], query, max_results=50):
        process = run.data.tags.get("magical.process", "")
        if process.isdecimal() and not is_process_alive(int(process)):
            client.set_terminated(run.info.run_id, status="KILLED")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
