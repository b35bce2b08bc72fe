"""How an MLflow server or database is reached: quietly, without telemetry, and failing fast."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from magical.errors import RegistryDown, RegistryError, shorten

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = [
    "ensure_experiment",
    "hide_password",
    "is_embedded",
    "prepare_mlflow",
    "relocate_artifacts",
    "wrap_mlflow_errors",
]


def relocate_artifacts(uri: str, artifacts: Path) -> None:
    """Lead a database that lies beside its files to where they are; MLflow keeps their full paths.

    Args:
        uri: of database or server; only one in the folder above the files is looked into.
        artifacts: the folder with the files.
    """
    here = artifacts.resolve()
    database = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or database.resolve().parent != here.parent or not database.is_file():
        return
    import sqlite3

    tail = f"/{quote(here.parent.name)}/{quote(here.name)}"
    with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection:
        try:
            known = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        except sqlite3.DatabaseError:  # MLflow has not been there yet, or will say what is wrong
            return
        old = [place for (place,) in known if str(place).startswith("file:") and place.endswith(tail)]
        for place in (p for p in old if p != here.as_uri()):
            _update_paths(connection, place, here.as_uri())
        connection.commit()


def _update_paths(connection: Connection, old: str, new: str) -> None:
    connection.execute("UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (new, old))
    connection.execute(
        "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
        (new, len(old) + 1, len(old) + 1, f"{old}/"),
    )


_NO_TELEMETRY = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}

_DEFAULT_ENVIRONMENT = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}

_NOISY_LOGGERS = (
    "alembic",
    "mlflow.pyfunc",
    "mlflow.store.db.utils",
    "mlflow.store.model_registry.abstract_store",
    "mlflow.utils.requirements_utils",
)

_IGNORED_WARNINGS = (  # warnings about MLflow's own lines, which no user can mend
    "Any type hint is inferred as AnyType",
    "The ``noload`` loader strategy",
    "Operation with range is deprecated",
)

_CONNECTION_ERRORS = {  # by name, since requests and urllib3 are imported late
    "builtins.ConnectionError",
    "builtins.TimeoutError",
    "requests.ConnectionError",
    "requests.Timeout",
    "urllib3.HTTPError",
}

_UNAVAILABLE_CODES = ("TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED", "REQUEST_LIMIT_EXCEEDED")

_PROBE_TIMEOUT = 3.0

_MLFLOW_PACKAGES = ("mlflow", "requests", "sqlalchemy", "sqlite3", "urllib3")

_lock = threading.RLock()

_answered_at: dict[str, float] = {}


@contextlib.contextmanager
def prepare_mlflow(uri: str) -> Iterator[None]:
    """Prepare a first import of MLflow or a first word to a server; one thread at a time.

    Raises:
        RegistryDown: the server does not answer within three seconds.
        RegistryError: its address is none.
    """
    with _lock:
        os.environ.update(_NO_TELEMETRY)
        for name, value in _DEFAULT_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for name in _NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        for words in _IGNORED_WARNINGS:
            warnings.filterwarnings("ignore", f".*{words}")
        _probe(uri)
        yield


@contextlib.contextmanager
def wrap_mlflow_errors(uri: str, action: str) -> Iterator[None]:
    """Give what goes wrong in a conversation with MLflow as one short error.

    Raises:
        RegistryDown: MLflow or its database fell silent.
        RegistryError: it refused.
    """
    try:
        yield
    except Exception as error:
        if (reason := _find_outage(error)) is not None:
            _answered_at.pop(uri, None)
            raise _no_answer_error(uri, reason) from error
        if type(error).__module__.partition(".")[0] not in _MLFLOW_PACKAGES and not isinstance(
            error, OSError
        ):
            raise
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        hint = "is the file writable?" if is_embedded(uri) else "look at the server's log, and at [tracking]."
        hint = "mlflow db upgrade, with that address." if "out-of-date" in text else hint
        raise RegistryError(
            f"MLflow at {hide_password(uri)} could not {action}:", shorten(text, 200), hint=hint
        ) from error


def ensure_experiment(client: Any, name: str, uri: str, artifacts: Path) -> str:
    """Give the id of an experiment, which is made or restored if need be.

    Args:
        client: an ``MlflowClient``.
        name: the experiment's name.
        uri: of server or database.
        artifacts: where files of an embedded database go.
    """
    relocate_artifacts(uri, artifacts)
    found = client.get_experiment_by_name(name)
    if found is None:
        place = artifacts.resolve().as_uri() if is_embedded(uri) else None
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except Exception:  # another run may have made it meanwhile
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def is_embedded(uri: str) -> bool:
    """Whether it is a database of this machine, not a server.

    Example:
        >>> is_embedded("sqlite:///mlflow.db"), is_embedded("http://127.0.0.1:5000")
        (True, False)
    """
    return uri.startswith("sqlite:")


def hide_password(uri: str) -> str:
    """Give an address without the password that may be in it.

    Example:
        >>> hide_password("https://me:secret@host/mlflow")
        'https://me:***@host/mlflow'
    """
    try:
        password = urlsplit(uri).password
    except ValueError:
        return uri
    return uri.replace(f":{password}@", ":***@") if password else uri


def _probe(uri: str) -> None:
    if not uri.startswith(("http://", "https://")) or time.monotonic() - _answered_at.get(uri, -60.0) < 5:
        return
    try:
        parts = urlsplit(uri)
        if not parts.hostname:
            raise ValueError("it names no host")
        host, path = parts.netloc.rpartition("@")[2], f"{parts.path.rstrip('/')}/health"
        plain = parts._replace(netloc=host, path=path)
        with urllib.request.urlopen(urlunsplit(plain), timeout=_PROBE_TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (502, 503, 504):
                raise _no_answer_error(uri, f"HTTP {error.code}") from None
    except (ValueError, http.client.HTTPException) as error:
        if isinstance(error, OSError):
            raise _no_answer_error(uri, error) from None
        raise RegistryError(
            f"There is no MLflow at {hide_password(uri)}: {shorten(error, 120)}.",
            hint="mend the address in [tracking] in settings.toml.",
        ) from None
    except OSError as error:
        raise _no_answer_error(uri, getattr(error, "reason", error)) from None
    _answered_at[uri] = time.monotonic()


def _find_outage(error: BaseException) -> object:
    """What says that the other side is down, out of reach, too slow or locked; none if it answered."""
    chain = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None and below not in chain:
        chain.append(below)
    if "too many 500 error" in str(chain[-1]):  # tried several times, a fault of the server's stays one
        return None
    for one in chain:
        kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(one).__mro__}
        if kinds & _CONNECTION_ERRORS:
            return getattr(chain[-1], "reason", None) or chain[-1]
        code = getattr(one, "error_code", "")
        if (code in _UNAVAILABLE_CODES and not _is_database_error(one)) or _is_locked(one):
            return one
        if getattr(getattr(one, "response", None), "status_code", 0) in (429, 502, 503, 504):
            return one
    return None


def _is_database_error(error: BaseException) -> bool:
    """Whether it is the database of this machine that refused: no table, a full disk, no permission."""
    return any("sqlite3" in str(e) for e in (error, error.__cause__))


def _is_locked(error: BaseException) -> bool:
    return "database is locked" in str(error)


def _no_answer_error(uri: str, reason: object) -> RegistryDown:
    text = next(iter(str(reason).strip().splitlines()), "") or type(reason).__name__
    return RegistryDown(
        f"MLflow at {hide_password(uri)} does not answer: {shorten(text, 120).rstrip('.')}.",
        hint=_outage_hint(uri),
    )


def _outage_hint(uri: str) -> str:
    if is_embedded(uri):
        return "is another program writing to it? What it missed is sent by: magical sync"
    return "start it, or mend [tracking] in settings.toml; what it missed is sent by: magical sync"
