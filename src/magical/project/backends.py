"""Which model registry a project has: by the address of a server or database, or the one of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from magical.engine.policy import TrackingSettings
from magical.engine.protocols import Store
from magical.errors import ProjectError, SettingsError
from magical.masking import mask, mask_uris
from magical.stores.local.store import LocalStore
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import acquire, release

__all__ = [
    "ProjectRegistryIdentity",
    "database_uri",
    "open_store",
]

_DATABASE_FILE, _ID_FILE = "mlflow.db", "mlflow.id"

_OWN_PREFIX, _SQLITE_PREFIX = "own:", "sqlite:///"


def database_uri(root: Path, home: Path) -> str:
    """Give the address of a project's own MLflow database, which may have to be made.

    Args:
        root: the project's folder.
        home: its folder ``.magical``; it is made.

    Raises:
        ProjectError: the folder's name has letters that an address cannot hold.
    """
    if odd := [c for c in "?%#" if c in str(home)]:
        raise ProjectError(
            f"{root} has {odd[0]!r} in its name, and MLflow's database cannot be addressed there.",
            hint="rename the folder, or name another place: [tracking] uri.",
        )
    with wrap_disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        if not (home / _DATABASE_FILE).exists():  # somebody deleted it: the next one is another registry
            (home / _ID_FILE).unlink(missing_ok=True)
    return f"{_SQLITE_PREFIX}{home / _DATABASE_FILE}"


class ProjectRegistryIdentity:
    """The registry that a project's models go to, as its receipts name it.

    A server or database is its address. The project's own has an id beside it, made when a receipt first
    needs one: it stays when the folder is moved, and is another in each folder that works on a shared store.

    Args:
        home: the folder ``.magical``.
        tracking: what ``[tracking]`` says.
    """

    def __init__(self, home: Path, tracking: TrackingSettings) -> None:
        self._home, self._uri = home, tracking.registry_uri or tracking.uri

    def find_id(self) -> str:
        """Name it, without a password; empty where the project's own has not been written to yet."""
        if elsewhere := self._find_external_id():
            return elsewhere
        return self._read_own_id() if (self._home / _DATABASE_FILE).exists() else ""

    def ensure_id(self) -> str:
        """Name it, now that something was written to it."""
        path = self._home / _ID_FILE
        if not (name := self._find_external_id() or self._read_own_id()):
            with wrap_disk_errors(path):
                handle = acquire(path)
                try:
                    if not self._read_own_id():  # of two that come at once, one makes it
                        os.truncate(path, 0)
                        os.write(handle, secrets.token_hex(16).encode())
                finally:
                    release(handle)
            name = self._read_own_id()
        return name

    def describe(self, registry_id: str) -> str:
        """Say in a few words which registry a name is of."""
        if registry_id and not registry_id.startswith(_OWN_PREFIX):
            return registry_id
        if not registry_id or registry_id != self._read_own_id():
            return "the own one of another project folder"
        there = (self._home / _DATABASE_FILE).exists()
        return "the project's own" if there else "the project's own, whose database is gone"

    def _find_external_id(self) -> str:
        """Its address, without a password and written in one way; empty for the project's own."""
        if not self._uri.startswith(_SQLITE_PREFIX):
            return mask_uris(self._uri).rstrip("/")
        path = os.path.realpath(self._uri.removeprefix(_SQLITE_PREFIX))
        return "" if path == os.path.realpath(self._home / _DATABASE_FILE) else f"{_SQLITE_PREFIX}{path}"

    def _read_own_id(self) -> str:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if name := (self._home / _ID_FILE).read_text(encoding="ascii").strip():
                return f"{_OWN_PREFIX}{name}"
        return ""


def open_store(url: str, home: Path, *, trust: bool = False) -> Store:
    """Give the store of a project; for a URL, the adapter of fsspec is imported.

    Args:
        url: as ``[policy] store`` has it; empty for ``.magical/store``.
        home: the project's folder ``.magical``.
        trust: take also results of other stores that can run code; a store that several share takes all.

    Raises:
        SettingsError: it is no URL, or one that lives in one process.
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
        if (error.name or "").partition(".")[0] != "fsspec":
            raise
        raise SettingsError(
            f"[policy] store {mask(url)} needs fsspec.", hint='pip install "magical-thinking[remote]"'
        ) from None
    return RemoteStore(url, home / "cache")
