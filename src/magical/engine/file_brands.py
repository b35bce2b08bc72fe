"""The brands of files that steps wrote from what is not real: whoever reads one stands on a pretence, too."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from magical.errors import InputError
from magical.graph import Graph
from magical.input_files.local_files import has_wildcard, is_file_group, is_url, list_local_files
from magical.keys.key import NodeIdentity
from magical.settings import OutputPath, find_paths
from magical.system.atomic_files import write_text
from magical.system.state_files import read_state

__all__ = ["FileBrands", "find_file_writers"]


class FileBrands:
    """Keeps, for each branded file, the digest of its content and the pretended steps behind it.

    A file with another content has no brand: somebody has written it by hand, or by a step that is real.

    Args:
        folder: has a small file for each brand; None to keep none.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> brands, file = FileBrands(folder / "brands"), folder / "out.csv"
        >>> _ = file.write_text("made up")
        >>> brands.brand([file], ("orders",))
        >>> brands.find(file)
        ('orders',)
        >>> _ = file.write_text("real")
        >>> brands.find(file)
        ()
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, path: str | Path) -> tuple[str, ...]:
        """Return the pretended steps that a file stands on, or the files of a folder or pattern.

        There are none if it is real or does not exist.
        """
        if self._folder is None or not self._folder.is_dir():  # as in nearly all projects
            return ()
        if not is_url(path) and is_file_group(Path(path)):
            with contextlib.suppress(InputError):
                files = list_local_files(Path(path)).values()
                return tuple(dict.fromkeys(step for file in files for step in self.find(file)))
            return ()
        found = read_state(self._record(path), lambda d: (str(d["digest"]), tuple(map(str, d["origin"]))))
        with contextlib.suppress(OSError):
            if found is not None and found[0] == _digest(Path(path)):
                return found[1]
        return ()

    def brand(self, paths: Iterable[Path], origin: tuple[str, ...]) -> None:
        """Brand the files at some paths, and those in folders; without an origin they lose their brand.

        Raises:
            StoreError: a brand cannot be written.
        """
        if self._folder is None or not (origin or self._folder.is_dir()):
            return
        for path in paths:
            for file in _list_files(path):
                record = self._record(file)
                if origin:
                    brand = {"path": str(file), "digest": _digest(file), "origin": list(origin)}
                    write_text(record, json.dumps(brand))
                else:
                    record.unlink(missing_ok=True)

    @contextlib.contextmanager
    def branding(self, arguments: Mapping[str, Any], origin: tuple[str, ...]) -> Iterator[None]:
        """Brand what a body wrote to the output paths among its arguments, also if it raises half-way."""
        try:
            yield
        finally:
            self.brand((p for p in find_paths(arguments) if isinstance(p, OutputPath)), origin)

    def _record(self, path: str | Path) -> Path:
        assert self._folder is not None
        return self._folder / f"{hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:32]}.json"


def find_file_writers(graph: Graph, identities: Mapping[str, NodeIdentity]) -> dict[str, list[str]]:
    """Find for each node the other nodes that write a file which it reads, though no link says so.

    Example:
        >>> find_file_writers(Graph("empty", ()), {})
        {}
    """
    writers: dict[Path, list[str]] = {}
    for node in graph.nodes:
        for text in identities[node.name].output_files.values():
            writers.setdefault(Path(os.path.realpath(text)), []).append(node.name)
    found: dict[str, list[str]] = {}
    for name, identity in identities.items() if writers else ():
        for text in (p for paths in identity.argument_files.values() for p in paths):
            path = Path(os.path.realpath(text))
            places = [path, *path.parents]  # a step may write a whole folder
            places += [p for p in writers if _is_member(p, path)]
            for place in places:
                found.setdefault(name, []).extend(w for w in writers.get(place, ()) if w != name)
    return {name: nodes for name, nodes in found.items() if nodes}


def _is_member(file: Path, group: Path) -> bool:
    """Return True if a file, which need not exist yet, lies in a folder or matches a pattern."""
    return group in file.parents or (has_wildcard(group) and file.match(str(group)))


def _list_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield Path(path)
    elif path.is_dir():
        yield from (p for p in Path(path).rglob("*") if p.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
