"""The peak of this process's memory while a block ran, by the operating system's own mark of it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

__all__ = ["measure_memory"]

_lock = threading.Lock()
_under_way: list[dict[str, int]] = []


def _forget_parent() -> None:
    _lock._at_fork_reinit()  # type: ignore[attr-defined]
    _under_way.clear()


if hasattr(os, "register_at_fork"):  # a forked process lacks the threads that are measured
    os.register_at_fork(after_in_child=_forget_parent)


@contextlib.contextmanager
def measure_memory() -> Iterator[dict[str, int]]:
    """Measure the memory of this process in a block; it takes 50 µs, and no thread.

    Yields:
        An object that is filled when the block ends: ``before``, the bytes at its begin, and ``peak``, the
        most bytes in it. In the place of ``peak`` it has ``limit`` if the process had needed as much before,
        or if other blocks ran at the same time; then it has ``shared``, too. Empty where the system tells
        nothing.

    Example:
        >>> with measure_memory() as memory:
        ...     data = bytearray(1000)
        >>> "shared" in memory
        False
    """
    memory: dict[str, int] = {}
    high, before = _peak_bytes(), _present_bytes()
    with _lock:
        for other in [*_under_way, memory] if _under_way else ():
            other["shared"] = 1
        _under_way.append(memory)
    try:
        yield memory
    finally:
        with _lock:
            # By identity: two objects with the same figures are equal.
            _under_way[:] = [other for other in _under_way if other is not memory]
        peak = _peak_bytes()
        if not peak:
            memory.clear()
        else:  # the mark never falls, unless something resets it
            is_own = peak > high and "shared" not in memory
            memory.update({"before": before, "peak" if is_own else "limit": peak})


def _peak_bytes() -> int:
    """Return the most bytes that this process has had in memory; 0 if that is unknown."""
    # Not by getrusage: on Linux a new process begins with the mark of the one that started it.
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status", "rb") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"VmHWM:")), 0)
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _present_bytes() -> int:
    """Return the bytes that this process has in memory now; 0 if that is unknown."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError, IndexError):
        return 0
