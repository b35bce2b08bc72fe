"""The folder of a fit: a project that `magical fit` wrote, and writes again as long as nobody edited it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from magical.errors import UsageError, join_names
from magical.project.scaffold.create import write_files
from magical.system.atomic_files import wrap_disk_errors, write_text
from magical.system.state_files import read_state

__all__ = ["FitFolder"]

_NOTE = ".fit.json"
_CODE = (".py", ".toml")


class FitFolder:
    """A project of `magical fit`, with a note of its question and of the files that were written.

    Args:
        root: the folder.

    Example:
        >>> import tempfile
        >>> folder = FitFolder(Path(tempfile.mkdtemp()) / "churn")
        >>> folder.write({"workflow.py": "x = 1"}, {"source": "churn.csv"})
        >>> folder.check({"source": "churn.csv"})
        >>> folder.check({"source": "other.csv"})
        Traceback (most recent call last):
        magical.errors.UsageError: ... answers another question: source churn.csv.
        ...
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def check(self, question: Mapping[str, str]) -> None:
        """Check that the folder is free, or has a fit of the same question whose files nobody edited.

        Args:
            question: what makes two fits versions of one model, such as the source and the target.

        Raises:
            UsageError: it has something else, which is left alone.
        """
        if not os.path.lexists(self.root):
            return
        place, note = os.path.relpath(self.root), self._read_note()
        if note is None:
            raise UsageError(f"{place} is there, and magical fit did not write it.", hint="add --name NAME.")
        if other := [f"{k} {v}" for k, v in note["question"].items() if v != question.get(k)]:
            raise UsageError(
                f"{place} answers another question: {join_names(other)}.",
                hint="add --name NAME for this one.",
            )
        if edited := list(self._find_edited(note["files"])):
            raise UsageError(
                f"{place} was edited since magical fit wrote it: {join_names(edited, 3)}.",
                hint=f"go on with magical run --project {place}; or add --name NAME for another fit.",
            )

    def write(self, texts: Mapping[str, str], question: Mapping[str, str]) -> None:
        """Write the files that are new or differ; the results of earlier fits in the folder stay.

        Raises:
            StoreError: a file cannot be written.
        """
        files: dict[str, list[str]] = (self._read_note() or {"files": {}})["files"]
        for name, text in texts.items():
            files[name] = list(dict.fromkeys([*files.get(name, ()), _digest(text.encode())]))
        note = json.dumps({"question": dict(question), "files": files}, indent=1)
        if not self.root.exists():
            with wrap_disk_errors(self.root):
                self.root.parent.mkdir(parents=True, exist_ok=True)
            write_files(self.root, {**texts, _NOTE: note})
            return
        # The note comes first: after a kill each file is as some fit wrote it, so that none looks edited.
        write_text(self.root / _NOTE, note)
        for name, text in texts.items():
            path = self.root / name
            if not path.is_file() or path.read_bytes() != text.encode():
                write_text(path, text)

    def _read_note(self) -> dict[str, Any] | None:
        """Read the note; None if the folder has none."""
        return read_state(
            self.root / _NOTE,
            lambda note: {"question": dict(note["question"]), "files": dict(note["files"])},
        )

    def _find_edited(self, files: Mapping[str, list[str]]) -> Iterator[str]:
        """Yield the files of code and settings that differ from all that a fit wrote."""
        for path in sorted(p for p in self.root.rglob("*") if p.suffix in _CODE and p.is_file()):
            name = path.relative_to(self.root)
            if not name.parts[0].startswith(".") and _digest(path.read_bytes()) not in files.get(
                name.as_posix(), ()
            ):
                yield name.as_posix()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
