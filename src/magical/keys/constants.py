"""Values as texts for keys: equal in every process for equal values, and different for others."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from magical.keys.packages import is_project

__all__ = ["InspectedValue", "describe_bytecode", "describe_value", "inspect_value", "is_simple"]

MAX_DEPTH = 12  # nested containers and objects; deeper values are left out of the text
_CODE_TYPES = (FunctionType, type, ModuleType)


@dataclass(frozen=True, slots=True)
class InspectedValue:
    """The text of a value, and the functions, classes and modules in it."""

    text: str
    code: tuple[Any, ...] = ()


def is_simple(value: Any) -> bool:
    """Return True if the text of a value determines it: a number or a text, or a collection of these.

    Example:
        >>> is_simple([1, "a"]), is_simple([abs])
        (True, False)
    """
    if type(value) in (tuple, list, set, frozenset):
        return all(map(is_simple, value))
    if type(value) is dict:
        return all(is_simple(k) and is_simple(v) for k, v in value.items())
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def inspect_value(value: Any) -> InspectedValue:
    """Describe a value, and collect the code in it.

    Example:
        >>> inspect_value({"low": abs, "high": [1, 2]}).text
        "{'low': builtins.abs, 'high': list(1, 2)}"
    """
    code: list[Any] = []
    return InspectedValue(describe_value(value, code), tuple(code))


def describe_value(value: Any, code: list[Any] | None = None, path: tuple[int, ...] = ()) -> str:
    """Describe a value by a text that does not depend on addresses or the order of sets.

    Args:
        value: any value; an object of a class outside the project is described by its class alone.
        code: a list to which the functions, classes and modules in the value are appended.
        path: the ids of the enclosing values, by which a cycle is recognised.

    Example:
        >>> describe_value({"b", "a"}), describe_value((1, abs))
        ("set('a', 'b')", 'tuple(1, builtins.abs)')
    """
    found = code if code is not None else []
    if id(value) in path or len(path) > MAX_DEPTH:
        return "…"

    if isinstance(value, (set, frozenset, dict, list, tuple)) and _is_project_class(type(value)):
        found.append(type(value))  # the methods of the subclass are part of the key

    def inner(item: Any) -> str:
        return describe_value(item, found, (*path, id(value)))

    # A Step is described by its ``function``; functions, classes and dictionaries may use that name freely.
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
    """Describe compiled code, where no source exists, without file names and line numbers."""
    inner = tuple(describe_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code.hex(), code.co_names, inner)


def _read_attributes(value: Any, found: list[Any]) -> Iterator[tuple[str, Any]]:
    """Iterate over the attributes of an object of a project's class; of other objects, over none."""
    # For other objects the key has the expression that makes them, and the version of their package.
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
