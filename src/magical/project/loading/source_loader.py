"""Load project code from its source, and notice where a file is another by now than the code it gave."""

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
from magical.system.processes import process_start_time

__all__ = ["FreshLoader", "drop_stale_modules", "has_changed_outside", "install_outside_finder", "is_test"]

_INSTALL_FOLDERS = ("site-packages", "dist-packages")

_CLOCK_TOLERANCE = 2.0
"""Seconds by which the clocks of a disk and of this machine may differ."""


class FreshLoader(importlib.machinery.SourceFileLoader):
    """Compiles from source each time: bytecode is trusted by a file's time, which an edit may not move."""

    digest = ""

    def get_code(self, fullname: str) -> CodeType:
        """Give a module's code, and note what it was made from."""
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
    """Lets the other finders find, and has project code loaded from its source wherever it lies."""

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
    """From here on load all project code from its source, and remember what that was."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    sys.meta_path.insert(0, _finder)


def has_changed_outside() -> bool:
    """Whether a file outside the project's folder is another by now than the code that was loaded from it."""
    return any(
        isinstance(getattr(module, "__loader__", None), _OutsideLoader) and _is_stale(module)
        for _, module in _find_outside_modules(None)
    )


def drop_stale_modules(root: Path, dropped: set[str]) -> None:
    """Drop the modules of project code outside the project's folder that are old, and all that import them.

    What is as it was stays: it is imported once, however often the project is. So do tests that
    pytest is running.

    Args:
        root: the project's folder.
        gone: the top names of the modules that were dropped already.
    """
    there: dict[str, list[tuple[str, ModuleType]]] = {}
    for name, module in _find_outside_modules(root):
        there.setdefault(name.partition(".")[0], []).append((name, module))
    old = dropped | {top for top, modules in there.items() if any(_is_stale(m) for _, m in modules)}
    imports = {top: _find_imports(modules) for top, modules in there.items()} if old else {}
    while more := {top for top, named in imports.items() if top not in old and named & old}:
        old |= more
    for top in old & set(there):
        for name, module in there[top]:
            _drop_module(name, module)


def is_test(module: ModuleType) -> bool:
    """Whether pytest loaded a module to run its tests, which look it up by its name until they end."""
    return type(getattr(module, "__loader__", None)).__module__.startswith("_pytest.")


def _find_outside_modules(root: Path | None) -> Iterator[tuple[str, ModuleType]]:
    """The modules of project code, without those in a folder, our own, tests, and those under way."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not _is_possible_code(name, file) or not is_project(module):
            continue
        if root is not None and Path(file).is_relative_to(root):
            continue
        if is_test(module):
            continue
        if not getattr(getattr(module, "__spec__", None), "_initializing", False):
            yield name, module


def _is_possible_code(name: str, file: str) -> bool:
    """Whether a file may be project code: a look at its name, since there are thousands."""
    if not file.endswith(".py") or name.partition(".")[0] in ("magical", "__main__", "__mp_main__"):
        return False
    return not file.startswith(_STDLIB_FOLDER) and not any(word in file for word in _INSTALL_FOLDERS)


_STDLIB_FOLDER = os.path.dirname(os.__file__) + os.sep


def _is_stale(module: ModuleType) -> bool:
    """Whether a module's file has changed since it was loaded; or may have, where nobody saw it loaded."""
    file, loader = Path(str(module.__file__)), getattr(module, "__loader__", None)
    try:
        if isinstance(loader, FreshLoader):
            return sha256(file.read_bytes()).hexdigest() != loader.digest
        return file.stat().st_ctime > process_start_time() - _CLOCK_TOLERANCE
    except OSError:
        return True


def _find_imports(modules: Sequence[tuple[str, ModuleType]]) -> set[str]:
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
    """The top names of what a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return frozenset(found)


def _drop_module(name: str, module: ModuleType) -> None:
    sys.modules.pop(name, None)
    above, _, last = name.rpartition(".")
    parent = sys.modules.get(above)
    if parent is not None and vars(parent).get(last) is module:  # a folder without __init__.py stays
        delattr(parent, last)
