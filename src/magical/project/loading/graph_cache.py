"""The drawn graph, remembered: planning needs no import of the project until one of its files changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magical.errors import StoreError
from magical.graph import Graph
from magical.keys.key import KEY_FORMAT, NodeIdentity, identify_nodes
from magical.keys.packages import digest_installed
from magical.project.loading.configuration import Configuration
from magical.settings import CommandLineText, to_json
from magical.settings.paths import ReplacementGroup
from magical.system.atomic_files import write_text

__all__ = [
    "DrawnWorkflow",
    "GraphCache",
    "digest_other_files",
    "find_difference",
    "project_digest",
    "record_file_reads",
    "track_added_paths",
]

_ADDED_PATHS: set[str] = set()

_SKIPPED_FOLDERS = {"node_modules", "__pycache__", "site-packages"}


@dataclass(frozen=True)
class DrawnWorkflow:
    """A drawn workflow as far as planning needs it.

    Attributes:
        graph: living, or read back.
        identities: of its nodes.
        settings: as JSON.
        spoken: for each setting, which layer had the last word.
        other: what drawing depends on beside the project's own modules, with their digests.
    """

    graph: Graph
    identities: Mapping[str, NodeIdentity]
    settings: dict[str, Any]
    setting_layers: Mapping[str, str] = field(default_factory=dict)
    file_digests: Mapping[str, str] = field(default_factory=dict)

    def is_current(self) -> bool:
        """Whether what it depends on beside the project's own modules is what it was."""
        return all(_file_digest(Path(path)) == digest for path, digest in self.file_digests.items())


class GraphCache:
    """Keeps drawn graphs under the digest of all that drawing depends on.

    Args:
        folder: where they are kept.
    """

    KEPT = 32

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, digest: str) -> DrawnWorkflow | None:
        """Give the graph drawn under a digest, unless something else it depends on has changed."""
        try:
            data = json.loads((self.folder / f"{digest}.json").read_text(encoding="utf-8"))
            if data.pop("digest") != _digest(json.dumps(data)):
                return None
            identities = {k: NodeIdentity.from_json(v) for k, v in data["identities"].items()}
            graph = Graph.from_json(data["graph"])
            found = DrawnWorkflow(graph, identities, data["settings"], data["spoken"], data["other"])
            return found if found.is_current() else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, digest: str, drawn: DrawnWorkflow) -> None:
        """Keep a drawn graph, and forget the oldest ones."""
        data = {
            "graph": drawn.graph.to_json(),
            "identities": {k: v.to_json() for k, v in drawn.identities.items()},
            "settings": drawn.settings,
            "spoken": dict(drawn.setting_layers),
            "other": dict(drawn.file_digests),
        }
        text = json.dumps({"digest": _digest(json.dumps(data)), **data})
        path = self.folder / f"{digest}.json"
        with suppress(StoreError, OSError):  # a full or read-only disk: it is drawn again each time
            write_text(path, text)
            others = {p: p.stat().st_mtime for p in self.folder.glob("*.json") if p != path}
            for old in sorted(others, key=lambda p: others[p], reverse=True)[self.KEPT - 1 :]:
                old.unlink(missing_ok=True)


def find_difference(drawn: DrawnWorkflow, graph: Graph, pretence: Callable[[Graph], Graph]) -> str:
    """Name what of a remembered drawing is another now, although no file has changed, if anything is.

    Args:
        drawn: as it was remembered.
        graph: drawn anew.
        pretence: what is made up of it.
    """
    if graph != drawn.graph:
        return f"What {graph.workflow} draws"
    for node, identity in identify_nodes(pretence(graph)).items():
        old, new = drawn.identities[node].parts, identity.parts
        for label in {**old, **new}:
            if old.get(label) != new.get(label):
                return label.partition(":")[2] or label
    return ""


def digest_other_files(
    identities: Mapping[str, NodeIdentity], read: Iterable[str], root: Path
) -> dict[str, str]:
    """Give the digests of what drawing depends on beside the project's own modules.

    Args:
        identities: their code may stand in editable packages.
        read: the files that were read while the project was imported.
        root: the project's folder.
    """
    code = {f for i in identities.values() for f in i.code_files if not Path(f).is_relative_to(root)}
    return {f: _file_digest(Path(f)) for f in sorted({*code, *read})}


def project_digest(configuration: Configuration, place: str) -> str:
    """Digest all that drawing depends on: the project's files, overrides, profile, and what can be imported.

    Args:
        configuration: its files count as they were read: what is drawn comes from these same bytes.
        place: where the workflow is written, and what is pretended of it.
    """
    root, overrides = configuration.root, configuration.overrides
    folder = os.getcwd() if overrides else ""
    digest = hashlib.sha256(f"{KEY_FORMAT}\n{root}\n{place}\n{configuration.profile}\n{folder}\n".encode())
    digest.update(json.dumps(to_json(overrides, _encode_line_value), sort_keys=True).encode())
    digest.update("\n".join([digest_installed(), *_import_path()]).encode())
    for path in sorted(_find_sources(root)):
        text = configuration.contents.get(path)
        found = _file_digest(path) if text is None else hashlib.sha256(text).hexdigest()
        digest.update(f"{path.relative_to(root)} {found}\n".encode())
    return digest.hexdigest()[:40]


def _import_path() -> list[str]:
    """Where modules are looked for, without the folder that the way of starting Python puts first."""
    first = {os.getcwd(), os.path.dirname(os.path.abspath((sys.argv or [""])[0]))}
    return [place for place in map(os.path.abspath, sys.path) if place not in first | _ADDED_PATHS]


@contextlib.contextmanager
def track_added_paths() -> Iterator[None]:
    """While a project is imported: where it adds to the path itself depends on nothing but its own code."""
    before = set(map(os.path.abspath, sys.path))
    try:
        yield
    finally:
        _ADDED_PATHS.update(set(map(os.path.abspath, sys.path)) - before)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _encode_line_value(value: Any) -> Any:
    """A path on the line and one given from Python are two paths with one text; so is what stands for all."""
    if isinstance(value, ReplacementGroup):
        return {"whole": {name: to_json(item, _encode_line_value) for name, item in value.items()}}
    return {"line": str(value)} if isinstance(value, CommandLineText) else NotImplemented


def _find_sources(root: Path) -> Iterator[Path]:
    yield from (p for p in (root / "pyproject.toml", root / "settings.toml") if p.is_file())
    yield from (root / "profiles").glob("*.toml")
    for folder, names, files in os.walk(root):
        names[:] = [
            n
            for n in names
            if not n.startswith(".")
            and n not in _SKIPPED_FOLDERS
            and not Path(folder, n, "pyvenv.cfg").exists()
        ]
        yield from (Path(folder, f) for f in files if f.endswith(".py"))


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


_thread_files = threading.local()

_hook_lock = threading.Lock()

_state = {"hooked": False}


@contextmanager
def record_file_reads() -> Iterator[set[str]]:
    """Collect the files that this thread opens for reading; Python's own and installed ones are left out.

    Example:
        >>> with record_file_reads() as read:
        ...     _ = Path("settings.toml").exists()
        >>> read
        set()
    """
    with _hook_lock:
        if not _state["hooked"]:
            sys.addaudithook(_record_opened_file)
            _state["hooked"] = True
    found: set[str] = set()
    _thread_files.files = found
    try:
        yield found
    finally:
        _thread_files.files = None
        own = (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), "/proc", "/sys", "/dev")
        found -= {
            f for f in found if f.startswith(own) or f.endswith((".pyc", ".py")) or not Path(f).is_file()
        }


def _record_opened_file(event: str, arguments: tuple[Any, ...]) -> None:
    files = getattr(_thread_files, "files", None) if event == "open" else None
    if files is None:
        return
    path, mode = arguments[0], arguments[1]
    if isinstance(path, (str, Path)) and (mode is None or "r" in mode):
        files.add(str(Path.cwd() / path))
