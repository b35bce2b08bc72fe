"""The gate of a store without a kernel's locks: many write, or one sweeps."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from magical.stores.remote.filesystem import Place
from magical.stores.remote.leases import Heart, Held, Lease, Lock, Timing, Watch, briefly
from magical.system.file_locks import do_nothing

__all__ = ["Alone", "RemoteGate"]

_WRITERS = "gate/writers"


@dataclass(frozen=True)
class Alone:
    """What who sweeps has.

    Attributes:
        held: the sweeper's lock.
        dead: the leases of writers that died.
    """

    held: Held
    dead: list[str]


class RemoteGate:
    """Who writes puts a lease, and then looks for a sweeper; who sweeps puts one, and then waits for writers.

    So of two that come at once, one at least sees the other. A thread may pass it again inside.

    Args:
        place: the store's.
        heart: renews the leases.
        watch: knows which leases are dead.
        timing: how often to look.
    """

    def __init__(self, place: Place, heart: Heart, watch: Watch, timing: Timing) -> None:
        self._place, self._heart, self._watch, self._timing = place, heart, watch, timing
        self._sweeper = Lock(heart, watch, (place, "gate/sweep"), timing)
        self._here = threading.local()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep sweeps away for a block.

        Raises:
            StoreError: the store cannot be written.
        """
        if getattr(self._here, "inside", False):
            yield
            return
        lease = self._entered()
        self._here.inside = True
        try:
            yield
        finally:
            self._here.inside = False
            self._leave(lease)

    @contextmanager
    def alone(self) -> Iterator[Alone]:
        """Keep writers away for a block, when those that are under way have ended or died.

        Raises:
            StoreError: the store cannot be written.
        """
        assert not getattr(self._here, "inside", False), "a sweep in one's own writing would wait for itself"
        held = self._sweeper.acquire(do_nothing)
        try:
            while len(dead := self._dead(leases := self.leases())) < len(leases):
                time.sleep(self._pause())
            yield Alone(held, dead)
        finally:
            held.release()

    def wait(self) -> bool:
        """Wait while somebody sweeps, unless inside; say whether somebody did."""
        if getattr(self._here, "inside", False) or not self._sweeper.is_taken():
            return False
        self._until_swept()
        return True

    def leases(self) -> Mapping[str, bytes]:
        """Give the leases of all that write."""
        return self._place.read_all(self._place.below(_WRITERS))

    def _dead(self, leases: Mapping[str, bytes]) -> list[str]:
        return [name for name, text in leases.items() if self._watch.is_dead(name, text)]

    def _entered(self) -> Lease:
        while True:
            lease = Lease(self._place, f"{_WRITERS}/{secrets.token_hex(8)}")
            lease.put()
            try:
                taken = self._sweeper.is_taken()
            except BaseException:
                self._leave(lease)
                raise
            if not taken:
                lease.when_lost(lease.put)
                self._heart.add(lease)
                return lease
            self._place.remove(lease.name)
            self._until_swept()

    def _until_swept(self) -> None:
        """A sweeper that died is followed by whoever waits for it, who lets go at once."""
        while self._sweeper.is_taken():
            time.sleep(self._pause())
            if self._sweeper.is_dead() and (held := self._sweeper.attempt()):
                held.release()

    def _leave(self, lease: Lease) -> None:
        def leave() -> None:
            self._heart.drop(lease)
            self._place.remove(lease.name)

        briefly(leave)

    def _pause(self) -> float:
        return min(0.1, self._timing.poll)
