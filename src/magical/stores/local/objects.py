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
from magical.system.state_files import is_plain_file, list_folder, read_plain, refuse_links

__all__ = ["LocalObjects", "list_stored"]

_verified: dict[Path, tuple[int, int, int]] = {}
"""The files that this process has verified, with a stamp: a file that changes afterwards is read again."""


class LocalObjects:
    """A folder of blobs; see ``BlobStore``.

    Args:
        folder: created by the first write.
        root: the topmost folder that must not be a symbolic link; by default ``folder``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     objects = LocalObjects(Path(folder))
        ...     objects.get(objects.put(b"[1, 2]", ".json"))
        b'[1, 2]'
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder, self._root = folder, root or folder

    def path(self, blob: str) -> Path:
        """Return the path of a blob."""
        return self.folder / split_name(blob)

    def put(self, data: bytes, suffix: str) -> str:
        """Store bytes and return the name of the blob."""
        blob = f"{bytes_digest(data)}{suffix}"
        path = self.path(blob)
        refuse_links(path.parent, self._root)
        if not self._contains(blob, data):
            write_file(path, lambda part: write_bytes(part, data))
        return blob

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Store a file that may not fit into memory and return the name of the blob."""
        refuse_links(self.folder / "00", self._root)
        # The temporary file lies among the objects, where a sweep finds it after a kill.
        with wrap_disk_errors(self.folder), temporary_file(self.folder / "00") as part:
            write(part)
            blob = f"{file_digest(part)}{suffix}"
            path = self.path(blob)
            refuse_links(path.parent, self._root)
            if not self.exists(blob) or not filecmp.cmp(part, path, shallow=False):
                fsync_file(part)  # before the rename, or a crash could leave the name without the bytes
                path.parent.mkdir(exist_ok=True)
                part.replace(path)
            _verified[path] = _file_stamp(path)
        return blob

    def file(self, blob: str) -> Path:
        """Return the file of a blob; it is read and verified once in a process."""
        path = self.path(blob)
        try:
            if not self.exists(blob):
                raise missing_object(path.name, blob)
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
            data = read_plain(path, self._root)
        except OSError as error:
            raise missing_object(path.name, blob, error.strerror or "") from None
        if bytes_digest(data) != blob_digest(blob):
            raise _discard_damaged(path, blob)
        return data

    def size(self, blob: str) -> int:
        """Return the size of a blob in bytes; 0 if it is missing."""
        return self.path(blob).stat().st_size if self.exists(blob) else 0

    def exists(self, blob: str) -> bool:
        """Return True if a blob exists as a plain file, damaged or not."""
        return is_plain_file(self.path(blob), self._root)

    def _contains(self, blob: str, data: bytes) -> bool:
        """Return True if a blob exists and can be read, with these bytes."""
        # A damaged file of the right size is replaced too, so the bytes are compared, not only counted.
        try:
            return self.size(blob) == len(data) and read_plain(self.path(blob), self._root) == data
        except OSError:
            return False

    def paths(self) -> list[Path]:
        """List the files of all blobs, and what else is in their places: partial files, links, folders."""
        return list_stored(self.folder, self._root)

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


def list_stored(folder: Path, root: Path) -> list[Path]:
    """List what is in a folder's folders; a partial file or a link beside these is listed, too."""
    found: list[Path] = []
    for path in list_folder(folder, root):
        is_strange = path.is_symlink() or path.name.startswith(PARTIAL_PREFIX)
        found += [path] if is_strange else list_folder(path)
    return found


def _file_stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _discard_damaged(path: Path, blob: str) -> DamagedArtifact:
    path.unlink(missing_ok=True)  # or the damaged blob would count as stored, and never be written again
    return damaged_object(path.name, blob)
