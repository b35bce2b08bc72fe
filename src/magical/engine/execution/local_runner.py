"""The local runners: threads of this process, or the very thread that asks; no server."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from magical.engine.protocols import WorkItem

__all__ = ["InlineRunner", "LocalRunner"]

T = TypeVar("T")


class LocalRunner:
    """Runs steps in worker threads.

    Args:
        workers: how many at a time.

    Example:
        >>> with LocalRunner(2) as runner:
        ...     runner.submit(Work(lambda: 1 + 1, "sum")).result()
        2
    """

    def __init__(self, workers: int = 1) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="magical")

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        stopped = isinstance(exc[1], KeyboardInterrupt)  # a thread cannot be stopped: it is left behind
        self._pool.shutdown(wait=not stopped, cancel_futures=exc[0] is not None)

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Begin a piece of work and give its future."""
        return self._pool.submit(work)


class InlineRunner:
    """Runs each step at once, in the thread that submits it: for a debugger.

    Example:
        >>> with InlineRunner() as runner:
        ...     runner.submit(Work(lambda: 1 + 1, "sum")).result()
        2
    """

    def __enter__(self) -> InlineRunner:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left to wait for."""

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Do a piece of work and give its future, which is done."""
        future: Future[T] = Future()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        return future
