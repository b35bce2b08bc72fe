"""The loading of project code from source, and the detection of modules older than their files."""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import os
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType

from magical.keys.packages import is_project
from magical.python_parser import parse_python
from magical.system.processes import process_start_time

__all__ = ["FreshLoader", "drop_stale_modules", "has_changed_outside", "install_outside_finder", "is_test"]

_INSTALL_FOLDERS = ("site-packages", "dist-packages")

_CLOCK_TOLERANCE = 2.0
"""Seconds by which the clocks of a disk and of this machine may differ."""


class FreshLoader(importlib.machinery.SourceFileLoader):
    """Compiles from source each time: Python trusts bytecode by a file's time, which an edit may not change.

    Attributes:
        digest: the digest of the source that was compiled; empty before.
    """

    digest = ""

    def get_code(self, fullname: str) -> CodeType:
        """Compile a module, and note the digest of its source."""
        path = self.get_filename(fullname)
        try:
            text = self.get_data(path)
            self.digest = sha256(text).hexdigest()
            code: CodeType = self.source_to_code(text, path)
        except SyntaxError as error:
            error.filename = error.filename or path
            raise
        return code


class _OutsideLoader(FreshLoader):
    """Loads project code that lies outside the project's folder, such as an editable package."""


class _OutsideFinder:
    """Asks the other finders, and replaces their loader for project code outside the project's folder."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if type(spec.loader) is importlib.machinery.SourceFileLoader and spec.origin:
                    probe = ModuleType(name)
                    probe.__file__ = spec.origin
                    if _is_possible_code(name, spec.origin) and is_project(probe):
                        spec.loader = _OutsideLoader(name, spec.origin)
                return spec
        return None


_finder = _OutsideFinder()


def install_outside_finder() -> None:
    """Load all project code from its source from now on, with its digest."""
    # First in the path, also after another tool has put a finder before it.
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    sys.meta_path.insert(0, _finder)


def has_changed_outside() -> bool:
    """Return True if a file outside the project's folder has changed since its code was loaded."""
    return any(
        isinstance(getattr(module, "__loader__", None), _OutsideLoader) and _is_stale(module)
        for _, module in _find_outside_modules(None)
    )


def drop_stale_modules(root: Path, dropped: set[str]) -> None:
    """Drop the stale packages of project code outside the project's folder, and those that import them.

    Other packages stay imported, however often the project is, and so do the tests that pytest runs.

    Args:
        root: the project's folder.
        dropped: the top-level names of the modules that have been dropped.
    """
    packages: dict[str, list[tuple[str, ModuleType]]] = {}
    for name, module in _find_outside_modules(root):
        packages.setdefault(name.partition(".")[0], []).append((name, module))
    stale = dropped | {top for top, modules in packages.items() if any(_is_stale(m) for _, m in modules)}
    imports = {top: _find_imports(modules) for top, modules in packages.items()} if stale else {}
    # A package that imports a stale one has objects of it, and so on up the chain.
    while more := {top for top, imported in imports.items() if top not in stale and imported & stale}:
        stale |= more
    for top in stale & set(packages):
        for name, module in packages[top]:
            _drop_module(name, module)


def is_test(module: ModuleType) -> bool:
    """Return True if pytest loaded a module to run its tests, which look it up by its name until they end.

    Example:
        >>> is_test(ast)
        False
    """
    return type(getattr(module, "__loader__", None)).__module__.startswith("_pytest.")


def _find_outside_modules(root: Path | None) -> Iterator[tuple[str, ModuleType]]:
    """Find the loaded modules of project code, except those below ``root``, tests, and unfinished imports."""
    for name, module in sys.modules.copy().items():
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not _is_possible_code(name, file) or not is_project(module):
            continue
        if is_test(module) or (root is not None and Path(file).is_relative_to(root)):
            continue
        if not getattr(getattr(module, "__spec__", None), "_initializing", False):
            yield name, module


@functools.lru_cache(maxsize=2**15)
def _is_possible_code(name: str, file: str) -> bool:
    """Return True if a file may be project code; only names are compared, since thousands are loaded."""
    if not file.endswith(".py") or name.partition(".")[0] in ("magical", "__main__", "__mp_main__"):
        return False
    return not file.startswith(_STDLIB_FOLDER) and not any(word in file for word in _INSTALL_FOLDERS)


_STDLIB_FOLDER = os.path.dirname(os.__file__) + os.sep


def _is_stale(module: ModuleType) -> bool:
    """Return True if a module's file has, or may have, changed since it was loaded."""
    file, loader = Path(str(module.__file__)), getattr(module, "__loader__", None)
    try:
        if isinstance(loader, FreshLoader):
            return sha256(file.read_bytes()).hexdigest() != loader.digest
        # Loaded by another loader, so without a digest: only a file older than this process is safe.
        return file.stat().st_ctime > process_start_time() - _CLOCK_TOLERANCE
    except OSError:
        return True


def _find_imports(modules: Sequence[tuple[str, ModuleType]]) -> set[str]:
    """Find the top-level names that modules import; files that cannot be parsed are skipped."""
    found: set[str] = set()
    for _, module in modules:
        try:
            file = Path(str(module.__file__))
            found |= _parse_imports(file, file.stat().st_mtime_ns)
        except (OSError, SyntaxError, ValueError):
            continue
    return found


@functools.lru_cache(maxsize=4096)
def _parse_imports(file: Path, time: int) -> frozenset[str]:
    """Find the top-level names that a file imports, also inside functions; ``time`` is for the cache."""
    found: set[str] = set()
    for node in ast.walk(parse_python(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return frozenset(found)


def _drop_module(name: str, module: ModuleType) -> None:
    """Remove a module from Python's modules, and from its parent package."""
    sys.modules.pop(name, None)
    above, _, last = name.rpartition(".")
    parent = sys.modules.get(above)
    if parent is not None and vars(parent).get(last) is module:  # a folder without __init__.py stays
        delattr(parent, last)
