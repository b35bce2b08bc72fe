"""The cache of drawn graphs: planning needs no import of the project until one of its files changes."""

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
from magical.system.state_files import read_state, refuse_links

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
        graph: the graph; a graph from the cache has no code.
        identities: the parts of each node's key.
        settings: as JSON.
        setting_layers: for each setting, the layer that set it.
        file_digests: the digests of files outside the project's own modules that drawing depends on.

    Example:
        >>> DrawnWorkflow(Graph("shop", ()), {}, {}, file_digests={"no/such/file.csv": "ab12"}).is_current()
        False
    """

    graph: Graph
    identities: Mapping[str, NodeIdentity]
    settings: dict[str, Any]
    setting_layers: Mapping[str, str] = field(default_factory=dict)
    file_digests: Mapping[str, str] = field(default_factory=dict)

    def is_current(self) -> bool:
        """Return True if no file outside the project's own modules has changed."""
        return all(_file_digest(Path(path)) == digest for path, digest in self.file_digests.items())


class GraphCache:
    """Stores drawn graphs in a folder, under the digest of all that drawing depends on.

    Example:
        >>> import tempfile
        >>> cache = GraphCache(Path(tempfile.mkdtemp()))
        >>> cache.save("ab12", DrawnWorkflow(Graph("shop", ()), {}, {}))
        >>> cache.load("ab12").graph.workflow, cache.load("cd34")
        ('shop', None)
    """

    KEPT = 32

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, digest: str) -> DrawnWorkflow | None:
        """Load the graph of a digest; None if it is missing, damaged or not current."""

        def build(data: dict[str, Any]) -> DrawnWorkflow | None:
            # A file that was edited or cut by a full disk must not decide what is fresh.
            if data.pop("digest") != _digest(json.dumps(data)):
                return None
            identities = {k: NodeIdentity.from_json(v) for k, v in data["identities"].items()}
            graph = Graph.from_json(data["graph"])
            drawn = DrawnWorkflow(graph, identities, data["settings"], data["spoken"], data["other"])
            return drawn if drawn.is_current() else None

        return read_state(self.folder / f"{digest}.json", build, self.folder)

    def save(self, digest: str, drawn: DrawnWorkflow) -> None:
        """Store a drawn graph, and delete the oldest ones; disk errors are ignored."""
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
            refuse_links(self.folder, self.folder)
            write_text(path, text)
            # The new file is left out: after the clock was set back, it would be the oldest.
            others = {p: p.lstat().st_mtime for p in self.folder.glob("*.json") if p != path}
            for old in sorted(others, key=lambda p: others[p], reverse=True)[self.KEPT - 1 :]:
                old.unlink(missing_ok=True)


def find_difference(drawn: DrawnWorkflow, graph: Graph, mark_pretended: Callable[[Graph], Graph]) -> str:
    """Name the first difference between a cached workflow and a new drawing of it; empty if they are equal.

    Args:
        drawn: the workflow from the cache.
        graph: the new drawing; no file has changed since the cached one.
        mark_pretended: returns a graph with its pretended steps marked.

    Example:
        >>> find_difference(DrawnWorkflow(Graph("shop", ()), {}, {}), Graph("shop", ()), lambda graph: graph)
        ''
    """
    if graph != drawn.graph:
        return f"What {graph.workflow} draws"
    for node, identity in identify_nodes(mark_pretended(graph)).items():
        old, new = drawn.identities[node].parts, identity.parts
        for label in {**old, **new}:
            if old.get(label) != new.get(label):
                return label.partition(":")[2] or label
    return ""


def digest_other_files(
    identities: Mapping[str, NodeIdentity], read: Iterable[str], root: Path
) -> dict[str, str]:
    """Compute the digests of the files that drawing depends on besides the project's own modules.

    Args:
        identities: the identities of the nodes, with their code files, also those in editable packages.
        read: the files that were read while the project was imported.
        root: the project's folder.

    Example:
        >>> digest_other_files({}, ["no/such/file.csv"], Path("shop"))
        {'no/such/file.csv': ''}
    """
    code = {f for i in identities.values() for f in i.code_files if not Path(f).is_relative_to(root)}
    return {f: _file_digest(Path(f)) for f in sorted({*code, *read})}


def project_digest(configuration: Configuration, place: str) -> str:
    """Compute the digest of all that drawing depends on: files, overrides, profile, installed packages.

    Args:
        configuration: its files are digested as they were read, since the settings come from these bytes.
        place: the module and name of the workflow, and which of its steps are pretended.
    """
    root, overrides = configuration.root, configuration.overrides
    folder = os.getcwd() if overrides else ""  # a path on the command line is relative to it
    digest = hashlib.sha256(f"{KEY_FORMAT}\n{root}\n{place}\n{configuration.profile}\n{folder}\n".encode())
    digest.update(json.dumps(to_json(overrides, _encode_override), sort_keys=True).encode())
    digest.update("\n".join([digest_installed(), *_import_path()]).encode())
    for path in sorted(_find_sources(root)):
        content = configuration.contents.get(path)
        hexdigest = _file_digest(path) if content is None else hashlib.sha256(content).hexdigest()
        digest.update(f"{path.relative_to(root)} {hexdigest}\n".encode())
    return digest.hexdigest()[:40]


def _import_path() -> list[str]:
    """Return the import path without the start folders and the folders that a project added.

    The start folders are the working folder and the script's: they depend on how Python was started.
    """
    start_folders = {os.getcwd(), os.path.dirname(os.path.abspath((sys.argv or [""])[0]))}
    return [p for p in map(os.path.abspath, sys.path) if p not in start_folders | _ADDED_PATHS]


@contextlib.contextmanager
def track_added_paths() -> Iterator[None]:
    """Note the folders that a project adds to the import path while a block imports it."""
    # The digest omits them: they follow from the code, and in a new process they are not added yet.
    before = set(map(os.path.abspath, sys.path))
    try:
        yield
    finally:
        _ADDED_PATHS.update(set(map(os.path.abspath, sys.path)) - before)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _encode_override(value: Any) -> Any:
    """Encode an override with a mark of its type, which plain JSON would lose.

    For example, a path on the command line is relative to another folder than a path in the settings.
    """
    if isinstance(value, ReplacementGroup):
        return {"whole": {name: to_json(item, _encode_override) for name, item in value.items()}}
    return {"line": str(value)} if isinstance(value, CommandLineText) else NotImplemented


def _find_sources(root: Path) -> Iterator[Path]:
    """Find the project's modules and settings; hidden folders and virtual environments are left out."""
    yield from (p for p in (root / "pyproject.toml", root / "settings.toml") if p.is_file())
    yield from (root / "profiles").glob("*.toml")
    for folder, names, files in os.walk(root):
        visible = [n for n in names if not n.startswith(".") and n not in _SKIPPED_FOLDERS]
        names[:] = [n for n in visible if not Path(folder, n, "pyvenv.cfg").exists()]
        yield from (Path(folder, f) for f in files if f.endswith(".py"))


def _file_digest(path: Path) -> str:
    """Compute the digest of a file; empty if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


_thread_files = threading.local()
_hook_lock = threading.Lock()
_state = {"hooked": False}


@contextmanager
def record_file_reads() -> Iterator[set[str]]:
    """Record the data files that this thread opens for reading, without code, system and installed files.

    Example:
        >>> with record_file_reads() as read:
        ...     _ = Path("settings.toml").exists()
        >>> read
        set()
    """
    with _hook_lock:  # an audit hook cannot be removed, so there must be one only
        if not _state["hooked"]:
            sys.addaudithook(_record_opened_file)
            _state["hooked"] = True
    found: set[str] = set()
    _thread_files.files = found
    try:
        yield found
    finally:
        _thread_files.files = None
        ignored = (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), "/proc", "/sys", "/dev")
        found -= {
            f for f in found if f.startswith(ignored) or f.endswith((".pyc", ".py")) or not Path(f).is_file()
        }


def _record_opened_file(event: str, arguments: tuple[Any, ...]) -> None:
    """Add a file that is opened for reading to the set of this thread; the audit hook of Python."""
    files = getattr(_thread_files, "files", None) if event == "open" else None
    if files is None:
        return
    path, mode = arguments[0], arguments[1]
    if isinstance(path, (str, Path)) and (mode is None or "r" in mode):
        files.add(str(Path.cwd() / path))
