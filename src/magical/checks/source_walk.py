"""The source of a function and of the project's helpers it calls, and what the names in it stand for."""

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

__all__ = ["Source", "collect_sources", "is_project_code"]

_PATH_FUNCTIONS = {
    "Path",
    "PurePath",
    "PosixPath",
    "abspath",
    "expanduser",
    "join",
    "dirname",
    "resolve",
    "joinpath",
}


@dataclass(frozen=True)
class Source:
    """One function or class: its syntax, and the values of the names that it takes from outside.

    Attributes:
        thing: the function or class.
        statements: its body, without decorators and defaults of a function's parameters.
        file: the name of the file.
        shift: what is added to a line of the syntax to get the file's.
    """

    definition: Any
    statements: tuple[ast.stmt, ...]
    file: str
    line_offset: int

    def locate(self, node: ast.AST) -> str:
        """Give ``file:line`` of a piece of it."""
        return f"{self.file}:{getattr(node, 'lineno', 1) + self.line_offset}"

    def walk(self) -> Iterator[ast.AST]:
        """Give every piece of syntax in it."""
        for statement in self.statements:
            yield from ast.walk(statement)

    def resolve_name(self, node: ast.AST) -> str:
        """Give the full dotted name of what an expression refers to; empty if it is a local thing.

        Example:
            >>> def clean():
            ...     return os.environ
            >>> source = Source(clean, tuple(ast.parse("os.environ").body), "", 0)
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
        """Give the project's own functions and classes that it names."""
        for value in map(self._resolve_value, self.walk()):
            if isinstance(value, (FunctionType, type)) and is_project_code(value):
                yield value

    def is_constant_path(self, node: ast.AST | None) -> bool:
        """Whether an expression gives the same path each time: of texts and constants, not of arguments."""
        match node:
            case ast.Constant(value=str() as text):
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
        if self.is_project_resource(node):
            return True
        fixed = all(map(self.is_constant_path, node.args))
        if isinstance(node.func, ast.Attribute) and self.is_constant_path(node.func.value):
            return fixed and node.func.attr in _PATH_FUNCTIONS
        last = self.resolve_name(node.func).rpartition(".")[2]
        return fixed and (last in _PATH_FUNCTIONS if node.args else last in ("cwd", "home"))

    def is_project_resource(self, node: ast.AST | None) -> bool:
        """Whether it asks for a file of a package of the project's own; one of another has a version."""
        if not isinstance(node, ast.Call) or not node.args:
            return False
        if self.resolve_name(node.func) not in (
            "importlib.resources.files",
            "importlib.resources._common.files",
        ):
            return False
        package = node.args[0]
        value = package.value if isinstance(package, ast.Constant) else self._resolve_value(package)
        name = value if isinstance(value, str) else getattr(value, "__name__", "")
        return is_project(sys.modules.get(name)) and not name.startswith("magical.")

    def _resolve_value(self, node: ast.AST) -> Any:
        """What a name from outside stands for, through modules; none for all else."""
        chain = _split_dotted_name(node)
        if not chain or chain[0] in self._locals:
            return None
        value = self._outer_names.get(chain[0])
        for name in chain[1:]:
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
        own = (
            inspect.signature(self.definition).parameters if isinstance(self.definition, FunctionType) else ()
        )
        return {*own, *(n.arg for n in self.walk() if isinstance(n, ast.arg))}

    @cached_property
    def _assignment_counts(self) -> Counter[str]:
        return Counter(n.id for n in self.walk() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))

    @cached_property
    def _locals(self) -> set[str]:
        return {*self._parameters, *self._assignment_counts}

    @cached_property
    def _local_imports(self) -> dict[str, str]:
        """The names that imports inside it bind, and to what."""
        found: dict[str, str] = {}
        for node in self.walk():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        return found

    @cached_property
    def _single_assignments(self) -> dict[str, ast.expr]:
        """The names that are bound once, and to what."""
        found: dict[str, ast.expr] = {}
        for node in (n for n in self.walk() if isinstance(n, ast.Assign)):
            name = node.targets[0]
            if (
                isinstance(name, ast.Name)
                and self._assignment_counts[name.id] == 1
                and name.id not in self._parameters
            ):
                found[name.id] = node.value
        return found


def collect_sources(definition: Any, *, follow_classes: bool = True) -> list[Source]:
    """Give the source of a function or class, and of all of the project's own that it leads to.

    Args:
        thing: the function or class.
        classes: whether classes that it names are followed; steps that it calls never are.

    Returns:
        What has a source, itself first.

    Example:
        >>> from magical import errors
        >>> [source.definition.__name__ for source in collect_sources(errors.listing)]
        ['listing']
    """
    found: dict[int, Source] = {}
    waiting, seen = [inspect.unwrap(definition)], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        source = _parse_source(one)
        if source is not None:
            found[id(one)] = source
            others = (o for o in source.iter_references() if follow_classes or not isinstance(o, type))
            waiting.extend(map(inspect.unwrap, others))
    return list(found.values())


def is_project_code(thing: Any) -> bool:
    """Whether code is the project's, and neither ours nor installed."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    return is_project(module) and not str(getattr(module, "__name__", "")).startswith("magical.")


def _parse_source(definition: Any) -> Source | None:
    try:
        lines, first = inspect.getsourcelines(definition)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    node = tree.body[0] if tree.body else None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    file = Path(inspect.getsourcefile(definition) or "").name
    return Source(definition, tuple(node.body), file, first - 1)


def _split_dotted_name(node: ast.AST) -> tuple[str, ...]:
    """The parts of a dotted name that is read; none for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _read_cell(cell: CellType) -> Iterator[Any]:
    """What a closure holds; nothing where it is not bound yet."""
    with contextlib.suppress(ValueError):
        yield cell.cell_contents


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, PurePath)) and "\n" not in str(value)


def _qualified_name(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    if value is os.environ:
        return "os.environ"
    if not callable(value) or not hasattr(value, "__qualname__"):
        return ""
    owner = getattr(value, "__module__", None) or type(getattr(value, "__self__", None)).__module__
    return f"{owner}.{value.__qualname__}"
