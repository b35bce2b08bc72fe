"""The servers of `magical ui`: the pages of Prefect and MLflow for one project."""

from __future__ import annotations

import contextlib
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self
from urllib.parse import urlsplit

from magical.errors import ProjectError, UsageError
from magical.integrations.mlflow.client import hide_password
from magical.integrations.prefect.flow_run import OWN_SERVER
from magical.integrations.prefect.reconcile import reconcile_flow_runs
from magical.project.servers.hosting import (
    HOST,
    Server,
    await_servers,
    check_servers,
    describe_mlflow_server,
    describe_prefect_server,
    find_free_port,
    find_port_user,
)
from magical.system.file_locks import acquire, release
from magical.system.process_guard import GuardedProcess

if TYPE_CHECKING:
    from magical.project.project import Project

__all__ = ["UIServers"]

_POLL_SECONDS = 0.3
_DATABASE_SCHEMES = ("sqlite:", "postgresql", "mysql", "mssql")


class UIServers:
    """Runs Prefect's and MLflow's servers for a ``with`` block; they also end if this process is killed.

    A server that the settings name elsewhere is not started; only its address is reported.

    Args:
        project: the project whose runs are shown.
        prefect_port: 0 for any free one.
        mlflow_port: 0 for any free one.

    Attributes:
        addresses: the addresses of ``prefect`` and ``mlflow``; None if there is no such server.
        notes: remarks for the user, a line each.

    Raises:
        UsageError: both ports are the same, or, on entry, a port is taken.
        ProjectError: on entry, ``magical ui`` runs for the project already, or a server did not start.
    """

    def __init__(self, project: Project, *, prefect_port: int = 4200, mlflow_port: int = 5000) -> None:
        if prefect_port == mlflow_port != 0:
            raise UsageError(
                f"Prefect and MLflow cannot both have port {mlflow_port}.", hint="name two: --mlflow-port N"
            )
        self.addresses: dict[str, str | None] = {}
        self.notes: list[str] = []
        self._project, self._servers = project, list[Server]()
        self._processes: list[tuple[Server, GuardedProcess]] = []
        self._stack = contextlib.ExitStack()
        # This also raises if the folder's name cannot be part of an address.
        database = project.context().database_uri()
        self._add("prefect", self._plan_prefect(project, prefect_port))
        self._add("mlflow", self._plan_mlflow(project, database, mlflow_port))

    def __enter__(self) -> Self:
        for server in self._servers:
            if user := find_port_user(server.port):
                _refuse_taken_port(server, user)
        with contextlib.ExitStack() as stack:
            if self._servers:  # one at a time for a project: two servers must not share a folder
                lock = acquire(self._project.home / "ui.lock", on_wait=_refuse_second)
                stack.callback(release, lock)
            for server in self._servers:
                self._processes.append((server, stack.enter_context(server.start())))
            stack.callback(self._stop)  # the last callback runs first: it stops all, the others wait for each
            await_servers(self._processes)
            if address := self.addresses["prefect"]:
                reconcile_flow_runs(self._project, f"{address}/api")  # before the pages are opened
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __str__(self) -> str:
        names = {"prefect": "Prefect", "mlflow": "MLflow"}
        lines = [f"{names[name]:8} {address}" for name, address in self.addresses.items() if address]
        stops = ("Nothing was started.", "Ctrl-C stops it.", "Ctrl-C stops both.")[len(self._servers)]
        return "\n".join([*lines, *self.notes, stops])

    def watch(self) -> None:
        """Wait until a server ends; return at once if none was started.

        Raises:
            ProjectError: a server ended.
        """
        while self._processes:
            check_servers(self._processes)
            time.sleep(_POLL_SECONDS)

    def _stop(self) -> None:
        """Ask all processes to end, so that they end at the same time."""
        for _, process in self._processes:
            process.stop()

    def _add(self, name: str, server: Server | str | None) -> None:
        """Add a server to start, or the address of one that runs elsewhere."""
        if isinstance(server, Server):
            self._servers.append(server)
        self.addresses[name] = server.address if isinstance(server, Server) else server

    def _plan_prefect(self, project: Project, port: int) -> Server | str | None:
        """Describe the Prefect server to start, or return the settings' address; None without Prefect."""
        named = project.context().configuration.policy.server
        if named and not _is_same_server(named, port):
            return hide_password(named.rstrip("/").removesuffix("/api"))
        if find_spec("prefect") is None:
            self.notes.append("Prefect is not installed: pip install 'magical-thinking[prefect]'")
            return None
        server = describe_prefect_server(project.home / "prefect", port or find_free_port())
        if not named and (api := f"{server.address}/api") != OWN_SERVER:
            self.notes.append(f"Runs find it by policy.server={api}")
        return server

    def _plan_mlflow(self, project: Project, database: str, port: int) -> Server | str:
        """Describe the MLflow server to start, or return the address of one that the settings name."""
        named = project.context().configuration.tracking.uri
        if named and not named.startswith(_DATABASE_SCHEMES) and not _is_same_server(named, port):
            return hide_password(named)
        uri = _absolute(named) if named.startswith(_DATABASE_SCHEMES) else database
        return describe_mlflow_server(
            project.home / "mlflow", uri, project.home / "artifacts", port or find_free_port()
        )


def _is_same_server(uri: str, port: int) -> bool:
    """Return True if a URI of the settings is that of the server to start."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(uri)
        return parts.hostname in (HOST, "localhost") and parts.port == port
    return False


def _absolute(uri: str) -> str:
    """Make the path of a SQLite database absolute: the server has another working directory."""
    path = uri.removeprefix("sqlite:///")
    return uri if path == uri or not path else f"sqlite:///{Path(path).absolute()}"


def _refuse_taken_port(server: Server, user: str) -> NoReturn:
    option = f"--{server.name.lower()}-port"
    raise UsageError(
        f"Port {server.port} is taken: {user} listens there, so {server.name} cannot.",
        hint=f"stop it, or name another port: magical ui {option} {server.port + 10}",
    )


def _refuse_second() -> NoReturn:
    raise ProjectError("magical ui runs already for this project.", hint="use its pages, or stop it first.")
