"""Leases: locks where no kernel holds any. Who lives renews them; what is not renewed for long is free."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from magical.errors import StoreError
from magical.stores.remote.filesystem import FileStorage

__all__ = [
    "HeldLock",
    "Lease",
    "LeaseLock",
    "LeaseMonitor",
    "LeaseRenewer",
    "LeaseTiming",
    "has_writer_ended",
    "identify_process",
    "ignore_loss",
    "parse_token",
    "run_briefly",
]

RELEASE_TIMEOUT = 10.0

"""Seconds that letting go may take: a server that is silent would hold up the end of a run for minutes."""


@dataclass(frozen=True)
class LeaseTiming:
    """How leases are kept, in seconds.

    Attributes:
        beat: between two renewals.
        patience: after which a lease that has not been renewed is free for others.
        poll: between two looks at a lease that another has, at most.
    """

    renew_interval: float = 10.0
    expire_after: float = 60.0
    poll_interval: float = 1.0


def run_briefly(call: Callable[[], None]) -> None:
    """Let go of what would run out anyway: what is refused, or takes long, is left to itself."""

    def quietly() -> None:
        with suppress(StoreError):
            call()

    thread = threading.Thread(target=quietly, name="letting go", daemon=True)
    thread.start()
    thread.join(RELEASE_TIMEOUT)


def ignore_loss() -> None:
    """Do nothing when a lease is lost."""


def parse_token(text: bytes) -> str:
    """Give the token of who wrote a lease; empty where it was not written whole.

    Example:
        >>> parse_token(b"3f2a 17"), parse_token(b"")
        ('3f2a', '')
    """
    words = text.decode("ascii", "replace").split()
    return words[0] if words and words[0].isalnum() else ""


def identify_process(pid: int) -> str:
    """Give what tells a process from all others, elsewhere too; empty if that is not known, or it has ended.

    It names the start of the kernel, its space of process numbers, the number, and the process's own start.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return "" if facts[0] in ("Z", "X") else f"{boot}/{space}/{pid}/{facts[19]}"
    except (OSError, ValueError, IndexError):
        return ""


def has_writer_ended(text: bytes) -> bool:
    """Whether a lease was written by a process of this machine that is no more, so that nobody need wait.

    Example:
        >>> (
        ...     has_writer_ended(b"3f2a 17"),
        ...     has_writer_ended(f"3f2a 17 {identify_process(os.getpid())}".encode()),
        ... )
        (False, False)
    """
    words, own = text.decode("ascii", "replace").split(), identify_process(os.getpid())
    if len(words) != 3 or not own:
        return False
    boot, space, pid, *_ = [*words[2].split("/"), "", "", ""]
    return own.split("/")[:2] == [boot, space] and pid.isdigit() and identify_process(int(pid)) != words[2]


class Lease:
    """A small file that says who has something, renewed by a heart while it is held.

    Args:
        place: where it lies.
        name: its file.
        lost: called when another process took or deleted it; by the renewing thread, and before
            ``stop_renewing`` returns.
    """

    def __init__(self, storage: FileStorage, name: str, on_lost: Callable[[], None] = ignore_loss) -> None:
        self.storage, self.name, self.token = storage, name, secrets.token_hex(8)
        self._on_lost, self._count, self._process = on_lost, 0, identify_process(os.getpid())
        self._renewing = threading.Lock()
        self._ended = False
        self._renewed_at = (time.monotonic(), time.time())

    def text(self) -> bytes:
        """Give what stands in the file."""
        return f"{self.token} {self._count} {self._process}".encode()

    def put(self) -> None:
        """Write it, whatever is there."""
        began = (time.monotonic(), time.time())
        self._count += 1
        self.storage.write(self.name, self.text())
        self._renewed_at = began

    def renew(self) -> None:
        """Say that its holder lives; called by the heart."""
        with self._renewing:
            if not self._ended:
                self._renew()

    def is_fresh(self, seconds: float) -> bool:
        """Whether it was surely its own so many seconds ago; the wall's clock counts a machine's sleep."""
        then, wall = self._renewed_at
        return max(time.monotonic() - then, time.time() - wall) < seconds

    def is_own(self) -> bool:
        """Look whether it is there and its own."""
        text = self.storage.read(self.name)
        return text is not None and parse_token(text) == self.token

    def _renew(self) -> None:
        if self.is_own():
            self.put()
        else:
            self._on_lost()

    def set_on_lost(self, call: Callable[[], None]) -> None:
        """Say what to do when it is found to be lost."""
        self._on_lost = call

    def stop_renewing(self) -> None:
        """Renew it no more."""
        with self._renewing:
            self._ended = True


class LeaseRenewer:
    """Renews leases in a thread of its own, which is there while there are any.

    Args:
        beat: seconds between two renewals.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._leases: set[Lease] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Renew a lease from now on."""
        with self._changed:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def drop(self, lease: Lease) -> None:
        """Renew a lease no more; when this returns, nothing more is written."""
        with self._changed:
            self._leases.discard(lease)
            self._changed.notify_all()
        lease.stop_renewing()

    def _run(self) -> None:
        while True:
            until = time.monotonic() + self._interval
            with self._changed:
                while self._leases and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
                if not self._leases:
                    self._thread = None
                    return
                leases = list(self._leases)
            for lease in leases:
                with suppress(Exception):  # the next beat tries again
                    lease.renew()


class LeaseMonitor:
    """Remembers since when each lease has stood as it stands, by this process's own clock.

    Args:
        patience: seconds after which one that has not changed is dead.
    """

    def __init__(self, expire_after: float) -> None:
        self._expire_after = expire_after
        self._seen: dict[str, tuple[bytes, float]] = {}

    def is_dead(self, name: str, text: bytes) -> bool:
        """Whether a lease has stood so for long, or its process is known to have ended."""
        if has_writer_ended(text):
            return True
        before, now = self._seen.get(name), time.monotonic()
        if before is None or before[0] != text:
            self._seen[name] = (text, now)
            return False
        return now - before[1] >= self._expire_after

    def wait_until_known(self, read_leases: Callable[[], Mapping[str, bytes]], pause: float) -> None:
        """Wait until each lease that there is now has changed, is gone or is dead.

        Args:
            look: gives the leases by name.
            pause: seconds between two looks.
        """
        first = read_leases()
        open_ones = {name for name, text in first.items() if not self.is_dead(name, text)}
        while open_ones:
            time.sleep(pause)
            now = read_leases()
            open_ones = {n for n in open_ones if now.get(n) == first[n] and not self.is_dead(n, first[n])}


class ChainedLease(Lease):
    """The lease of a lock, which is lost when somebody took it for dead and follows.

    Args:
        place: where it lies.
        name: its file.
        patience: seconds after which others take it for dead.
    """

    def __init__(self, storage: FileStorage, name: str, expire_after: float) -> None:
        super().__init__(storage, name)
        self._expire_after, self._is_lost = expire_after, False

    def is_own(self) -> bool:
        """Look whether it is there and nobody follows."""
        return not self._is_lost and super().is_own() and not self._has_successor()

    def is_held(self) -> bool:
        """Whether it is held still; looked up only if it was not renewed for long."""
        return not self._is_lost and (self.is_fresh(self._expire_after / 2) or self.is_own())

    def _renew(self) -> None:
        late = not self.is_fresh(self._expire_after / 2)
        if self._is_lost or not Lease.is_own(self):
            self._is_lost = True
            return
        self.put()
        # Who follows makes a lease and then looks whether this one was renewed; here it is the other way
        # round. So one of the two sees the other.
        self._is_lost = late and self._has_successor()

    def _has_successor(self) -> bool:
        head = self.name.partition("~")[0]
        return self.storage.read(f"{head}~{self.token}") is not None


class LeaseLock:
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

    def __init__(
        self, renewer: LeaseRenewer, monitor: LeaseMonitor, head: tuple[FileStorage, str], timing: LeaseTiming
    ) -> None:
        self._renewer, self._monitor, self._timing = renewer, monitor, timing
        self._storage, self._head = head

    def acquire(self, on_wait: Callable[[], None]) -> HeldLock:
        """Wait until it is had.

        Args:
            waits: called again and again meanwhile; may raise.

        Raises:
            StoreError: the filesystem does not answer, or refuses.
        """
        pause, look = min(0.02, self._timing.poll_interval), False
        while (held := self.try_acquire(read_first=look)) is None:
            on_wait()
            time.sleep(pause)
            pause, look = min(pause * 1.5, self._timing.poll_interval), True
        return held

    def try_acquire(self, *, read_first: bool = True) -> HeldLock | None:
        """Take it if it is free or its holder is dead.

        Args:
            look: whether to look first, since it is probably taken.
        """
        name, chain = self._head, list[tuple[str, bytes]]()
        while True:
            text = self._storage.read(name) if read_first or chain else None
            if text is None:
                lease = ChainedLease(self._storage, name, self._timing.expire_after)
                made = self._storage.create(name, lease.text())
                text = None if made else self._storage.read(name)
                # An answer may be lost on its way, and the request be sent again.
                if made or (text is not None and parse_token(text) == lease.token):
                    return self._finish_acquire(lease, chain)
                if text is None:
                    return None
            if not self._monitor.is_dead(name, text):
                return None
            chain.append((name, text))
            # Several that were killed before they wrote their tokens must not be one and the same.
            name = f"{self._head}~{parse_token(text) or len(chain)}"

    def is_taken(self) -> bool:
        """Whether somebody has it, dead or alive."""
        return self._storage.read(self._head) is not None

    def is_dead(self) -> bool:
        """Whether its first holder has not renewed it for long."""
        text = self._storage.read(self._head)
        return text is not None and self._monitor.is_dead(self._head, text)

    def _finish_acquire(self, lease: ChainedLease, chain: list[tuple[str, bytes]]) -> HeldLock | None:
        if any(self._storage.read(name) != text for name, text in chain):
            self._storage.remove(lease.name)
            return None
        self._renewer.add(lease)
        return HeldLock(lease, chain, self._renewer)


class HeldLock:
    """A lock that is had.

    Args:
        lease: its own lease.
        chain: the dead ones before it, by name, as they stood.
        heart: renews it.
    """

    def __init__(self, lease: ChainedLease, chain: list[tuple[str, bytes]], renewer: LeaseRenewer) -> None:
        self._lease, self._chain, self._renewer = lease, chain, renewer

    def ensure_held(self) -> None:
        """Hold it to be one's own still.

        Raises:
            StoreError: this process was asleep for so long that another took it.
        """
        lease = self._lease
        if lease.is_held():
            return
        raise StoreError(
            f"{lease.storage.safe_url}: another took over, since this process did not answer for long.",
            hint="run it again.",
        )

    def release(self) -> None:
        """Let go of it."""
        run_briefly(self._release)

    def _release(self) -> None:
        lease, place = self._lease, self._lease.storage
        self._renewer.drop(lease)
        for name, before in self._chain:
            text = place.read(name)
            if text is not None and parse_token(text) == parse_token(before):
                place.remove(name)
        if lease.is_held():
            place.remove(lease.name)
