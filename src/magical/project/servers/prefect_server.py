"""A Prefect server for one call of a flow, where none is set up: it ends with the call or the process."""

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
"""Seconds that the server is given to take what is left to tell."""

_POLL_SECONDS = 0.2

_START_NOTICE = "No Prefect server is set up: a temporary one starts, which takes half a minute. \
magical ui keeps one; prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api"


@contextlib.contextmanager
def ensure_prefect_server() -> Iterator[None]:
    """Let flows that are called in this block have a server: the one that is set up, or a temporary one.

    Prefect starts one, too, but leaves it running when the process is killed. This one keeps what it notes
    where Prefect's would, in Prefect's own database, and ends when it has noted how each task ended.

    Raises:
        ProjectError: it does not start.
    """
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        yield
        return
    print(_START_NOTICE, file=sys.stderr, flush=True)
    server = prefect_server(settings.home, free_port())
    if url := settings.server.database.connection_url:
        known = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url.get_secret_value()}
        server = replace(server, settings={**server.settings, **known})
    with server.start() as process:
        await_servers([(server, process)])
        with use_server(f"{server.address}/api"):
            began = datetime.now(UTC)
            try:
                yield
            finally:
                with contextlib.suppress(Exception):  # what the server does not know is no fault of the run
                    _flush_events(began)


def _flush_events(began: datetime) -> None:
    """Hand the server what this process still has to tell, and see that it notes it.

    Args:
        began: no flow run of this process began before.
    """
    from prefect.client.orchestration import get_client
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=DRAIN_TIMEOUT)
    EventsWorker.drain_all(timeout=DRAIN_TIMEOUT)
    until, quiet = time.monotonic() + DRAIN_TIMEOUT, 0
    with get_client(sync_client=True) as client:
        while quiet < 2 and time.monotonic() < until:  # the last task may not be known at all yet
            time.sleep(_POLL_SECONDS)
            quiet = 0 if _has_unfinished_tasks(client, began) else quiet + 1


def _has_unfinished_tasks(client: SyncPrefectClient, began: datetime) -> bool:
    """Whether the server waits for the end of a task of a flow run that began since a time."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterStartTime,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.client.schemas.objects import TERMINAL_STATES, StateType
    from prefect.client.schemas.sorting import TaskRunSort

    going = [kind for kind in StateType if kind not in TERMINAL_STATES]
    found = client.read_task_runs(
        flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime.model_validate({"after_": began})),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=going))),
        sort=TaskRunSort.ID_DESC,
        limit=1,
        offset=0,
    )
    return bool(found)
