"""The cache of drawn graphs: planning needs no import of the project until one of its files changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from magical.errors import StoreError
from magical.graph import Graph
from magical.keys.key import KEY_FORMAT, NodeIdentity
from magical.keys.packages import digest_installed, digest_keyed_code
from magical.keys.source_index import iter_sources
from magical.project.loading.configuration import Configuration
from magical.settings import CommandLineText, to_json
from magical.settings.paths import ReplacementGroup
from magical.system.atomic_files import write_text
from magical.system.state_files import read_state, refuse_links

__all__ = [
    "DrawnWorkflow",
    "GraphCache",
    "digest_outside_code",
    "find_differences",
    "project_digest",
    "track_added_paths",
]

_ADDED_PATHS: set[str] = set()


@dataclass(frozen=True)
class DrawnWorkflow:
    """A drawn workflow as far as planning needs it.

    Attributes:
        graph: the graph; a graph from the cache has no code.
        identities: the parts of each node's key.
        settings: as JSON.
        setting_layers: for each setting, the layer that set it.
        file_digests: the digests of code outside the project's folder that drawing depends on.
        asks: for each module that asks the world when it is imported, the place and the text that does.
        unstable: the names of values that differed at two imports in a row, each with its steps.
        explored: descriptions of the settings that are other than in production.

    Example:
        >>> DrawnWorkflow(Graph("shop", ()), {}, {}, file_digests={"no/such/file.csv": "ab12"}).is_current()
        False
    """

    graph: Graph
    identities: Mapping[str, NodeIdentity]
    settings: dict[str, Any]
    setting_layers: Mapping[str, str] = field(default_factory=dict)
    file_digests: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, str] = field(default_factory=dict)
    unstable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    explored: tuple[str, ...] = ()

    @property
    def can_be_remembered(self) -> bool:
        """True if the same files draw the same, so that the project need not be imported to know it."""
        return not self.asks

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
            facts = (data["settings"], data["spoken"], data["other"], data["asks"])
            drawn = DrawnWorkflow(graph, identities, *facts, explored=tuple(data["explored"]))
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
            "asks": dict(drawn.asks),
            "explored": drawn.explored,
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


def find_differences(old: DrawnWorkflow, new: DrawnWorkflow) -> dict[str, tuple[str, ...]]:
    """Name what differs between two drawings of a workflow, each with the steps that it belongs to.

    Example:
        >>> drawn = DrawnWorkflow(Graph("shop", ()), {"clean": NodeIdentity({"code:helpers.NOW": "1"})}, {})
        >>> later = DrawnWorkflow(Graph("shop", ()), {"clean": NodeIdentity({"code:helpers.NOW": "2"})}, {})
        >>> find_differences(drawn, later)
        {'helpers.NOW': ('clean',)}
    """
    if new.graph != old.graph:
        return {f"What {new.graph.workflow} draws": tuple(n.name for n in new.graph.nodes)}
    found: dict[str, tuple[str, ...]] = {}
    for node, identity in new.identities.items():
        before, after = old.identities[node].parts, identity.parts
        for label in {**before, **after}:
            if before.get(label) != after.get(label):
                name = label.partition(":")[2] or label
                found[name] = (*found.get(name, ()), node)
    return found


def digest_outside_code(modules: Iterable[ModuleType], root: Path) -> dict[str, str]:
    """Compute the digests of project code that is not found in the project's folder.

    Example:
        >>> json.__file__ in digest_outside_code([json], Path("/shop"))
        True
    """
    inside = {*_find_sources(root)}
    files = {Path(str(m.__file__)) for m in modules if getattr(m, "__file__", None)} - inside
    # A folder that the project added counts by the names of its modules: a new one may hide another.
    folders = {Path(p) for p in _ADDED_PATHS if Path(p) != root}
    return {str(f): _file_digest(f) for f in sorted({*files, *folders})}


def project_digest(configuration: Configuration, place: str) -> str:
    """Compute the digest of all that drawing depends on: files, overrides, profile, installed packages.

    Args:
        configuration: its files are digested as they were read, since the settings come from these bytes.
        place: the module and name of the workflow, and which of its steps are pretended.
    """
    root, overrides = configuration.root, configuration.overrides
    folder = os.getcwd() if overrides else ""  # a path on the command line is relative to it
    digest = hashlib.sha256(
        f"{KEY_FORMAT}\n{root}\n{place}\n{configuration.profile}\n{folder}\n{sys.flags.optimize}\n".encode()
    )
    # In their order, since a body may see the order of a dictionary among them.
    digest.update(json.dumps(to_json(overrides, _encode_override)).encode())
    digest.update(json.dumps(to_json(configuration.deployment)).encode())
    digest.update("\n".join([digest_installed(), digest_keyed_code(), *_import_path(root)]).encode())
    for path in sorted(_find_sources(root)):
        content = configuration.contents.get(path)
        hexdigest = _file_digest(path) if content is None else hashlib.sha256(content).hexdigest()
        digest.update(f"{path.relative_to(root)} {hexdigest}\n".encode())
    return digest.hexdigest()[:40]


def _import_path(root: Path) -> list[str]:
    """Return the import path without the start folders and the folders that a project added.

    The start folders are the working folder and the script's: they depend on how Python was started. A folder
    without installed packages comes with the names of its modules: a new one may hide another.
    """
    start_folders = {os.getcwd(), os.path.dirname(os.path.abspath((sys.argv or [""])[0]))}
    folders = [p for p in map(os.path.abspath, sys.path) if p not in start_folders | _ADDED_PATHS]
    installed = (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), str(root))
    return [*folders, *(name for p in folders if not p.startswith(installed) for name in _list_modules(p))]


def _list_modules(folder: str) -> list[str]:
    """List the modules and packages that a folder of the import path offers."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                e.path for e in entries if e.name.endswith(".py") or (e.name.isidentifier() and e.is_dir())
            )
    except OSError:
        return []


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
    """Find the project's modules and settings."""
    yield from (p for p in (root / "pyproject.toml", root / "settings.toml") if p.is_file())
    yield from (root / "profiles").glob("*.toml")
    yield from iter_sources(root)


def _file_digest(path: Path) -> str:
    """Compute the digest of a file, or of the modules' names in a folder; empty if unreadable."""
    if path.is_dir():
        return hashlib.sha256("\n".join(_list_modules(str(path))).encode()).hexdigest()
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
