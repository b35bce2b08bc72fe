"""Remove from a store on a filesystem of fsspec what nobody needs any more."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.protocols import SweepResult
from magical.stores.remote.filesystem import FileStorage
from magical.stores.remote.gate import SweepAccess
from magical.stores.remote.leases import LeaseLock, LeaseMonitor
from magical.stores.remote.objects import RemoteObjects, parse_blob
from magical.stores.remote.pins import find_pins

__all__ = ["LOCKS", "RECORDS", "RemoteSweep", "wait_for_leases"]

RECORDS = "records"
LOCKS = "locks"
_PARTIAL_PREFIX = ".part-"
_CONFIRM_INTERVAL = 1.0
"""Seconds between two looks whether the gate is still ours."""

_STALE_AFTER = 24 * 3600.0
"""Seconds after which a half-made copy on this machine is what a kill left."""


class SweepableRemote(Protocol):
    """The part of a remote store that a sweep needs."""

    storage: FileStorage
    objects: RemoteObjects
    monitor: LeaseMonitor

    def parse_record(self, key: str, data: bytes | None) -> Record | None:
        """Give the record that bytes are."""

    def key_lock(self, name: str) -> LeaseLock:
        """Give the lock of a key."""

    @property
    def scratch_root(self) -> Path:
        """The folder of scratch folders."""


class RemoteSweep:
    """A sweep; the caller has the store's gate alone.

    Args:
        store: the store.
        gate: as the caller has it.
        dry: remove nothing.
    """

    def __init__(self, store: SweepableRemote, access: SweepAccess, *, dry: bool) -> None:
        self._store, self._storage, self._dry = store, store.storage, dry
        self._access, self._confirmed_at = access, 0.0
        self.swept = SweepResult()

    def run(
        self, alive: Collection[str] | Callable[[], Collection[str]], suspects: Collection[str]
    ) -> SweepResult:
        """Remove what is neither alive nor pinned.

        Args:
            alive: keys; or gives them, asked after the pins: what a run that ends meanwhile has made is among
                the one or the other.
            suspects: objects that did not read as what was stored; they are read once more.
        """
        pins = find_pins(self._storage, self._store.monitor)
        keys = pins.keys | set(alive() if callable(alive) else alive)
        for names in [*pins.stale, *([name] for name in self._access.dead_writers)]:
            self.swept.leftovers += 1
            self._delete(*names)
        needed = pins.blobs | self._sweep_records(keys)
        self._sweep_objects(needed, suspects)
        self._sweep_locks()
        self._sweep_scratch(keys)
        if not self._dry:
            self._sweep_cache(needed)
        return self.swept

    def _sweep_records(self, keys: set[str]) -> set[str]:
        found = self._storage.list_files(RECORDS)
        named = {name: "".join(name.split("/")[-2:]).removesuffix(".json") for name in found}
        texts = self._storage.read_all(n for n, key in named.items() if key in keys)
        needed: set[str] = set()
        for name, size in found.items():
            record = self._store.parse_record(named[name], texts.get(name))
            if record is None:
                self._remove(name, size, "records")
                continue
            needed.update(record.blobs())
            self.swept.kept_records += 1
            self.swept.kept_bytes += size
        return needed

    def _sweep_objects(self, needed: set[str], suspects: Collection[str]) -> None:
        for name, size in self._store.objects.list_files().items():
            blob = parse_blob(name)
            if blob not in needed:
                self._remove(name, size, "objects")
            elif blob in suspects and not self._store.objects.is_whole(blob):
                self.swept.damaged.append(blob)
                self._remove(name, size, "objects")
            else:
                self.swept.kept_objects += 1
                self.swept.kept_bytes += size

    def _sweep_locks(self) -> None:
        """The locks of the dead go whatever their keys: who asks for one would wait for them to run out."""
        texts = self._storage.read_all(self._storage.list_files(LOCKS))
        dead = {name for name, text in texts.items() if self._store.monitor.is_dead(name, text)}
        for name in sorted(dead):
            if "~" in name.rpartition("/")[2]:
                continue
            if self._dry:
                self.swept.leftovers += 1
            elif held := self._store.key_lock(name).try_acquire():
                held.release()
                self.swept.leftovers += 1

    def _sweep_scratch(self, keys: set[str]) -> None:
        for scratch in self._store.scratch_root.glob("*"):
            if scratch.name not in keys:
                self.swept.bytes += sum(p.stat().st_size for p in scratch.rglob("*") if p.is_file())
                self.swept.leftovers += 1
                if not self._dry:
                    shutil.rmtree(scratch)

    def _sweep_cache(self, needed: set[str]) -> None:
        """Copies of objects on this machine; they are counted where they were copied from."""
        for path in self._store.objects.cache.paths():
            if path.name.startswith(
                _PARTIAL_PREFIX
            ):  # another process may be copying it, and needs no gate for that
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime < _STALE_AFTER:
                        continue
            if path.parent.name + path.name not in needed:
                path.unlink(missing_ok=True)

    def _remove(self, name: str, size: int, kind: str) -> None:
        """Count a file and delete it; what a kill left half written is neither a record nor an object."""
        self._delete(name)
        kind = "leftovers" if name.rpartition("/")[2].startswith(_PARTIAL_PREFIX) else kind
        setattr(self.swept, kind, getattr(self.swept, kind) + 1)
        self.swept.bytes += size

    def _delete(self, *names: str) -> None:
        if self._dry:
            return
        if time.monotonic() - self._confirmed_at > _CONFIRM_INTERVAL:
            self._access.lock.ensure_held()
            self._confirmed_at = time.monotonic()
        self._storage.remove(*names)


def wait_for_leases(
    storage: FileStorage,
    monitor: LeaseMonitor,
    readers: Collection[Callable[[], Mapping[str, bytes]]],
    pause: float,
) -> None:
    """Wait until it is known of each lease that there is whether its holder lives; nobody is kept waiting.

    Args:
        place: the store's.
        watch: learns it.
        looks: give leases by name.
        pause: seconds between two looks.
    """

    def look() -> dict[str, bytes]:
        locks = storage.read_all(storage.list_files(LOCKS))
        return {**locks, **{name: text for one in readers for name, text in one().items()}}

    monitor.wait_until_known(look, pause)
