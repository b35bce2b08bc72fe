"""Remove from a local store what nobody needs any more."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.protocols import SweepResult
from magical.stores.local.objects import LocalObjects
from magical.stores.local.pins import read_pins
from magical.system.file_locks import release, try_acquire

__all__ = ["sweep"]

_PARTIAL_PREFIX = ".part-"


class Sweepable(Protocol):
    """The part of a local store that a sweep needs."""

    folder: Path
    objects: LocalObjects

    def read_record(self, key: str) -> tuple[Record | None, bool]:
        """Give what is written for a key."""


def sweep(store: Sweepable, alive: Collection[str], suspects: Collection[Path], *, dry: bool) -> SweepResult:
    """Remove what is neither alive nor pinned; the caller has the store's gate alone.

    Args:
        store: the store.
        alive: keys.
        suspects: objects that did not read as what was stored; they are read once more.
        dry: remove nothing.
    """
    swept = SweepResult()
    keys, needed, swept.leftovers = read_pins(store.folder / "pins", dry=dry)
    keys |= set(alive)
    for path in _files(store.folder / "records"):
        key = path.parent.name + path.stem
        record = None
        if key in keys and not path.name.startswith(_PARTIAL_PREFIX):
            path.read_bytes()  # what may not be read is no garbage
            record = store.read_record(key)[0]
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
        elif path in suspects and not store.objects.is_whole(path):
            swept.damaged.append(blob)
            _remove(path, swept, "objects", dry)
        else:
            swept.kept_objects += 1
            swept.kept_bytes += path.stat().st_size
    _clear_leftovers(store.folder, keys, swept, dry)
    return swept


def _clear_leftovers(folder: Path, keys: Collection[str], swept: SweepResult, dry: bool) -> None:
    """Remove the scratch folders and lock files of other keys; a lock that somebody holds stays."""
    for scratch in _children(folder / "scratch"):
        if scratch.name not in keys:
            swept.bytes += sum(p.stat().st_size for p in scratch.rglob("*") if p.is_file())
            swept.leftovers += 1
            if not dry:
                shutil.rmtree(scratch)
    for lock in _children(folder / "locks"):
        if lock.name not in keys and (handle := try_acquire(lock)) is not None:
            swept.leftovers += 1
            release(handle, None if dry else lock)


def _remove(path: Path, swept: SweepResult, kind: str, dry: bool) -> None:
    """Count a file and delete it; what a kill left half written is neither a record nor an object."""
    with contextlib.suppress(FileNotFoundError):
        size = path.stat().st_size
        if not dry:
            path.unlink()
        kind = "leftovers" if path.name.startswith(_PARTIAL_PREFIX) else kind
        setattr(swept, kind, getattr(swept, kind) + 1)
        swept.bytes += size


def _files(folder: Path) -> Iterator[Path]:
    return (p for sub in _children(folder) for p in _children(sub))


def _children(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
