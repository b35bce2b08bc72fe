"""The base class of stores: values, sizes and scratch folders, wherever the files live."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.stores.blobs import BlobStore, bytes_digest, is_blob_name
from magical.system.atomic_files import wrap_disk_errors
from magical.system.state_files import find_link, refuse_links, remove_entry

__all__ = ["ArtifactStore", "fields_digest", "parse_record"]


class ArtifactStore(ABC):
    """The base class of stores (see ``Store``); subclasses implement records, locks, pins and sweeps.

    Attributes:
        objects: the stored bytes.
        scratch_root: the folder that contains the scratch folders, always on this machine.
        untrusted: keys whose results were refused: another store made them, and loading them may run code.
    """

    objects: BlobStore
    scratch_root: Path
    untrusted: set[str]

    @abstractmethod
    def read_record(self, key: str) -> Record | None:
        """Read the record of a key, without checking its objects; None if it is missing or damaged."""

    @abstractmethod
    def block_sweeps(self) -> AbstractContextManager[None]:
        """Block sweeps inside the ``with`` block, so that new objects survive until their record exists."""

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        """Store the result of a key in the format of its kind, and describe it as an artifact."""
        from magical.stores.codecs import encode_artifact  # imports polars, which a fresh run does without

        with self.block_sweeps():
            return encode_artifact(value, promise, key, self.objects)

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        """Read the value of an artifact from the store."""
        from magical.stores.codecs import decode_artifact

        return decode_artifact(artifact, promise, self.objects)

    def file(self, artifact: Artifact) -> Path:
        """Return the file on this machine that has the bytes of an artifact."""
        return self.objects.file(artifact.blob)

    def size(self, key: str) -> int:
        """Return the size in bytes of the result and the kept values of a key; 0 if the key has no record."""
        record = self.read_record(key)
        return sum(map(self.objects.size, set(record.blobs()))) if record else 0

    def scratch(self, key: str) -> Path:
        """Return the scratch folder of a key, created if missing; it survives a kill of the process."""
        folder = self.scratch_root / key
        refuse_links(folder, self.scratch_root.parent)
        with wrap_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_scratch(self, key: str) -> None:
        """Delete the scratch folder of a key."""
        if find_link(self.scratch_root, self.scratch_root.parent) is None:
            remove_entry(self.scratch_root / key, ignore_errors=True)


def fields_digest(fields: dict[str, Any]) -> str:
    """Compute the digest of a record's fields, which is stored with them and reveals damage."""
    return bytes_digest(json.dumps(fields).encode())


def parse_record(key: str, fields: dict[str, Any]) -> Record | None:
    """Build a record from its fields and their digest; None if they are damaged or belong to another key.

    The digest is removed from ``fields``. Malformed fields raise one of ``DAMAGE_ERRORS``.

    Example:
        >>> fields = Record("k", "n", "m:n", {}, Artifact("none", "none")).to_json()
        >>> parse_record("k", {"digest": fields_digest(fields), **fields}).node
        'n'
        >>> print(parse_record("k", {"digest": "damaged", **fields}))
        None
    """
    if fields.pop("digest") != fields_digest(fields):
        return None
    record = Record.from_json(fields)
    # Blob names become paths: a forged record must not reach files outside of the store.
    return record if record.key == key and all(map(is_blob_name, record.blobs())) else None
