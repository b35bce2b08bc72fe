"""A project's store: a folder beside it, or a place that others reach, too."""

from __future__ import annotations

from pathlib import Path

from magical.engine.protocols import Store
from magical.errors import SettingsError
from magical.masking import mask
from magical.stores.local.store import LocalStore

__all__ = ["store_of"]


def store_of(url: str, home: Path, *, trust: bool = False) -> Store:
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
