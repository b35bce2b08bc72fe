"""How a run reaches MLflow, and the note of how far it came, so that what is missed is sent later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from magical.contracts.promises import Promise
from magical.engine.journal import Journal
from magical.engine.policy import TrackingSettings as HowToTrack
from magical.engine.protocols import Store
from magical.errors import StoreError
from magical.events import Event

if TYPE_CHECKING:
    from magical.integrations.mlflow.tracking import MlflowTracking

__all__ = ["LazyTracker", "LazyValue", "TrackedProject", "create_tracker", "load_json_value"]


class TrackedProject(Protocol):
    """The part of a project that tracking needs."""

    @property
    def home(self) -> Path:
        """Its folder ``.magical``."""

    @property
    def store(self) -> Store:
        """Where its artifacts live."""

    @property
    def journal(self) -> Journal:
        """Where its runs are told."""

    def database_uri(self) -> str:
        """Give the address of its own MLflow database."""


class LazyValue:
    """Computes a value when it is first asked for."""

    def __init__(self, compute: Any) -> None:
        self._compute, self._is_computed, self._value = compute, False, None

    def __call__(self) -> Any:
        """Give the value."""
        if not self._is_computed:
            self._value, self._is_computed = self._compute(), True
        return self._value


class LazyTracker:
    """A listener that is made when the first event comes.

    Args:
        make: gives it, or none if nothing is to be tracked.
    """

    def __init__(self, create: LazyValue) -> None:
        self._create = create

    def on(self, event: Event) -> None:
        """Pass an event on."""
        listener = self._create()
        if listener is not None:
            listener.on(event)


def create_tracker(
    project: TrackedProject,
    tracking: HowToTrack,
    workflow: str,
    line: Mapping[str, Any],
    *,
    is_finished: bool = False,
) -> MlflowTracking | None:
    """Give what tells MLflow of one run, or none if that is switched off.

    Args:
        project: whose run it is.
        tracking: where it is told.
        workflow: its name.
        line: the settings of the command line.
        later: the run is over.
    """
    if not tracking.enabled:
        return None
    from magical.integrations.mlflow.progress_marks import ProgressMarkStore
    from magical.integrations.mlflow.tracking import MlflowTracking

    return MlflowTracking(
        tracking.uri or project.database_uri(),
        artifacts=project.home / "artifacts",
        experiment=tracking.experiment or workflow,
        read_value=lambda key: load_json_value(project, key),
        marks=ProgressMarkStore(project.journal.folder),
        line={k: line[k] for k in ("tracking",) if k in line and not _has_password(line[k])},
        is_replay=is_finished,
    )


def load_json_value(project: TrackedProject, key: str) -> Any:
    """A result as JSON, if it has that form; what stands on a pretence or a sample is none."""
    record = project.store.find_record(key)
    if record is None or record.result.kind != "value" or record.origin:
        return None
    try:
        return project.store.load(record.result, Promise("any"))
    except StoreError:
        return None


def _has_password(given: Any) -> bool:
    """Whether an address on the line holds a password, which no file may keep."""
    texts = [str(v) for v in given.values()] if isinstance(given, Mapping) else []
    return any("@" in text and urlsplit(text).password for text in texts)
