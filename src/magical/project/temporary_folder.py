"""Temporary folders under `.magical`; those of a killed process are removed by the next one."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import acquire, release, try_acquire
from magical.system.state_files import list_folder, refuse_links, remove_entry

__all__ = ["clear_temporary_folders", "create_temporary_folder"]

_FOLDER = "aside"


@contextlib.contextmanager
def create_temporary_folder(home: Path) -> Iterator[Path]:
    """Create a folder for a ``with`` block, and remove it at the end.

    Args:
        home: the folder ``.magical``; it is created, and removed again if it is empty.

    Raises:
        StoreError: the folder cannot be created.

    Example:
        >>> import tempfile
        >>> home = Path(tempfile.mkdtemp()) / ".magical"
        >>> with create_temporary_folder(home) as folder:
        ...     folder.is_dir()
        True
        >>> home.exists()
        False
    """
    clear_temporary_folders(home)
    parent = home / _FOLDER
    refuse_links(parent, parent)
    folder = parent / secrets.token_hex(4)
    lock = _lock_of(folder)
    # Lock first: without a lock, another process would take the folder for one of a killed process.
    handle = acquire(lock)
    try:
        with wrap_disk_errors(folder):
            folder.mkdir()
        yield folder
    finally:
        _remove(folder)
        release(handle, lock)
        _remove_empty(parent, home)


def clear_temporary_folders(home: Path) -> None:
    """Remove the temporary folders whose processes are gone."""
    parent = home / _FOLDER
    for name in sorted({p.name.removesuffix(".lock") for p in list_folder(parent)}):
        folder, handle = parent / name, None
        with contextlib.suppress(OSError):
            handle = try_acquire(_lock_of(folder))  # the kernel frees the lock of a process that is gone
        if handle is not None:
            _remove(folder)
            release(handle, _lock_of(folder))
    _remove_empty(parent, home)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove(folder: Path) -> None:
    # Twice, since a body that a stop did not wait for may write once more.
    for _ in range(2):
        remove_entry(folder, ignore_errors=True)


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # it is not empty, or another process was faster
            folder.rmdir()
