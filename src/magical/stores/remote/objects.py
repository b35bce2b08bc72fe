"""Stored objects on a filesystem of fsspec, verified when read; those that must be files come by a cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from magical.errors import DamagedArtifact
from magical.stores.local.objects import (
    LocalObjects,
    bytes_digest,
    damaged_object,
    file_digest,
    is_blob_name,
    missing_object,
)
from magical.stores.remote.filesystem import FileInfo, FileStorage
from magical.system.atomic_files import temporary_file, wrap_disk_errors

__all__ = ["OBJECTS_FOLDER", "RemoteObjects", "parse_blob"]

OBJECTS_FOLDER = "objects"


class RemoteObjects:
    """Objects at a place; one that is there already is not written again.

    Args:
        place: where they are kept.
        cache: a folder of this machine, for those that must be files.
    """

    def __init__(self, storage: FileStorage, cache: Path) -> None:
        self._storage = storage
        self.cache = LocalObjects(cache)
        self._verified: dict[str, FileInfo] = {}  # what this process has seen to be what its name says

    def put(self, data: bytes, suffix: str) -> str:
        """Keep bytes, and give the object's name.

        Raises:
            StoreError: they cannot be written.
        """
        blob = f"{bytes_digest(data)}{suffix}"
        if not self._is_stored(blob, len(data)):
            self._storage.write(blob_file(blob), data)
        return blob

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Keep a file that is too large for memory, and give the object's name; it stays in the cache.

        Args:
            write: makes the file it is given; what it raises goes on, and nothing is kept.
            suffix: of the name.

        Raises:
            StoreError: it cannot be written.
        """
        blob = self.cache.put_file(write, suffix)
        file = self.cache.file(blob)
        if not self._is_stored(blob, file.stat().st_size):
            self._storage.upload(file, blob_file(blob))
        return blob

    def get(self, blob: str) -> bytes:
        """Give an object's bytes.

        Raises:
            DamagedArtifact: it is gone, or not what was stored.
        """
        data = self._storage.read(blob_file(blob), large=True)
        if data is None:
            raise missing_object(blob, blob)
        if bytes_digest(data) != blob_digest(blob):
            self._storage.remove(blob_file(blob))
            raise damaged_object(blob, blob)
        return data

    def file(self, blob: str) -> Path:
        """Give an object as a file of the cache, copied and verified when it is first asked for.

        Raises:
            DamagedArtifact: it is gone, or not what was stored.
        """
        if self.cache.path(blob).is_file():
            with suppress(DamagedArtifact):  # the cache's copy is; it has been deleted
                return self.cache.file(blob)

        def fetch(part: Path) -> None:
            if not self._storage.download(blob_file(blob), part):
                raise missing_object(blob, blob)
            if file_digest(part) != blob_digest(blob):
                self._storage.remove(blob_file(blob))
                raise damaged_object(blob, blob)

        suffix = blob.removeprefix(blob_digest(blob))
        return self.cache.path(self.cache.put_file(fetch, suffix))

    def size(self, blob: str) -> int:
        """Give an object's bytes; 0 where it is gone."""
        found = self._storage.stat(blob_file(blob))
        return found.size if found else 0

    def exists(self, blob: str) -> bool:
        """Whether there is an object of this name, damaged or not."""
        return self._storage.stat(blob_file(blob)) is not None

    def is_whole(self, blob: str) -> bool:
        """Whether an object is what its name says, read as a file that is deleted afterwards."""
        with wrap_disk_errors(self.cache.folder), temporary_file(self.cache.folder / "00") as part:
            return self._storage.download(blob_file(blob), part) and file_digest(part) == blob_digest(blob)

    def list_files(self) -> dict[str, int]:
        """Give the files of all objects, and what kills left beside them, with their sizes."""
        return self._storage.list_files(OBJECTS_FOLDER)

    def _is_stored(self, blob: str, size: int) -> bool:
        """Whether an object is there and whole; it is read only if this process does not know it as it is."""
        found = self._storage.stat(blob_file(blob))
        if found is None or found.size != size:
            return False
        if self._verified.get(blob) != found and not self.is_whole(blob):
            return False
        self._verified[blob] = found
        return True


def blob_file(blob: str) -> str:
    """Give the file of an object.

    Example:
        >>> blob_file("abcd.json")
        'objects/ab/cd.json'
    """
    return f"{OBJECTS_FOLDER}/{blob[:2]}/{blob[2:]}"


def parse_blob(name: str) -> str:
    """Give the object that a file is; nothing if it is none.

    Example:
        >>> (
        ...     parse_blob(blob_file("ab" * 20 + ".json")) == "ab" * 20 + ".json",
        ...     parse_blob("objects/ab/.part-1"),
        ... )
        (True, '')
    """
    blob = "".join(name.split("/")[-2:])
    return blob if is_blob_name(blob) else ""


def blob_digest(blob: str) -> str:
    """Give the part of an object's name that its bytes make."""
    return blob.partition(".")[0]
