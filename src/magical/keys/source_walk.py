"""The source of a function and of the project code that it refers to, with the values of outer names."""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from types import CellType, FunctionType, ModuleType
from typing import Any

from magical.keys.packages import is_project
from magical.python_parser import parse_python, read_definition

__all__ = ["Source", "collect_sources", "is_project_code", "parse_definition"]

_PATH_FUNCTIONS = {
    "Path", "PurePath", "PosixPath", "abspath", "expanduser", "join", "dirname", "resolve", "joinpath",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """The body of one function or class, and the values of its outer names.

    Attributes:
        definition: the function or class.
        statements: its body, without decorators and the defaults of parameters.
        file: the name of the file.
    """

    definition: Any
    statements: tuple[ast.stmt, ...]
    file: str

    def locate(self, node: ast.AST) -> str:
        """Return the ``file:line`` of a syntax node."""
        return f"{self.file}:{getattr(node, 'lineno', 1)}"

    def walk(self) -> Iterator[ast.AST]:
        """Yield every syntax node of the body."""
        for statement in self.statements:
            yield from ast.walk(statement)

    def resolve_name(self, node: ast.AST) -> str:
        """Return the full dotted name that an expression refers to; an empty text for a local value.

        Example:
            >>> def clean():
            ...     return os.environ
            >>> source = Source(clean, tuple(ast.parse("os.environ").body), "")
            >>> source.resolve_name(source.statements[0].value)
            'os.environ'
        """
        chain = _split_dotted_name(node)
        if not chain:
            return ""
        first, rest = chain[0], chain[1:]
        if first in self._local_imports:
            return ".".join([self._local_imports[first], *rest])
        base = "" if first in self._locals else _qualified_name(self._outer_names.get(first))
        return ".".join([base, *rest]) if base else ""

    def iter_references(self) -> Iterator[Any]:
        """Yield the functions and classes of the project that the body names."""
        for value in map(self._resolve_value, self.walk()):
            if isinstance(value, (FunctionType, type)) and is_project_code(value):
                yield value

    def is_constant_path(self, node: ast.AST | None) -> bool:
        """Return True if an expression is the same path in each call: it depends on no argument."""
        match node:
            case ast.Constant(value=str() as text):
                # Readers take literal CSV, JSON or XML too, which is no path.
                return "\n" not in text and not text.lstrip().startswith(("{", "[", "<"))
            case ast.JoinedStr(values=parts):
                return all(map(self.is_constant_path, parts))
            case ast.FormattedValue(value=inner) | ast.Subscript(value=inner):
                return self.is_constant_path(inner)
            case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
                return self.is_constant_path(left) and self.is_constant_path(right)
            case ast.Attribute(value=inner):  # a module's constant, or the parent of a path
                return _is_path(self._resolve_value(node)) or self.is_constant_path(inner)
            case ast.Call():
                return self._is_constant_path_call(node)
            case ast.Name(id=name) if name in self._single_assignments:
                value = self._single_assignments[name]
                return value.lineno < node.lineno and self.is_constant_path(value)
            case ast.Name():
                return _is_path(self._resolve_value(node))
        return False

    def _is_constant_path_call(self, node: ast.Call) -> bool:
        """Return True if a call returns the same path each time, such as ``Path.cwd()``."""
        if self._is_project_resource(node):
            return True
        is_constant = all(map(self.is_constant_path, node.args))
        if isinstance(node.func, ast.Attribute) and self.is_constant_path(node.func.value):
            return is_constant and node.func.attr in _PATH_FUNCTIONS
        last = self.resolve_name(node.func).rpartition(".")[2]
        return is_constant and (last in _PATH_FUNCTIONS if node.args else last in ("cwd", "home"))

    def _is_project_resource(self, node: ast.Call) -> bool:
        """Return True for `importlib.resources.files` of a project package; others are keyed by version."""
        name = self.resolve_name(node.func)
        if not node.args or name not in ("importlib.resources.files", "importlib.resources._common.files"):
            return False
        package = node.args[0]
        value = package.value if isinstance(package, ast.Constant) else self._resolve_value(package)
        name = value if isinstance(value, str) else getattr(value, "__name__", "")
        return is_project(sys.modules.get(name)) and not name.startswith("magical.")

    def _resolve_value(self, node: ast.AST) -> Any:
        """Return the value of a dotted name defined outside the body; None for other expressions."""
        chain = _split_dotted_name(node)
        if not chain or chain[0] in self._locals:
            return None
        value = self._outer_names.get(chain[0])
        for name in chain[1:]:  # through modules only: an attribute of another object may run code
            value = getattr(value, name, None) if isinstance(value, ModuleType) else None
        return value

    @cached_property
    def _outer_names(self) -> Mapping[str, Any]:
        if isinstance(self.definition, type):
            return {**vars(builtins), **vars(sys.modules[self.definition.__module__])}
        cells = zip(self.definition.__code__.co_freevars, self.definition.__closure__ or (), strict=False)
        return {
            **vars(builtins),
            **self.definition.__globals__,
            **{n: v for n, c in cells for v in _read_cell(c)},
        }

    @cached_property
    def _parameters(self) -> set[str]:
        is_function = isinstance(self.definition, FunctionType)
        own = inspect.signature(self.definition).parameters if is_function else ()
        return {*own, *(n.arg for n in self.walk() if isinstance(n, ast.arg))}  # inner functions too

    @cached_property
    def _assignment_counts(self) -> Counter[str]:
        return Counter(n.id for n in self.walk() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))

    @cached_property
    def _locals(self) -> set[str]:
        return {*self._parameters, *self._assignment_counts}

    @cached_property
    def _local_imports(self) -> dict[str, str]:
        """The dotted names that imports in the body bind, by local name."""
        names: dict[str, str] = {}
        for node in self.walk():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        return names

    @cached_property
    def _single_assignments(self) -> dict[str, ast.expr]:
        """The expressions of local names that are assigned once."""
        pairs = [(n.targets[0], n.value) for n in self.walk() if isinstance(n, ast.Assign)]
        values = {name.id: value for name, value in pairs if isinstance(name, ast.Name)}
        once = {name for name, count in self._assignment_counts.items() if count == 1} - self._parameters
        return {name: value for name, value in values.items() if name in once}


def collect_sources(definition: Any, *, follow_classes: bool = True) -> list[Source]:
    """Collect the sources of a function or class, and of all project code that it refers to, however deep.

    Args:
        definition: the function or class, whose source comes first.
        follow_classes: include the classes that it names. Steps that it calls are never included.

    Example:
        >>> from magical import errors
        >>> [source.definition.__name__ for source in collect_sources(errors.shorten)]
        ['shorten']
    """
    sources: list[Source] = []
    waiting, seen = [inspect.unwrap(definition)], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:  # by identity: definitions need not be hashable
            continue
        seen.add(id(current))
        if (source := _build_source(current)) is not None:
            sources.append(source)
            others = (o for o in source.iter_references() if follow_classes or not isinstance(o, type))
            waiting.extend(map(inspect.unwrap, others))
    return sources


def is_project_code(definition: Any) -> bool:
    """Return True if a function or class belongs to the project, not to an installed package or magical.

    Example:
        >>> is_project_code(is_project_code)
        False
    """
    module = sys.modules.get(getattr(definition, "__module__", None) or "")
    return is_project(module) and not str(getattr(module, "__name__", "")).startswith("magical.")


def parse_definition(definition: Any) -> ast.Module | None:
    """Parse the source of a function or class, with the line numbers of its file; None without a source.

    Example:
        >>> parse_definition(len) is None
        True
    """
    try:
        lines, first = read_definition(definition)
        tree = parse_python(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    return ast.increment_lineno(tree, first - 1)


def _build_source(definition: Any) -> Source | None:
    tree = parse_definition(definition)
    node = tree.body[0] if tree and tree.body else None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    return Source(definition, tuple(node.body), Path(inspect.getsourcefile(definition) or "").name)


def _split_dotted_name(node: ast.AST) -> tuple[str, ...]:
    """Split a dotted name into its parts; empty for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _read_cell(cell: CellType) -> Iterator[Any]:
    """Yield the value of a closure's cell, if it has one."""
    with contextlib.suppress(ValueError):  # a name that is not bound yet
        yield cell.cell_contents


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, PurePath)) and "\n" not in str(value)


def _qualified_name(value: Any) -> str:
    """Return the full name of a module or callable; empty for any other value."""
    if isinstance(value, ModuleType):
        return value.__name__
    if value is os.environ:  # an instance, which has no name of its own
        return "os.environ"
    if not callable(value) or not hasattr(value, "__qualname__"):
        return ""
    owner = getattr(value, "__module__", None) or type(getattr(value, "__self__", None)).__module__
    return f"{owner}.{value.__qualname__}"
