"""The runs and step bodies of this process, and the mark by which the processes that they start know of them.

A key says if the code of its step calls ``wish``. A call in a thread or a process of a body, where no context
variable names the step, is allowed only while each body that runs is known to pretend.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

__all__ = ["Body", "is_wish_allowed", "open_run", "running_body", "unmarked_environment"]

MARK = "MAGICAL_BODY"
"""The environment variable of a process that a body started: a file that exists while it may wish."""


class Body(Protocol):
    """A body that runs in this process."""

    def may_wish(self) -> bool:
        """Return True if the key of its node says that it calls ``wish``."""


_lock = threading.Lock()
_bodies: dict[object, Body] = {}
_runs: set[object] = set()
_state: dict[str, str] = {}  # the outer mark, and our own one, while something runs


@contextlib.contextmanager
def running_body(body: Body) -> Iterator[None]:
    """Count a body as running in this process, until the block ends."""
    token = object()
    with _lock:
        _bodies[token] = body
        _update_mark()
    try:
        yield
    finally:
        with _lock:
            _bodies.pop(token, None)  # a forked process has forgotten it
            _update_mark()


@contextlib.contextmanager
def open_run() -> Iterator[None]:
    """Count a run as open in this process: a thread that outlives its body must not wish between bodies.

    Example:
        >>> with open_run():
        ...     is_wish_allowed(None)
        False
    """
    token = object()
    with _lock:
        _runs.add(token)
        _update_mark()
    try:
        yield
    finally:
        with _lock:
            _runs.discard(token)
            _update_mark()


def is_wish_allowed(body: Body | None) -> bool:
    """Return True if ``wish`` may be called: outside of all runs, or where no result can pass as real.

    Args:
        body: the body whose context the call is in; None in a thread of its own, or outside of a run.

    Example:
        >>> is_wish_allowed(None)
        True
    """
    if body is not None and not body.may_wish():
        return False
    with _lock:
        bodies, has_run = list(_bodies.values()), bool(_runs)
    if bodies or has_run:
        # In another context: the body that started this thread is not known, so each must pretend.
        return any(b is body for b in bodies) or _all_may_wish(bodies)
    mark = os.environ.get(MARK)
    return mark is None or Path(mark).exists()


def unmarked_environment() -> Mapping[str, str]:
    """Return the environment for a process that the engine starts, not a body.

    Example:
        >>> MARK in unmarked_environment()
        False
    """
    return {name: value for name, value in os.environ.items() if name != MARK}


def _all_may_wish(bodies: list[Body]) -> bool:
    return bool(bodies) and all(b.may_wish() for b in bodies)


def _update_mark() -> None:
    """Set the mark while something runs, and keep its file in step with what the bodies may do."""
    # A file, since a pool of processes may outlive the body that started it, and serve one that is real.
    if (_bodies or _runs) and "own" not in _state:
        _state["outer"] = os.environ.get(MARK, "")
        _state["own"] = os.environ[MARK] = _permit_path()
    with contextlib.suppress(OSError):  # without the file a call is refused, which is safe
        if _all_may_wish(list(_bodies.values())):
            Path(_state["own"]).touch()
        elif "own" in _state:
            Path(_state["own"]).unlink(missing_ok=True)
    if not (_bodies or _runs) and _state:
        del os.environ[MARK]
        if _state["outer"]:
            os.environ[MARK] = _state["outer"]
        _state.clear()


def _permit_path() -> str:
    name = f"magical-{os.urandom(16).hex()}"
    with contextlib.suppress(OSError):
        return os.path.join(tempfile.gettempdir(), name)
    return name  # no folder can be written, so that no file will permit anything


def _forget() -> None:
    """Forget in a forked process what runs in its parent: there, the mark speaks for it."""
    _bodies.clear()
    _runs.clear()
    _state.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    # Under the lock: another thread might hold it, and a forked process has no such thread to release it.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget)
