"""What the standard steps tell besides their results: warnings, progress, and what estimators warn of."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from magical.events import LogLine, Progress, current_sink, emit

__all__ = ["log_warnings", "progress", "warn"]

_lock = threading.Lock()
_state: dict[str, Any] = {"inside": 0, "told": set(), "outer": None}


def warn(text: str) -> None:
    """Tell the reader of a run something to look at; outside a run it does nothing.

    Example:
        >>> warn("3 values of income cannot be read as float")
    """
    sink = current_sink.get()
    if sink is not None:
        emit(LogLine(step=sink.name, text=text, level="warning"))


def progress(done: int, total: int, text: str = "") -> None:
    """Tell how far a step is; outside a run it does nothing.

    Example:
        >>> progress(4, 20, "best log_loss 0.262")
    """
    sink = current_sink.get()
    if sink is not None:
        emit(Progress(step=sink.name, done=done, total=total, text=text))


@contextmanager
def log_warnings() -> Iterator[None]:
    """Turn Python's warnings into lines of the run's log while an estimator works, each said once.

    Safe in threads: the filters are changed by the first that comes in, and put back by the last that leaves,
    and each line goes to the step in whose thread it was raised.

    Example:
        >>> with log_warnings():
        ...     warnings.warn("did not converge", RuntimeWarning)
    """
    with _lock:
        if _state["inside"] == 0:
            _state["outer"] = warnings.catch_warnings()
            _state["outer"].__enter__()
            warnings.simplefilter("always")
            warnings.showwarning = _log_warning
            _state["told"] = set()
        _state["inside"] += 1
    try:
        yield
    finally:
        with _lock:
            _state["inside"] -= 1
            if _state["inside"] == 0:
                _state["outer"].__exit__(None, None, None)


def _log_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    sink = current_sink.get()
    line = f"{category.__name__}: {' '.join(str(message).split())}"
    mark = (sink.name if sink else "", line)
    if mark not in _state["told"]:
        _state["told"].add(mark)
        warn(line)
