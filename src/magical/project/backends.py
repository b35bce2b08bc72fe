"""The backends of a project: its store, its MLflow database, and the identity of its model registry."""

from __future__ import annotations

import os
from pathlib import Path

from magical.engine.policy import TrackingSettings
from magical.engine.protocols import Store
from magical.errors import ProjectError, SettingsError
from magical.masking import mask, mask_uris
from magical.stores.local.store import LocalStore
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import ensure_token, read_token

__all__ = [
    "ProjectRegistryIdentity",
    "find_database",
    "find_registry_uri",
    "open_store",
    "prepare_database_uri",
]

_DATABASE_FILE, _ID_FILE = "mlflow.db", "mlflow.id"
_ID_LENGTH = 32
_OWN_PREFIX, _SQLITE_PREFIX = "own:", "sqlite:///"


def prepare_database_uri(root: Path, home: Path) -> str:
    """Return the address of a project's own MLflow database, which need not exist yet.

    Args:
        root: the project's folder.
        home: its folder ``.magical``; it is created.

    Raises:
        ProjectError: the folder's name has characters that an address cannot contain.

    Example:
        >>> import tempfile
        >>> prepare_database_uri(Path("/shop"), Path(tempfile.mkdtemp()))
        'sqlite:////.../mlflow.db'
    """
    if reserved := [c for c in "?%#" if c in str(home)]:
        raise ProjectError(
            f"{root} has {reserved[0]!r} in its name, and MLflow's database cannot be addressed there.",
            hint="rename the folder, or name another place: [tracking] uri.",
        )
    with wrap_disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        # A deleted database takes its id with it, or receipts of the old one would be valid for the new.
        if not (home / _DATABASE_FILE).exists():
            (home / _ID_FILE).unlink(missing_ok=True)
    return f"{_SQLITE_PREFIX}{home / _DATABASE_FILE}"


def find_registry_uri(home: Path, tracking: TrackingSettings) -> str:
    """Return the address of a project's model registry, without making anything there.

    Example:
        >>> find_registry_uri(Path("/shop/.magical"), TrackingSettings())
        'sqlite:////shop/.magical/mlflow.db'
    """
    return tracking.registry_uri or tracking.uri or f"{_SQLITE_PREFIX}{home / _DATABASE_FILE}"


def find_database(uri: str) -> Path | None:
    """Return the file of a database; None for the address of a server.

    Example:
        >>> find_database("sqlite:///shop/mlflow.db"), find_database("http://127.0.0.1:5000")
        (PosixPath('shop/mlflow.db'), None)
    """
    return Path(uri.removeprefix(_SQLITE_PREFIX)) if uri.startswith(_SQLITE_PREFIX) else None


class ProjectRegistryIdentity:
    """The id by which receipts name the registry of a project's models.

    For a server or database it is the address. For the project's own database it is a random id in a file
    beside it, created for the first receipt: it survives a move of the folder, and tells folders that share a
    store apart.

    Args:
        home: the folder ``.magical``.
        tracking: the settings ``[tracking]``.

    Example:
        >>> tracking = TrackingSettings(uri="http://me:secret@mlflow:5000/")
        >>> ProjectRegistryIdentity(Path(".magical"), tracking).find_id()
        'http://me:***@mlflow:5000'
    """

    def __init__(self, home: Path, tracking: TrackingSettings) -> None:
        self._home, self._uri = home, tracking.registry_uri or tracking.uri

    def find_id(self) -> str:
        """Return the id, without a password; empty if the project's own registry does not exist yet."""
        if external := self._find_external_id():
            return external
        return self._read_own_id() if (self._home / _DATABASE_FILE).exists() else ""

    def ensure_id(self) -> str:
        """Return the id; create that of the project's own registry if it has none."""
        return self._find_external_id() or f"{_OWN_PREFIX}{ensure_token(self._home / _ID_FILE, _ID_LENGTH)}"

    def describe(self, registry_id: str) -> str:
        """Describe the registry of an id in a few words."""
        if registry_id and not registry_id.startswith(_OWN_PREFIX):
            return registry_id
        if not registry_id or registry_id != self._read_own_id():
            return "the own one of another project folder"
        exists = (self._home / _DATABASE_FILE).exists()
        return "the project's own" if exists else "the project's own, whose database is gone"

    def _find_external_id(self) -> str:
        """Return the registry's normalised address without a password; empty for the project's own."""
        if not self._uri.startswith(_SQLITE_PREFIX):
            return mask_uris(self._uri).rstrip("/")
        path = os.path.realpath(self._uri.removeprefix(_SQLITE_PREFIX))
        return "" if path == os.path.realpath(self._home / _DATABASE_FILE) else f"{_SQLITE_PREFIX}{path}"

    def _read_own_id(self) -> str:
        """Read the id of the project's own registry; empty if it has none."""
        name = read_token(self._home / _ID_FILE, _ID_LENGTH)
        return f"{_OWN_PREFIX}{name}" if name else ""


def open_store(url: str, home: Path, *, trust: bool = False) -> Store:
    """Open the store of a project.

    Args:
        url: the setting ``[policy] store``; empty for ``.magical/store``.
        home: the project's folder ``.magical``.
        trust: load results of other stores, too, although these can run code; a remote store loads all.

    Raises:
        SettingsError: ``url`` is no URL, fsspec is missing, or the store would exist in one process only.
        StoreError: the protocol is unknown, or the package for it is not installed.
    """
    if not url:
        return LocalStore(home / "store", trust=trust)
    if "://" not in url or "::" in url:
        raise SettingsError(
            f"[policy] store is {mask(url)!r}, which is no URL of fsspec.",
            hint="such as s3://bucket/campaign or file:///mnt/team/campaign; empty for .magical/store.",
        )
    if url.startswith("memory:"):
        raise SettingsError(
            "[policy] store: what is in memory:// is in one process, and gone with it.",
            hint="file:///tmp/campaign is as quick; a test may use magical.stores.remote.store.RemoteStore.",
        )
    try:
        from magical.stores.remote.store import RemoteStore
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "fsspec":  # a fault of our own must not be hidden
            raise
        raise SettingsError(
            f"[policy] store {mask(url)} needs fsspec.", hint='pip install "magical-thinking[remote]"'
        ) from None
    return RemoteStore(url, home / "cache", project=home)
