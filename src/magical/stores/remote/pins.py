"""Pins in a store without kernel locks: the keys and blobs that running runs have looked up or stored."""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from magical.engine.artifacts import Record
from magical.stores.remote.filesystem import FileStorage
from magical.stores.remote.leases import Lease, LeaseMonitor, LeaseRenewer, run_briefly

__all__ = ["PinSet", "RemotePins", "find_pins", "read_pin_leases"]

_FOLDER = "pins"
_LEASE = "lease"


class RemotePins:
    """The pins of one run: a small file for each key, and one lease while the run lives.

    Args:
        storage: the storage of the store.
        renewer: renews the lease.
        run: the run's name.
        project: the name of the run's project in the store, if it has one.

    Raises:
        StoreError: the lease cannot be written.

    Example:
        >>> from magical.stores.remote.filesystem import open_storage
        >>> storage = open_storage("memory://pins-example")
        >>> pins = RemotePins(storage, LeaseRenewer(interval=10), "run-1")
        >>> pins.add("abcd", None)
        >>> find_pins(storage, LeaseMonitor(expire_after=60)).keys
        {'abcd'}
        >>> pins.close()
        >>> find_pins(storage, LeaseMonitor(expire_after=60)).keys
        set()
    """

    def __init__(self, storage: FileStorage, renewer: LeaseRenewer, run: str, project: str = "") -> None:
        self._storage, self._renewer = storage, renewer
        self._folder = f"{_FOLDER}/{f'{project}@' * bool(project)}{run}-{secrets.token_hex(8)}"
        self._lock = threading.Lock()
        self._blobs: dict[str, set[str]] = {}
        # The lease comes before any pin: a sweep treats pins without a lease as those of a dead run.
        self._lease = Lease(storage, f"{self._folder}/{_LEASE}", self._restore)
        self._lease.put()
        renewer.add(self._lease)

    def add(self, key: str, record: Record | None) -> None:
        """Pin a key and the blobs of its record, if it has one.

        Raises:
            StoreError: the pin cannot be written.
        """
        with self._lock:
            before, blobs = self._blobs.get(key), set(record.blobs() if record else ())
            if before is not None and blobs <= before:
                return
            # A key that was computed again keeps the blobs of before: they may be in use still.
            both = blobs | (before or set())
            self._write(key, both)
            self._blobs[key] = both

    def close(self) -> None:
        """Remove all pins of the run."""
        run_briefly(self._close)

    def _close(self) -> None:
        # No renewal may come after this, or it would find the lease missing and restore the pins.
        self._renewer.drop(self._lease)
        with self._lock:
            self._storage.remove(*(f"{self._folder}/{key}" for key in self._blobs))
            # Last, and by a call of its own, since one call deletes in any order: a sweep treats pins without
            # a lease as those of a dead run.
            self._storage.remove(self._lease.name)

    def _restore(self) -> None:
        """Write all pins again, after this process slept until they were swept, or the store was deleted."""
        with self._lock:
            self._lease.put()
            for key, blobs in self._blobs.items():
                self._write(key, blobs)

    def _write(self, key: str, blobs: set[str]) -> None:
        self._storage.write(f"{self._folder}/{key}", " ".join(sorted(blobs)).encode())


@dataclass
class PinSet:
    """The keys and blobs that living runs have pinned, and the pin files of each dead run."""

    keys: set[str] = field(default_factory=set)
    blobs: set[str] = field(default_factory=set)
    stale: list[list[str]] = field(default_factory=list)


def find_pins(storage: FileStorage, monitor: LeaseMonitor, own: str | None = None) -> PinSet:
    """Find the pins of living runs and the pin files of dead runs.

    Args:
        storage: the storage of the store.
        monitor: decides which runs are dead.
        own: the name of the sweeping project. The keys of dead runs of other projects stay: such a run was
            killed before it could note what it used, and its project will go on from there. By default none
            stay.
    """
    pins, runs = PinSet(), defaultdict[str, list[str]](list)
    for name in storage.list_files(_FOLDER):
        runs[name.rpartition("/")[0]].append(name)
    texts = storage.read_all(name for names in runs.values() for name in names)
    for folder, names in runs.items():
        lease = f"{folder}/{_LEASE}"
        if lease not in texts or monitor.is_dead(lease, texts[lease]):
            project, has_project, _ = folder.rpartition("/")[2].partition("@")
            if has_project and own not in (None, project):
                pins.keys.update(name.rpartition("/")[2] for name in names if name != lease)
            elif any(name in texts for name in names):  # else the run ended between the listing and the read
                pins.stale.append(sorted(names))
            continue
        for name in names:
            if name != lease:
                pins.keys.add(name.rpartition("/")[2])
                pins.blobs.update(texts.get(name, b"").decode("ascii", "replace").split())
    return pins


def read_pin_leases(storage: FileStorage) -> Mapping[str, bytes]:
    """Read the leases of all runs that have pins, by file name."""
    return storage.read_all(name for name in storage.list_files(_FOLDER) if name.endswith(f"/{_LEASE}"))
