"""Blobs in a local folder: written atomically, verified when read."""

from __future__ import annotations

import errno
import filecmp
from collections.abc import Callable
from pathlib import Path

from magical.errors import DamagedArtifact
from magical.stores.blobs import (
    PARTIAL_PREFIX,
    blob_digest,
    bytes_digest,
    damaged_object,
    file_digest,
    join_name,
    missing_object,
    split_name,
    write_bytes,
)
from magical.system.atomic_files import fsync_file, temporary_file, wrap_disk_errors, write_file

__all__ = ["LocalObjects"]

_verified: dict[Path, tuple[int, int, int]] = {}
"""The files that this process has verified, with a stamp: a file that changes afterwards is read again."""


class LocalObjects:
    """A folder of blobs; see ``BlobStore``.

    Args:
        folder: created by the first write.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     objects = LocalObjects(Path(folder))
        ...     objects.get(objects.put(b"[1, 2]", ".json"))
        b'[1, 2]'
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, blob: str) -> Path:
        """Return the path of a blob."""
        return self.folder / split_name(blob)

    def put(self, data: bytes, suffix: str) -> str:
        """Store bytes and return the name of the blob."""
        blob = f"{bytes_digest(data)}{suffix}"
        path = self.path(blob)
        # A damaged file of the right size is replaced too, so the bytes are compared, not only counted.
        if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
            write_file(path, lambda part: write_bytes(part, data))
        return blob

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Store a file that may not fit into memory and return the name of the blob."""
        # The temporary file lies among the objects, where a sweep finds it after a kill.
        with wrap_disk_errors(self.folder), temporary_file(self.folder / "00") as part:
            write(part)
            blob = f"{file_digest(part)}{suffix}"
            path = self.path(blob)
            if not path.is_file() or not filecmp.cmp(part, path, shallow=False):
                fsync_file(part)  # before the rename, or a crash could leave the name without the bytes
                path.parent.mkdir(exist_ok=True)
                part.replace(path)
            _verified[path] = _file_stamp(path)
        return blob

    def file(self, blob: str) -> Path:
        """Return the file of a blob; it is read and verified once in a process."""
        path = self.path(blob)
        try:
            stamp = _file_stamp(path)  # before the read: a change during the read must not count as verified
            if _verified.get(path) == stamp:
                return path
            if file_digest(path) != blob_digest(blob):
                raise _discard_damaged(path, blob)
        except OSError as error:
            raise missing_object(path.name, blob, error.strerror or "") from None
        _verified[path] = stamp
        return path

    def get(self, blob: str) -> bytes:
        """Read a blob and verify it."""
        path = self.path(blob)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise missing_object(path.name, blob, error.strerror or "") from None
        if bytes_digest(data) != blob_digest(blob):
            raise _discard_damaged(path, blob)
        return data

    def size(self, blob: str) -> int:
        """Return the size of a blob in bytes; 0 if it is missing."""
        try:
            return self.path(blob).stat().st_size
        except OSError:
            return 0

    def paths(self) -> list[Path]:
        """List the files of all blobs, and the partial files that kills left."""
        patterns = ("*/*", f"{PARTIAL_PREFIX}*")
        return [p for pattern in patterns for p in self.folder.glob(pattern) if p.is_file()]

    def is_whole(self, path: Path) -> bool:
        """Return True if the bytes of a blob's file match its name; False if it is missing or the disk fails.

        Raises:
            OSError: the file cannot be read for another reason, such as a permission; it may be whole.
        """
        try:
            digest = file_digest(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EIO):
                return False
            raise
        return blob_digest(join_name(path.as_posix())) == digest


def _file_stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _discard_damaged(path: Path, blob: str) -> DamagedArtifact:
    path.unlink(missing_ok=True)  # or the damaged blob would count as stored, and never be written again
    return damaged_object(path.name, blob)
