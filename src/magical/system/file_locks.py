"""Locks on files, from the kernel, which releases them when a process ends, ``kill -9`` included."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from magical.system.atomic_files import wrap_disk_errors
from magical.system.state_files import read_plain

__all__ = [
    "SharedFileLock",
    "acquire",
    "do_nothing",
    "ensure_token",
    "exclusive_lock",
    "read_token",
    "release",
    "try_acquire",
]

# O_CLOEXEC: a child process that inherited the handle would keep the lock after the end of this one.
# O_NOFOLLOW, O_NONBLOCK: a link would create a file elsewhere, and the other end of a pipe may never come.
_OPEN_FLAGS = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))

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
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EEXIST, "it is no plain file", str(path))
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


def read_token(path: Path, length: int) -> str:
    """Read the token in a file; empty if it is missing or damaged, as after a kill during its first write."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = read_plain(path).decode("ascii").strip()
        return text if len(text) == length else ""
    return ""


def ensure_token(path: Path, length: int, *, private: bool = False) -> str:
    """Return the random token in a file, which the first of several processes creates.

    Args:
        path: the file.
        length: hexadecimal digits of the token, an even number.
        private: let nobody but the file's owner read it.

    Raises:
        StoreError: the file cannot be created.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "id"
        >>> ensure_token(path, 32) == ensure_token(path, 32) == read_token(path, 32)
        True
    """
    while not (token := read_token(path, length)):
        handle = acquire(path)
        try:
            with wrap_disk_errors(path):
                if os.fstat(handle).st_nlink > 1:  # a hard link: another file would lose its content
                    path.unlink()
                elif not read_token(path, length):  # no other process has just created it
                    if private:
                        os.chmod(path, 0o600)  # before the token is written
                    os.truncate(path, 0)
                    os.write(handle, secrets.token_hex(length // 2).encode())
                    os.fsync(handle)
        finally:
            release(handle)
    return token


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
