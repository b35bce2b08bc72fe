"""The values of constants, as texts for keys: the same in every process, and different where a value is."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from magical.keys.packages import is_project

__all__ = ["InspectedValue", "describe_bytecode", "describe_value", "inspect_value", "is_simple"]

MAX_DEPTH = 12
"""How deep values are looked into."""

_CODE_TYPES = (FunctionType, type, ModuleType)


@dataclass(frozen=True, slots=True)
class InspectedValue:
    """A value that is held by a name or a closure.

    Attributes:
        text: what is in it.
        code: the functions, classes and modules in it, whose own code counts too.
    """

    text: str
    code: tuple[Any, ...] = ()


def is_simple(value: Any) -> bool:
    """Whether a value says all by its text."""
    if type(value) in (tuple, list, set, frozenset):
        return all(map(is_simple, value))
    if type(value) is dict:
        return all(is_simple(k) and is_simple(v) for k, v in value.items())
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def inspect_value(value: Any) -> InspectedValue:
    """Take a value apart: a text of what is in it, and the code that it holds.

    Example:
        >>> inspect_value({"low": abs, "high": [1, 2]}).text
        "{'low': builtins.abs, 'high': list(1, 2)}"
    """
    code: list[Any] = []
    return InspectedValue(describe_value(value, code), tuple(code))


def describe_value(value: Any, code: list[Any] | None = None, path: tuple[int, ...] = ()) -> str:
    """Give a text that does not depend on addresses or the order of sets.

    Args:
        value: anything; of objects that are not the project's, and do not show what is in them, the class.
        code: collects the functions, classes and modules.
        path: what the value lies in, so that a circle ends.
    """
    found = code if code is not None else []
    if id(value) in path or len(path) > MAX_DEPTH:
        return "…"

    if isinstance(value, (set, frozenset, dict, list, tuple)) and _is_project_class(type(value)):
        found.append(type(value))  # a collection of a class of its own, whose methods count

    def inner(item: Any) -> str:
        return describe_value(item, found, (*path, id(value)))

    match value if isinstance(value, (*_CODE_TYPES, dict)) else getattr(value, "function", value):
        case set() | frozenset():
            return f"{type(value).__name__}({', '.join(sorted(map(inner, value)))})"
        case dict():
            return f"{{{', '.join(f'{inner(k)}: {inner(v)}' for k, v in value.items())}}}"
        case list() | tuple():
            return f"{type(value).__name__}({', '.join(map(inner, value))})"
        case functools.partial():
            return f"partial({inner(value.func)}, {inner(value.args)}, {inner(value.keywords)})"
        case MethodType():
            return f"{inner(value.__self__)}.{inner(value.__func__)}"
        case FunctionType() | type() | ModuleType() | BuiltinFunctionType() as thing:
            found.append(thing)
            return _qualified_name(thing)
    if is_simple(value):
        return repr(value)
    attributes = ", ".join(f"{k}={inner(v)}" for k, v in _read_attributes(value, found))
    return f"{_qualified_name(type(value))}({attributes})"


def describe_bytecode(code: CodeType) -> tuple[Any, ...]:
    """Give what compiled code does, where there is no source."""
    inner = tuple(describe_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code.hex(), code.co_names, inner)


def _read_attributes(value: Any, found: list[Any]) -> Iterator[tuple[str, Any]]:
    """What is in an object of a project's class; others change only with the expression that makes them."""
    if _is_project_class(type(value)):
        found.append(type(value))
        attributes: Mapping[str, Any] = getattr(value, "__dict__", {})
        yield from ((k, v) for k, v in attributes.items() if not k.startswith("__"))
        for name in getattr(type(value), "__slots__", ()):
            if hasattr(value, name):
                yield name, getattr(value, name)


def _is_project_class(cls: type[Any]) -> bool:
    return is_project(sys.modules.get(cls.__module__))


def _qualified_name(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return thing.__name__
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
