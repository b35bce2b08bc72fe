"""Pins of a store without a kernel's locks: what the runs under way have looked up or made."""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Mapping

from magical.engine.artifacts import Record
from magical.stores.remote.filesystem import FileStorage
from magical.stores.remote.leases import Lease, LeaseMonitor, LeaseRenewer, run_briefly

__all__ = ["PinSet", "RemotePins", "find_pins", "read_pin_leases"]

_FOLDER = "pins"
_LEASE = "lease"


class RemotePins:
    """One run's pins: a small file a key, and one lease while the run lives.

    Args:
        place: the store's.
        heart: renews the lease.
        run: the run's name.

    Raises:
        StoreError: the lease cannot be written.
    """

    def __init__(self, storage: FileStorage, renewer: LeaseRenewer, run: str) -> None:
        self._storage, self._renewer = storage, renewer
        self._folder = f"{_FOLDER}/{run}-{secrets.token_hex(8)}"
        self._lock = threading.Lock()
        self._blobs: dict[str, set[str]] = {}
        self._lease = Lease(storage, f"{self._folder}/{_LEASE}", self._restore)
        self._lease.put()
        renewer.add(self._lease)

    def add(self, key: str, record: Record | None) -> None:
        """Pin a key, and what its record needs, if it has one.

        Raises:
            StoreError: it cannot be written.
        """
        with self._lock:
            before, blobs = self._blobs.get(key), set(record.blobs() if record else ())
            if before is not None and blobs <= before:
                return
            both = blobs | (before or set())
            self._write(key, both)
            self._blobs[key] = both

    def close(self) -> None:
        """Let go of all pins; the lease goes last, for pins without one are a dead run's."""
        run_briefly(self._close)

    def _close(self) -> None:
        self._renewer.drop(self._lease)
        with self._lock:
            self._storage.remove(*(f"{self._folder}/{key}" for key in self._blobs), self._lease.name)

    def _restore(self) -> None:
        """This process was asleep for so long that its pins were swept, or somebody deleted the store."""
        with self._lock:
            self._lease.put()
            for key, blobs in self._blobs.items():
                self._write(key, blobs)

    def _write(self, key: str, blobs: set[str]) -> None:
        self._storage.write(f"{self._folder}/{key}", " ".join(sorted(blobs)).encode())


class PinSet:
    """What is pinned.

    Attributes:
        keys: the keys.
        blobs: the objects.
        stale: for each run that is dead, the files of its pins.
    """

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.blobs: set[str] = set()
        self.stale: list[list[str]] = []


def find_pins(storage: FileStorage, monitor: LeaseMonitor) -> PinSet:
    """Give what is pinned, and what is left of runs that are dead.

    Args:
        place: the store's.
        watch: knows which leases are dead.
    """
    found, runs = PinSet(), defaultdict[str, list[str]](list)
    for name in storage.list_files(_FOLDER):
        runs[name.rpartition("/")[0]].append(name)
    texts = storage.read_all(name for names in runs.values() for name in names)
    for folder, names in runs.items():
        lease = f"{folder}/{_LEASE}"
        if lease not in texts or monitor.is_dead(lease, texts[lease]):
            if any(name in texts for name in names):  # or else it has just ended
                found.stale.append(sorted(names))
            continue
        for name in names:
            if name != lease:
                found.keys.add(name.rpartition("/")[2])
                found.blobs.update(texts.get(name, b"").decode("ascii", "replace").split())
    return found


def read_pin_leases(storage: FileStorage) -> Mapping[str, bytes]:
    """Give the leases of all runs that have pins."""
    return storage.read_all(name for name in storage.list_files(_FOLDER) if name.endswith(f"/{_LEASE}"))
