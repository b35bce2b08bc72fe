"""The state that all threads of a process share, and the guard that keeps each body's use of it to itself."""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

__all__ = ["StateDisturbed", "Stay", "isolate", "step_aside"]

RANDOM, NUMPY, FOLDER, ENVIRONMENT = "random", "numpy.random", "the working directory", "os.environ"

_WAIT_SECONDS = 0.2
"""Seconds between two checks whether the run is being stopped."""

# Clients of tracking servers set these once, in whatever thread comes first, and must find them later.
_CLIENT_VARIABLES = ("MLFLOW_", "PREFECT_", "DO_NOT_TRACK")


class StateDisturbed(Exception):
    """The state changed while several bodies ran: what this one gave may depend on the others."""


@dataclass
class Stay:
    """One body in the guard.

    Attributes:
        name: the seed of its generators.
        alone: True if no other body may run meanwhile.
        overlapped: True once another body has run at the same time.
        changes: what of the state differed when it ended.
    """

    name: str
    alone: bool = False
    overlapped: bool = False
    changes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _State:
    """The state of the process at one moment."""

    random: Any
    numpy: Any
    folder: str
    environment: dict[Any, Any]
    modules: int

    @classmethod
    def capture(cls) -> _State:
        """Copy the state; it is done twice for each body, and so must be cheap."""
        try:
            folder = os.getcwd()
        except FileNotFoundError:  # somebody has removed it
            folder = ""
        # A copy of the mapping itself would decode every variable, which takes a hundred times as long.
        environment = getattr(os.environ, "_data", os.environ).copy()
        return cls(
            random.getstate(), np.random.get_state(legacy=False), folder, environment, len(sys.modules)
        )

    def find_changes(self, now: _State) -> set[str]:
        """Return what differs in a later state."""
        changes = {RANDOM} if now.random != self.random else set()
        changes |= set() if _is_same_generator(self.numpy, now.numpy) else {NUMPY}
        changes |= {FOLDER} if now.folder != self.folder else set()
        return changes | ({ENVIRONMENT} if self._changed_variables(now) else set())

    def restore(self, now: _State) -> None:
        """Put everything back that differs in the present state, which is given."""
        if now.random != self.random:
            random.setstate(self.random)
        if not _is_same_generator(self.numpy, now.numpy):
            np.random.set_state(self.numpy)
        if self.folder and now.folder != self.folder:
            with contextlib.suppress(OSError):  # it is gone: no body of ours can bring it back
                os.chdir(self.folder)
        for key in self._changed_variables(now):
            name = os.fsdecode(key)
            if key in self.environment:
                os.environ[name] = os.fsdecode(self.environment[key])
            else:
                del os.environ[name]

    def _changed_variables(self, now: _State) -> list[Any]:
        """List the variables that differ, but for those that an import or a client of a server has set."""
        if now.environment == self.environment:
            return []
        names = {*self.environment, *now.environment}
        changed = [n for n in names if self.environment.get(n) != now.environment.get(n)]
        is_importing = now.modules != self.modules
        return [
            name
            for name in changed
            if not os.fsdecode(name).startswith(_CLIENT_VARIABLES)
            and not (is_importing and name not in self.environment)
        ]


def _is_same_generator(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Compare two states of NumPy's global generator; a normal number may wait in it to be drawn."""
    if (one["bit_generator"], one["has_gauss"], one["gauss"]) != (
        other["bit_generator"],
        other["has_gauss"],
        other["gauss"],
    ):
        return False
    mine, theirs = one["state"], other["state"]
    return all(np.array_equal(mine[name], theirs[name]) for name in mine)


# One period of the guard lasts from the first body that enters until none is left. The session's state is
# kept for its end, and every body of the period is compared with the state that the first one began with.
_turn = threading.Condition()
_active: list[Stay] = []
_waiting: list[Stay] = []  # those that want to be alone
_session: list[_State] = []  # before the period, and at its beginning
_current: contextvars.ContextVar[Stay | None] = contextvars.ContextVar("magical_stay", default=None)


def _ignore() -> None:
    """Do nothing."""


@contextlib.contextmanager
def isolate(
    name: str, *, alone: bool = False, repeatable: bool = True, on_wait: Callable[[], None] = _ignore
) -> Iterator[Stay]:
    """Run a body for the block so that it and the others see no change of each other.

    The first body to enter finds the global generators seeded with its name; the last to leave restores
    generators, working directory and environment. So a body that was alone has drawn the same numbers as in
    any other run, though nobody asked it to be alone.

    Args:
        name: the node's name.
        alone: wait for the bodies that run, and let the next ones wait. Polars' generator, whose state
            cannot be read, is seeded for such a body only.
        repeatable: False for a body that must not run twice; it then never raises ``StateDisturbed``.
        on_wait: called repeatedly while it waits, and may raise.

    Raises:
        StateDisturbed: bodies ran at the same time, and one of them changed the state: repeat it alone.

    Example:
        >>> with isolate("clean", alone=True) as stay:
        ...     first = random.random()
        >>> with isolate("clean", alone=True):
        ...     print(random.random() == first, stay.changes)
        True {'random'}
    """
    stay = Stay(name, alone)
    with _hold_turn(stay, on_wait):
        token = _current.set(stay)
        try:
            with _seed_polars(stay) if alone else contextlib.nullcontext():
                yield stay
        except BaseException as error:
            # A disturbed body fails for reasons that are not its own. Ctrl-C is no failure.
            stay.changes |= _find_changes()
            if repeatable and stay.overlapped and stay.changes and isinstance(error, Exception):
                raise StateDisturbed from error
            raise
        finally:
            _current.reset(token)
    if repeatable and stay.overlapped and stay.changes:
        raise StateDisturbed


@contextlib.contextmanager
def step_aside() -> Iterator[None]:
    """Leave the guard for the block if a body runs in this thread; then wait for a turn, and go on.

    A body that starts a run of its own waits for the bodies of that run, which may wait to be alone.
    """
    stay = _current.get()
    if stay is None:
        yield
        return
    token = _current.set(None)
    own = _State.capture()
    _leave(stay)
    try:
        yield
    finally:
        _enter(stay, _ignore)
        with _turn:
            # If others run they would see it; the body is then repeated, for what it has changed.
            if stay.changes and len(_active) == 1:
                own.restore(_State.capture())
        _current.reset(token)


@contextlib.contextmanager
def _hold_turn(stay: Stay, on_wait: Callable[[], None]) -> Iterator[None]:
    _enter(stay, on_wait)
    try:
        yield
    finally:
        _leave(stay)


def _enter(stay: Stay, on_wait: Callable[[], None]) -> None:
    with _turn:
        if stay.alone:
            _waiting.append(stay)
        try:
            while _is_blocked(stay):
                _turn.wait(_WAIT_SECONDS)
                on_wait()
        finally:
            if stay.alone:
                _waiting.remove(stay)
                _turn.notify_all()  # if it gave up, those behind it may go
        if _active:
            for other in (*_active, stay):
                other.overlapped = True
        else:
            before = _State.capture()
            seed = _derive_seed(stay.name)
            random.seed(seed)
            with contextlib.suppress(TypeError):  # the user's own bit generator takes no seed
                np.random.seed(seed)
            _session[:] = before, _State.capture()
        _active.append(stay)


def _is_blocked(stay: Stay) -> bool:
    # Those that want to be alone go first, or a steady flow of others would keep them waiting.
    return bool(_active) if stay.alone else bool(_waiting) or any(other.alone for other in _active)


def _leave(stay: Stay) -> None:
    with _turn:
        now = _State.capture()
        before, begin = _session
        stay.changes |= begin.find_changes(now)
        _active.remove(stay)
        if not _active:
            before.restore(now)
        _turn.notify_all()


def _find_changes() -> set[str]:
    with _turn:
        return _session[1].find_changes(_State.capture())


def _derive_seed(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])


@contextlib.contextmanager
def _seed_polars(stay: Stay) -> Iterator[None]:
    """Seed polars for the block; its state cannot be read, so it goes on from a number drawn before."""
    following = pl.int_range(256, eager=True).sample(7, with_replacement=True).to_list()
    pl.set_random_seed(_derive_seed(stay.name))
    try:
        yield
    finally:
        pl.set_random_seed(int.from_bytes(bytes(following)))
