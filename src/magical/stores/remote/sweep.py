"""The sweep of a remote store: it removes what no alive or pinned key needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.protocols import SweepResult
from magical.stores.blobs import PARTIAL_PREFIX, join_name
from magical.stores.local.sweep import count_removed, sweep_scratch
from magical.stores.remote.filesystem import FileStorage
from magical.stores.remote.gate import SweepAccess
from magical.stores.remote.leases import LeaseLock, LeaseMonitor
from magical.stores.remote.objects import RemoteObjects, parse_blob
from magical.stores.remote.pins import find_pins
from magical.stores.remote.project_uses import ProjectUses
from magical.system.state_files import remove_entry

__all__ = ["LOCKS", "RECORDS", "RemoteSweep"]

RECORDS = "records"
LOCKS = "locks"

_CONFIRM_INTERVAL = 1.0
"""Seconds between two checks that the gate is still ours."""

_STALE_AFTER = 24 * 3600.0
"""Seconds after which a partial copy in the cache counts as left by a kill."""


class SweepableRemote(Protocol):
    """The part of a remote store that a sweep needs."""

    storage: FileStorage
    objects: RemoteObjects
    monitor: LeaseMonitor
    scratch_root: Path
    uses: ProjectUses | None

    def parse_record(self, key: str, data: bytes | None) -> Record | None:
        """Return the record of a key from the bytes of its file."""

    def key_lock(self, name: str) -> LeaseLock:
        """Return the lock whose lease is a file of this name."""


class RemoteSweep:
    """One sweep of a store.

    Args:
        store: the store to sweep.
        access: the sole access to the store.
        dry: remove nothing, only count.
        keep_others: keep what other projects have noted that they use.
    """

    def __init__(
        self, store: SweepableRemote, access: SweepAccess, *, dry: bool, keep_others: bool = True
    ) -> None:
        self._store, self._storage, self._dry = store, store.storage, dry
        self._uses = store.uses if keep_others else None
        self._access, self._confirmed_at = access, 0.0
        self.swept = SweepResult()

    def run(
        self, alive: Collection[str] | Callable[[], Collection[str]], suspects: Collection[str]
    ) -> SweepResult:
        """Remove the files that no alive or pinned key needs, and return the counts.

        Args:
            alive: keys to keep, or a function that returns them.
            suspects: blobs that looked damaged before the gate was closed.
        """
        # Pins first, then alive: a run that ends in between has dropped its pins, but is in the journal that
        # `alive` reads, or in the notes of its project. The other way round, its results would be in neither.
        pins = find_pins(self._storage, self._store.monitor, self._uses.project() if self._uses else None)
        others = self._uses.read_others() if self._uses else {}
        keys = pins.keys.union(alive() if callable(alive) else alive, *others.values())
        self.swept.projects = sorted(others)
        for names in [*pins.stale, *([name] for name in self._access.dead_writers)]:
            self.swept.leftovers += 1
            self._delete(*names)
        needed = pins.blobs | self._sweep_records(keys)
        self._sweep_objects(needed, suspects)
        self._sweep_locks()
        sweep_scratch(self._store.scratch_root, keys, self.swept, dry=self._dry)
        if not self._dry:
            self._sweep_cache(needed)
        return self.swept

    def _sweep_records(self, keys: set[str]) -> set[str]:
        """Remove damaged records and those of other keys; return the blobs that the others need."""
        found = self._storage.list_files(RECORDS)
        key_of = {name: join_name(name).removesuffix(".json") for name in found}
        texts = self._storage.read_all(n for n, key in key_of.items() if key in keys)
        needed: set[str] = set()
        for name, size in found.items():
            record = self._store.parse_record(key_of[name], texts.get(name))
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
        """Remove the locks of dead holders, even of kept keys; others would wait until the locks expire."""
        texts = self._storage.read_all(self._storage.list_files(LOCKS))
        dead = {name for name, text in texts.items() if self._store.monitor.is_dead(name, text)}
        for name in sorted(dead):
            if "~" in name.rpartition("/")[2]:  # a later lease of a chain goes with its head
                continue
            if self._dry:
                self.swept.leftovers += 1
            elif held := self._store.key_lock(name).try_acquire():  # its release deletes the chain
                held.release()
                self.swept.leftovers += 1

    def _sweep_cache(self, needed: set[str]) -> None:
        """Delete unneeded copies from this machine's cache; only their originals in the store are counted."""
        for path in self._store.objects.cache.paths():
            if path.name.startswith(PARTIAL_PREFIX):
                # Another process may be copying it: reading needs no gate, so only its age shows.
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime < _STALE_AFTER:
                        continue
            if path.parent.name + path.name not in needed:
                remove_entry(path)

    def _remove(self, name: str, size: int, kind: str) -> None:
        self._delete(name)
        count_removed(self.swept, kind, name.rpartition("/")[2], size)

    def _delete(self, *names: str) -> None:
        """Delete files unless this is a dry run; confirm first that this process still has the gate."""
        if self._dry:
            return
        # If this process slept, another may have taken the gate, and writers may have put new files since.
        if time.monotonic() - self._confirmed_at > _CONFIRM_INTERVAL:
            self._access.lock.ensure_held()
            self._confirmed_at = time.monotonic()
        self._storage.remove(*names)
