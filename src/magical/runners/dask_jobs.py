"""What is known here of an errand that a cluster does: what was heard of it, and how often it began."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.remote_task import Errand, heard
from magical.events import Event, Log
from magical.runners.dask_worker import Answer

__all__ = ["Job", "Tell"]

Tell = Callable[[Event], None]


class Job:
    """An errand under way.

    Args:
        errand: which.
        tell: takes its events, each once, in order.

    Attributes:
        errand: which.
        tell: takes its events.
        name: by which its events are known.
        future: of its record.
        asked: Dask's own future.
    """

    def __init__(self, errand: Errand, tell: Tell) -> None:
        self.errand, self.tell = errand, tell
        self.name = uuid.uuid4().hex
        self.future: Future[Record] = Future()
        self.asked: Any = None
        self._attempts: list[str] = []
        self._last = self._told = 0
        self._given_up = 0
        self._lock = threading.Lock()

    def hear(self, attempt: str, number: int, said: bytes) -> None:
        """Take an event as it comes; 0 is the beginning of an attempt.

        Args:
            attempt: of which attempt it is; what an attempt that was given up still says is not told.
            number: in that attempt.
            said: packed.
        """
        with self._lock:
            self._hear(attempt, number, said)

    def catch_up(self, answer: Answer) -> None:
        """Tell what was lost on the way, as far as it came with the answer."""
        with self._lock:
            self._hear(answer.attempt, 0, b"")
            for number, said in answer.last:
                self._hear(answer.attempt, number, said)
            if lost := answer.count - self._told:
                text = f"{lost} lines or events of it were lost on the way."
                self.tell(Log(step=self.errand.node, text=text, level="warning"))

    def gave_up(self) -> int:
        """Count that Dask gave it up, and give how many workers died under it, as far as was heard."""
        with self._lock:
            self._given_up += 1
            return max(len(self._attempts), self._given_up)

    def fail(self, error: BaseException) -> None:
        """End it with an error, unless it has ended."""
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)

    def _hear(self, attempt: str, number: int, said: bytes) -> None:
        node = self.errand.node
        if attempt not in self._attempts:
            if self._attempts:
                text = "the worker it ran on died; it runs again on another one."
                self.tell(Log(step=node, text=text, level="warning"))
            self._attempts.append(attempt)
            self._last = self._told = 0
        if attempt == self._attempts[-1] and number > self._last:
            self._last = number
            self._told += 1
            self.tell(heard(node, said))
