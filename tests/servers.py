"""Real servers for tests, each in a folder and on a port of its own, ended with the tests however they end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from magical.project.servers.hosting import await_servers, describe_prefect_server, find_free_port


@contextmanager
def prefect_running(folder: Path) -> Iterator[str]:
    """Run a Prefect server, and give the address of its API."""
    server = describe_prefect_server(folder, find_free_port())
    with server.start() as process:
        await_servers([(server, process)])
        yield f"{server.address}/api"


@pytest.fixture(scope="session", name="prefect_server")
def shared_prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a Prefect server that all tests of this process share, such as ``http://127.0.0.1:4211/api``."""
    pytest.importorskip("prefect")
    with prefect_running(tmp_path_factory.mktemp("prefect")) as api:
        yield api
