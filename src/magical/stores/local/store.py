"""The local store: a folder of objects named by their bytes, and of records named by keys."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import SweepResult
from magical.errors import StoreError
from magical.stores.local.objects import LocalObjects, bytes_digest, is_blob_name
from magical.stores.local.pins import Pins
from magical.stores.local.signature import RecordSigner, may_run_code
from magical.system.atomic_files import wrap_disk_errors, write_text
from magical.system.file_locks import SharedFileLock, acquire, do_nothing, release

__all__ = ["LocalStore"]


class LocalStore:
    """Keeps artifacts in a folder: written under a temporary name, synced, renamed, verified when read.

    Several threads, processes and runs may use one folder at once, and sweep it meanwhile.

    Args:
        folder: it is made when first written to.
        trust: take also results of other stores whose loading can run code.

    Attributes:
        foreign: the keys whose results were not taken, since they are another store's and hold code.
    """

    def __init__(self, folder: Path, *, trust: bool = False) -> None:
        self.folder = folder
        self.objects = LocalObjects(folder / "objects")
        self.untrusted: set[str] = set()
        self._trust = trust
        self._gate = SharedFileLock(folder / "lock")
        self._signer = RecordSigner(folder)
        self._pins: list[Pins] = []

    def __reduce__(self) -> tuple[object, ...]:
        """Another process opens the same folder; locks and pins stay here."""
        return partial(LocalStore, trust=self._trust), (self.folder,)

    def find_record(self, key: str) -> Record | None:
        """Give the record of a key, if it has been computed, its objects are there, and it may be trusted."""
        if not self._pins:
            return self._find_trusted(key)
        with self.block_sweeps():  # between looking up and pinning nobody sweeps
            record = self._find_trusted(key)
            self._pin(key, record)
        return record

    def put_record(self, record: Record) -> None:
        """Keep a record; from then on its key counts as computed."""
        data = record.to_json()
        digest = bytes_digest(json.dumps(data).encode())
        with self.block_sweeps():
            text = json.dumps({"digest": digest, "signature": self._signer.sign(digest), **data})
            write_text(self.record_path(record.key), text, durable=True)
            self._pin(record.key, record)

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        """Forget that a key has been computed.

        Args:
            key: which one.
            only: unless another record than this has taken its place meanwhile.
        """
        if expected is None or self.read_record(key)[0] == expected:
            with wrap_disk_errors(self.record_path(key)), suppress(FileNotFoundError, NotADirectoryError):
                self.record_path(key).unlink()

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        """Keep a value, in the form that its kind asks for.

        Raises:
            StoreError: the value cannot be kept.
        """
        from magical.stores.codecs import encode_artifact

        with self.block_sweeps():
            return encode_artifact(value, promise, key, self.objects)

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        """Give a value back.

        Raises:
            DamagedArtifact: what was read is not what was stored.
        """
        from magical.stores.codecs import decode_artifact

        return decode_artifact(artifact, promise, self.objects)

    def size(self, key: str) -> int:
        """Give the bytes that a key's result and what was kept beside it take; 0 where they are gone."""
        record = self.read_record(key)[0]
        return sum(map(self.objects.size, set(record.blobs()))) if record else 0

    def scratch(self, key: str) -> Path:
        """Give a folder for a key that survives a kill.

        Raises:
            StoreError: it cannot be made.
        """
        folder = self.folder / "scratch" / key
        with wrap_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_scratch(self, key: str) -> None:
        """Delete that folder."""
        shutil.rmtree(self.folder / "scratch" / key, ignore_errors=True)

    @contextmanager
    def pin_run(self, run: str) -> Iterator[None]:
        """Pin what is looked up and put, for the time of a run: no sweep removes it.

        Raises:
            StoreError: the store cannot be written.
        """
        with self.block_sweeps():
            pins = Pins(self.folder / "pins", run)
        self._pins.append(pins)
        try:
            yield
        finally:
            self._pins.remove(pins)
            pins.close()

    def block_sweeps(self) -> AbstractContextManager[None]:
        """Keep sweeps away, from the first object that is saved to the record that names it.

        Raises:
            StoreError: the store cannot be written.
        """
        return self._gate.hold()

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = do_nothing) -> Iterator[None]:
        """Hold a key while it is computed, so that nobody else computes it too.

        Args:
            key: which one.
            waits: called again and again while somebody else holds it; may raise to end the wait.

        Raises:
            StoreError: the store cannot be written.
        """
        path = self.folder / "locks" / key
        handle = acquire(path, on_wait=on_wait)
        try:
            yield
        finally:
            release(handle, path)

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
    ) -> SweepResult:
        """Remove what no key that is alive or pinned needs, and what kills have left.

        Args:
            alive: keys; or gives them, called when nothing can be put and no run can end any more.
            dry: remove nothing, and say what would be.
            verify: read every object that stays, and remove the damaged ones.

        Raises:
            StoreError: something cannot be removed.
        """
        from magical.stores.local.sweep import sweep

        if not self.folder.is_dir():
            return SweepResult()
        with wrap_disk_errors(self.folder):
            suspects = {p for p in self.objects.paths() if not self.objects.is_whole(p)} if verify else set()
        with self._gate.hold(exclusive=True), wrap_disk_errors(self.folder):
            return sweep(self, alive() if callable(alive) else alive, suspects, dry=dry)

    def read_record(self, key: str) -> tuple[Record | None, bool]:
        """Give what is written for a key, whether or not its objects are there, and whether it is our own."""
        try:
            data = json.loads(self.record_path(key).read_bytes())
            digest, signature = data.pop("digest"), data.pop("signature", "")
            if digest != bytes_digest(json.dumps(data).encode()):
                return None, False
            record = Record.from_json(data)
            if record.key != key or not all(map(is_blob_name, record.blobs())):
                return None, False
            return record, self._signer.is_own(signature, digest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None, False

    def record_path(self, key: str) -> Path:
        """Give the path of a key's record."""
        return self.folder / "records" / key[:2] / f"{key[2:]}.json"

    def _find_trusted(self, key: str) -> Record | None:
        record, own = self.read_record(key)
        if record is None or not all(self.objects.path(b).is_file() for b in record.blobs()):
            return None
        if not own and may_run_code(record):
            if not self._trust:
                self.untrusted.add(key)
                return None
            with suppress(StoreError):  # from now on it is our own, if the disk can be written
                self.put_record(record)
        return record

    def _pin(self, key: str, record: Record | None) -> None:
        for pins in list(self._pins):
            pins.add(key, record)
