"""The local runner: threads of this process, no server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["LocalRunner"]

T = TypeVar("T")


class LocalRunner:
    """Runs steps in worker threads.

    Args:
        workers: how many at a time.

    Example:
        >>> with LocalRunner(2) as runner:
        ...     runner.submit(lambda: 1 + 1, "sum").result()
        2
    """

    def __init__(self, workers: int = 1) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="magical")

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=exc[0] is not None)

    def submit(self, work: Callable[[], T], name: str) -> Future[T]:
        """Begin a piece of work and give its future."""
        return self._pool.submit(work)
