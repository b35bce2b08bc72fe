"""What counts as a server that does not answer, and what as one that refuses."""

import contextlib
import http.server
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magical.errors import MagicalError, RegistryDown, RegistryError
from magical.integrations.mlflow.client import hide_password, prepare_mlflow, wrap_mlflow_errors
from mlflow_databases import database, free_port
from projects import is_well_worded


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers everything but the first question, whether it is well, with one code."""

    code = 200

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else self.code)
        self.end_headers()
        self.wfile.write(b"no")

    do_POST = do_GET

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def place() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")


def asked(uri: str) -> MagicalError:
    """How a question fails, once the server has been reached."""
    with prepare_mlflow("sqlite://"):
        from mlflow import MlflowClient
    client = MlflowClient(uri, uri)
    with pytest.raises(RegistryError) as caught, wrap_mlflow_errors(uri, "list experiments"):
        client.search_experiments()
    assert is_well_worded(str(caught.value)), str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, RegistryDown),
        (502, RegistryDown),
        (503, RegistryDown),
        (504, RegistryDown),
        (500, RegistryError),
        (404, RegistryError),
        (403, RegistryError),
    ],
)
def test_a_server_that_cannot_answer_now_is_down_and_another_refuses(
    place: str, code: int, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "code", code)
    assert type(asked(place)) is kind


def test_a_server_that_is_gone_or_silent_is_down() -> None:
    error = asked(f"http://127.0.0.1:{free_port()}")
    assert (type(error), "Connection refused" in str(error)) == (RegistryDown, True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = asked(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert (type(error), "timed out" in str(error)) == (RegistryDown, True)


def refused(error: Exception, uri: str = "sqlite:///x.db") -> MagicalError:
    with pytest.raises(RegistryError) as caught, wrap_mlflow_errors(uri, "say so"):
        raise error
    return caught.value


def test_a_database_is_down_when_it_is_locked_only() -> None:
    with prepare_mlflow("sqlite://"):
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
    for words, kind in (("database is locked", RegistryDown), ("disk is full", RegistryError)):
        error = MlflowException(f"(sqlite3.OperationalError) {words}", TEMPORARILY_UNAVAILABLE)
        assert type(refused(error)) is kind
    assert type(
        refused(MlflowException("(psycopg2) no host", TEMPORARILY_UNAVAILABLE), "postgresql://h")
    ) is (RegistryDown)


def test_errors_of_others_pass() -> None:
    with pytest.raises(ZeroDivisionError), wrap_mlflow_errors("sqlite:///x.db", "divide"):
        raise ZeroDivisionError


def test_a_file_that_is_missing_is_no_silence() -> None:
    assert type(refused(FileNotFoundError("no such file"))) is RegistryError


@pytest.mark.parametrize("uri", ["http://127.0.0.1:abc", "http://[::1", "http://"])
def test_an_address_that_is_none_is_said(uri: str) -> None:
    with pytest.raises(RegistryError) as caught, prepare_mlflow(uri):
        pass
    assert type(caught.value) is RegistryError
    assert is_well_worded(str(caught.value))
    assert hide_password(uri) == uri


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "random bytes": (lambda file: file.write_bytes(os.urandom(100_000)), "file is not a database"),
    "cut short": (lambda file: os.truncate(file, 5_000), "database disk image is malformed"),
    "a damaged table": (
        lambda file: file.write_bytes(file.read_bytes().replace(b"CREATE TABLE", b"CREATE T\xe4\xaeLE")),
        "malformed database schema",
    ),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "it is a folder"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_named_at_once(tmp_path: Path, damage: str) -> None:
    uri, file = database(tmp_path), tmp_path / "mlflow.db"
    arrange, reason = DAMAGES[damage]
    arrange(file)
    with pytest.raises(RegistryDown) as caught, prepare_mlflow(uri):
        pass
    assert str(caught.value).splitlines()[0] == f"MLflow's database {file} cannot be read: {reason}."
    assert is_well_worded(str(caught.value))


def test_damage_that_only_a_request_meets_is_named_too() -> None:
    error = sqlite3.DatabaseError("database disk image is malformed")
    assert "MLflow's database x.db cannot be read: database disk image is malformed." in str(refused(error))
    assert type(refused(error)) is RegistryDown


def test_an_empty_or_locked_database_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **options: connect(*a, **{**options, "timeout": 0.1}))
    (tmp_path / "empty.db").touch()
    with contextlib.closing(sqlite3.connect(tmp_path / "locked.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN EXCLUSIVE")
        for name in ("empty.db", "locked.db", "missing.db"):
            with prepare_mlflow(f"sqlite:///{tmp_path / name}"):
                pass
