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

__all__ = ["Source", "is_own", "reached"]

_PATHS = {"Path", "PurePath", "PosixPath", "abspath", "expanduser", "join", "dirname", "resolve", "joinpath"}


@dataclass(frozen=True)
class Source:
    """One function or class: its syntax, and the values of the names that it takes from outside.

    Attributes:
        thing: the function or class.
        statements: its body, without decorators and defaults of a function's parameters.
        file: the name of the file.
        shift: what is added to a line of the syntax to get the file's.
    """

    thing: Any
    statements: tuple[ast.stmt, ...]
    file: str
    shift: int

    def place(self, node: ast.AST) -> str:
        """Give ``file:line`` of a piece of it."""
        return f"{self.file}:{getattr(node, 'lineno', 1) + self.shift}"

    def walk(self) -> Iterator[ast.AST]:
        """Give every piece of syntax in it."""
        for statement in self.statements:
            yield from ast.walk(statement)

    def named(self, node: ast.AST) -> str:
        """Give the full dotted name of what an expression refers to; empty if it is a local thing.

        Example:
            >>> def clean():
            ...     return os.environ
            >>> source = Source(clean, tuple(ast.parse("os.environ").body), "", 0)
            >>> source.named(source.statements[0].value)
            'os.environ'
        """
        chain = _chain(node)
        if not chain:
            return ""
        first, rest = chain[0], chain[1:]
        if first in self._imported:
            return ".".join([self._imported[first], *rest])
        base = "" if first in self._locals else _dotted(self._names.get(first))
        return ".".join([base, *rest]) if base else ""

    def refers(self) -> Iterator[Any]:
        """Give the project's own functions and classes that it names."""
        for value in map(self._valued, self.walk()):
            if isinstance(value, (FunctionType, type)) and is_own(value):
                yield value

    def is_fixed(self, node: ast.AST | None) -> bool:
        """Whether an expression gives the same path each time: of texts and constants, not of arguments."""
        match node:
            case ast.Constant(value=str() as text):
                return "\n" not in text and not text.lstrip().startswith(("{", "[", "<"))
            case ast.JoinedStr(values=parts):
                return all(map(self.is_fixed, parts))
            case ast.FormattedValue(value=inner) | ast.Subscript(value=inner):
                return self.is_fixed(inner)
            case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
                return self.is_fixed(left) and self.is_fixed(right)
            case ast.Attribute(value=inner):  # a module's constant, or the parent of a path
                return _is_path(self._valued(node)) or self.is_fixed(inner)
            case ast.Call():
                return self._is_fixed_call(node)
            case ast.Name(id=name) if name in self._once:
                value = self._once[name]
                return value.lineno < node.lineno and self.is_fixed(value)
            case ast.Name():
                return _is_path(self._valued(node))
        return False

    def _is_fixed_call(self, node: ast.Call) -> bool:
        if self.is_resource(node):
            return True
        fixed = all(map(self.is_fixed, node.args))
        if isinstance(node.func, ast.Attribute) and self.is_fixed(node.func.value):
            return fixed and node.func.attr in _PATHS
        last = self.named(node.func).rpartition(".")[2]
        return fixed and (last in _PATHS if node.args else last in ("cwd", "home"))

    def is_resource(self, node: ast.AST | None) -> bool:
        """Whether it asks for a file of a package of the project's own; one of another has a version."""
        if not isinstance(node, ast.Call) or not node.args:
            return False
        if self.named(node.func) not in ("importlib.resources.files", "importlib.resources._common.files"):
            return False
        package = node.args[0]
        value = package.value if isinstance(package, ast.Constant) else self._valued(package)
        name = value if isinstance(value, str) else getattr(value, "__name__", "")
        return is_project(sys.modules.get(name)) and not name.startswith("magical.")

    def _valued(self, node: ast.AST) -> Any:
        """What a name from outside stands for, through modules; none for all else."""
        chain = _chain(node)
        if not chain or chain[0] in self._locals:
            return None
        value = self._names.get(chain[0])
        for name in chain[1:]:
            value = getattr(value, name, None) if isinstance(value, ModuleType) else None
        return value

    @cached_property
    def _names(self) -> Mapping[str, Any]:
        if isinstance(self.thing, type):
            return {**vars(builtins), **vars(sys.modules[self.thing.__module__])}
        cells = zip(self.thing.__code__.co_freevars, self.thing.__closure__ or (), strict=False)
        return {**vars(builtins), **self.thing.__globals__, **{n: v for n, c in cells for v in _held(c)}}

    @cached_property
    def _given(self) -> set[str]:
        own = inspect.signature(self.thing).parameters if isinstance(self.thing, FunctionType) else ()
        return {*own, *(n.arg for n in self.walk() if isinstance(n, ast.arg))}

    @cached_property
    def _stored(self) -> Counter[str]:
        return Counter(n.id for n in self.walk() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))

    @cached_property
    def _locals(self) -> set[str]:
        return {*self._given, *self._stored}

    @cached_property
    def _imported(self) -> dict[str, str]:
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
    def _once(self) -> dict[str, ast.expr]:
        """The names that are bound once, and to what."""
        found: dict[str, ast.expr] = {}
        for node in (n for n in self.walk() if isinstance(n, ast.Assign)):
            name = node.targets[0]
            if isinstance(name, ast.Name) and self._stored[name.id] == 1 and name.id not in self._given:
                found[name.id] = node.value
        return found


def reached(thing: Any, *, classes: bool = True) -> list[Source]:
    """Give the source of a function or class, and of all of the project's own that it leads to.

    Args:
        thing: the function or class.
        classes: whether classes that it names are followed; steps that it calls never are.

    Returns:
        What has a source, itself first.

    Example:
        >>> from magical import errors
        >>> [source.thing.__name__ for source in reached(errors.listing)]
        ['listing']
    """
    found: dict[int, Source] = {}
    waiting, seen = [inspect.unwrap(thing)], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        source = _read(one)
        if source is not None:
            found[id(one)] = source
            others = (o for o in source.refers() if classes or not isinstance(o, type))
            waiting.extend(map(inspect.unwrap, others))
    return list(found.values())


def is_own(thing: Any) -> bool:
    """Whether code is the project's, and neither ours nor installed."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    return is_project(module) and not str(getattr(module, "__name__", "")).startswith("magical.")


def _read(thing: Any) -> Source | None:
    try:
        lines, first = inspect.getsourcelines(thing)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    node = tree.body[0] if tree.body else None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    file = Path(inspect.getsourcefile(thing) or "").name
    return Source(thing, tuple(node.body), file, first - 1)


def _chain(node: ast.AST) -> tuple[str, ...]:
    """The parts of a dotted name that is read; none for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _held(cell: CellType) -> Iterator[Any]:
    """What a closure holds; nothing where it is not bound yet."""
    with contextlib.suppress(ValueError):
        yield cell.cell_contents


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, PurePath)) and "\n" not in str(value)


def _dotted(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    if value is os.environ:
        return "os.environ"
    if not callable(value) or not hasattr(value, "__qualname__"):
        return ""
    owner = getattr(value, "__module__", None) or type(getattr(value, "__self__", None)).__module__
    return f"{owner}.{value.__qualname__}"
