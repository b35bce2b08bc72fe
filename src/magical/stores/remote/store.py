"""The store on any filesystem of fsspec: what one machine computes is there for all others."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from magical.engine.artifacts import Record
from magical.engine.protocols import SweepResult
from magical.errors import StoreError
from magical.stores.artifact_store import ArtifactStore, fields_digest, parse_record
from magical.stores.blobs import split_name
from magical.stores.remote.filesystem import open_storage
from magical.stores.remote.gate import RemoteGate
from magical.stores.remote.leases import LeaseLock, LeaseMonitor, LeaseRenewer, LeaseTiming, run_briefly
from magical.stores.remote.objects import RemoteObjects, parse_blob
from magical.stores.remote.pins import RemotePins, read_pin_leases
from magical.stores.remote.project_uses import ProjectUses
from magical.stores.remote.sweep import LOCKS, RECORDS, RemoteSweep
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import do_nothing
from magical.system.state_files import parse_state

__all__ = ["RemoteStore"]

_FORMAT_FILE = "format"


class RemoteStore(ArtifactStore):
    """A ``Store`` at a URL of fsspec, such as ``s3://bucket/campaign``; many machines may use it at once.

    Locks and pins depend on leases: files that their holders renew. The locks and pins of a killed process
    are free when its lease has not been renewed for a minute.

    Records are used even if loading them runs code: a store is shared to use the results of others.
    So whoever may write there can run code where the store is read.

    Args:
        url: the URL of the store.
        local: a folder of this machine, for scratch folders and for objects that must be files.
        timing: the intervals of the leases; by default those of ``LeaseTiming``.
        project: the folder ``.magical`` of a project, for which the store notes what its runs use; see
            ``ProjectUses``. By default nothing is noted.

    Raises:
        StoreError: the protocol is unknown, or the package for it is not installed.

    Example:
        >>> import tempfile
        >>> from magical.contracts.promises import Promise
        >>> store = RemoteStore("memory://store-example", Path(tempfile.mkdtemp()))
        >>> artifact = store.save([1, 2], Promise("any"), "ab" * 20)
        >>> store.load(artifact, Promise("any"))
        [1, 2]
    """

    objects: RemoteObjects

    def __init__(
        self, url: str, local: Path, timing: LeaseTiming | None = None, *, project: Path | None = None
    ) -> None:
        self.url, self.local, self.scratch_root = url, local, local / "scratch"
        self.storage = open_storage(url)
        self.objects = RemoteObjects(self.storage, local / "objects")
        self.untrusted = set()
        self.timing = timing or LeaseTiming()
        self.monitor = LeaseMonitor(self.timing.expire_after)
        self._renewer = LeaseRenewer(self.timing.renew_interval)
        self._gate = RemoteGate(self.storage, self._renewer, self.monitor, self.timing)
        self._pins: list[RemotePins] = []
        self._project = project
        self.uses = ProjectUses(self.storage, project) if project else None
        self._is_verified = False

    def __repr__(self) -> str:
        return f"<store {self.url}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments only: another process opens the same store, and locks and pins stay here."""
        return partial(RemoteStore, timing=self.timing, project=self._project), (self.url, self.local)

    def find_record(self, key: str) -> Record | None:
        """Return the record of a key, pinned for open runs; None if it or one of its objects is missing."""
        record = self.read_record(key)
        if self._pins:
            self._pin(key, record)
            # Pin first, then look for a sweep: a sweep that starts later will read this pin. A sweep under
            # way may have read the pins already, so wait for its end and read the record again.
            if self._gate.wait_for_sweep():
                record = self.read_record(key)
                self._pin(key, record)
        is_complete = record is not None and all(map(self.objects.exists, set(record.blobs())))
        return record if is_complete else None

    def put_record(self, record: Record) -> None:
        """Store a record; from then on its key counts as computed."""
        fields = record.to_json()
        text = json.dumps({"digest": fields_digest(fields), **fields})
        with self.block_sweeps():
            self.storage.write(_record_name(record.key), text.encode())
            self._pin(record.key, record)

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        """Delete the record of a key; if ``expected`` is given, only if the stored record equals it."""
        if expected is None or self.read_record(key) == expected:
            self.storage.remove(_record_name(key))

    @contextmanager
    def pin_run(self, run: str) -> Iterator[None]:
        """Pin all records that are looked up or stored in the block, so that no sweep removes them."""
        self._verify_exclusive_create()
        pins = RemotePins(self.storage, self._renewer, run, self.uses.project() if self.uses else "")
        self._pins.append(pins)
        try:
            yield
        finally:
            self._pins.remove(pins)
            pins.close()

    def note_use(self, keys: Collection[str]) -> None:
        """Note the keys that a run of the project used; a store that does not answer is ignored."""
        if self.uses:
            run_briefly(partial(self.uses.note, keys))

    def block_sweeps(self) -> AbstractContextManager[None]:
        """Block sweeps inside the ``with`` block; other writers are not blocked."""
        return self._gate.block_sweeps()

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = do_nothing) -> Iterator[None]:
        """Hold the lock of a key in the block; while waiting for it, call ``on_wait``, which may raise."""
        held = self.key_lock(f"{LOCKS}/{key}").acquire(on_wait)
        try:
            yield
        finally:
            held.release()

    def key_lock(self, name: str) -> LeaseLock:
        """Return the lock whose lease is a file of this name."""
        return LeaseLock(self._renewer, self.monitor, (self.storage, name), self.timing)

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
        keep_others: bool = True,
    ) -> SweepResult:
        """Remove files that no alive or pinned key needs, and those that killed processes left.

        Before it closes the gate, it waits until it knows which runs live: up to one renewal for a living
        run, a minute for a killed one.
        """
        # The wait and the verification come before the gate, since writers would wait for them, too. The
        # sweep reads the suspects once more: a writer may have replaced them meanwhile.
        self.monitor.wait_until_known(self._read_leases, self.timing.renew_interval / 4)
        suspects = self._find_damaged() if verify else set()
        with self._gate.block_writers() as access, wrap_disk_errors(self.local):
            return RemoteSweep(self, access, dry=dry, keep_others=keep_others).run(alive, suspects)

    def read_record(self, key: str) -> Record | None:
        """Read the record of a key, without checking its objects."""
        return self.parse_record(key, self.storage.read(_record_name(key)))

    def parse_record(self, key: str, data: bytes | None) -> Record | None:
        """Return the record of a key from the bytes of its file; None if they are missing or damaged."""
        return parse_state(data or b"", partial(parse_record, key))

    def _verify_exclusive_create(self) -> None:
        """Raise before anything is computed if the store is not writable or cannot create exclusively."""
        if self._is_verified:
            return
        # The second call must fail, since the file exists; else the store cannot create exclusively.
        is_new = self.storage.create(_FORMAT_FILE, b"1")
        if is_new and self.storage.create(_FORMAT_FILE, b"1"):
            raise StoreError(
                f"{self.storage.safe_url} lets two make the same file at once, so that no lock would hold.",
                hint="an object store that knows conditional writes, or file:// on a shared disk, does.",
            )
        self._is_verified = True

    def _read_leases(self) -> dict[str, bytes]:
        """Read the leases of all locks, runs and writers."""
        locks = self.storage.read_all(self.storage.list_files(LOCKS))
        return {**locks, **read_pin_leases(self.storage), **self._gate.leases()}

    def _find_damaged(self) -> set[str]:
        blobs = filter(None, map(parse_blob, self.objects.list_files()))
        return {blob for blob in blobs if not self.objects.is_whole(blob)}

    def _pin(self, key: str, record: Record | None) -> None:
        for pins in list(self._pins):  # a copy: runs in other threads begin and end meanwhile
            pins.add(key, record)


def _record_name(key: str) -> str:
    return f"{RECORDS}/{split_name(key)}.json"
