"""Stored objects: files named by their bytes, written whole or not at all, verified when read."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from magical.errors import DamagedArtifact, StoreError
from magical.system.atomic_files import fsync_file, temporary_file, wrap_disk_errors, write_file

__all__ = [
    "BlobStore",
    "LocalObjects",
    "bytes_digest",
    "damaged_object",
    "file_digest",
    "is_blob_name",
    "missing_object",
]

_verified: dict[Path, tuple[int, int, int]] = {}
"""Files whose bytes this process has seen to be those of their names, with what tells that they changed."""


class BlobStore(Protocol):
    """Where the bytes of stored values are, by names made of what they are."""

    def put(self, data: bytes, suffix: str) -> str:
        """Keep bytes, and give the object's name."""

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Keep a file that is too large for memory, and give the object's name."""

    def get(self, blob: str) -> bytes:
        """Give an object's bytes, verified."""

    def file(self, blob: str) -> Path:
        """Give an object as a file on this machine, verified."""


class LocalObjects:
    """A folder of objects; one that is there already is not written again.

    Args:
        folder: it is made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, blob: str) -> Path:
        """Give the path of an object."""
        return self.folder / blob[:2] / blob[2:]

    def put(self, data: bytes, suffix: str) -> str:
        """Keep bytes, and give the object's name.

        Raises:
            StoreError: they cannot be written.
        """
        blob = f"{bytes_digest(data)}{suffix}"
        path = self.path(blob)
        if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
            write_file(path, lambda part: _write_bytes(part, data))
        return blob

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Keep a file that is too large for memory, and give the object's name.

        Args:
            write: makes the file it is given; what it raises goes on, and nothing is kept.
            suffix: of the name.

        Raises:
            StoreError: it cannot be written.
        """
        # Among the objects, where a sweep looks for what a kill left.
        with wrap_disk_errors(self.folder), temporary_file(self.folder / "00") as part:
            write(part)
            blob = f"{file_digest(part)}{suffix}"
            path = self.path(blob)
            if not path.is_file() or not filecmp.cmp(part, path, shallow=False):
                fsync_file(part)
                path.parent.mkdir(exist_ok=True)
                part.replace(path)
            _verified[path] = _file_stamp(path)
        return blob

    def file(self, blob: str) -> Path:
        """Give an object as a file, read through and verified when a process first asks for it.

        Raises:
            DamagedArtifact: it is gone, or not what was stored.
        """
        path = self.path(blob)
        try:
            stamp = _file_stamp(path)
            if _verified.get(path) == stamp:
                return path
            if file_digest(path) != blob.partition(".")[0]:
                raise _discard_damaged(path, blob)
        except OSError as error:
            raise missing_object(path.name, blob, error.strerror or "") from None
        _verified[path] = stamp
        return path

    def get(self, blob: str) -> bytes:
        """Give an object's bytes.

        Raises:
            DamagedArtifact: it is gone, or not what was stored.
        """
        path = self.path(blob)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise missing_object(path.name, blob, error.strerror or "") from None
        if bytes_digest(data) != blob.partition(".")[0]:
            raise _discard_damaged(path, blob)
        return data

    def size(self, blob: str) -> int:
        """Give an object's bytes on disk; 0 where it is gone."""
        try:
            return self.path(blob).stat().st_size
        except OSError:
            return 0

    def paths(self) -> list[Path]:
        """Give the files of all objects, and what kills left beside them."""
        return [p for pattern in ("*/*", ".part-*") for p in self.folder.glob(pattern) if p.is_file()]

    def is_whole(self, path: Path) -> bool:
        """Whether an object's file is what its name says, read piece by piece.

        Raises:
            OSError: it may not be read, which says nothing of it.
        """
        try:
            digest = file_digest(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EIO):
                return False
            raise
        return f"{path.parent.name}{path.name}".partition(".")[0] == digest


def is_blob_name(blob: str) -> bool:
    """Whether a text can name an object: no record leads out of the folder.

    Example:
        >>> is_blob_name("ab" * 20 + ".json"), is_blob_name("..//etc/passwd")
        (True, False)
    """
    return re.fullmatch(r"[0-9a-f]{40}(\.[a-z]+)?", blob) is not None


def bytes_digest(data: bytes) -> str:
    """Give the digest that names bytes."""
    return hashlib.sha256(data).hexdigest()[:40]


def file_digest(path: Path) -> str:
    """Give the digest that names a file's bytes, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:40]


def _file_stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def missing_object(name: str, blob: str, why: str = "") -> DamagedArtifact:
    """Word that an object is not there any more."""
    reason = f" ({why})" if why else ""
    return DamagedArtifact(
        f"A stored object is gone: {name}{reason}.", hint="magical run makes it again.", blob=blob
    )


def damaged_object(name: str, blob: str) -> DamagedArtifact:
    """Word that an object is not what was stored."""
    return DamagedArtifact(
        f"A stored object is damaged: {name}.", hint="magical run makes it again.", blob=blob
    )


def _discard_damaged(path: Path, blob: str) -> DamagedArtifact:
    path.unlink(missing_ok=True)
    return damaged_object(path.name, blob)


def _write_bytes(part: Path, data: bytes) -> None:
    if part.write_bytes(data) != len(data):
        raise StoreError(f"{part} was not written whole.", hint="look at the disk's space.")
