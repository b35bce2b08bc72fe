"""Locks on files: the kernel holds them, so that a process that dies, however it dies, holds none."""

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

_PATIENCE = 0.05
"""Seconds between two attempts, at most."""

if sys.platform == "win32":
    import msvcrt

    def _flock(handle: int, shared: bool) -> bool:
        """Windows knows no shared lock by this way: readers exclude each other there."""
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _flock(handle: int, shared: bool) -> bool:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def do_nothing() -> None:
    """Do nothing while a lock is waited for."""


def try_acquire(path: Path, *, shared: bool = False) -> int | None:
    """Take the lock on a file, which is made, and give its handle; None if somebody else has it.

    The file may be deleted by who had it before: then the lock is on a file that nobody else can find, and
    does not count.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        if _flock(handle, shared):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    taken, handle = handle, -1
                    return taken
    finally:
        if handle >= 0:
            os.close(handle)
    return None


def acquire(path: Path, *, shared: bool = False, on_wait: Callable[[], None] = do_nothing) -> int:
    """Wait for the lock on a file and give its handle.

    Args:
        path: the file; it and its folder are made.
        shared: several may have it at once.
        waits: called again and again while somebody else has it; may raise to end the wait.

    Raises:
        StoreError: the file cannot be made, or its disk knows no locks.
    """
    pause = _PATIENCE / 64
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
        pause = min(pause * 1.5, _PATIENCE)


def release(handle: int, path: Path | None = None) -> None:
    """Give a lock back; its file is deleted first, where a path is given."""
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()
    os.close(handle)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Wait until nobody else holds a file, and hold it for a block.

    Args:
        path: of the lock; it and its folder are made, and the file stays.

    Raises:
        StoreError: the file cannot be made, or its disk knows no locks.
    """
    handle = acquire(path)
    try:
        yield
    finally:
        release(handle)


class SharedFileLock:
    """A lock that many writers share and one sweeper takes alone; a thread may pass it again inside.

    Args:
        path: the lock's file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    @contextmanager
    def hold(self, *, exclusive: bool = False) -> Iterator[None]:
        """Hold it for a block.

        Raises:
            StoreError: its file cannot be made.
        """
        if getattr(self._local, "inside", False):
            assert not exclusive, "a sweep among one's own writing would wait for itself"
            yield
            return
        handle = acquire(self.path, shared=not exclusive)
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = False
            release(handle)
