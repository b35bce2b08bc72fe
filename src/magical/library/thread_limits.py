"""One thread for each fit: the sums of a library depend on how it divides rows among its threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["limit_threads"]

# The limits belong to the process, and steps run in its threads: the first that enters sets them, the last
# that leaves restores them.
_lock = threading.Lock()
_state: dict[str, Any] = {"depth": 0, "limits": None}


@contextmanager
def limit_threads() -> Iterator[None]:
    """Let numpy, scipy and scikit-learn compute in one thread in the block; safe in threads.

    So the bits of a model do not depend on the number of cores. It is faster, too, where other processes use
    these: threads that share a small product of matrices wait for each other.

    Example:
        >>> import threadpoolctl
        >>> with limit_threads():
        ...     {library["num_threads"] for library in threadpoolctl.threadpool_info()}
        {1}
    """
    # Only libraries that are loaded are limited.
    import sklearn.base  # noqa: F401
    from threadpoolctl import threadpool_limits

    with _lock:
        if _state["depth"] == 0:
            _state["limits"] = threadpool_limits(1)
        _state["depth"] += 1
    try:
        yield
    finally:
        with _lock:
            _state["depth"] -= 1
            if _state["depth"] == 0:
                _state["limits"].restore_original_limits()
