"""Events of the standard steps: warnings, progress, and Python's warnings from estimators."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from magical.events import LogLine, Progress, current_sink, emit

__all__ = ["log_warnings", "mute_events", "progress", "warn"]

# Python's warning filters belong to the process, so threads share one state, guarded by one lock.
_lock = threading.Lock()
_state: dict[str, Any] = {"depth": 0, "logged": set(), "filters": None}

# Equal quantiles give fewer bins, as `Bin` says; the warning numbers columns that nobody knows.
_EXPECTED = "Bins whose width are too small"


def warn(text: str) -> None:
    """Log a warning in the running step; outside a run do nothing.

    Example:
        >>> warn("3 values of income cannot be read as float")
    """
    sink = current_sink.get()
    if sink is not None:
        emit(LogLine(step=sink.name, text=text, level="warning"))


def progress(done: int, total: int, text: str = "") -> None:
    """Emit the progress of the running step; outside a run do nothing.

    Example:
        >>> progress(4, 20, "best log_loss 0.262")
    """
    sink = current_sink.get()
    if sink is not None:
        emit(Progress(step=sink.name, done=done, total=total, text=text))


@contextmanager
def mute_events() -> Iterator[None]:
    """Run a block as if outside a run: events that it emits and values that it keeps are dropped.

    Example:
        >>> with mute_events():
        ...     warn("nobody reads this")
    """
    token = current_sink.set(None)
    try:
        yield
    finally:
        current_sink.reset(token)


@contextmanager
def log_warnings() -> Iterator[None]:
    """Log the Python warnings of the block as warnings of the running step, each once.

    Safe in threads; each line goes to the step of the thread that raised it.

    Example:
        >>> with log_warnings():
        ...     warnings.warn("did not converge", RuntimeWarning)
    """
    # `catch_warnings` in each thread would restore the filters while another thread still needs them: the
    # first thread that enters sets them, the last that leaves restores them.
    with _lock:
        if _state["depth"] == 0:
            _state["filters"] = warnings.catch_warnings()
            _state["filters"].__enter__()
            warnings.simplefilter("always")
            warnings.showwarning = _log_warning
            _state["logged"] = set()
        _state["depth"] += 1
    try:
        yield
    finally:
        with _lock:
            _state["depth"] -= 1
            if _state["depth"] == 0:
                _state["filters"].__exit__(None, None, None)


def _log_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    sink = current_sink.get()
    if str(message).startswith(_EXPECTED):
        return
    line = f"{category.__name__}: {' '.join(str(message).split())}"
    entry = (sink.name if sink else "", line)
    if entry not in _state["logged"]:  # an estimator may warn in every iteration of every trial
        _state["logged"].add(entry)
        warn(line)
