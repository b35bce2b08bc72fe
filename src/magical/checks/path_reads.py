"""Reads of more of an input file than its content and name: its folder, its times, files beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import FunctionType
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from magical.keys.source_walk import Source
from magical.settings import InputPath, OutputPath

__all__ = ["find_path_reads"]

_MEMBERS = {
    "absolute", "exists", "group", "is_file", "is_symlink", "location", "lstat", "owner", "parent",
    "parents", "parts", "readlink", "relative_to", "resolve", "samefile", "stat", "with_name",
    "with_stem", "with_suffix",
}  # fmt: skip
_FUNCTIONS = re.compile(
    r"(posixpath|ntpath|genericpath|os\.path)\.(abspath|dirname|exists|get[acm]time|isfile|realpath|relpath|split)$"
    r"|(os|posix|nt)\.l?stat$"
)
_PATH_CLASSES = re.compile(r"(pathlib\..*Path|magical\..*InputPath|builtins\.(list|reversed|sorted|tuple))$")


def find_path_reads(source: Source, arguments: Mapping[str, Any] | None = None) -> Iterator[ast.expr]:
    """Yield the expressions that read more of an input file than its key has: content and name.

    Args:
        source: a body, or a function that a body calls.
        arguments: the arguments of the body; None for a function, whose type hints say what it gets.
    """
    if arguments is None:
        arguments = _guess_arguments(source.definition)
    reader = _PathReader(source, arguments)
    for node in source.walk():
        if isinstance(node, ast.Attribute) and node.attr in _MEMBERS:
            path: ast.expr | None = node.value
        elif isinstance(node, ast.Call) and _FUNCTIONS.match(source.resolve_name(node.func)):
            path = next(iter(node.args), None)
        else:
            continue
        if path is not None and _is_input(reader.evaluate(path)):
            assert isinstance(node, ast.expr)
            yield node


class _PathReader:
    """Follows the arguments of a function through its names, as far as they can be input files."""

    def __init__(self, source: Source, arguments: Mapping[str, Any]) -> None:
        self._source, self._arguments = source, arguments
        self._assigned: dict[str, list[ast.expr]] = {}
        self._looped: dict[str, list[ast.expr]] = {}
        for node in source.walk():
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._assigned.setdefault(name, []).append(value)
                case ast.For(target=ast.Name(id=name), iter=value):
                    self._looped.setdefault(name, []).append(value)
                case ast.comprehension(target=ast.Name(id=name), iter=value):
                    self._looped.setdefault(name, []).append(value)

    def evaluate(self, node: ast.expr, depth: int = 9) -> Any:
        """Return the argument, or the part of one, that an expression refers to; None for any other."""
        if not depth:  # a name that is assigned from itself
            return None
        match node:
            case ast.Name(id=name):
                return self._evaluate_name(name, depth - 1)
            case ast.Attribute(value=inner, attr=name):
                owner = self.evaluate(inner, depth - 1)
                return getattr(owner, name, None) if isinstance(owner, BaseModel) else None
            case ast.Subscript(value=inner):
                return _first_member(self.evaluate(inner, depth - 1))
            case ast.Call(args=[inner]) if _PATH_CLASSES.match(self._source.resolve_name(node.func)):
                return self.evaluate(inner, depth - 1)
        return None

    def _evaluate_name(self, name: str, depth: int) -> Any:
        found = [self.evaluate(value, depth) for value in self._assigned.get(name, ())]
        found += [_first_member(self.evaluate(value, depth)) for value in self._looped.get(name, ())]
        # A parameter that is assigned again may be anything.
        return next((v for v in found if v is not None), None) if found else self._arguments.get(name)


def _first_member(value: Any) -> Any:
    """Return one member of a collection; they are of one kind."""
    members = value.values() if isinstance(value, Mapping) else value
    return next(iter(members), None) if isinstance(value, (Mapping, list, tuple, set, frozenset)) else None


def _is_input(value: Any) -> bool:
    return isinstance(value, InputPath) and not isinstance(value, OutputPath)


def _guess_arguments(function: Any) -> dict[str, Any]:
    """Return an example of an argument for each parameter whose hint is an input file, or a list of them."""
    hints: dict[str, Any] = {}
    if isinstance(function, FunctionType):
        with suppress(Exception):  # a hint that cannot be resolved is none
            hints = get_type_hints(function)
    example = InputPath("example")
    plain = {name: example for name, hint in hints.items() if hint is InputPath}
    return plain | {name: [example] for name, hint in hints.items() if InputPath in get_args(hint)}
