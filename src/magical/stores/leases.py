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
from magical.stores.places import Place

__all__ = ["Heart", "Lease", "Timing", "Watch", "briefly", "has_ended", "no_loss", "process_name", "token_of"]

PATIENCE = 10.0
"""Seconds that letting go may take: a server that is silent would hold up the end of a run for minutes."""


@dataclass(frozen=True)
class Timing:
    """How leases are kept, in seconds.

    Attributes:
        beat: between two renewals.
        patience: after which a lease that has not been renewed is free for others.
        poll: between two looks at a lease that another has, at most.
    """

    beat: float = 10.0
    patience: float = 60.0
    poll: float = 1.0


def briefly(call: Callable[[], None]) -> None:
    """Let go of what would run out anyway: what is refused, or takes long, is left to itself."""

    def quietly() -> None:
        with suppress(StoreError):
            call()

    thread = threading.Thread(target=quietly, name="letting go", daemon=True)
    thread.start()
    thread.join(PATIENCE)


def no_loss() -> None:
    """Do nothing when a lease is lost."""


def token_of(text: bytes) -> str:
    """Give the token of who wrote a lease; empty where it was not written whole.

    Example:
        >>> token_of(b"3f2a 17"), token_of(b"")
        ('3f2a', '')
    """
    words = text.decode("ascii", "replace").split()
    return words[0] if words and words[0].isalnum() else ""


def process_name(pid: int) -> str:
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


def has_ended(text: bytes) -> bool:
    """Whether a lease was written by a process of this machine that is no more, so that nobody need wait.

    Example:
        >>> has_ended(b"3f2a 17"), has_ended(f"3f2a 17 {process_name(os.getpid())}".encode())
        (False, False)
    """
    words, own = text.decode("ascii", "replace").split(), process_name(os.getpid())
    if len(words) != 3 or not own:
        return False
    boot, space, pid, *_ = [*words[2].split("/"), "", "", ""]
    return own.split("/")[:2] == [boot, space] and pid.isdigit() and process_name(int(pid)) != words[2]


class Lease:
    """A small file that says who has something, renewed by a heart while it is held.

    Args:
        place: where it lies.
        name: its file.
        lost: called, by the heart's thread and before ``end`` returns, when somebody took or deleted it.
    """

    def __init__(self, place: Place, name: str, lost: Callable[[], None] = no_loss) -> None:
        self.place, self.name, self.token = place, name, secrets.token_hex(8)
        self._lost, self._count, self._process = lost, 0, process_name(os.getpid())
        self._renewing = threading.Lock()
        self._ended = False
        self._seen = (time.monotonic(), time.time())

    def text(self) -> bytes:
        """Give what stands in the file."""
        return f"{self.token} {self._count} {self._process}".encode()

    def put(self) -> None:
        """Write it, whatever is there."""
        began = (time.monotonic(), time.time())
        self._count += 1
        self.place.write(self.name, self.text())
        self._seen = began

    def renew(self) -> None:
        """Say that its holder lives; called by the heart."""
        with self._renewing:
            if not self._ended:
                self._renew()

    def is_sure(self, seconds: float) -> bool:
        """Whether it was surely its own so many seconds ago; the wall's clock counts a machine's sleep."""
        then, wall = self._seen
        return max(time.monotonic() - then, time.time() - wall) < seconds

    def is_own(self) -> bool:
        """Look whether it is there and its own."""
        text = self.place.read(self.name)
        return text is not None and token_of(text) == self.token

    def _renew(self) -> None:
        if self.is_own():
            self.put()
        else:
            self._lost()

    def when_lost(self, call: Callable[[], None]) -> None:
        """Say what to do when it is found to be lost."""
        self._lost = call

    def end(self) -> None:
        """Renew it no more."""
        with self._renewing:
            self._ended = True


class Heart:
    """Renews leases in a thread of its own, which is there while there are any.

    Args:
        beat: seconds between two renewals.
    """

    def __init__(self, beat: float) -> None:
        self._beat = beat
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
        lease.end()

    def _run(self) -> None:
        while True:
            until = time.monotonic() + self._beat
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


class Watch:
    """Remembers since when each lease has stood as it stands, by this process's own clock.

    Args:
        patience: seconds after which one that has not changed is dead.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._seen: dict[str, tuple[bytes, float]] = {}

    def is_dead(self, name: str, text: bytes) -> bool:
        """Whether a lease has stood so for long, or its process is known to have ended."""
        if has_ended(text):
            return True
        before, now = self._seen.get(name), time.monotonic()
        if before is None or before[0] != text:
            self._seen[name] = (text, now)
            return False
        return now - before[1] >= self._patience

    def settle(self, look: Callable[[], Mapping[str, bytes]], pause: float) -> None:
        """Wait until each lease that there is now has changed, is gone or is dead.

        Args:
            look: gives the leases by name.
            pause: seconds between two looks.
        """
        first = look()
        open_ones = {name for name, text in first.items() if not self.is_dead(name, text)}
        while open_ones:
            time.sleep(pause)
            now = look()
            open_ones = {n for n in open_ones if now.get(n) == first[n] and not self.is_dead(n, first[n])}
