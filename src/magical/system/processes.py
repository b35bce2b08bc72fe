"""The names of this process and its machine in runs, and a check whether a process still exists."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

__all__ = [
    "describe_process",
    "is_process_alive",
    "machine_name",
    "process_start_time",
    "raise_on_os_exit",
]


@functools.cache
def process_start_time() -> float:
    """Read the time at which this process began, in seconds since the epoch; 0 where /proc does not exist.

    Example:
        >>> process_start_time() < time.time()
        True
    """
    try:
        # Field 22 of stat; the second field, the command's name, may itself contain spaces and brackets.
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0


def machine_name() -> str:
    """Return the name of this machine; a character that a search in MLflow refuses becomes ``_``."""
    import platform  # a millisecond that a run with nothing to do need not pay
    import re

    return re.sub(r"[^\w.-]", "_", platform.node())


def describe_process() -> dict[str, Any]:
    """Return the machine and the number of this process, as the journal records them.

    Example:
        >>> sorted(describe_process())
        ['host', 'process']
    """
    return {"host": machine_name(), "process": os.getpid()}


def is_process_alive(pid: int) -> bool:
    """Return True if a process with this id exists on this machine; it may be a later one with the same id.

    Example:
        >>> is_process_alive(os.getpid())
        True
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else, but it exists
        return True
    return True


@contextmanager
def raise_on_os_exit() -> Iterator[None]:
    """Make ``os._exit`` raise SystemExit during a block: code of a project must not end a run without a word.

    Example:
        >>> with raise_on_os_exit():
        ...     os._exit(0)
        Traceback (most recent call last):
        SystemExit: 0
    """
    exit_now, owner = os._exit, os.getpid()

    def leave(status: int) -> NoReturn:
        if os.getpid() != owner:  # a forked child, which multiprocessing ends so
            exit_now(status)
        raise SystemExit(status)

    os._exit = leave
    try:
        yield
    finally:
        os._exit = exit_now
