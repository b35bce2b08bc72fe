"""The gate of a store without kernel locks: many may write at once, or one sweeps."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from magical.stores.remote.filesystem import FileStorage
from magical.stores.remote.leases import (
    HeldLock,
    Lease,
    LeaseLock,
    LeaseMonitor,
    LeaseRenewer,
    LeaseTiming,
    run_briefly,
)
from magical.system.file_locks import do_nothing

__all__ = ["RemoteGate", "SweepAccess"]

_WRITERS = "gate/writers"


@dataclass(frozen=True)
class SweepAccess:
    """The exclusive access to a store during a sweep.

    Attributes:
        lock: the sweeper's lock; check that it is still held before deleting files.
        dead_writers: the file names of the leases of killed writers.
    """

    lock: HeldLock
    dead_writers: list[str]


class RemoteGate:
    """A lock that many writers share and one sweeper takes exclusively.

    A writer first puts its lease and then looks for a sweeper. A sweeper first takes its lock and then looks
    for writers. So of two that come at the same time, at least one sees the other: a writer goes back and
    waits, a sweeper waits until the writers are done.

    A thread that blocks sweeps already may do so again.

    Args:
        storage: the storage of the store.
        renewer: renews the leases.
        monitor: knows which leases are dead.
        timing: the intervals of the leases.

    Example:
        >>> from magical.stores.remote.filesystem import open_storage
        >>> storage, timing = open_storage("memory://gate-example"), LeaseTiming()
        >>> gate = RemoteGate(storage, LeaseRenewer(10), LeaseMonitor(60), timing)
        >>> with gate.block_sweeps(), gate.block_sweeps():
        ...     len(gate.leases())
        1
    """

    def __init__(
        self, storage: FileStorage, renewer: LeaseRenewer, monitor: LeaseMonitor, timing: LeaseTiming
    ) -> None:
        self._storage, self._renewer, self._monitor, self._timing = storage, renewer, monitor, timing
        self._sweeper = LeaseLock(renewer, monitor, (storage, "gate/sweep"), timing)
        self._thread_state = threading.local()

    @contextmanager
    def block_sweeps(self) -> Iterator[None]:
        """Block sweeps inside the ``with`` block; wait first for a sweep under way."""
        if self._is_inside():
            yield
            return
        lease = self._enter()
        self._thread_state.inside = True
        try:
            yield
        finally:
            self._thread_state.inside = False
            self._leave(lease)

    @contextmanager
    def block_writers(self) -> Iterator[SweepAccess]:
        """Block writers inside the ``with`` block, once the present writers have ended or died."""
        assert not self._is_inside(), "a thread that writes and sweeps would wait for itself"
        # Take the lock, then look for writers: a writer that comes later sees the lock, and goes back.
        held = self._sweeper.acquire(do_nothing)
        try:
            while len(dead := self._find_dead(leases := self.leases())) < len(leases):
                time.sleep(self._poll_interval())
            yield SweepAccess(held, dead)
        finally:
            held.release()

    def wait_for_sweep(self) -> bool:
        """Wait for the end of a sweep, and return True if one was under way.

        A thread that blocks sweeps does not wait, and gets False.
        """
        if self._is_inside() or not self._sweeper.is_taken():
            return False
        self._wait_until_swept()
        return True

    def leases(self) -> Mapping[str, bytes]:
        """Read the leases of all writers, by file name."""
        return self._storage.read_all(self._storage.list_files(_WRITERS))

    def _is_inside(self) -> bool:
        return bool(getattr(self._thread_state, "inside", False))

    def _find_dead(self, leases: Mapping[str, bytes]) -> list[str]:
        return [name for name, text in leases.items() if self._monitor.is_dead(name, text)]

    def _enter(self) -> Lease:
        """Put the lease of a writer, as soon as no sweep is under way, and return it."""
        while True:
            lease = Lease(self._storage, f"{_WRITERS}/{secrets.token_hex(8)}")
            lease.put()  # first, then look for a sweeper: see the class
            try:
                taken = self._sweeper.is_taken()
            except BaseException:
                self._leave(lease)
                raise
            if not taken:
                # A lost lease is put again: its writer slept so long that it was taken for dead.
                lease.on_lost = lease.put
                self._renewer.add(lease)
                return lease
            # The sweeper waits for this lease, so it has to go before this writer may wait for the sweeper.
            self._storage.remove(lease.name)
            self._wait_until_swept()

    def _wait_until_swept(self) -> None:
        while self._sweeper.is_taken():
            time.sleep(self._poll_interval())
            # Nobody else clears away the lock of a killed sweeper: take it over, and release it at once.
            if self._sweeper.is_dead() and (held := self._sweeper.try_acquire()):
                held.release()

    def _leave(self, lease: Lease) -> None:
        def leave() -> None:
            self._renewer.drop(lease)  # first, or a renewal would write the lease again
            self._storage.remove(lease.name)

        run_briefly(leave)

    def _poll_interval(self) -> float:
        return min(0.1, self._timing.poll_interval)
