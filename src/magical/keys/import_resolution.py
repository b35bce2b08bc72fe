"""Where an import leads to."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

from magical.keys.packages import is_project

__all__ = ["find_module", "find_star_modules", "resolve_import"]


def find_module(name: str) -> ModuleType | None:
    """Give a module; a project module that is only imported inside a function is imported now."""
    if name in sys.modules:
        return sys.modules[name]
    top = name.partition(".")[0]
    if top != name and top not in sys.modules and not is_project(_probe_module(top)):
        return None  # looking for a module in a package imports the package: a third party's is left alone
    found = _probe_module(name)
    return importlib.import_module(name) if found.__file__ and is_project(found) else None


def resolve_import(
    module: ModuleType, statement: ast.stmt, chain: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For an import that binds ``chain[0]``: the module it leads to, and what of the chain is left."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if (alias.asname or alias.name.split(".")[0]) == chain[0]:
                find_module(alias.name)
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
    """Give the modules that ``from … import *`` takes names from."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom):
            found = find_module(_resolve_base(module, statement))
            if found is not None:
                yield found


def _probe_module(name: str) -> ModuleType:
    """A module with nothing but its place, without importing it."""
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
    base = statement.module or ""
    if not statement.level:
        return base
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    parent = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*parent, *([base] if base else [])])


def _resolve_submodule(base: str, name: str) -> str:
    """The full name if ``from base import name`` gives a module; what the package binds comes first."""
    package = find_module(base)
    if package is not None and hasattr(package, name):
        value = getattr(package, name)
        return value.__name__ if isinstance(value, ModuleType) else ""
    sub = f"{base}.{name}"
    return sub if hasattr(package, "__path__") and find_module(sub) is not None else ""
