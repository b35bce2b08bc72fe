"""Locks made of leases: one at a time has one, and who follows somebody that died is one, too."""

from __future__ import annotations

import time
from collections.abc import Callable

from magical.errors import StoreError
from magical.stores.leases import Heart, Lease, Timing, Watch, briefly, token_of
from magical.stores.places import Place

__all__ = ["Held", "Lock"]


class LockLease(Lease):
    """The lease of a lock, which is lost when somebody took it for dead and follows.

    Args:
        place: where it lies.
        name: its file.
        patience: seconds after which others take it for dead.
    """

    def __init__(self, place: Place, name: str, patience: float) -> None:
        super().__init__(place, name)
        self._patience, self._over = patience, False

    def is_own(self) -> bool:
        """Look whether it is there and nobody follows."""
        return not self._over and super().is_own() and not self._is_followed()

    def holds(self) -> bool:
        """Whether it is held still; looked up only if it was not renewed for long."""
        return not self._over and (self.is_sure(self._patience / 2) or self.is_own())

    def _renew(self) -> None:
        late = not self.is_sure(self._patience / 2)
        if self._over or not Lease.is_own(self):
            self._over = True
            return
        self.put()
        # Who follows makes a lease and then looks whether this one was renewed; here it is the other way
        # round. So one of the two sees the other.
        self._over = late and self._is_followed()

    def _is_followed(self) -> bool:
        head = self.name.partition("~")[0]
        return self.place.read(f"{head}~{self.token}") is not None


class Lock:
    """Something that one at a time may have, by a lease that is made only if there is none.

    A lease that is dead is not deleted and made anew, since two might do so at once: who follows makes a
    lease that is named after the dead one's token, which again only one can. Such a chain is deleted from its
    head when its last holder lets go, and who makes a lease in a chain looks whether all before it stand as
    they did.

    Args:
        heart: renews what is held.
        watch: knows which leases are dead.
        head: the lease's name, and its place.
        timing: how often to look.
    """

    def __init__(self, heart: Heart, watch: Watch, head: tuple[Place, str], timing: Timing) -> None:
        self._heart, self._watch, self._timing = heart, watch, timing
        self._place, self._head = head

    def acquire(self, waits: Callable[[], None]) -> Held:
        """Wait until it is had.

        Args:
            waits: called again and again meanwhile; may raise.

        Raises:
            StoreError: the filesystem does not answer, or refuses.
        """
        pause, look = min(0.02, self._timing.poll), False
        while (held := self.attempt(look=look)) is None:
            waits()
            time.sleep(pause)
            pause, look = min(pause * 1.5, self._timing.poll), True
        return held

    def attempt(self, *, look: bool = True) -> Held | None:
        """Take it if it is free or its holder is dead.

        Args:
            look: whether to look first, since it is probably taken.
        """
        name, chain = self._head, list[tuple[str, bytes]]()
        while True:
            text = self._place.read(name) if look or chain else None
            if text is None:
                lease = LockLease(self._place, name, self._timing.patience)
                made = self._place.create(name, lease.text())
                text = None if made else self._place.read(name)
                # An answer may be lost on its way, and the request be sent again.
                if made or (text is not None and token_of(text) == lease.token):
                    return self._taken(lease, chain)
                if text is None:
                    return None
            if not self._watch.is_dead(name, text):
                return None
            chain.append((name, text))
            # Several that were killed before they wrote their tokens must not be one and the same.
            name = f"{self._head}~{token_of(text) or len(chain)}"

    def is_taken(self) -> bool:
        """Whether somebody has it, dead or alive."""
        return self._place.read(self._head) is not None

    def is_dead(self) -> bool:
        """Whether its first holder has not renewed it for long."""
        text = self._place.read(self._head)
        return text is not None and self._watch.is_dead(self._head, text)

    def _taken(self, lease: LockLease, chain: list[tuple[str, bytes]]) -> Held | None:
        if any(self._place.read(name) != text for name, text in chain):
            self._place.remove(lease.name)
            return None
        self._heart.add(lease)
        return Held(lease, chain, self._heart)


class Held:
    """A lock that is had.

    Args:
        lease: its own lease.
        chain: the dead ones before it, by name, as they stood.
        heart: renews it.
    """

    def __init__(self, lease: LockLease, chain: list[tuple[str, bytes]], heart: Heart) -> None:
        self._lease, self._chain, self._heart = lease, chain, heart

    def confirm(self) -> None:
        """Hold it to be one's own still.

        Raises:
            StoreError: this process was asleep for so long that another took it.
        """
        lease = self._lease
        if lease.holds():
            return
        raise StoreError(
            f"{lease.place.shown}: another took over, since this process did not answer for long.",
            hint="run it again.",
        )

    def release(self) -> None:
        """Let go of it."""
        briefly(self._release)

    def _release(self) -> None:
        lease, place = self._lease, self._lease.place
        self._heart.drop(lease)
        for name, before in self._chain:
            text = place.read(name)
            if text is not None and token_of(text) == token_of(before):
                place.remove(name)
        if lease.holds():
            place.remove(lease.name)
