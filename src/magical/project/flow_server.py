"""A Prefect server for one call of a flow, where none is set up: it ends with the call or the process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace

from magical.project.hosting import await_all, free_port, prefect_server
from magical.runners.prefect_flow import talking_to

__all__ = ["served"]

PATIENCE = 10.0
"""Seconds that the server is given to take what is left to tell."""

_SLOW = "No Prefect server is set up: a temporary one starts, which takes half a minute. \
magical ui keeps one; prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api"


@contextlib.contextmanager
def served() -> Iterator[None]:
    """Let flows that are called in this block have a server: the one that is set up, or a temporary one.

    Prefect starts one, too, but leaves it running when the process is killed. This one keeps what it notes
    where Prefect's would, in Prefect's own database; like that one it may end before it has noted all tasks.

    Raises:
        ProjectError: it does not start.
    """
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        yield
        return
    print(_SLOW, file=sys.stderr, flush=True)
    server = prefect_server(settings.home, free_port())
    if url := settings.server.database.connection_url:
        known = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url.get_secret_value()}
        server = replace(server, settings={**server.settings, **known})
    with server.start() as process:
        await_all([(server, process)])
        with talking_to(f"{server.address}/api"):
            try:
                yield
            finally:
                _tell()


def _tell() -> None:
    """Hand the server what this process still has to tell."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    with contextlib.suppress(Exception):
        APILogWorker.drain_all(timeout=PATIENCE)
        EventsWorker.drain_all(timeout=PATIENCE)
