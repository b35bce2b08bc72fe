"""Tracking of a project's runs in MLflow, and the note of how far each came, so that `sync` can go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from magical.contracts.promises import Promise
from magical.engine.protocols import Store
from magical.errors import StoreError
from magical.events import Event
from magical.project.project_context import ProjectContext

if TYPE_CHECKING:
    from magical.integrations.mlflow.tracking import MlflowTracking

__all__ = ["LazyTracker", "create_tracker", "load_json_value"]


class LazyTracker:
    """A listener that is created when the first event comes, since MLflow is slow to import.

    Args:
        create: creates it, or None if runs are not tracked.
    """

    def __init__(self, create: Callable[[], MlflowTracking | None]) -> None:
        self._create = create

    def on(self, event: Event) -> None:
        """Pass an event on."""
        if (listener := self._create()) is not None:
            listener.on(event)


def create_tracker(
    context: ProjectContext, workflow: str, *, is_finished: bool = False
) -> MlflowTracking | None:
    """Create the listener that records one run in MLflow; None if that is switched off.

    Args:
        context: of the run; its overrides are noted, so that ``sync`` finds the same server.
        workflow: the name of the experiment, unless ``[tracking]`` names one.
        is_finished: the run is over, and is only recorded later.
    """
    tracking, overrides = context.configuration.tracking, context.configuration.overrides
    if not tracking.enabled:
        return None
    from magical.integrations.mlflow.progress_marks import ProgressMarkStore
    from magical.integrations.mlflow.tracking import MlflowTracking

    given = {k: overrides[k] for k in ("tracking",) if k in overrides and not _has_password(overrides[k])}
    return MlflowTracking(
        tracking.uri or context.database_uri(),
        artifacts=context.home / "artifacts",
        experiment=tracking.experiment or workflow,
        read_value=lambda key: load_json_value(context.store, key),
        marks=ProgressMarkStore(context.journal.folder),
        line=given,
        is_replay=is_finished,
    )


def load_json_value(store: Store, key: str) -> Any:
    """Load a result that is JSON; None for any other, and for one that stands on a pretence or a sample."""
    record = store.find_record(key)
    if record is None or record.result.kind != "value" or record.origin:
        return None
    try:
        return store.load(record.result, Promise("any"))
    except StoreError:
        return None


def _has_password(given: Any) -> bool:
    """Return True if an address among the overrides holds a password, which no file may keep."""
    texts = [str(v) for v in given.values()] if isinstance(given, Mapping) else []
    return any("@" in text and urlsplit(text).password for text in texts)
