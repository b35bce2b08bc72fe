"""A folder for a run that leaves nothing behind: what a kill leaves of it, the next one removes."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import acquire, release, try_acquire

__all__ = ["clear_temporary_folders", "create_temporary_folder"]

_FOLDER = "aside"


@contextlib.contextmanager
def create_temporary_folder(home: Path) -> Iterator[Path]:
    """Give a new folder under ``.magical``, and remove it in the end, however the block ends.

    Args:
        home: the folder ``.magical``; it is made, and removed again if nothing else is in it.

    Raises:
        StoreError: it cannot be made.
    """
    clear_temporary_folders(home)
    place = home / _FOLDER
    folder = place / secrets.token_hex(4)
    lock = _lock_of(folder)
    handle = acquire(lock)  # before the folder is there: nobody may take it for one that a kill left
    try:
        with wrap_disk_errors(folder):
            folder.mkdir()
        yield folder
    finally:
        _remove(folder)
        release(handle, lock)
        _remove_empty(place, home)


def clear_temporary_folders(home: Path) -> None:
    """Remove the folders whose processes are gone."""
    place = home / _FOLDER
    if not place.is_dir():
        return
    for name in sorted({p.name.removesuffix(".lock") for p in place.iterdir()}):
        folder, handle = place / name, None
        with contextlib.suppress(OSError):
            handle = try_acquire(_lock_of(folder))
        if handle is not None:
            _remove(folder)
            release(handle, _lock_of(folder))
    _remove_empty(place, home)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove(folder: Path) -> None:
    """Twice: a body that a stop did not wait for may write once more."""
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
