"""Stored objects: files named by their bytes, written whole or not at all, verified when read."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

from magical.engine.atomic import write_file
from magical.errors import DamagedArtifact, StoreError

__all__ = ["Objects", "digest_of"]


class Objects:
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
        blob = f"{digest_of(data)}{suffix}"
        path = self.path(blob)
        if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
            write_file(path, lambda part: _write(part, data))
        return blob

    def get(self, blob: str) -> bytes:
        """Give an object's bytes.

        Raises:
            DamagedArtifact: it is gone, or not what was stored.
        """
        path = self.path(blob)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DamagedArtifact(
                f"A stored object is gone: {path.name} ({error.strerror}).",
                hint="magical run makes it again.",
                blob=blob,
            ) from None
        if digest_of(data) != blob.partition(".")[0]:
            path.unlink(missing_ok=True)
            raise DamagedArtifact(
                f"A stored object is damaged: {path.name}.", hint="magical run makes it again.", blob=blob
            )
        return data

    def size(self, blob: str) -> int:
        """Give an object's bytes on disk; 0 where it is gone."""
        try:
            return self.path(blob).stat().st_size
        except OSError:
            return 0

    def paths(self) -> list[Path]:
        """Give the files of all objects, and what kills left beside them."""
        return [p for p in self.folder.glob("*/*") if p.is_file()]

    def is_whole(self, path: Path) -> bool:
        """Whether an object's file is what its name says, read piece by piece.

        Raises:
            OSError: it may not be read, which says nothing of it.
        """
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EIO):
                return False
            raise
        return f"{path.parent.name}{path.name}".partition(".")[0] == digest[:40]


def digest_of(data: bytes) -> str:
    """Give the digest that names bytes."""
    return hashlib.sha256(data).hexdigest()[:40]


def _write(part: Path, data: bytes) -> None:
    if part.write_bytes(data) != len(data):
        raise StoreError(f"{part} was not written whole.", hint="look at the disk's space.")
