"""Parsing of Python source, one thread at a time."""

from __future__ import annotations

import ast
import inspect
import os
import threading
from typing import Any

__all__ = ["parse_expression", "parse_python", "read_definition"]

# CPython 3.11 counts the depth of a syntax tree in one place for all threads: if two parse at once, one may
# fail with a SystemError. Reentrant, since a finalizer may run in the middle.
_parse_lock = threading.RLock()


def parse_python(source: str | bytes) -> ast.Module:
    """Parse a module, as ``ast.parse`` does.

    Raises:
        SyntaxError: it is not Python.

    Example:
        >>> parse_python("x = 1").body[0].lineno
        1
    """
    with _parse_lock:
        return ast.parse(source)


def parse_expression(source: str) -> ast.expr:
    """Parse one expression.

    Raises:
        SyntaxError: it is not one.

    Example:
        >>> type(parse_expression("a + 1")).__name__
        'BinOp'
    """
    with _parse_lock:
        return ast.parse(source, mode="eval").body


def read_definition(definition: Any) -> tuple[list[str], int]:
    """Read the lines of a function or class and the number of the first, as ``inspect.getsourcelines`` does.

    Raises:
        OSError: there is no source.
        TypeError: it is no function or class written in Python.

    Example:
        >>> read_definition(read_definition)[0][0].strip()
        'def read_definition(definition: Any) -> tuple[list[str], int]:'
    """
    with _parse_lock:  # to find a class, it parses the whole file
        return inspect.getsourcelines(definition)


if hasattr(os, "register_at_fork"):
    # Another thread might hold it, and a forked process has no such thread to release it.
    release = _parse_lock.release
    os.register_at_fork(before=_parse_lock.acquire, after_in_parent=release, after_in_child=release)
