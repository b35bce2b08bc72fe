"""The sweep of a local store: it removes what no alive or pinned key needs."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.protocols import SweepResult
from magical.stores.blobs import PARTIAL_PREFIX
from magical.stores.local.objects import LocalObjects, list_stored
from magical.stores.local.pins import read_pins
from magical.system.file_locks import release, try_acquire
from magical.system.state_files import is_plain_file, list_folder, read_plain, remove_entry

__all__ = ["count_removed", "sweep", "sweep_scratch"]


class Sweepable(Protocol):
    """The part of a local store that a sweep needs."""

    folder: Path
    objects: LocalObjects

    def read_record(self, key: str) -> Record | None:
        """Read the record of a key."""


def sweep(store: Sweepable, alive: Collection[str], suspects: Collection[Path], *, dry: bool) -> SweepResult:
    """Remove the files that no alive or pinned key needs; the caller holds the store's gate exclusively.

    Args:
        store: the store to sweep.
        alive: keys to keep.
        suspects: files of objects that looked damaged before the gate was closed.
        dry: remove nothing, only count.
    """
    swept = SweepResult()
    keys, needed, swept.leftovers = read_pins(store.folder / "pins", dry=dry)
    keys |= set(alive)
    for path in list_stored(store.folder / "records", store.folder):
        key = path.parent.name + path.stem
        record = None
        if key in keys and not path.name.startswith(PARTIAL_PREFIX):
            with contextlib.suppress(FileNotFoundError):
                read_plain(path)  # raises where a permission is missing: an unreadable record is no garbage
                record = store.read_record(key)
        if record is None:
            _remove(path, swept, "records", dry)
            continue
        needed.update(record.blobs())
        swept.kept_records += 1
        swept.kept_bytes += path.stat().st_size
    for path in store.objects.paths():
        blob = path.parent.name + path.name
        if blob not in needed:
            _remove(path, swept, "objects", dry)
        elif not is_plain_file(path) or (path in suspects and not store.objects.is_whole(path)):
            swept.damaged.append(blob)
            _remove(path, swept, "objects", dry)
        else:
            swept.kept_objects += 1
            swept.kept_bytes += path.stat().st_size
    sweep_scratch(store.folder / "scratch", keys, swept, dry=dry)
    for lock in list_folder(store.folder / "locks"):
        if not is_plain_file(lock):
            _remove(lock, swept, "leftovers", dry)
        elif lock.name not in keys and (handle := try_acquire(lock)) is not None:  # nobody holds it
            swept.leftovers += 1
            release(handle, None if dry else lock)
    return swept


def sweep_scratch(folder: Path, kept_keys: Collection[str], swept: SweepResult, *, dry: bool) -> None:
    """Delete and count the scratch folders of all keys except the kept ones; a dry run only counts."""
    for scratch in list_folder(folder, folder.parent):
        if scratch.name not in kept_keys:
            _remove(scratch, swept, "leftovers", dry)


def count_removed(swept: SweepResult, kind: str, name: str, size: int) -> None:
    """Add a removed file to the counts: under ``kind``, or as a leftover if it is a partial file.

    Example:
        >>> swept = SweepResult()
        >>> count_removed(swept, "objects", "cd.json", 10)
        >>> count_removed(swept, "objects", ".part-12", 5)
        >>> swept.objects, swept.leftovers, swept.bytes
        (1, 1, 15)
    """
    kind = "leftovers" if name.startswith(PARTIAL_PREFIX) else kind
    setattr(swept, kind, getattr(swept, kind) + 1)
    swept.bytes += size


def _remove(path: Path, swept: SweepResult, kind: str, dry: bool) -> None:
    """Remove and count what is at a path; a link goes, and what it leads to stays."""
    with contextlib.suppress(FileNotFoundError):
        is_file, size = is_plain_file(path), _size_below(path)
        if not dry:
            remove_entry(path)
        count_removed(swept, kind if is_file else "leftovers", path.name, size)


def _size_below(path: Path) -> int:
    """Return the size of a file, or of all files below a folder, without following a link."""
    if path.is_symlink() or not path.is_dir():
        files = [path]
    else:
        files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    return sum(s.st_size for s in map(os.lstat, files) if stat.S_ISREG(s.st_mode))
