"""Locks on files, from the kernel, which releases them when a process ends, ``kill -9`` included."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from magical.system.atomic_files import wrap_disk_errors

__all__ = ["SharedFileLock", "acquire", "do_nothing", "exclusive_lock", "release", "try_acquire"]

_MAX_PAUSE = 0.05
"""Seconds between two attempts, at most."""

if sys.platform == "win32":
    import msvcrt

    def _flock(handle: int, shared: bool) -> bool:
        # msvcrt has no shared locks, so readers exclude each other. The locked byte lies far beyond the end:
        # a lock on Windows is mandatory and would keep others from reading the file.
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _flock(handle: int, shared: bool) -> bool:
        # flock, not lockf: it belongs to the open file, so that threads of one process exclude each other
        # too, and closing another handle of the same file does not release it.
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def do_nothing() -> None:
    """Do nothing: the default callback of a process that waits for a lock."""


def try_acquire(path: Path, *, shared: bool = False) -> int | None:
    """Create a file if needed and lock it; return its handle, or None if another holder has the lock.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "lock"
        >>> handle = try_acquire(path)
        >>> try_acquire(path) is None
        True
        >>> release(handle)
    """
    # A child process that inherited the handle would keep the lock after the end of this one.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        if _flock(handle, shared):
            # The last holder may have deleted the file between our open and our lock. A lock on a file that
            # nobody else can open excludes nobody, so it counts only if the path still leads to the file.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    locked, handle = handle, -1
                    return locked
    finally:
        if handle >= 0:
            os.close(handle)
    return None


def acquire(path: Path, *, shared: bool = False, on_wait: Callable[[], None] = do_nothing) -> int:
    """Wait for the lock on a file, which is created if needed with its folder; return its handle.

    Args:
        on_wait: called before each pause while another holder has the lock; may raise to end the wait.

    Raises:
        StoreError: the file cannot be created, or its disk has no locks.
    """
    pause = _MAX_PAUSE / 64
    while True:
        with wrap_disk_errors(path):
            try:
                handle = try_acquire(path, shared=shared)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = try_acquire(path, shared=shared)
        if handle is not None:
            return handle
        on_wait()
        time.sleep(pause)
        pause = min(pause * 1.5, _MAX_PAUSE)


def release(handle: int, path: Path | None = None) -> None:
    """Release a lock, and delete its file if a path is given."""
    if path is not None:
        # Delete while the lock is held: afterwards the file could be that of the next holder.
        with contextlib.suppress(OSError):
            path.unlink()
    os.close(handle)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file during a block; the file is not deleted.

    Raises:
        StoreError: the file cannot be created, or its disk has no locks.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "lock"
        >>> with exclusive_lock(path):
        ...     try_acquire(path) is None
        True
    """
    handle = acquire(path)
    try:
        yield
    finally:
        release(handle)


class SharedFileLock:
    """A lock that many writers share and one sweeper takes alone; a thread that has it may take it again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    @contextmanager
    def hold(self, *, exclusive: bool = False) -> Iterator[None]:
        """Hold the lock for a block.

        Raises:
            StoreError: its file cannot be created.
        """
        # An inner block does not lock again: where readers exclude each other (Windows), it would wait for
        # its own thread.
        if getattr(self._local, "inside", False):
            assert not exclusive, "a sweep inside a write of the same thread would wait for itself"
            yield
            return
        handle = acquire(self.path, shared=not exclusive)
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = False
            release(handle)
