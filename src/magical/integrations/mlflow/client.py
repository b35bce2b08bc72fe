"""Access to an MLflow server or database: quiet, without telemetry, and failing fast."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import sys
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
from magical.integrations.mlflow.artifact_address import ARTIFACT_FOLDER, RELATIVE_ROOT
from magical.integrations.mlflow.new_database import create_tables
from magical.system.file_locks import exclusive_lock
from magical.system.gc_pause import gc_paused

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
    """Make the artifact addresses relative in a database that has full paths, from an earlier release.

    Args:
        uri: the address of a database or server; only a database beside the artifact folder is changed.
        artifacts: the folder of MLflow's artifacts.
    """
    folder, database = artifacts.resolve(), Path(uri.removeprefix("sqlite:///"))
    if not (_is_beside(uri, artifacts) and database.is_file()):
        return
    import sqlite3

    # Paths with the same two last folders are of this project, though it may have been moved since; any other
    # place was chosen by somebody, and stays.
    tail = f"/{quote(folder.parent.name)}/{quote(folder.name)}"
    with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection:
        try:
            rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        except sqlite3.DatabaseError:  # no tables yet, or a fault that MLflow reports better
            return
        for (old,) in rows:
            if str(old).startswith("file:") and old.endswith(tail):
                _make_relative(connection, old)
        connection.commit()


def _is_beside(uri: str, artifacts: Path) -> bool:
    """Return True if the artifact folder is the one beside an embedded database."""
    database, folder = Path(uri.removeprefix("sqlite:///")), artifacts.resolve()
    is_sibling = database.resolve().parent == folder.parent
    return uri.startswith("sqlite:///") and is_sibling and folder.name == ARTIFACT_FOLDER


def _make_relative(connection: Connection, old: str) -> None:
    connection.execute(
        "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (RELATIVE_ROOT, old)
    )
    connection.execute(
        "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
        (RELATIVE_ROOT, len(old) + 2, len(old) + 1, f"{old}/"),
    )


_NO_TELEMETRY = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}

_DEFAULT_ENVIRONMENT = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the default of 7, with its backoff, takes minutes
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

_IGNORED_WARNINGS = (  # about MLflow's own code, which no user can mend
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

_DAMAGES = ("database disk image is malformed", "file is not a database")
"""The words of SQLite for a damaged file; their class, DatabaseError, is that of other faults, too."""

_PROBE_TIMEOUT = 3.0

_MLFLOW_PACKAGES = ("mlflow", "requests", "sqlalchemy", "sqlite3", "urllib3")

_lock = threading.RLock()

_answered_at: dict[str, float] = {}


@contextlib.contextmanager
def prepare_mlflow(uri: str) -> Iterator[None]:
    """Prepare an import of MLflow or a first request to a server, in one thread at a time.

    Several processes may do so at once: the first one makes a new database, and the others wait for it.

    Raises:
        RegistryDown: the server does not answer within three seconds, or the database is damaged.
        RegistryError: the address is malformed.
        StoreError: the lock of a new database cannot be created.
    """
    with _lock:  # the environment and the filters of warnings belong to the whole process
        os.environ.update(_NO_TELEMETRY)
        for name, value in _DEFAULT_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for name in _NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        for words in _IGNORED_WARNINGS:
            warnings.filterwarnings("ignore", f".*{words}")
        _probe(uri)
        _probe_database(uri)
        # MLflow's imports make many objects and almost no garbage. They are frozen once: a body that runs
        # meanwhile may leave some garbage for good.
        with gc_paused(freezes="mlflow" not in sys.modules), _lock_new_database(uri):
            yield


@contextlib.contextmanager
def _lock_new_database(uri: str) -> Iterator[None]:
    """Hold a lock while MLflow makes the tables of a new database: two at once would make the same table."""
    prefix, _, path = uri.partition("sqlite:///")
    if prefix or path in ("", ":memory:") or _has_tables(Path(path)):
        yield
        return
    with exclusive_lock(Path(f"{path}.lock")):
        create_tables(Path(path))
        yield


def _has_tables(database: Path) -> bool:
    """Return True if MLflow has made all tables of a database: it fills the table of experiments last."""
    import sqlite3

    if not database.is_file():  # an open of a pipe would wait for ever
        return False
    try:
        with contextlib.closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        ) as found:
            return found.execute("SELECT 1 FROM experiments LIMIT 1").fetchone() is not None
    except sqlite3.Error:  # no tables yet, or a fault that MLflow reports better
        return False


@contextlib.contextmanager
def wrap_mlflow_errors(uri: str, action: str) -> Iterator[None]:
    """Convert the exceptions of MLflow in the block to one short error.

    Args:
        uri: the address of the database or server.
        action: for the message, such as ``list models``.

    Raises:
        RegistryDown: MLflow or its database does not answer, or the database is damaged.
        RegistryError: MLflow refused the request.

    Example:
        >>> with wrap_mlflow_errors("http://127.0.0.1:5000", "list models"):
        ...     raise ConnectionError("refused")
        Traceback (most recent call last):
        magical.errors.RegistryDown: MLflow at http://127.0.0.1:5000 does not answer: refused.
        Hint: start it, or mend [tracking] in settings.toml; what it missed is sent by: magical sync
    """
    try:
        yield
    except Exception as error:
        if (reason := _find_outage(error)) is not None:
            _answered_at.pop(uri, None)  # the next request probes the server again
            raise _no_answer_error(uri, reason) from error
        if damage := next((d for d in _DAMAGES if is_embedded(uri) and d in str(error)), ""):
            raise _damaged_database_error(uri, damage) from error
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
    """Return the id of an experiment; create or restore the experiment if needed.

    Args:
        client: an ``MlflowClient``.
        name: the experiment's name.
        uri: the address of the database or server.
        artifacts: the artifact folder, used only with an embedded database.
    """
    relocate_artifacts(uri, artifacts)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = artifacts.resolve().as_uri() if is_embedded(uri) else None
        location = RELATIVE_ROOT if _is_beside(uri, artifacts) else location
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except Exception:  # another run may have created it in the meantime
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def is_embedded(uri: str) -> bool:
    """Return True for a database on this machine, False for a server.

    Example:
        >>> is_embedded("sqlite:///mlflow.db"), is_embedded("http://127.0.0.1:5000")
        (True, False)
    """
    return uri.startswith("sqlite:")


def hide_password(uri: str) -> str:
    """Replace the password in an address by asterisks.

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
    """Raise unless a server answers within seconds: MLflow itself would retry for much longer."""
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
            # Any other status shows that it runs: old servers have no such page, others want a password.
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


def _probe_database(uri: str) -> None:
    """Raise if the file of an embedded database cannot be read: MLflow itself would retry for minutes."""
    prefix, _, name = uri.partition("sqlite:///")
    path = Path(name)
    if prefix or name in ("", ":memory:") or not path.exists():
        return
    if not path.is_file():  # an open of a pipe would wait for ever
        raise _damaged_database_error(uri, "it is a folder" if path.is_dir() else "it is no file")
    import sqlite3

    try:
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if "locked" not in str(error):  # for that, MLflow waits
            raise _damaged_database_error(uri, error) from error
    except UnicodeDecodeError as error:  # in the text of an error of SQLite, about a damaged table
        raise _damaged_database_error(uri, "malformed database schema") from error


def _find_outage(error: BaseException) -> object:
    """Return the cause if MLflow or its database is down, out of reach, too slow or locked, else None."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    # urllib3 calls it a connection error when its retries all met HTTP 500, which is a fault of the server.
    if "too many 500 error" in str(chain[-1]):
        return None
    for link in chain:
        kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(link).__mro__}
        if kinds & _CONNECTION_ERRORS:
            return getattr(chain[-1], "reason", None) or chain[-1]
        is_unavailable = getattr(link, "error_code", "") in _UNAVAILABLE_CODES
        if (is_unavailable and not _is_database_error(link)) or "database is locked" in str(link):
            return link
        if getattr(getattr(link, "response", None), "status_code", 0) in (429, 502, 503, 504):
            return link
    return None


def _is_database_error(error: BaseException) -> bool:
    """Return True if the local database refused: no table, a full disk, no permission.

    MLflow reports such errors as TEMPORARILY_UNAVAILABLE, too.
    """
    return any("sqlite3" in str(e) for e in (error, error.__cause__))


def _no_answer_error(uri: str, reason: object) -> RegistryDown:
    text = next(iter(str(reason).strip().splitlines()), "") or type(reason).__name__
    hint = "start it, or mend [tracking] in settings.toml; what it missed is sent by: magical sync"
    if is_embedded(uri):
        hint = "is another program writing to it? What it missed is sent by: magical sync"
    return RegistryDown(
        f"MLflow at {hide_password(uri)} does not answer: {shorten(text, 120).rstrip('.')}.", hint=hint
    )


def _damaged_database_error(uri: str, reason: object) -> RegistryDown:
    # Down, not refused: once the file is mended, `magical sync` sends what it missed.
    return RegistryDown(
        f"MLflow's database {uri.removeprefix('sqlite:///')} cannot be read: {reason}.",
        hint="put a copy of it back, or move it away and a new one is made; then: magical sync",
    )
