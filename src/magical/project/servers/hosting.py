"""Local servers of Prefect and MLflow: their commands and environments, starting them, waiting for them."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from magical.errors import ProjectError
from magical.integrations.mlflow.client import relocate_artifacts
from magical.system.atomic_files import wrap_disk_errors
from magical.system.process_guard import GuardedProcess

__all__ = [
    "HOST",
    "Server",
    "await_servers",
    "describe_mlflow_server",
    "describe_prefect_server",
    "find_free_port",
    "find_port_user",
]

HOST = "127.0.0.1"

_POLL_SECONDS = 0.1
_START_TIMEOUT = 180.0
_QUIET_ENVIRONMENT = {"DO_NOT_TRACK": "true", "PYTHONUNBUFFERED": "1"}
_CLEARED_PREFIXES = ("PREFECT_", "MLFLOW_", "_MLFLOW_", "UVICORN_")


@dataclass(frozen=True)
class Server:
    """The command and environment of a server.

    Attributes:
        name: its name in messages.
        port: the port that it listens on.
        arguments: the arguments of its command, after the Python executable.
        settings: variables of its environment.
        folder: its working directory, where its log is written.
        health_path: the path of its address that answers when the server is up.

    Example:
        >>> describe_prefect_server(Path(".magical/prefect"), 4200).address
        'http://127.0.0.1:4200'
    """

    name: str
    port: int
    arguments: tuple[str, ...]
    settings: Mapping[str, str]
    folder: Path
    health_path: str

    @property
    def address(self) -> str:
        """The URL of its pages."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file where its output is written."""
        return self.folder / f"{self.name.lower()}.log"

    def start(self) -> GuardedProcess:
        """Create the server's process: it starts when entered as a context, and ends with this process."""
        with wrap_disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        # The shell's variables for Prefect and MLflow are meant for clients; a server would obey them, too.
        env = {k: v for k, v in os.environ.items() if not k.startswith(_CLEARED_PREFIXES)}
        env |= {**_QUIET_ENVIRONMENT, **self.settings}
        return GuardedProcess([sys.executable, *self.arguments], env=env, cwd=self.folder, log=self.log)

    def is_up(self) -> bool:
        """Return True if the server answers."""
        return _fetch(self.port, self.health_path) is not None


def describe_prefect_server(home: Path, port: int) -> Server:
    """Describe Prefect's server, with its database and log in a folder."""
    address = f"http://{HOST}:{port}"
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The page asks this address; by default it is port 4200.
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_API_URL": f"{address}/api",
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        # The page asks 127.0.0.1, also where it was opened as localhost.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"{address},http://localhost:{port}",
        # All of its loops stay on: together they cost 1.5 % of a core, and it is one process of 0.2 GB.
        # Events are seen after a second instead of five.
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
        "PREFECT_LOGGING_COLORS": "false",
    }
    # `prefect server start` runs the same app, and has no option for a check of Host and Origin.
    app = "magical.project.servers.request_check:create_prefect_app"
    options = ("--host", HOST, "--port", str(port), "--log-level", "warning")
    arguments = ("-m", "uvicorn", "--factory", app, *options)
    return Server("Prefect", port, arguments, settings, home, "/api/health")


def describe_mlflow_server(home: Path, uri: str, artifacts: Path, port: int) -> Server:
    """Describe MLflow's server; first update the artifact paths in the database of a moved project.

    Args:
        home: the folder for its log.
        uri: the database's address; a missing database is created.
        artifacts: the folder for the artifacts that clients send.
    """
    relocate_artifacts(uri, artifacts)
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # By default MLflow starts 15 processes, which take 2 GB; without job execution it starts two.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": uri,  # not on the command line, where all can read a password
    }
    options = {
        "host": HOST,
        "port": str(port),
        "workers": "1",
        "uvicorn-opts": "--no-access-log",  # a line for each request would fill the log
        "artifacts-destination": artifacts.resolve().as_uri(),  # the files that clients send over HTTP
        "app-name": "magical",  # an entry point: the app of `request_check`
    }
    arguments = (word for name, value in options.items() for word in (f"--{name}", value))
    return Server("MLflow", port, ("-m", "mlflow", "server", *arguments), settings, home, "/health")


def await_servers(servers: Iterable[tuple[Server, GuardedProcess]]) -> None:
    """Wait until all servers answer.

    Raises:
        ProjectError: a server ended, or did not answer in time.
    """
    until = time.monotonic() + _START_TIMEOUT
    for server, process in servers:
        while not server.is_up():
            check_servers([(server, process)])  # or a server that ended at once would be awaited for minutes
            if time.monotonic() > until:
                raise ProjectError(
                    f"{server.name} was started and did not answer within {_START_TIMEOUT:.0f} s.",
                    *process.tail(2),
                    hint=f"its log is {server.log}",
                )
            time.sleep(_POLL_SECONDS)


def check_servers(servers: Iterable[tuple[Server, GuardedProcess]]) -> None:
    """Check that all servers run.

    Raises:
        ProjectError: a server ended.
    """
    for server, process in servers:
        if (code := process.poll()) is not None:
            text, hint = f"{server.name} ended with exit code {code}.", f"its log is {server.log}"
            raise ProjectError(text, *process.tail(), hint=hint)


def find_free_port() -> int:
    """Find a port of this machine on which no program listens."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def find_port_user(port: int) -> str:
    """Identify the program that listens on a port of this machine; empty if the port is free.

    Example:
        >>> find_port_user(find_free_port())
        ''
    """
    with socket.socket() as listener, contextlib.suppress(OSError):
        # As servers do: a port stays reserved for a minute after its last server ended.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        return ""
    if _fetch(port, "/api/health") == b"true":
        return "a Prefect server"
    if _fetch(port, "/health") == b"OK" and re.match(rb"\d+\.\d+", _fetch(port, "/version") or b""):
        return "an MLflow server"
    return "another program"


def _fetch(port: int, path: str) -> bytes | None:
    """Return the body of a server's answer; None without one."""
    # http.client, since urllib would send the request to a proxy that the environment names.
    connection = http.client.HTTPConnection(HOST, port, timeout=3)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read(1000).strip() if answer.status == 200 else None
    return None
