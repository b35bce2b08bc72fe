"""The modules that imports lead to."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from magical.keys.packages import is_project
from magical.keys.source_index import SourceIndex

__all__ = [
    "find_imported_modules",
    "find_module",
    "find_star_modules",
    "list_project_modules",
    "resolve_import",
]


def find_module(name: str) -> ModuleType | None:
    """Return a module that is imported already; import a project module that is not; None for others.

    Example:
        >>> find_module("json").__name__, find_module("no_such_module")
        ('json', None)
    """
    if name in sys.modules:
        return sys.modules[name]
    top = name.partition(".")[0]
    # find_spec() of a submodule imports its package; a third party's package may be slow to import.
    if top != name and top not in sys.modules and not is_project(_probe_module(top)):
        return None
    probe = _probe_module(name)
    return importlib.import_module(name) if probe.__file__ and is_project(probe) else None


def list_project_modules(root: Path | None, index: SourceIndex) -> tuple[ModuleType, ...]:
    """List the imported modules of a project's folder, and the other project code that they import, by name.

    Args:
        root: the project's folder; None for none.
        index: parses their sources.

    Example:
        >>> list_project_modules(None, SourceIndex())
        ()
    """
    loaded: list[Any] = list(sys.modules.values())  # anything can be put into it
    loaded = [m for m in loaded if isinstance(m, ModuleType)]
    waiting = [m for m in loaded if root is not None and _is_inside(m, root)]
    found: dict[str, ModuleType] = {}
    while waiting:
        module = waiting.pop()
        if module.__name__ in found or not _is_own_code(module):
            continue
        found[module.__name__] = module
        tree = index.parse(module)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                waiting += find_imported_modules(module, node)
    return tuple(found[name] for name in sorted(found))


def _is_inside(module: ModuleType, root: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.startswith(f"{root}{os.sep}") and _is_own_code(module)


def _is_own_code(module: ModuleType) -> bool:
    """Return True for code of the project: no script that opens it, and no test that pytest loaded."""
    name, loader = module.__name__, type(getattr(module, "__loader__", None)).__module__
    is_other = name in ("magical", "__main__") or name.startswith("magical.")
    return not is_other and not loader.startswith("_pytest") and is_project(module)


def find_imported_modules(module: ModuleType, statement: ast.Import | ast.ImportFrom) -> Iterator[ModuleType]:
    """Find the modules that a statement imports, and the packages around them, if they are loaded.

    Example:
        >>> here, statement = sys.modules[__name__], ast.parse("import os.path, nothing").body[0]
        >>> [module.__name__ for module in find_imported_modules(here, statement)]
        ['os', 'posixpath']
    """
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    else:
        base = _resolve_base(module, statement)
        names = [base, *(f"{base}.{alias.name}" for alias in statement.names)]
    for name in names:
        parts = name.split(".")
        around = (".".join(parts[: i + 1]) for i in range(len(parts)))
        yield from (sys.modules[n] for n in around if isinstance(sys.modules.get(n), ModuleType))


def resolve_import(
    module: ModuleType, statement: ast.stmt, chain: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the module that an import of the name ``chain[0]`` leads to, and the rest of the dotted name.

    Example:
        >>> statement = ast.parse("import os.path as p").body[0]
        >>> list(resolve_import(sys.modules[__name__], statement, ("p", "join")))
        [('os.path', ('join',))]
    """
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if (alias.asname or alias.name.split(".")[0]) == chain[0]:
                find_module(alias.name)  # for its effect: a project module is in sys.modules after this
                parts, rest = (alias.name if alias.asname else chain[0]).split("."), list(chain[1:])
                while rest and ".".join([*parts, rest[0]]) in sys.modules:
                    parts.append(rest.pop(0))
                yield ".".join(parts), tuple(rest)
    if isinstance(statement, ast.ImportFrom):
        base = _resolve_base(module, statement)
        for alias in statement.names:
            if (alias.asname or alias.name) == chain[0]:
                sub = _resolve_submodule(base, alias.name)
                yield (sub, chain[1:]) if sub else (base, (alias.name, *chain[1:]))


def find_star_modules(module: ModuleType, statements: list[ast.stmt]) -> Iterator[ModuleType]:
    """Find the modules that a module's ``from … import *`` statements take names from."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom):
            star = find_module(_resolve_base(module, statement))
            if star is not None:
                yield star


def _probe_module(name: str) -> ModuleType:
    """Create an empty module with the file and path of the named module, which is not imported."""
    probe = ModuleType(name)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    probe.__file__ = spec.origin if spec is not None else None
    if spec is not None and spec.submodule_search_locations is not None:
        probe.__path__ = list(spec.submodule_search_locations)
    return probe


def _resolve_base(module: ModuleType, statement: ast.ImportFrom) -> str:
    """Return the full name of the module that ``from … import`` names, also for a relative import."""
    base = statement.module or ""
    if not statement.level:
        return base
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    parent = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*parent, *([base] if base else [])])


def _resolve_submodule(base: str, name: str) -> str:
    """Return the full name of the module that ``from base import name`` imports; empty for other names."""
    package = find_module(base)
    # As Python does: an attribute of the package hides a submodule of that name.
    try:
        value = getattr(package, name)
        return value.__name__ if isinstance(value, ModuleType) else ""
    except AttributeError:
        pass
    except ImportError:  # of a name that the package refuses until something else is imported
        return ""
    sub = f"{base}.{name}"
    return sub if hasattr(package, "__path__") and find_module(sub) is not None else ""
