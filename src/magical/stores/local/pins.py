"""Pins: what the runs that are under way have looked up or made, so that nobody collects it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from pathlib import Path

from magical.engine.artifacts import Record
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import acquire, release, try_acquire

__all__ = ["Pins", "read_pins"]


class Pins:
    """One run's pins: a file of lines, a key and its record's objects each, locked while the run lives.

    Args:
        folder: of all runs' pins.
        run: the run's name.

    Raises:
        StoreError: the file cannot be made.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._path = folder / f"{run}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = threading.Lock()
        self._lines: set[str] = set()
        self._handle = acquire(self._path)

    def add(self, key: str, record: Record | None) -> None:
        """Pin a key, and what its record needs, if it has one; the caller is inside the store's gate.

        Raises:
            StoreError: the disk is full or gone.
        """
        line = f"{' '.join([key, *(record.blobs() if record else ())])}\n"
        with self._lock, wrap_disk_errors(self._path):
            if line in self._lines:
                return
            if os.fstat(self._handle).st_nlink == 0:  # somebody deleted the store: the pins are made again
                os.close(self._handle)
                self._handle = acquire(self._path)
                self._write("".join(self._lines))
            self._write(line)
            self._lines.add(line)

    def close(self) -> None:
        """Let go of all pins."""
        with self._lock:
            release(self._handle, self._path)

    def _write(self, text: str) -> None:
        # With no whole line before it, a line that a full disk cut short would swallow the next one.
        data = f"\n{text}".encode()
        os.lseek(self._handle, 0, os.SEEK_END)
        if os.write(self._handle, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_pins(folder: Path, *, dry: bool = False) -> tuple[set[str], set[str], int]:
    """Give the keys and the objects that are pinned; pins that nobody holds are deleted, and counted.

    Args:
        folder: of all runs' pins; the caller has the store's gate alone.
        dry: delete nothing.
    """
    keys: set[str] = set()
    blobs: set[str] = set()
    stale = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        handle = None
        with contextlib.suppress(OSError):
            handle = try_acquire(path)
        if handle is not None:
            release(handle, None if dry else path)
            stale += 1
            continue
        with contextlib.suppress(OSError):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                key, *rest = line.split() or [""]
                keys.add(key)
                blobs.update(rest)
    return keys - {""}, blobs, stale
