"""Atomic writes of files, temporary files and folders, and one error for all failures of a disk."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from magical.errors import StoreError
from magical.system.state_files import remove_entry

__all__ = [
    "DISK_FULL_ERRNOS",
    "disposable_folder",
    "fsync_file",
    "temporary_file",
    "wrap_disk_errors",
    "write_file",
    "write_text",
]

DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk or quota."""

_PERMISSION_ERRNOS = (errno.EROFS, errno.EACCES, errno.EPERM)
_MISPLACED_ERRNOS = (errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.ENXIO)
_NO_LOCK_ERRNOS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def wrap_disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a StoreError that names the path.

    Raises:
        StoreError: the disk is full, read-only or gone.

    Example:
        >>> with wrap_disk_errors(Path("/data/orders.csv")):
        ...     raise OSError(errno.ENOSPC, "No space left on device")
        Traceback (most recent call last):
        magical.errors.StoreError: /data/orders.csv cannot be written: No space left on device.
        ...
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{_shorten_path(path)} cannot be written: {error.strerror or error}.", hint=_suggest_fix(error)
        ) from error


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Create a temporary file in a folder for a block; it is deleted unless the block renames it."""
    # A rename is atomic within one file system only, so the file is not created in /tmp.
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{secrets.token_hex(8)}"
    # Not mkstemp: its files can be read by their owner only, and a team may share the folder.
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666))
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def fsync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_file(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Write a file under a temporary name beside it, sync it, and rename it.

    Args:
        write: writes to the path that it is called with.
        durable: wait until the content is on the disk.

    Raises:
        StoreError: the disk is full, read-only or gone.
    """
    with wrap_disk_errors(path), temporary_file(path.parent) as part:
        write(part)
        if durable:
            # First sync, then rename: after a power cut the name may be missing, never half a file.
            fsync_file(part)
        part.replace(path)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a text file atomically, in UTF-8.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "new folder" / "a.txt"
        >>> write_text(path, "whole")
        >>> path.read_text()
        'whole'
    """
    write_file(path, lambda part: part.write_text(text, encoding="utf-8"), durable=durable)


@contextmanager
def disposable_folder(folder: Path) -> Iterator[None]:
    """Create an empty folder for a block and delete it afterwards.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with disposable_folder(folder):
        ...     _ = (folder / "part").write_text("half")
        >>> folder.exists()
        False
    """
    remove_entry(folder, ignore_errors=True)  # a killed process may have left files in it
    try:
        with wrap_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        remove_entry(folder, ignore_errors=True)


def _shorten_path(path: Path, limit: int = 160) -> str:
    """Cut the front off a long path, so that the reason stays in the line."""
    text = str(path)
    return text if len(text) <= limit else f"…{text[-limit:]}"


def _suggest_fix(error: OSError) -> str:
    if error.errno in DISK_FULL_ERRNOS:
        return (
            "free some space (magical gc removes what no run needs) and run again; what is finished is kept."
        )
    if error.errno in _PERMISSION_ERRNOS:
        return "make its folder writable for you, and run again."
    if error.errno in _NO_LOCK_ERRNOS:
        return "put the project on a disk that knows file locks; some network disks do not."
    if error.errno in _MISPLACED_ERRNOS:
        return "something else is in the place of a file or folder: delete it, and run again."
    return "look at the disk's space and permissions."
