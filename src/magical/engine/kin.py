"""What a function or class leads to although its text does not name it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from magical.engine.modules import is_project

__all__ = ["registered", "subclasses"]


def registered(value: Any) -> tuple[Any, ...]:
    """Give what is registered for the types of a dispatcher, or what a class is told of as its subclasses.

    Example:
        >>> class Base:
        ...     pass
        >>> registered(Base)
        ()
    """
    found = getattr(value, "registry", None)
    if callable(getattr(value, "dispatch", None)) and isinstance(found, Mapping):  # functools.singledispatch
        return tuple(found.values())
    lineage = value.__mro__ if isinstance(value, type) else ()
    own = (c for c in lineage if is_project(sys.modules.get(c.__module__)))
    tells = any("__init_subclass__" in vars(c) for c in own if not c.__module__.startswith("magical."))
    return tuple(subclasses(value)) if tells else ()


def subclasses(value: Any) -> Iterator[type[Any]]:
    """Give the subclasses of a class that there are by now, and theirs.

    Example:
        >>> class Base: ...
        >>> class Inner(Base): ...
        >>> [c.__name__ for c in subclasses(Base)]
        ['Inner']
    """
    found: list[type[Any]] = type.__subclasses__(value) if isinstance(value, type) else []
    for kind in found:
        yield kind
        yield from subclasses(kind)
