"""Blobs on a filesystem of fsspec, verified when read; a cache holds those that must be local files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from magical.errors import DamagedArtifact
from magical.stores.blobs import (
    blob_digest,
    bytes_digest,
    damaged_object,
    file_digest,
    is_blob_name,
    join_name,
    missing_object,
    split_name,
)
from magical.stores.local.objects import LocalObjects
from magical.stores.remote.filesystem import FileInfo, FileStorage
from magical.system.atomic_files import temporary_file, wrap_disk_errors

__all__ = ["OBJECTS_FOLDER", "RemoteObjects", "parse_blob"]

OBJECTS_FOLDER = "objects"


class RemoteObjects:
    """Blobs in a storage; see ``BlobStore``.

    Args:
        storage: the storage of the store.
        cache: a folder of this machine, for blobs that must be files.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from magical.stores.remote.filesystem import open_storage
        >>> with TemporaryDirectory() as folder:
        ...     objects = RemoteObjects(open_storage("memory://objects-example"), Path(folder))
        ...     blob = objects.put(b"[1, 2]", ".json")
        ...     objects.get(blob), objects.size(blob)
        (b'[1, 2]', 6)
    """

    def __init__(self, storage: FileStorage, cache: Path) -> None:
        self._storage = storage
        self.cache = LocalObjects(cache, root=cache.parent)
        # The blobs that this process has verified; one whose size or stamp changes is read again.
        self._verified: dict[str, FileInfo] = {}

    def put(self, data: bytes, suffix: str) -> str:
        """Store bytes and return the name of the blob."""
        blob = f"{bytes_digest(data)}{suffix}"
        if not self._is_stored(blob, len(data)):
            self._storage.write(_blob_file(blob), data)
        return blob

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Store a file that may not fit into memory, and keep a copy in the cache."""
        blob = self.cache.put_file(write, suffix)
        file = self.cache.file(blob)
        if not self._is_stored(blob, file.stat().st_size):
            self._storage.upload(file, _blob_file(blob))
        return blob

    def get(self, blob: str) -> bytes:
        """Read a blob and verify it."""
        data = self._storage.read(_blob_file(blob), large=True)
        if data is None:
            raise missing_object(blob, blob)
        if bytes_digest(data) != blob_digest(blob):
            raise self._discard_damaged(blob)
        return data

    def file(self, blob: str) -> Path:
        """Return a blob as a file of the cache; the first call copies and verifies it."""
        if self.cache.exists(blob):
            with suppress(DamagedArtifact):  # only the copy is damaged, and deleted by now: fetch it again
                return self.cache.file(blob)

        def fetch(part: Path) -> None:
            if not self._storage.download(_blob_file(blob), part):
                raise missing_object(blob, blob)
            if file_digest(part) != blob_digest(blob):
                raise self._discard_damaged(blob)

        suffix = blob.removeprefix(blob_digest(blob))
        return self.cache.path(self.cache.put_file(fetch, suffix))

    def size(self, blob: str) -> int:
        """Return the size of a blob in bytes; 0 if it is missing."""
        info = self._storage.stat(_blob_file(blob))
        return info.size if info else 0

    def exists(self, blob: str) -> bool:
        """Return True if a blob exists, damaged or not."""
        return self._storage.stat(_blob_file(blob)) is not None

    def is_whole(self, blob: str) -> bool:
        """Return True if the bytes of a blob match its name; they are read through a temporary file."""
        with wrap_disk_errors(self.cache.folder), temporary_file(self.cache.folder / "00") as part:
            return self._storage.download(_blob_file(blob), part) and file_digest(part) == blob_digest(blob)

    def list_files(self) -> dict[str, int]:
        """List the files of all blobs, and the partial files that kills left, with their sizes."""
        return self._storage.list_files(OBJECTS_FOLDER)

    def _is_stored(self, blob: str, size: int) -> bool:
        """Return True if a blob of this size exists and is whole; each process reads it once to verify it."""
        info = self._storage.stat(_blob_file(blob))
        if info is None or info.size != size:
            return False
        if self._verified.get(blob) != info and not self.is_whole(blob):
            return False
        self._verified[blob] = info
        return True

    def _discard_damaged(self, blob: str) -> DamagedArtifact:
        self._storage.remove(_blob_file(blob))  # or the damaged blob would count as stored
        return damaged_object(blob, blob)


def parse_blob(file: str) -> str:
    """Return the name of the blob that a file contains; empty if the file is not a blob.

    Example:
        >>> parse_blob(f"objects/ab/{'cd' * 19}.json") == "ab" + "cd" * 19 + ".json"
        True
        >>> parse_blob("objects/ab/.part-1")
        ''
    """
    blob = join_name(file)
    return blob if is_blob_name(blob) else ""


def _blob_file(blob: str) -> str:
    return f"{OBJECTS_FOLDER}/{split_name(blob)}"
