"""Runners without a server: the threads of this process, or the thread that submits."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from magical.engine.protocols import WorkItem

__all__ = ["InlineRunner", "LocalRunner"]

T = TypeVar("T")


class LocalRunner:
    """Runs up to ``workers`` steps at a time, in threads of this process.

    Example:
        >>> with LocalRunner(2) as runner:
        ...     runner.submit(WorkItem(lambda: 1 + 1, "sum")).result()
        2
    """

    def __init__(self, workers: int = 1) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="magical")

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        stopped = isinstance(exc[1], KeyboardInterrupt)  # a thread cannot be stopped: do not wait for it
        self._pool.shutdown(wait=not stopped, cancel_futures=exc[0] is not None)

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Queue a piece of work and return its future."""
        return self._pool.submit(work)


class InlineRunner:
    """Runs each step in the thread that submits it, as a debugger needs it.

    Example:
        >>> with InlineRunner() as runner:
        ...     runner.submit(WorkItem(lambda: 1 + 1, "sum")).result()
        2
    """

    def __enter__(self) -> InlineRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        """Do nothing: all work is done."""

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Execute a piece of work and return its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        return future
