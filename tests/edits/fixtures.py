"""The processes in which the cases of the table run."""

from collections.abc import Iterator

import pytest

from edits.harness import ForkServer


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """A process that has imported the libraries, and forks for each run."""
    server = ForkServer()
    yield server
    server.close()
