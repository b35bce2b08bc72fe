"""A temporary Prefect server for one call of a flow, where no server is configured."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from magical.integrations.prefect.flow_run import use_server
from magical.project.servers.hosting import await_servers, free_port, prefect_server

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["ensure_prefect_server"]

DRAIN_TIMEOUT = 10.0
"""Seconds to wait for the server to record the last events."""

_POLL_SECONDS = 0.2

_START_NOTICE = "No Prefect server is set up: a temporary one starts, which takes half a minute. \
magical ui keeps one; prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api"


@contextlib.contextmanager
def ensure_prefect_server() -> Iterator[None]:
    """Provide a server for the flows of a ``with`` block: the configured one, or a temporary one.

    The temporary one uses Prefect's own database, and ends when it has recorded the end of each task.

    Raises:
        ProjectError: the server does not start.
    """
    # Prefect's own temporary server goes on running when this process is killed, and misses the last events.
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        yield
        return
    print(_START_NOTICE, file=sys.stderr, flush=True)
    server = prefect_server(settings.home, free_port())
    if url := settings.server.database.connection_url:
        database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url.get_secret_value()}
        server = replace(server, settings={**server.settings, **database})
    with server.start() as process:
        await_servers([(server, process)])
        with use_server(f"{server.address}/api"):
            began = datetime.now(UTC)
            try:
                yield
            finally:
                with contextlib.suppress(Exception):  # a missing event must not fail the run
                    _flush_events(began)


def _flush_events(began: datetime) -> None:
    """Send the server the events of this process, and wait until it has recorded the end of each task.

    Args:
        began: a time before the first flow run of this process.
    """
    from prefect.client.orchestration import get_client
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=DRAIN_TIMEOUT)
    EventsWorker.drain_all(timeout=DRAIN_TIMEOUT)
    until, quiet = time.monotonic() + DRAIN_TIMEOUT, 0
    with get_client(sync_client=True) as client:
        # Twice, since the last task may be unknown to the server at the first look.
        while quiet < 2 and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            quiet = 0 if _has_unfinished_tasks(client, began) else quiet + 1


def _has_unfinished_tasks(client: SyncPrefectClient, began: datetime) -> bool:
    """Return True if the server knows an unfinished task of a flow run that began since a time."""
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import TERMINAL_STATES, StateType
    from prefect.client.schemas.sorting import TaskRunSort

    unfinished = [kind for kind in StateType if kind not in TERMINAL_STATES]
    states = filters.TaskRunFilterState(type=filters.TaskRunFilterStateType(any_=unfinished))
    since = filters.FlowRunFilterStartTime.model_validate({"after_": began})
    tasks, flows = filters.TaskRunFilter(state=states), filters.FlowRunFilter(start_time=since)
    found = client.read_task_runs(
        flow_run_filter=flows, task_run_filter=tasks, sort=TaskRunSort.ID_DESC, limit=1, offset=0
    )
    return bool(found)
