"""Pins: the keys and blobs that running runs have looked up or stored, which no sweep may remove."""

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
from magical.system.state_files import list_folder, read_plain

__all__ = ["Pins", "read_pins"]


class Pins:
    """The pins of one run: a file with a line for each key and its blobs, locked while the run lives.

    Args:
        folder: the folder of the pins of all runs.
        run: the run's name.

    Raises:
        StoreError: the file cannot be created.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     pins = Pins(Path(folder), "run-1")
        ...     pins.add("abcd", None)
        ...     keys, blobs, stale = read_pins(Path(folder))
        ...     pins.close()
        >>> keys, stale
        ({'abcd'}, 0)
    """

    def __init__(self, folder: Path, run: str) -> None:
        # Process id and token: one run's name may be in use by several processes, or twice in one.
        self._path = folder / f"{run}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = threading.Lock()
        self._lines: set[str] = set()
        # The kernel drops the lock when this process dies, which is how a sweep recognises stale pins.
        self._handle = acquire(self._path)

    def add(self, key: str, record: Record | None) -> None:
        """Pin a key and the blobs of its record, if it has one; the caller must block sweeps.

        Raises:
            StoreError: the pin cannot be written, for example on a full disk.
        """
        line = f"{' '.join([key, *(record.blobs() if record else ())])}\n"
        with self._lock, wrap_disk_errors(self._path):
            if line in self._lines:
                return
            # No link is left: somebody deleted the store's folder, so the pins are written to a new file.
            if os.fstat(self._handle).st_nlink == 0:
                os.close(self._handle)
                self._handle = acquire(self._path)
                self._write("".join(self._lines))
            self._write(line)
            self._lines.add(line)

    def close(self) -> None:
        """Remove all pins of the run."""
        with self._lock:
            release(self._handle, self._path)

    def _write(self, text: str) -> None:
        """Append lines to the file of pins."""
        # The line break comes first: a line that a full disk cut short must not merge with the next one.
        data = f"\n{text}".encode()
        os.lseek(self._handle, 0, os.SEEK_END)
        if os.write(self._handle, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_pins(folder: Path, *, dry: bool = False) -> tuple[set[str], set[str], int]:
    """Read all pins, and delete those of dead runs.

    Args:
        folder: the folder of the pins of all runs; the caller must hold the store's gate exclusively.
        dry: delete nothing.

    Returns:
        The pinned keys, the pinned blobs, and the number of dead runs.
    """
    keys: set[str] = set()
    blobs: set[str] = set()
    stale = 0
    for path in list_folder(folder):
        handle = None
        with contextlib.suppress(OSError):
            handle = try_acquire(path)
        if handle is not None:  # nobody holds the lock, so the run is dead
            release(handle, None if dry else path)
            stale += 1
            continue
        with contextlib.suppress(OSError):  # the run has ended since
            for line in read_plain(path).decode("utf-8", "replace").splitlines():
                key, *rest = line.split() or [""]
                keys.add(key)
                blobs.update(rest)
    return keys - {""}, blobs, stale
