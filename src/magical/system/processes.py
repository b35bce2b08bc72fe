"""Processes of this machine: which one a run is in, and whether it still lives."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Any

__all__ = ["describe_process", "is_process_alive", "machine_name", "process_start_time"]


@functools.cache
def process_start_time() -> float:
    """Give the time at which this process began; 0 where the system does not tell it.

    Example:
        >>> process_start_time() < time.time()
        True
    """
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError):
        return 0.0


def machine_name() -> str:
    """Give the name of this machine, in letters that MLflow can be asked for."""
    import platform  # it costs the command a millisecond that a run which is fresh need not pay
    import re

    return re.sub(r"[^\w.-]", "_", platform.node())


def describe_process() -> dict[str, Any]:
    """Say which process of which machine this is, as a run tells it."""
    return {"host": machine_name(), "process": os.getpid()}


def is_process_alive(pid: int) -> bool:
    """Whether a process of this machine is there.

    Example:
        >>> import os
        >>> is_process_alive(os.getpid())
        True
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
