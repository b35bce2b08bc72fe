"""The local store: a folder of objects named by their bytes, and of records named by keys."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.atomic import write_text
from magical.stores.objects import Objects, digest_of

__all__ = ["LocalStore"]


class LocalStore:
    """Keeps artifacts in a folder: written under a temporary name, synced, renamed, verified when read.

    Args:
        folder: it is made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = Objects(folder / "objects")

    def record(self, key: str) -> Record | None:
        """Give the record of a key, if it has been computed and its objects are there."""
        try:
            data = json.loads(self._record_path(key).read_bytes())
            if data.pop("digest") != digest_of(json.dumps(data).encode()):
                return None
            record = Record.from_json(data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        kept = [blob for artifact in record.kept.values() for blob in artifact.blobs()]
        if record.key != key or not all(
            self.objects.path(b).is_file() for b in [*record.result.blobs(), *kept]
        ):
            return None
        return record

    def put_record(self, record: Record) -> None:
        """Keep a record; from then on its key counts as computed."""
        data = record.to_json()
        text = json.dumps({"digest": digest_of(json.dumps(data).encode()), **data})
        write_text(self._record_path(record.key), text, durable=True)

    def drop_record(self, key: str) -> None:
        """Forget that a key has been computed."""
        self._record_path(key).unlink(missing_ok=True)

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        """Keep a value, in the form that its kind asks for.

        Raises:
            StoreError: the value cannot be kept.
        """
        from magical.stores.codecs import encode

        return encode(value, promise, key, self.objects)

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        """Give a value back.

        Raises:
            DamagedArtifact: what was read is not what was stored.
        """
        from magical.stores.codecs import decode

        return decode(artifact, promise, self.objects)

    def scratch(self, key: str) -> Path:
        """Give a folder for a key that survives a kill."""
        folder = self.folder / "scratch" / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_scratch(self, key: str) -> None:
        """Delete that folder."""
        shutil.rmtree(self.folder / "scratch" / key, ignore_errors=True)

    def _record_path(self, key: str) -> Path:
        return self.folder / "records" / key[:2] / f"{key[2:]}.json"
