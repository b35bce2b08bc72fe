"""What the suites share: a check that fails says which promise of which protocol broke."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["Conformance", "find_protocol_promise"]

_PROTOCOL_PROMISE = re.compile(r"(?:Store|Runner|Registry)\.\w+: ")


class Conformance:
    """Checks to inherit. The docstring of each begins with the method whose promise it holds to."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Let each check say its promise when it fails."""
        super().__init_subclass__(**options)
        for name, check in list(vars(cls).items()):
            if name.startswith("test_") and callable(check) and find_protocol_promise(check):
                setattr(cls, name, _note_broken_promise(check))


def find_protocol_promise(check: Callable[..., Any]) -> str:
    """Give the promise that a check holds to, as ``Protocol.method: what``; empty if it names none.

    Example:
        >>> def test_an_unknown_key_has_no_record():
        ...     '''Store.record: none for a key that has not been computed.'''
        >>> find_protocol_promise(test_an_unknown_key_has_no_record)
        'Store.record: none for a key that has not been computed.'
    """
    text = " ".join((inspect.getdoc(check) or "").split())
    return text if _PROTOCOL_PROMISE.match(text) else ""


def _note_broken_promise(check: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(check)
    def saying(*given: Any, **named: Any) -> None:
        __tracebackhide__ = True
        try:
            check(*given, **named)
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"This promise of the protocol broke: {find_protocol_promise(check)}")
            raise

    return saying
