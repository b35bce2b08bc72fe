"""Blobs, which are stored objects named by the digest of their bytes: their names, digests and errors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from magical.errors import DamagedArtifact, StoreError
from magical.system.state_files import open_plain

__all__ = [
    "PARTIAL_PREFIX",
    "BlobStore",
    "blob_digest",
    "bytes_digest",
    "damaged_object",
    "file_digest",
    "is_blob_name",
    "join_name",
    "missing_object",
    "split_name",
    "write_bytes",
]

PARTIAL_PREFIX = ".part-"
"""The prefix of the name of a file that is still being written; after a kill, such a file is garbage."""


class BlobStore(Protocol):
    """A place for blobs; an existing blob is not written again."""

    def put(self, data: bytes, suffix: str) -> str:
        """Store bytes and return the name of the blob.

        Raises:
            StoreError: the bytes cannot be written.
        """

    def put_file(self, write: Callable[[Path], None], suffix: str) -> str:
        """Store a file that may not fit into memory and return the name of the blob.

        Args:
            write: writes the file at the path it gets; if it raises, nothing is stored.
            suffix: the end of the blob's name, such as ``.parquet``.

        Raises:
            StoreError: the file cannot be written.
        """

    def get(self, blob: str) -> bytes:
        """Read a blob and verify it.

        Raises:
            DamagedArtifact: the blob is missing or damaged.
        """

    def file(self, blob: str) -> Path:
        """Return a verified blob as a file on this machine.

        Raises:
            DamagedArtifact: the blob is missing or damaged.
        """

    def size(self, blob: str) -> int:
        """Return the size of a blob in bytes; 0 if it is missing."""


def is_blob_name(blob: str) -> bool:
    """Return True if a text is a valid name of a blob; other texts might lead out of the store's folder.

    Example:
        >>> is_blob_name("ab" * 20 + ".json"), is_blob_name("..//etc/passwd")
        (True, False)
    """
    return re.fullmatch(r"[0-9a-f]{40}(\.[a-z]+)?", blob) is not None


def split_name(name: str) -> str:
    """Return the relative path of a blob or record: folders named by two letters keep listings short."""
    return f"{name[:2]}/{name[2:]}"


def join_name(path: str) -> str:
    """Return the name of the blob or record at a path, the inverse of ``split_name``.

    Example:
        >>> split_name("abcd.json"), join_name("objects/ab/cd.json")
        ('ab/cd.json', 'abcd.json')
    """
    return "".join(path.split("/")[-2:])


def blob_digest(blob: str) -> str:
    """Return the digest in a blob's name, without the suffix."""
    return blob.partition(".")[0]


def bytes_digest(data: bytes) -> str:
    """Compute the digest that names bytes.

    Example:
        >>> bytes_digest(b"abc")
        'ba7816bf8f01cfea414140de5dae2223b00361a3'
    """
    return hashlib.sha256(data).hexdigest()[:40]


def file_digest(path: Path) -> str:
    """Compute the digest that names the content of a file, without reading it into memory as a whole.

    Raises:
        OSError: the file is missing, is no plain file, or cannot be read.
    """
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:40]


def write_bytes(file: Path, data: bytes) -> None:
    """Write a file; raise a StoreError if the disk stored only a part, as a full disk may do."""
    if file.write_bytes(data) != len(data):
        raise StoreError(f"{file} was not written completely.", hint="check the free space of the disk.")


def missing_object(name: str, blob: str, why: str = "") -> DamagedArtifact:
    """Build the error for a missing blob; the message shows ``name`` and the reason ``why``, if given."""
    reason = f" ({why})" if why else ""
    return DamagedArtifact(
        f"A stored object is gone: {name}{reason}.", hint="magical run makes it again.", blob=blob
    )


def damaged_object(name: str, blob: str) -> DamagedArtifact:
    """Build the error for a blob whose bytes do not match its digest; the message shows ``name``."""
    return DamagedArtifact(
        f"A stored object is damaged: {name}.", hint="magical run makes it again.", blob=blob
    )
