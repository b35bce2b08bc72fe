"""The record of a run: what ``magical runs RUN --json`` says, and all that ``reproduce`` needs elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from magical.engine.artifacts import Record
from magical.engine.journal import Journal, RunSummary
from magical.engine.ports import Store
from magical.errors import MagicalError, StoreError, UsageError, shorten
from magical.listeners.summary import runs_json
from magical.project.drawing import Drawing
from magical.settings.secrets import without_masks

__all__ = ["FORMAT", "Recorded", "portable", "portable_parts", "read_record", "record_of", "records_of"]

FORMAT = 1
"""Changed when a record of an earlier release can no longer be compared with."""

_NEEDED: dict[str, type] = {"format": int, "run": str, "workflow": str, "settings": dict, "steps": dict}
_LONG = ("gives", "takes:", "examples")
_ABSOLUTE = re.compile(r"(?<![\w.:/~-])/(?:[^\s/'\",:;()]+/)+([^\s/'\",:;()]*)")


class Recorded(Protocol):
    """The part of a project that a record needs."""

    @property
    def root(self) -> Path:
        """Its folder."""

    @property
    def store(self) -> Store:
        """Where its artifacts live."""

    @property
    def journal(self) -> Journal:
        """Where its runs are told."""

    def draw(self, line: Mapping[str, Any]) -> Drawing:
        """Draw its workflow."""


def record_of(project: Recorded, run: str) -> dict[str, Any]:
    """Give the record of a run: what the list of runs says of it, and of each step its key and result.

    Args:
        project: where the run was.
        run: its name, the beginning of it, or ``last``.

    Raises:
        UsageError: there is no such run.
    """
    summary = project.journal.read(project.journal.find(run))
    (said,) = runs_json([summary], project.store.size)
    with contextlib.suppress(MagicalError):  # a model may need the project's modules to be read
        _ = project.draw(without_masks(summary.settings)).living
    steps = dict(_steps(project, summary))
    record = {**said, "format": FORMAT, "steps": steps}
    record["failed"] = {n: _without_paths(t, project.root) for n, t in summary.failed.items()}
    record["settings"] = _settings(summary.settings, project.root)
    return record


def records_of(project: Recorded, keys: Mapping[str, str]) -> dict[str, Record]:
    """Give what the store has of the nodes of a run, in their order."""
    found = ((name, project.store.record(key)) for name, key in keys.items())
    return {name: record for name, record in found if record is not None}


def read_record(path: Path) -> dict[str, Any]:
    """Read a record that was written into a file.

    Raises:
        UsageError: it is none, or of another format.
    """
    hint = "write one: magical runs RUN --json > record.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise UsageError(f"{path.name} is no record of a run: {reason}.", hint=hint) from None
    if not isinstance(found, dict) or not {"run", "settings"} <= found.keys():
        raise UsageError(f"{path.name} is no record of a run.", hint=hint)
    if found.get("format", FORMAT) != FORMAT:
        raise UsageError(
            f"{path.name} is a record of format {shorten(found['format'], 20)}; this magical reads {FORMAT}.",
            hint="reproduce it with the release that wrote it, or write it again.",
        )
    odd = [name for name, kind in _NEEDED.items() if not isinstance(found.get(name), kind)]
    if odd or not all(isinstance(step, dict) for step in found["steps"].values()):
        raise UsageError(
            f"{path.name} is no whole record: {', '.join(odd) or 'steps'} is missing.", hint=hint
        )
    return found


def portable(value: Any, root: Path) -> Any:
    """Give a value with the paths in the project made relative to it; a file elsewhere, too.

    Example:
        >>> portable({"source": "/shop/data/x.csv"}, Path("/shop"))
        {'source': 'data/x.csv'}
    """
    if isinstance(value, Mapping):
        return {name: portable(item, root) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(item, root) for item in value]
    if not isinstance(value, str):
        return value
    if os.path.isabs(value) and "\n" not in value and os.path.isfile(value):
        return os.path.relpath(value, root)
    return _from_root(value, root)


def portable_parts(parts: Mapping[str, str], root: Path) -> dict[str, str]:
    """Give the parts of a key as a record has them: contracts as digests, paths relative to the project."""
    return {
        label: hashlib.sha256(text.encode()).hexdigest()[:32]
        if label.startswith(_LONG)
        else str(portable(text, root))
        for label, text in parts.items()
    }


def _steps(project: Recorded, run: RunSummary) -> Iterator[tuple[str, dict[str, Any]]]:
    records = records_of(project, run.keys)
    fingerprint = _fingerprint(project, records)
    nodes = run.facts.get("nodes") or list({**run.keys, **run.begun, **run.failed, **run.left_out})
    for name in nodes:
        record, key = records.get(name), run.keys.get(name, "")
        said: dict[str, Any] = {"state": _state(run, name)}
        if name in run.left_out:
            said["reason"] = run.left_out[name]
        if key:
            said |= {"key": key, "content": run.contents.get(name, "")}
        if record is not None:
            said |= {
                "step": record.step,
                "origin": list(record.origin),
                "parts": portable_parts(record.parts, project.root),
                "result": fingerprint(name, record),
            }
        yield name, said


def _fingerprint(
    project: Recorded, records: Mapping[str, Record]
) -> Callable[[str, Record], dict[str, Any] | None]:
    if not records:
        return lambda name, record: None
    from magical.project.fingerprints import Fingerprints
    from magical.project.judging import judges

    made = Fingerprints(project.store, judges(records), str(project.root))

    def give(name: str, record: Record) -> dict[str, Any] | None:
        try:
            return made.of(name, record.result)
        except StoreError:  # swept or damaged meanwhile: its content is still known by name
            return None

    return give


def _state(run: RunSummary, name: str) -> str:
    if name in run.keys:
        return "ran" if name in run.executed else "fresh"
    if name in run.failed:
        return "failed"
    if name in run.pending:
        return "pending"
    if name in run.left_out:
        return "left out"
    return "was under way" if name in run.begun else "not begun"


def _settings(settings: Mapping[str, Any], root: Path) -> dict[str, Any]:
    found: dict[str, Any] = portable(settings, root)
    return found


def _without_paths(text: str, root: Path) -> str:
    """A message for readers elsewhere: of a path on this machine the last part is left."""
    return _ABSOLUTE.sub(r"…/\1", _from_root(text, root))


def _from_root(text: str, root: Path) -> str:
    here = str(root)
    if here == os.sep or here not in text:
        return text
    return re.sub(rf"(?<![\w.~-]){re.escape(here)}(?:{re.escape(os.sep)}|(?![\w.-]))", "", text) or "."
