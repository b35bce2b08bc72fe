"""The store on any filesystem of fsspec: what a machine made is there for all others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import SweepResult
from magical.errors import StoreError
from magical.stores.local.objects import bytes_digest, is_blob_name
from magical.stores.remote.filesystem import open_storage
from magical.stores.remote.gate import RemoteGate
from magical.stores.remote.leases import LeaseLock, LeaseMonitor, LeaseRenewer, LeaseTiming
from magical.stores.remote.objects import RemoteObjects
from magical.stores.remote.pins import RemotePins, read_pin_leases
from magical.stores.remote.sweep import LOCKS, RECORDS, RemoteSweep, wait_for_leases
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import do_nothing

__all__ = ["RemoteStore"]

_FORMAT_FILE = "format"


class RemoteStore:
    """Keeps artifacts at a URL of fsspec, such as ``s3://bucket/campaign``; many machines may use it at once.

    Locks and pins are leases: files that their holders renew. What a killed process held is free, and swept,
    when its lease has not been renewed for a minute.

    All records are taken, those too whose loading runs code: a store that several share is for what others
    made. So whoever may write there can run code where the store is read.

    Args:
        url: where.
        local: a folder of this machine, for scratch folders and for objects that must be files.
        timing: how leases are kept.

    Attributes:
        foreign: no keys; a local store has some.

    Raises:
        StoreError: the protocol is unknown, or the package for it is not installed.
    """

    def __init__(self, url: str, local: Path, timing: LeaseTiming | None = None) -> None:
        self.url, self.local = url, local
        self.storage = open_storage(url)
        self.objects = RemoteObjects(self.storage, local / "objects")
        self.untrusted: set[str] = set()
        self.timing = timing or LeaseTiming()
        self.monitor = LeaseMonitor(self.timing.expire_after)
        self._heart = LeaseRenewer(self.timing.renew_interval)
        self._gate = RemoteGate(self.storage, self._heart, self.monitor, self.timing)
        self._pins: list[RemotePins] = []
        self._is_verified = False

    def __reduce__(self) -> tuple[object, ...]:
        """Another process opens the same place; locks and pins stay here."""
        return partial(RemoteStore, timing=self.timing), (self.url, self.local)

    def find_record(self, key: str) -> Record | None:
        """Give the record of a key, if it has been computed and its objects are there."""
        record = self.read_record(key)
        if self._pins:
            self._pin(key, record)
            # It is pinned before this look for a sweeper, and so any that is not seen here sees the pin.
            if self._gate.wait_for_sweep():
                record = self.read_record(key)
                self._pin(key, record)
        whole = record is not None and all(map(self.objects.exists, set(record.blobs())))
        return record if whole else None

    def put_record(self, record: Record) -> None:
        """Keep a record; from then on its key counts as computed."""
        data = record.to_json()
        text = json.dumps({"digest": bytes_digest(json.dumps(data).encode()), **data})
        with self.block_sweeps():
            self.storage.write(_record_name(record.key), text.encode())
            self._pin(record.key, record)

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        """Forget that a key has been computed.

        Args:
            key: which one.
            only: unless another record than this has taken its place meanwhile.
        """
        if expected is None or self.read_record(key) == expected:
            self.storage.remove(_record_name(key))

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
        record = self.read_record(key)
        return sum(map(self.objects.size, set(record.blobs()))) if record else 0

    @property
    def scratch_root(self) -> Path:
        """The folder of scratch folders, on this machine."""
        return self.local / "scratch"

    def scratch(self, key: str) -> Path:
        """Give a folder of this machine for a key that survives a kill.

        Raises:
            StoreError: it cannot be made.
        """
        folder = self.scratch_root / key
        with wrap_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_scratch(self, key: str) -> None:
        """Delete that folder."""
        shutil.rmtree(self.scratch_root / key, ignore_errors=True)

    @contextmanager
    def pin_run(self, run: str) -> Iterator[None]:
        """Pin what is looked up and put, for the time of a run: no sweep removes it.

        Raises:
            StoreError: the store cannot be written.
        """
        self._verify_exclusive_create()
        pins = RemotePins(self.storage, self._heart, run)
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
        return self._gate.block_sweeps()

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = do_nothing) -> Iterator[None]:
        """Hold a key while it is computed, so that nobody else computes it too.

        Args:
            key: which one.
            waits: called again and again while somebody else holds it; may raise to end the wait.

        Raises:
            StoreError: the store cannot be written.
        """
        held = self.key_lock(f"{LOCKS}/{key}").acquire(on_wait)
        try:
            yield
        finally:
            held.release()

    def key_lock(self, name: str) -> LeaseLock:
        """Give the lock that a file is."""
        return LeaseLock(self._heart, self.monitor, (self.storage, name), self.timing)

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
    ) -> SweepResult:
        """Remove what no key that is alive or pinned needs, and what kills have left.

        It waits first until it is known who lives: up to a beat for a run that does, a minute for one that
        was killed.

        Args:
            alive: keys; or gives them, called when nothing can be put any more.
            dry: remove nothing, and say what would be.
            verify: read every object that stays, and remove the damaged ones.

        Raises:
            StoreError: something cannot be removed.
        """
        looks = (partial(read_pin_leases, self.storage), self._gate.leases)
        wait_for_leases(self.storage, self.monitor, looks, self.timing.renew_interval / 4)
        suspects = self._find_damaged() if verify else set()
        with self._gate.block_writers() as gate, wrap_disk_errors(self.local):
            return RemoteSweep(self, gate, dry=dry).run(alive, suspects)

    def read_record(self, key: str) -> Record | None:
        """Give what is written for a key, whether or not its objects are there."""
        return self.parse_record(key, self.storage.read(_record_name(key)))

    def parse_record(self, key: str, data: bytes | None) -> Record | None:
        """Give the record of a key that bytes are, if they are one as it was written."""
        try:
            said = json.loads(data or b"")
            if said.pop("digest") != bytes_digest(json.dumps(said).encode()):
                return None
            record = Record.from_json(said)
            return record if record.key == key and all(map(is_blob_name, record.blobs())) else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _verify_exclusive_create(self) -> None:
        """Before anything is computed: it can be written, and what one has made exclusively no other can."""
        if self._is_verified:
            return
        made = self.storage.create(_FORMAT_FILE, b"1")
        if made and self.storage.create(_FORMAT_FILE, b"1"):
            raise StoreError(
                f"{self.storage.safe_url} lets two make the same file at once, so that no lock would hold.",
                hint="an object store that knows conditional writes, or file:// on a shared disk, does.",
            )
        self._is_verified = True

    def _find_damaged(self) -> set[str]:
        names = ("".join(name.split("/")[-2:]) for name in self.objects.list_files())
        return {blob for blob in names if is_blob_name(blob) and not self.objects.is_whole(blob)}

    def _pin(self, key: str, record: Record | None) -> None:
        for pins in list(self._pins):
            pins.add(key, record)


def _record_name(key: str) -> str:
    return f"{RECORDS}/{key[:2]}/{key[2:]}.json"
