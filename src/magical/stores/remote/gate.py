"""The gate of a store without a kernel's locks: many write, or one sweeps."""

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
    """What who sweeps has.

    Attributes:
        held: the sweeper's lock.
        dead: the leases of writers that died.
    """

    lock: HeldLock
    dead_writers: list[str]


class RemoteGate:
    """Who writes puts a lease, and then looks for a sweeper; who sweeps puts one, and then waits for writers.

    So of two that come at once, one at least sees the other. A thread may pass it again inside.

    Args:
        place: the store's.
        heart: renews the leases.
        watch: knows which leases are dead.
        timing: how often to look.
    """

    def __init__(
        self, storage: FileStorage, renewer: LeaseRenewer, monitor: LeaseMonitor, timing: LeaseTiming
    ) -> None:
        self._storage, self._renewer, self._monitor, self._timing = storage, renewer, monitor, timing
        self._sweeper = LeaseLock(renewer, monitor, (storage, "gate/sweep"), timing)
        self._thread_state = threading.local()

    @contextmanager
    def block_sweeps(self) -> Iterator[None]:
        """Keep sweeps away for a block.

        Raises:
            StoreError: the store cannot be written.
        """
        if getattr(self._thread_state, "inside", False):
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
        """Keep writers away for a block, when those that are under way have ended or died.

        Raises:
            StoreError: the store cannot be written.
        """
        assert not getattr(self._thread_state, "inside", False), (
            "a sweep in one's own writing would wait for itself"
        )
        held = self._sweeper.acquire(do_nothing)
        try:
            while len(dead := self._find_dead(leases := self.leases())) < len(leases):
                time.sleep(self._poll_interval())
            yield SweepAccess(held, dead)
        finally:
            held.release()

    def wait_for_sweep(self) -> bool:
        """Wait while somebody sweeps, unless inside; say whether somebody did."""
        if getattr(self._thread_state, "inside", False) or not self._sweeper.is_taken():
            return False
        self._wait_until_swept()
        return True

    def leases(self) -> Mapping[str, bytes]:
        """Give the leases of all that write."""
        return self._storage.read_all(self._storage.list_files(_WRITERS))

    def _find_dead(self, leases: Mapping[str, bytes]) -> list[str]:
        return [name for name, text in leases.items() if self._monitor.is_dead(name, text)]

    def _enter(self) -> Lease:
        while True:
            lease = Lease(self._storage, f"{_WRITERS}/{secrets.token_hex(8)}")
            lease.put()
            try:
                taken = self._sweeper.is_taken()
            except BaseException:
                self._leave(lease)
                raise
            if not taken:
                lease.set_on_lost(lease.put)
                self._renewer.add(lease)
                return lease
            self._storage.remove(lease.name)
            self._wait_until_swept()

    def _wait_until_swept(self) -> None:
        """A sweeper that died is followed by whoever waits for it, who lets go at once."""
        while self._sweeper.is_taken():
            time.sleep(self._poll_interval())
            if self._sweeper.is_dead() and (held := self._sweeper.try_acquire()):
                held.release()

    def _leave(self, lease: Lease) -> None:
        def leave() -> None:
            self._renewer.drop(lease)
            self._storage.remove(lease.name)

        run_briefly(leave)

    def _poll_interval(self) -> float:
        return min(0.1, self._timing.poll_interval)
