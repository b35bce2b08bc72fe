"""The base of the conformance suites: a failing check names the promise of the protocol that broke."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["Conformance", "find_protocol_promise"]

_PROTOCOL_PROMISE = re.compile(r"(?:Store|Runner|Registry|Feature|LearnedFeature)\.\w+: ")


class Conformance:
    """The base of suites to inherit. The docstring of each check begins with a method of a protocol.

    Example:
        >>> class Suite(Conformance):
        ...     def test_an_unknown_key(self):
        ...         '''Store.find_record: none for an unknown key.'''
        ...         raise ValueError("found one")
        >>> try:
        ...     Suite().test_an_unknown_key()
        ... except ValueError as error:
        ...     print(*error.__notes__)
        This promise of the protocol broke: Store.find_record: none for an unknown key.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Wrap each check so that its failure names the promise."""
        super().__init_subclass__(**options)
        for name, check in list(vars(cls).items()):
            if name.startswith("test_") and callable(check) and find_protocol_promise(check):
                setattr(cls, name, _note_broken_promise(check))


def find_protocol_promise(check: Callable[..., Any]) -> str:
    """Read the promise that a check tests from its docstring, ``Protocol.method: text``; else the empty text.

    Example:
        >>> def test_an_unknown_key_has_no_record():
        ...     '''Store.find_record: none for a key that has not been computed.'''
        >>> find_protocol_promise(test_an_unknown_key_has_no_record)
        'Store.find_record: none for a key that has not been computed.'
    """
    text = " ".join((inspect.getdoc(check) or "").split())
    return text if _PROTOCOL_PROMISE.match(text) else ""


def _note_broken_promise(check: Callable[..., None]) -> Callable[..., None]:
    """Wrap a check so that its exception gets a note with the promise that broke."""

    @functools.wraps(check)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True  # pytest shows the check itself, not this frame
        try:
            check(*args, **kwargs)
        except (Exception, pytest.fail.Exception) as error:  # pytest.fail derives from BaseException
            error.add_note(f"This promise of the protocol broke: {find_protocol_promise(check)}")
            raise

    return wrapped
