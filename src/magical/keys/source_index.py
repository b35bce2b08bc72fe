"""The syntax trees of living functions and classes, each project file parsed once."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from magical.keys.packages import find_source_file, is_project
from magical.keys.syntax import find_bindings
from magical.python_parser import parse_python
from magical.steps import parse_source

__all__ = ["SourceIndex", "find_module_of", "iter_sources"]

_SKIPPED_FOLDERS = {"node_modules", "__pycache__", "site-packages"}


@dataclass
class _ParsedFile:
    """One file: its tree, the statements that bind its names, and its definitions by place and by name."""

    tree: ast.Module
    bindings: dict[str, list[ast.stmt]]
    functions: dict[tuple[int, str], list[ast.AST]] = field(default_factory=dict)
    classes: dict[str, list[ast.stmt]] = field(default_factory=dict)


class SourceIndex:
    """Finds the syntax trees of functions, classes and names of modules.

    Example:
        >>> [type(n).__name__ for n in SourceIndex().find_class(SourceIndex).body]
        ['ClassDef']
    """

    def __init__(self) -> None:
        self._files: dict[Path, _ParsedFile] = {}

    def parse(self, module: ModuleType | None) -> ast.Module | None:
        """Parse the source of a module; None if it has none."""
        parsed = self._parse_module(module)
        return parsed.tree if parsed else None

    def read_bindings(self, module: ModuleType) -> dict[str, list[ast.stmt]]:
        """Map the names of a module to the top-level statements that bind them; empty without a source."""
        parsed = self._parse_module(module)
        return parsed.bindings if parsed else {}

    def find_function(self, function: FunctionType) -> ast.Module | None:
        """Find the tree of a function or lambda; None if it has no source."""
        code = function.__code__
        file = Path(code.co_filename)
        if file.suffix != ".py" or not file.is_file():
            return parse_source(function)  # a cell of a notebook
        found = self._parse(file).functions.get((code.co_firstlineno, code.co_name), [])
        if len(found) > 1:  # several lambdas in one line
            found = sorted((n for n in found if _contains(n, code)), key=_width) or found
        return _as_module(found[:1]) if found else None

    def find_class(self, cls: type[Any]) -> ast.Module | None:
        """Find the tree of a class, or of all classes of its name; None without a source."""
        parsed = self._parse_module(sys.modules.get(cls.__module__))
        if parsed is None:
            return parse_source(cls)
        found = parsed.classes.get(cls.__qualname__)
        return _as_module(found) if found else None

    def _parse_module(self, module: ModuleType | None) -> _ParsedFile | None:
        file = find_source_file(module)
        return self._parse(file) if file is not None and file.is_file() else None

    def _parse(self, file: Path) -> _ParsedFile:
        if file not in self._files:
            tree = parse_python(file.read_bytes())
            parsed = _ParsedFile(tree, find_bindings(tree))
            for name, node in _iter_definitions(tree, ""):
                if isinstance(node, ast.ClassDef):
                    parsed.classes.setdefault(name, []).append(node)
                else:
                    parsed.functions.setdefault((_first_line(node), name), []).append(node)
            self._files[file] = parsed
        return self._files[file]


def find_module_of(function: FunctionType) -> ModuleType:
    """Return the module whose names a function reads, also if the function was copied to another one.

    Example:
        >>> find_module_of(find_module_of).__name__
        'magical.keys.source_index'
    """
    names = function.__globals__
    name = str(names.get("__name__", ""))
    module = sys.modules.get(name)
    if module is not None and vars(module) is names:
        return module
    # Code that was executed without an import, such as a file given to runpy.
    made = ModuleType(name)
    vars(made).update(names)
    made.__file__ = function.__code__.co_filename if is_project(module) or module is None else module.__file__
    return made


def iter_sources(root: Path) -> Iterator[Path]:
    """Find the Python files of a project; hidden folders and virtual environments are left out.

    Example:
        >>> Path(__file__) in set(iter_sources(Path(__file__).parent))
        True
    """
    for folder, names, files in os.walk(root):
        visible = [n for n in names if not n.startswith(".") and n not in _SKIPPED_FOLDERS]
        names[:] = [n for n in visible if not Path(folder, n, "pyvenv.cfg").exists()]
        yield from (Path(folder, f) for f in files if f.endswith(".py"))


def _iter_definitions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, Any]]:
    """Iterate over all definitions: classes by their qualified name, functions by their plain one."""
    for node in ast.iter_child_nodes(tree):
        inner = prefix
        if isinstance(node, ast.ClassDef):
            yield f"{prefix}{node.name}", node
            inner = f"{prefix}{node.name}."
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node
            inner = f"{prefix}{node.name}.<locals>."
        elif isinstance(node, ast.Lambda):
            yield "<lambda>", node
        yield from _iter_definitions(node, inner)


def _first_line(node: Any) -> int:
    """Return the line at which Python says that a definition begins: that of its first decorator."""
    return int(min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]))


def _contains(node: Any, code: CodeType) -> bool:
    """Return True if all of a compiled code may come from the body of a lambda."""
    begin = (node.body.lineno, node.body.col_offset)
    end = (node.body.end_lineno, node.body.end_col_offset)
    # Instructions without a width belong to the frame, not to an expression.
    places = [(p[0], p[2], p[1], p[3]) for p in code.co_positions() if None not in p and p[2:] != (0, 0)]
    return all(begin <= p[:2] and p[2:] <= end for p in places)


def _width(node: Any) -> tuple[int, int]:
    body = node.body
    return (body.end_lineno - body.lineno, body.end_col_offset - body.col_offset)


def _as_module(nodes: list[Any]) -> ast.Module:
    statements = [ast.copy_location(ast.Expr(n), n) if isinstance(n, ast.expr) else n for n in nodes]
    return ast.Module(statements, [])
