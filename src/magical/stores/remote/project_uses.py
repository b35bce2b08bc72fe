"""The uses of a shared store: each project notes the keys of its newest runs, which sweeps of others keep."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from magical.stores.blobs import bytes_digest
from magical.stores.remote.filesystem import FileStorage
from magical.system.file_locks import ensure_token
from magical.system.processes import machine_name
from magical.system.state_files import parse_state

__all__ = ["ProjectUses"]

_FOLDER = "projects"
_ID_FILE = "project.id"
# A name that is not ours is ignored: it would get into a report, with whatever characters it has.
_NOTE_NAME = re.compile(rf"{_FOLDER}/([A-Za-z0-9_.-]+)/[^/]+")
_NOTES = 10
"""Notes that a project has at most: as many as runs whose results `magical gc` keeps by default."""


class ProjectUses:
    """Notes what a project needs of a shared store, and reads what other projects need.

    Each note is a file of its own with the keys that one run used, so that runs at once do not overwrite each
    other's; a run that used the same keys as the newest note writes none.

    Args:
        storage: the storage of the store.
        home: the project's folder ``.magical``, which gets a file with a random token.

    Example:
        >>> import tempfile
        >>> from magical.stores.remote.filesystem import open_storage
        >>> storage = open_storage("memory://uses-example")
        >>> mine, other = (ProjectUses(storage, Path(tempfile.mkdtemp())) for _ in range(2))
        >>> mine.note({"abcd"})
        >>> list(other.read_others().values()), mine.read_others()
        ([{'abcd'}], {})
    """

    def __init__(self, storage: FileStorage, home: Path) -> None:
        self._storage, self._home = storage, home

    def project(self) -> str:
        """Return the unique name by which the store knows this project.

        Raises:
            StoreError: the token of the project cannot be written.
        """
        place = os.path.realpath(self._home.parent)
        # The token tells containers with the same paths apart, and the path a folder from a copy of it.
        digest = bytes_digest(f"{ensure_token(self._home / _ID_FILE, 32)} {place}".encode())
        return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', Path(place).name)}-{digest[:12]}"

    def note(self, keys: Collection[str]) -> None:
        """Note the keys that a run used, and remove the notes of old runs.

        Raises:
            StoreError: the store cannot be written.
        """
        folder, ordered = f"{_FOLDER}/{self.project()}", sorted(keys)
        digest = bytes_digest(" ".join(ordered).encode())[:16]
        notes = sorted(self._storage.list_files(folder))
        if notes and notes[-1].endswith(f"-{digest}"):
            return
        same = {name for name in notes if name.endswith(f"-{digest}")}
        others = [name for name in notes if name not in same]
        fields = {"place": f"{machine_name()}:{os.path.realpath(self._home.parent)}", "keys": ordered}
        # Written before the old ones are removed: a sweep in between must see one of them.
        self._storage.write(f"{folder}/{time.time_ns():020d}-{digest}", json.dumps(fields).encode())
        self._storage.remove(*same, *others[: max(0, len(others) + 1 - _NOTES)])

    def read_others(self) -> Mapping[str, set[str]]:
        """Read the keys that each other project has noted, by the project's name.

        Raises:
            StoreError: the store cannot be read.
        """
        own, needed = self.project(), dict[str, set[str]]()
        notes = filter(None, map(_NOTE_NAME.fullmatch, self._storage.list_files(_FOLDER)))
        project_of = {note[0]: note[1] for note in notes if note[1] != own}
        for name, data in self._storage.read_all(project_of).items():
            needed.setdefault(project_of[name], set()).update(parse_state(data, _build_keys) or ())
        return needed


def _build_keys(fields: dict[str, Any]) -> set[str]:
    return {key for key in fields["keys"] if isinstance(key, str)}
