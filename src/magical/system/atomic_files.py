"""Files that are there whole or not at all, and what is said when the disk refuses."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from magical.errors import StoreError

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
"""What a disk says that has no space."""

_PERMISSION_ERRNOS = (errno.EROFS, errno.EACCES, errno.EPERM)
_NO_LOCK_ERRNOS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def wrap_disk_errors(path: Path) -> Iterator[None]:
    """Say as one StoreError what the disk refuses in the block.

    Args:
        path: what is written there.

    Raises:
        StoreError: the disk is full, read-only or gone.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{_shorten_path(path)} cannot be written: {error.strerror or error}.", hint=_hint(error)
        ) from error


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Give a new temporary file in a folder, which is made; what is not renamed in the block is deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".part-")
    os.close(handle)
    part = Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def fsync_file(path: Path) -> None:
    """Wait until the disk has a file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_file(path: Path, write: Callable[[Path], None], *, durable: bool = True) -> None:
    """Write a file under a temporary name beside it, sync it, and rename it.

    Args:
        path: the final name; its folder is made.
        write: writes the file it is given.
        durable: whether to wait until the disk has it.

    Raises:
        StoreError: the disk is full, read-only or gone.
    """
    with wrap_disk_errors(path), temporary_file(path.parent) as part:
        write(part)
        if durable:
            fsync_file(part)
        part.replace(path)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a text file that is there whole or not at all."""
    write_file(path, lambda part: _write(part, text), durable=durable)


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8")


@contextmanager
def disposable_folder(folder: Path) -> Iterator[None]:
    """Have a folder for a block that is not there afterwards; what a kill left in it goes first.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with disposable_folder(folder):
        ...     _ = (folder / "part").write_text("half")
        >>> folder.exists()
        False
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with wrap_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _shorten_path(path: Path, limit: int = 160) -> str:
    """A long path must not push the reason out of the line."""
    text = str(path)
    return text if len(text) <= limit else f"…{text[-limit:]}"


def _hint(error: OSError) -> str:
    if error.errno in DISK_FULL_ERRNOS:
        return (
            "free some space (magical gc removes what no run needs) and run again; what is finished is kept."
        )
    if error.errno in _PERMISSION_ERRNOS:
        return "make its folder writable for you, and run again."
    if error.errno in _NO_LOCK_ERRNOS:
        return "put the project on a disk that knows file locks; some network disks do not."
    return "look at the disk's space and permissions."
