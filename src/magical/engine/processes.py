"""Processes of this machine: which one a run is in, and whether it still lives."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["here", "host", "lives"]


def host() -> str:
    """Give the name of this machine, in letters that MLflow can be asked for."""
    import platform  # it costs the command a millisecond that a run which is fresh need not pay
    import re

    return re.sub(r"[^\w.-]", "_", platform.node())


def here() -> dict[str, Any]:
    """Say which process of which machine this is, as a run tells it."""
    return {"host": host(), "process": os.getpid()}


def lives(process: int) -> bool:
    """Whether a process of this machine is there.

    Example:
        >>> import os
        >>> lives(os.getpid())
        True
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
