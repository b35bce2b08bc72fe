"""The listener that tracks a project's runs in MLflow, with marks from which `sync` continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from magical.contracts.promises import Promise
from magical.engine.protocols import Store
from magical.errors import StoreError
from magical.events import Event
from magical.project.project_context import ProjectContext

if TYPE_CHECKING:
    from magical.integrations.mlflow.tracking import MlflowTracking

__all__ = ["Tracking", "create_tracker", "load_json_value"]


class Tracking:
    """A listener that creates the real one at the first event, since MLflow is slow to import.

    The message about a listener that failed contains the name of this class.

    Args:
        create: returns the listener, the same each time, or None if runs are not tracked.

    Example:
        >>> Tracking(lambda: None).on(Event())
    """

    def __init__(self, create: Callable[[], MlflowTracking | None]) -> None:
        self._create = create

    def on(self, event: Event) -> None:
        """Pass an event to the real listener."""
        if (listener := self._create()) is not None:
            listener.on(event)


def create_tracker(
    context: ProjectContext, workflow: str, *, is_finished: bool = False
) -> MlflowTracking | None:
    """Create the listener that records one run in MLflow; None if tracking is switched off.

    Args:
        context: the context of the run; marks note its overrides of tracking for ``sync``, unless they have a
            password.
        workflow: the name of the experiment, unless ``[tracking]`` names one.
        is_finished: the run has ended, and is recorded from its journal.
    """
    tracking, overrides = context.configuration.tracking, context.configuration.overrides
    if not tracking.enabled:
        return None
    from magical.integrations.mlflow.kept_files import KeptFiles
    from magical.integrations.mlflow.progress_marks import ProgressMarkStore
    from magical.integrations.mlflow.tracking import MlflowTracking
    from magical.report.report_files import list_report_files

    noted = {k: overrides[k] for k in ("tracking",) if k in overrides and not _has_password(overrides[k])}
    return MlflowTracking(
        tracking.uri or context.database_uri(),
        artifacts=context.home / "artifacts",
        experiment=tracking.experiment or workflow,
        read_value=lambda key: load_json_value(context.store, key),
        kept=KeptFiles(context.store),
        marks=ProgressMarkStore(context.journal.folder),
        line=noted,
        list_files=partial(list_report_files, context.journal),
        is_replay=is_finished,
    )


def load_json_value(store: Store, key: str) -> Any:
    """Load a result that is a value; None for any other kind, a pretended or sampled one, or a lost one."""
    record = store.find_record(key)
    if record is None or record.result.kind != "value" or record.origin:
        return None
    try:
        return store.load(record.result, Promise("any"))
    except StoreError:
        return None


def _has_password(overrides: Any) -> bool:
    """Return True if an address among the overrides has a password, which must not get into a file."""
    texts = [str(v) for v in overrides.values()] if isinstance(overrides, Mapping) else []
    return any("@" in text and urlsplit(text).password for text in texts)
