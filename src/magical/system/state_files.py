"""The project's own files: a damaged one counts as missing, and no symbolic link among them is followed.

`.magical`, or the folder of a shared store, may itself be a link, since users move it to a large disk.
Inside, a link is never followed: it counts as missing when it is read, and is deleted in the place of what it
leads to. Pipes, sockets, devices and folders in the place of files count as missing too; no open waits for
the other end of a pipe.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from magical.errors import StoreError

__all__ = [
    "DAMAGE_ERRORS",
    "find_link",
    "is_plain_file",
    "list_folder",
    "open_plain",
    "parse_state",
    "read_plain",
    "read_state",
    "refuse_links",
    "remove_entry",
]

T = TypeVar("T")

DAMAGE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""Exceptions that parsing damaged JSON, or building an object from it, may raise."""

_SAFE_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""Flags of an open that follows no link, and does not wait for the other end of a pipe."""


def read_state(path: Path, build: Callable[[Any], T], root: Path | None = None) -> T | None:
    """Read a JSON file of the project and build an object from it; None if it is missing or damaged.

    Args:
        path: the file.
        build: makes the object from the parsed JSON; it may raise any of ``DAMAGE_ERRORS``.
        root: the topmost folder that must not be a link; by default only the file must not be one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mark.json"
        >>> print(read_state(path, dict))
        None
        >>> _ = path.write_text('{"state": "sent"}')
        >>> read_state(path, dict)
        {'state': 'sent'}
        >>> _ = path.write_text("[" * 100_000)
        >>> print(read_state(path, dict))
        None
    """
    try:
        data = read_plain(path, root)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return parse_state(data, build)


def parse_state(data: bytes, build: Callable[[Any], T]) -> T | None:
    """Parse JSON that the project wrote and build an object from it; None if it is damaged.

    Example:
        >>> parse_state(b'{"x": "1"}', lambda fields: int(fields["x"]))
        1
        >>> print(parse_state(b'["x"]', lambda fields: int(fields["x"])))
        None
    """
    try:
        return build(json.loads(data))
    except DAMAGE_ERRORS:
        return None


def read_plain(path: Path, root: Path | None = None) -> bytes:
    """Read a file as bytes; see ``open_plain``.

    Raises:
        FileNotFoundError: it is missing, or is no plain file.
        OSError: it cannot be read.
    """
    with open_plain(path, root) as file:
        return file.read()


def open_plain(path: Path, root: Path | None = None) -> BufferedReader:
    """Open a file for reading, without following a link and without waiting for a pipe.

    Args:
        path: the file.
        root: the topmost folder that must not be a link; by default only the file must not be one.

    Raises:
        FileNotFoundError: the file is missing, or is a link, a folder, a pipe, a socket or a device.
        OSError: the file cannot be read.

    Example:
        >>> open_plain(Path("/dev/null"))
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] it is no plain file: '/dev/null'
    """
    if not is_plain_file(path, root):
        os.lstat(path)  # raises where nothing is, or where a permission is missing
        raise FileNotFoundError(errno.ENOENT, "it is no plain file", str(path))
    return os.fdopen(os.open(path, os.O_RDONLY | _SAFE_FLAGS), "rb")


def is_plain_file(path: Path, root: Path | None = None) -> bool:
    """Return True if a path is a regular file and, from ``root`` on, no link leads to it."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and (root is None or find_link(path.parent, root) is None)


def list_folder(folder: Path, root: Path | None = None) -> list[Path]:
    """List the entries of a folder; none if it is missing, is no folder, or is reached by a link.

    Raises:
        OSError: the folder cannot be read.
    """
    if find_link(folder, root) is not None:
        return []
    try:
        return [folder / name for name in os.listdir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def find_link(path: Path, root: Path | None = None) -> Path | None:
    """Find a symbolic link among a path and its folders up to ``root``, which is by default the path itself.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "objects").symlink_to("/etc")
        >>> found = find_link(folder / "objects" / "passwd", folder)
        >>> found.name, find_link(folder)
        ('objects', None)
    """
    # Texts, not paths: a run looks up thousands of records, and a path costs more than a look at the disk.
    part, top = str(path), str(path if root is None else root)
    while len(part) >= len(top):  # a shorter text lies above the root, where links are allowed
        if os.path.islink(part):
            return Path(part)
        if part == top:
            break
        part = os.path.dirname(part)
    return None


def refuse_links(path: Path, root: Path) -> None:
    """Refuse to write below a symbolic link.

    Args:
        path: the folder or file to be written.
        root: the topmost folder that must not be a link.

    Raises:
        StoreError: the path, or a folder on the way from ``root`` to it, is a link.
    """
    if link := find_link(path, root):
        raise StoreError(
            f"{link} is a symbolic link, and none is followed there.",
            hint="delete the link; the folder .magical may be one, or [policy] store names another place.",
        )


def remove_entry(path: Path, *, ignore_errors: bool = False) -> None:
    """Delete a file, a link, or a folder with its content; what a link leads to stays.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "kept").mkdir()
        >>> (folder / "link").symlink_to(folder / "kept")
        >>> remove_entry(folder / "link")
        >>> [p.name for p in folder.iterdir()]
        ['kept']
    """
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=ignore_errors)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        if not ignore_errors:
            raise
