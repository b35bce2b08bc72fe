"""Stored objects on a filesystem of fsspec, verified when read; those that must be files come by a cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from magical.errors import DamagedArtifact
from magical.stores.local.objects import Objects, damaged, digest_of, file_digest, gone, is_name
from magical.stores.remote.filesystem import Found, Place
from magical.system.atomic_files import temporary_file, wrap_disk_errors

__all__ = ["FOLDER", "RemoteObjects", "blob_of"]

FOLDER = "objects"


class RemoteObjects:
    """Objects at a place; one that is there already is not written again.

    Args:
        place: where they are kept.
        cache: a folder of this machine, for those that must be files.
    """

    def __init__(self, place: Place, cache: Path) -> None:
        self._place = place
        self.cache = Objects(cache)
        self._whole: dict[str, Found] = {}  # what this process has seen to be what its name says

    def put(self, data: bytes, suffix: str) -> str:
        """Keep bytes, and give the object's name.

        Raises:
            StoreError: they cannot be written.
        """
        blob = f"{digest_of(data)}{suffix}"
        if not self._is_kept(blob, len(data)):
            self._place.write(name_of(blob), data)
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
        if not self._is_kept(blob, file.stat().st_size):
            self._place.upload(file, name_of(blob))
        return blob

    def get(self, blob: str) -> bytes:
        """Give an object's bytes.

        Raises:
            DamagedArtifact: it is gone, or not what was stored.
        """
        data = self._place.read(name_of(blob), large=True)
        if data is None:
            raise gone(blob, blob)
        if digest_of(data) != digest_in(blob):
            self._place.remove(name_of(blob))
            raise damaged(blob, blob)
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
            if not self._place.download(name_of(blob), part):
                raise gone(blob, blob)
            if file_digest(part) != digest_in(blob):
                self._place.remove(name_of(blob))
                raise damaged(blob, blob)

        suffix = blob.removeprefix(digest_in(blob))
        return self.cache.path(self.cache.put_file(fetch, suffix))

    def size(self, blob: str) -> int:
        """Give an object's bytes; 0 where it is gone."""
        found = self._place.found(name_of(blob))
        return found.size if found else 0

    def is_there(self, blob: str) -> bool:
        """Whether there is an object of this name, damaged or not."""
        return self._place.found(name_of(blob)) is not None

    def is_whole(self, blob: str) -> bool:
        """Whether an object is what its name says, read as a file that is deleted afterwards."""
        with wrap_disk_errors(self.cache.folder), temporary_file(self.cache.folder / "00") as part:
            return self._place.download(name_of(blob), part) and file_digest(part) == digest_in(blob)

    def all(self) -> dict[str, int]:
        """Give the files of all objects, and what kills left beside them, with their sizes."""
        return self._place.below(FOLDER)

    def _is_kept(self, blob: str, size: int) -> bool:
        """Whether an object is there and whole; it is read only if this process does not know it as it is."""
        found = self._place.found(name_of(blob))
        if found is None or found.size != size:
            return False
        if self._whole.get(blob) != found and not self.is_whole(blob):
            return False
        self._whole[blob] = found
        return True


def name_of(blob: str) -> str:
    """Give the file of an object.

    Example:
        >>> name_of("abcd.json")
        'objects/ab/cd.json'
    """
    return f"{FOLDER}/{blob[:2]}/{blob[2:]}"


def blob_of(name: str) -> str:
    """Give the object that a file is; nothing if it is none.

    Example:
        >>> blob_of(name_of("ab" * 20 + ".json")) == "ab" * 20 + ".json", blob_of("objects/ab/.part-1")
        (True, '')
    """
    blob = "".join(name.split("/")[-2:])
    return blob if is_name(blob) else ""


def digest_in(blob: str) -> str:
    """Give the part of an object's name that its bytes make."""
    return blob.partition(".")[0]
