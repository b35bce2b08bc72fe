"""Leases: files that serve as locks where the kernel has none; a lease that is not renewed expires."""

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
from magical.system.file_locks import do_nothing

__all__ = ["HeldLock", "Lease", "LeaseLock", "LeaseMonitor", "LeaseRenewer", "LeaseTiming", "run_briefly"]

RELEASE_TIMEOUT = 10.0
"""Seconds that a release may take: a silent server would hold up the end of a run for minutes."""


@dataclass(frozen=True)
class LeaseTiming:
    """The intervals of leases, in seconds.

    Attributes:
        renew_interval: between two renewals.
        expire_after: without a renewal, until others may take the lease; several times ``renew_interval``, so
            that a slow server does not cost the lease.
        poll_interval: between two reads of another process's lease, at most.

    Example:
        >>> LeaseTiming(renew_interval=0.1, expire_after=2.0)
        LeaseTiming(renew_interval=0.1, expire_after=2.0, poll_interval=1.0)
    """

    renew_interval: float = 10.0
    expire_after: float = 60.0
    poll_interval: float = 1.0


def run_briefly(call: Callable[[], None]) -> None:
    """Call a function that releases a lease: ignore a StoreError, and wait for at most ten seconds.

    Example:
        >>> run_briefly(lambda: print("released"))
        released
    """

    def ignore_errors() -> None:
        with suppress(StoreError):
            call()

    # A daemon, so that not even the exit of Python waits for a silent server.
    thread = threading.Thread(target=ignore_errors, name="lease release", daemon=True)
    thread.start()
    thread.join(RELEASE_TIMEOUT)


def parse_token(text: bytes) -> str:
    """Return the token of a lease's holder; empty if a kill cut the writing short.

    Example:
        >>> parse_token(b"3f2a 17"), parse_token(b"")
        ('3f2a', '')
    """
    words = text.decode("ascii", "replace").split()
    return words[0] if words and words[0].isalnum() else ""


def identify_process(pid: int) -> str:
    """Return a unique name of a process among all machines; empty if it has ended or is unknown.

    The name consists of the boot of the kernel, the namespace of process ids, the id and the start time.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Containers of one machine share the boot id, and have process ids of their own.
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
        # The name of the program comes before the last bracket, and may hold spaces and brackets.
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        # The state, where a zombie counts as ended, and the start time: process ids are used again.
        return "" if facts[0] in ("Z", "X") else f"{boot}/{namespace}/{pid}/{facts[19]}"
    except (OSError, ValueError, IndexError):  # another system than Linux has no /proc
        return ""


def has_writer_ended(text: bytes) -> bool:
    """Return True if the process that wrote a lease ran on this machine and has ended.

    Example:
        >>> has_writer_ended(f"3f2a 17 {identify_process(os.getpid())}".encode())
        False
    """
    words, ours = text.decode("ascii", "replace").split(), identify_process(os.getpid())
    if len(words) != 3 or not ours:
        return False
    boot, namespace, pid, *_ = [*words[2].split("/"), "", "", ""]
    # A process of another machine or container cannot be judged here, although its id may be in use.
    is_local = ours.split("/")[:2] == [boot, namespace] and pid.isdigit()
    return is_local and identify_process(int(pid)) != words[2]


class Lease:
    """A small file that shows that a process lives and holds a lock or pins; the process renews it.

    Args:
        storage: the storage of the file.
        name: the name of the file.
        on_lost: called by the renewing thread when another process took or deleted the lease.

    Example:
        >>> from magical.stores.remote.filesystem import open_storage
        >>> lease = Lease(open_storage("memory://lease-example"), "locks/abcd")
        >>> lease.put()
        >>> lease.is_own()
        True
    """

    def __init__(self, storage: FileStorage, name: str, on_lost: Callable[[], None] = do_nothing) -> None:
        self.storage, self.name, self.token = storage, name, secrets.token_hex(8)
        self.on_lost, self._count, self._process = on_lost, 0, identify_process(os.getpid())
        self._renewing = threading.Lock()
        self._ended = False
        self._renewed_at = (time.monotonic(), time.time())

    def text(self) -> bytes:
        """Return the content of the file; the count makes each renewal a change."""
        return f"{self.token} {self._count} {self._process}".encode()

    def put(self) -> None:
        """Write the file, replacing any content."""
        # Take the time before the write: a write may take long, and others wait from the change of the file.
        began = (time.monotonic(), time.time())
        self._count += 1
        self.storage.write(self.name, self.text())
        self._renewed_at = began

    def renew(self) -> None:
        """Write the file again, or call ``on_lost`` if it is lost; do nothing after ``stop_renewing``."""
        with self._renewing:
            if not self._ended:
                self._renew()

    def is_fresh(self, seconds: float) -> bool:
        """Return True if the last renewal is less than ``seconds`` ago."""
        monotonic, wall = self._renewed_at
        # The monotonic clock stands still while a machine sleeps, and the wall clock may be set back.
        return max(time.monotonic() - monotonic, time.time() - wall) < seconds

    def is_own(self) -> bool:
        """Read the file, and return True if it exists and contains the token of this lease."""
        text = self.storage.read(self.name)
        return text is not None and parse_token(text) == self.token

    def _renew(self) -> None:
        if self.is_own():
            self.put()
        else:
            self.on_lost()

    def stop_renewing(self) -> None:
        """Stop renewals; wait for a renewal under way, including its call of ``on_lost``."""
        with self._renewing:
            self._ended = True


class LeaseRenewer:
    """Renews leases in a background thread, which runs as long as there are leases.

    Args:
        interval: seconds between two renewals.

    Example:
        >>> from magical.stores.remote.filesystem import open_storage
        >>> renewer, lease = LeaseRenewer(10), Lease(open_storage("memory://renewer-example"), "lease")
        >>> renewer.add(lease)
        >>> renewer.drop(lease)
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._leases: set[Lease] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Begin to renew a lease."""
        with self._changed:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def drop(self, lease: Lease) -> None:
        """Stop renewing a lease; after this call, its file is not written again."""
        with self._changed:
            self._leases.discard(lease)
            self._changed.notify_all()
        lease.stop_renewing()  # outside of the condition: a renewal that hangs must not block other leases

    def _run(self) -> None:
        while True:
            until = time.monotonic() + self._interval
            with self._changed:
                while self._leases and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
                if not self._leases:
                    self._thread = None  # under the condition, so that the next add starts a new thread
                    return
                leases = list(self._leases)
            for lease in leases:
                with suppress(Exception):  # the next round tries again
                    lease.renew()


class LeaseMonitor:
    """Remembers since when each lease has not changed, by the clock of this process.

    Clocks of machines differ, so no time is read from a lease or from the filesystem.

    Args:
        expire_after: seconds without a change after which a lease is dead.

    Example:
        >>> monitor = LeaseMonitor(expire_after=0)
        >>> monitor.is_dead("locks/abcd", b"3f2a 1"), monitor.is_dead("locks/abcd", b"3f2a 1")
        (False, True)
    """

    def __init__(self, expire_after: float) -> None:
        self._expire_after = expire_after
        self._seen: dict[str, tuple[bytes, float]] = {}

    def is_dead(self, name: str, text: bytes) -> bool:
        """Return True if a lease has not changed for ``expire_after`` seconds, or its process has ended."""
        if has_writer_ended(text):
            return True
        before, now = self._seen.get(name), time.monotonic()
        if before is None or before[0] != text:
            self._seen[name] = (text, now)
            return False
        return now - before[1] >= self._expire_after

    def wait_until_known(self, read_leases: Callable[[], Mapping[str, bytes]], pause: float) -> None:
        """Wait until each present lease has changed, is gone or is dead; pause some seconds between reads."""
        first = read_leases()
        undecided = {name for name, text in first.items() if not self.is_dead(name, text)}
        while undecided:
            time.sleep(pause)
            now = read_leases()
            undecided = {n for n in undecided if now.get(n) == first[n] and not self.is_dead(n, first[n])}


class ChainedLease(Lease):
    """The lease of a lock; it is lost once another process considered it dead and created a successor."""

    def __init__(self, storage: FileStorage, name: str, expire_after: float) -> None:
        super().__init__(storage, name)
        self._expire_after, self._is_lost = expire_after, False

    def is_own(self) -> bool:
        """Read the files, and return True if the lease exists and has no successor."""
        return not self._is_lost and super().is_own() and not self._has_successor()

    def is_held(self) -> bool:
        """Return True if the lease is still held; the files are read only if the last renewal is old."""
        # Half of the expiry time is a safe margin: even if the server is slow, nobody can have taken a lease
        # that was renewed so recently.
        return not self._is_lost and (self.is_fresh(self._expire_after / 2) or self.is_own())

    def _renew(self) -> None:
        is_late = not self.is_fresh(self._expire_after / 2)
        if self._is_lost or not Lease.is_own(self):
            self._is_lost = True
            return
        self.put()
        # A successor creates its lease and then checks that this one was not renewed. Here the order is
        # reversed: renew, then look for a successor. So at least one of the two sees the other.
        self._is_lost = is_late and self._has_successor()

    def _has_successor(self) -> bool:
        head = self.name.partition("~")[0]
        return self.storage.read(f"{head}~{self.token}") is not None


class LeaseLock:
    """An exclusive lock: its holder has created a lease, which succeeds only if the file does not exist.

    A dead lease is not deleted and created again, since two processes might do so at the same time, and one
    would delete the new lease of the other. Instead, the successor creates a lease that is named after the
    token of the dead one, and again only one process can create it. The chain that grows so is deleted, from
    its head on, when its last holder releases the lock. A process that appends a lease to a chain checks
    afterwards that all leases before it are unchanged.

    Args:
        renewer: renews the lease while the lock is held.
        monitor: decides which leases are dead.
        head: the storage, and the name of the first lease of a chain.
        timing: the intervals of the leases.

    Example:
        >>> from magical.stores.remote.filesystem import open_storage
        >>> head = (open_storage("memory://lock-example"), "locks/abcd")
        >>> lock = LeaseLock(LeaseRenewer(10), LeaseMonitor(60), head, LeaseTiming())
        >>> held = lock.acquire(lambda: None)
        >>> print(lock.try_acquire())
        None
        >>> held.release()
        >>> lock.is_taken()
        False
    """

    def __init__(
        self, renewer: LeaseRenewer, monitor: LeaseMonitor, head: tuple[FileStorage, str], timing: LeaseTiming
    ) -> None:
        self._renewer, self._monitor, self._timing = renewer, monitor, timing
        self._storage, self._head = head

    def acquire(self, on_wait: Callable[[], None]) -> HeldLock:
        """Wait for the lock; ``on_wait`` is called repeatedly meanwhile, and may raise to end the wait."""
        # The first attempt creates at once, since most locks are free; later ones read first.
        pause, read_first = min(0.02, self._timing.poll_interval), False
        while (held := self.try_acquire(read_first=read_first)) is None:
            on_wait()
            time.sleep(pause)
            pause, read_first = min(pause * 1.5, self._timing.poll_interval), True
        return held

    def try_acquire(self, *, read_first: bool = True) -> HeldLock | None:
        """Take the lock if it is free or its holder is dead; return None otherwise.

        Args:
            read_first: read the lease before creating one, since the lock is probably taken.
        """
        name, chain = self._head, list[tuple[str, bytes]]()
        while True:
            text = self._storage.read(name) if read_first or chain else None
            if text is None:
                lease = ChainedLease(self._storage, name, self._timing.expire_after)
                is_created = self._storage.create(name, lease.text())
                text = None if is_created else self._storage.read(name)
                # A client whose answer was lost sends the request again, and finds its own lease in the way.
                if is_created or (text is not None and parse_token(text) == lease.token):
                    return self._finish_acquire(lease, chain)
                if text is None:  # released between the two requests: the next attempt may take it
                    return None
            if not self._monitor.is_dead(name, text):
                return None
            chain.append((name, text))
            # An empty lease, of a process killed before it wrote its token, is named by its place instead:
            # two of them in one chain must have two successors.
            name = f"{self._head}~{parse_token(text) or len(chain)}"

    def is_taken(self) -> bool:
        """Return True if the lock has a holder, dead or alive."""
        return self._storage.read(self._head) is not None

    def is_dead(self) -> bool:
        """Return True if the first lease of the chain is dead; see ``LeaseMonitor.is_dead``."""
        text = self._storage.read(self._head)
        return text is not None and self._monitor.is_dead(self._head, text)

    def _finish_acquire(self, lease: ChainedLease, chain: list[tuple[str, bytes]]) -> HeldLock | None:
        """Return the lock if the chain is unchanged; else delete the new lease and return None."""
        # A holder that was only asleep may have renewed its lease since it was read: then it keeps the lock.
        if any(self._storage.read(name) != text for name, text in chain):
            self._storage.remove(lease.name)
            return None
        self._renewer.add(lease)
        return HeldLock(lease, chain, self._renewer)


class HeldLock:
    """A lock that this process holds.

    Args:
        lease: the lease of this process.
        chain: the dead leases before it, by name, with the content that was read.
        renewer: renews the lease.
    """

    def __init__(self, lease: ChainedLease, chain: list[tuple[str, bytes]], renewer: LeaseRenewer) -> None:
        self._lease, self._chain, self._renewer = lease, chain, renewer

    def ensure_held(self) -> None:
        """Raise unless this process still holds the lock.

        Raises:
            StoreError: this process slept for so long that another took the lock.
        """
        lease = self._lease
        if lease.is_held():
            return
        raise StoreError(
            f"{lease.storage.safe_url}: another took over, since this process did not answer for long.",
            hint="run it again.",
        )

    def release(self) -> None:
        """Release the lock, and delete the chain of dead leases before it."""
        run_briefly(self._release)

    def _release(self) -> None:
        lease, storage = self._lease, self._lease.storage
        self._renewer.drop(lease)  # first, or a renewal would write the lease again
        # From the head on: the lock counts as free when the head is gone, and a waiting process then creates
        # a new head. A lease with another token is of somebody else, and stays.
        for name, before in self._chain:
            text = storage.read(name)
            if text is not None and parse_token(text) == parse_token(before):
                storage.remove(name)
        if lease.is_held():
            storage.remove(lease.name)
