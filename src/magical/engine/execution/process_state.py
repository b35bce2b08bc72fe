"""The state that all threads of a process share, and the guard that keeps each body's use of it to itself."""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
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

from magical.errors import UsageError

__all__ = ["StateDisturbed", "Stay", "isolate", "may_be_awaited", "refuse_fork_of_body", "step_aside"]

RANDOM, NUMPY, FOLDER, ENVIRONMENT = "random", "numpy.random", "the working directory", "os.environ"

_WAIT_SECONDS = 0.2
"""Seconds between two checks whether the run is being stopped."""

_NUMPY_BYTES = 625 * 4
"""Size of NumPy's generator in memory: 624 numbers, and the position of the next one."""

# Clients of tracking servers set these once, in whatever thread comes first, and must find them later.
# The last one is our own mark for the processes that bodies start.
_CLIENT_VARIABLES = ("MLFLOW_", "PREFECT_", "DO_NOT_TRACK", "MAGICAL_BODY")


def _ignore() -> None:
    """Do nothing."""


class StateDisturbed(Exception):
    """The state changed while several bodies ran: what this one gave may depend on the others."""


@dataclass(eq=False)  # one body is not another of the same name
class Stay:
    """One body in the guard.

    Attributes:
        name: the seed of its generators.
        alone: True if no other body may run meanwhile.
        changes: what of the state differed when it ended.
        restore_generators: undoes the seeding.
        awaited: True if a body in another thread may wait for this one.
        thread: the thread that it runs in.
    """

    name: str
    alone: bool
    awaited: bool = False
    changes: set[str] = field(default_factory=set)
    restore_generators: Callable[[], None] = _ignore
    thread: int = field(default_factory=threading.get_ident)


@dataclass(frozen=True)
class _State:
    """The state of the process at one moment."""

    random: Any
    numpy: bytes
    folder: str
    environment: dict[Any, Any]
    modules: int

    @classmethod
    def capture(cls) -> _State:
        """Copy the state; this is done twice for each body, and so takes a few microseconds."""
        try:
            folder = os.getcwd()
        except FileNotFoundError:  # somebody has removed it
            folder = ""
        # A copy of the mapping itself would decode every variable, which takes a hundred times as long.
        environment = getattr(os.environ, "_data", os.environ).copy()
        return cls(random.getstate(), _read_numpy(), folder, environment, len(sys.modules))

    def find_changes(self, now: _State) -> set[str]:
        """Return what differs in a later state."""
        return {
            *([RANDOM] if now.random != self.random and not _draws_in_background() else ()),
            *([NUMPY] if now.numpy != self.numpy else ()),
            *([FOLDER] if now.folder != self.folder else ()),
            *([ENVIRONMENT] if self._find_changed_variables(now) else ()),
        }

    def restore(self, now: _State) -> None:
        """Put everything back that differs in the present state, which is given."""
        if now.random != self.random:
            random.setstate(self.random)
        if now.numpy != self.numpy:
            _write_numpy(self.numpy)
        if self.folder and now.folder != self.folder:
            with contextlib.suppress(OSError):  # it is gone: no body of ours can bring it back
                os.chdir(self.folder)
        for key in self._find_changed_variables(now):
            name = os.fsdecode(key)
            if key in self.environment:
                os.environ[name] = os.fsdecode(self.environment[key])
            else:
                del os.environ[name]

    def _find_changed_variables(self, now: _State) -> list[Any]:
        """List the variables that differ, but for those that an import or a client of a server has set."""
        old, new = self.environment, now.environment
        if new == old:
            return []
        is_importing = now.modules != self.modules
        return [
            name
            for name in {*old, *new}
            if old.get(name) != new.get(name)
            and not os.fsdecode(name).startswith(_CLIENT_VARIABLES)
            and not (is_importing and name not in old)
        ]


def _draws_in_background() -> bool:
    """Return True if threads of a client of Prefect or Dask may draw from `random`, for their pauses."""
    return "prefect" in sys.modules or "distributed" in sys.modules


def _read_numpy() -> bytes:
    """Copy the state of NumPy's global generator; empty if the user has put in one of another kind."""
    # `get_state` converts its 624 numbers one by one, which takes fifty times as long as this copy.
    generator = np.random.get_bit_generator()  # type: ignore[attr-defined]  # its stub lacks it
    is_usual = type(generator) is np.random.MT19937
    return ctypes.string_at(generator.ctypes.state_address, _NUMPY_BYTES) if is_usual else b""


def _write_numpy(state: bytes) -> None:
    numbers = np.frombuffer(state, dtype=np.uint32)
    np.random.set_state(("MT19937", numbers[:-1], int(numbers[-1]), 0, 0.0))


# One period of the guard lasts from the first body that enters until none is left. At its end the state is
# restored in which it began, and every body of the period is compared with that state.
_turn = threading.Condition()
_open: list[Stay] = []  # all bodies that have begun, also those that have stepped aside
_active: list[Stay] = []
_waiting: list[Stay] = []  # those that want to be alone
_begin: list[_State] = []  # the state in which the period began
_forked: set[int] = set()  # this process, if a body of its parent forked it
_current: contextvars.ContextVar[Stay | None] = contextvars.ContextVar("magical_stay", default=None)


@contextlib.contextmanager
def isolate(
    name: str, *, alone: bool = False, awaited: bool = False, on_wait: Callable[[], None] = _ignore
) -> Iterator[Stay]:
    """Run a body for the block so that it and the others see no change of each other.

    Bodies that leave the state as it was may run at the same time. One that is alone finds the global
    generators seeded with its name; after it generators, working directory and environment are restored.

    Args:
        name: the node's name.
        alone: wait for the bodies that run, and let the next ones wait.
        awaited: a body in another thread may wait for this one, as ``may_be_awaited`` said of its run.
        on_wait: called repeatedly while it waits, and may raise.

    Raises:
        StateDisturbed: it was not alone, and the state has changed meanwhile: repeat it alone.

    Example:
        >>> with isolate("clean", alone=True) as stay:
        ...     first = random.random()
        >>> with isolate("clean", alone=True):
        ...     print(random.random() == first, stay.alone)
        True True
    """
    stay = Stay(name, alone, awaited)
    _enter(stay, on_wait)
    _open.append(stay)
    token, failure = _current.set(stay), None
    try:
        yield stay
    except Exception as error:
        failure = error
    finally:
        _current.reset(token)
        if stay in _open:  # a forked process has forgotten it
            _open.remove(stay)
            _leave(stay)
    # Before the error: a disturbed body may fail for reasons that are not its own.
    if stay.changes and not alone:
        raise StateDisturbed from failure
    if failure is not None:
        raise failure


@contextlib.contextmanager
def step_aside() -> Iterator[None]:
    """Leave the guard for the block if a body runs in this thread; then wait for a turn, and go on.

    A body that starts a run of its own waits for the bodies of that run, which may wait to be alone.
    """
    stay = _current.get()
    if stay is None or may_be_awaited():
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


def may_be_awaited() -> bool:
    """Return True if a run of this thread may be one that a body in another thread started and waits for.

    Such a run must not wait for that body, which does not know of it and so does not step aside. A run of
    the host beside another one cannot be told from it.

    Example:
        >>> may_be_awaited()
        False
    """
    stay = (
        _current.get()
    )  # of another thread if this one got a copy of the context, as in `asyncio.to_thread`
    if stay is not None and stay.thread == threading.get_ident():
        return stay.awaited
    return bool(_open)


def _enter(stay: Stay, on_wait: Callable[[], None]) -> None:
    """Wait until the body may run."""
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
        if stay.alone:
            stay.restore_generators = _seed_generators(stay.name)
        if not _active:
            _begin[:] = [_State.capture()]
        _active.append(stay)


def _is_blocked(stay: Stay) -> bool:
    # Those that want to be alone go first, or a steady flow of others would keep them waiting.
    return bool(_active) if stay.alone else bool(_waiting) or any(other.alone for other in _active)


def _leave(stay: Stay) -> None:
    """Note what has changed; the last body of a period puts everything back."""
    with _turn:
        now = _State.capture()
        stay.changes |= _begin[0].find_changes(now)
        _active.remove(stay)
        if not _active:
            _begin[0].restore(now)
            stay.restore_generators()
        _turn.notify_all()


def _seed_generators(name: str) -> Callable[[], None]:
    """Seed the global generators, and return the function by which they go on where they were."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    is_usual = bool(_read_numpy())
    # Here `get_state`: it also has the normal number that may wait to be drawn.
    old_random, old_numpy = random.getstate(), np.random.get_state() if is_usual else None
    # Polars' state cannot be read, so it goes on from a number that is drawn from it.
    following = pl.int_range(256, eager=True).sample(7, with_replacement=True).to_list()

    def restore() -> None:
        random.setstate(old_random)
        if old_numpy is not None:
            np.random.set_state(old_numpy)
        pl.set_random_seed(int.from_bytes(bytes(following)))

    random.seed(seed)
    if is_usual:
        np.random.seed(seed)
    pl.set_random_seed(seed)
    return restore


def refuse_fork_of_body() -> None:
    """Raise if this process was forked while a body ran: it lacks the threads of polars, and would hang.

    Raises:
        UsageError: it was.

    Example:
        >>> refuse_fork_of_body()
    """
    if os.getpid() in _forked:
        raise UsageError(
            "A process that a body has forked cannot run steps: it lacks the threads of polars.",
            hint='start it afresh: multiprocessing.get_context("spawn"); or call run() in the body itself.',
        )


def _forget() -> None:
    """Forget in a forked process the bodies of its parent, whose threads it does not have."""
    if _open:
        _forked.add(os.getpid())
    for stays in (_open, _active, _waiting):
        stays.clear()
    _begin.clear()
    _current.set(None)
    _turn.release()


if hasattr(os, "register_at_fork"):
    # Under the lock: another thread might hold it, and a forked process has no such thread to release it.
    os.register_at_fork(before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_forget)
