"""One at a time: a file that only one process, and one thread in it, holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["alone"]


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody else holds a file, and hold it; a process that dies lets go.

    Args:
        path: of the lock; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        with contextlib.suppress(ImportError):  # Windows has none; there nobody waits
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
