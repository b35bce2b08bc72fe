"""Runs in the workers of a Dask cluster: does one errand, tells its events as they come, and answers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import pkgutil
import sys
import threading
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.remote_task import EVENT, RemoteTask, answer_task, pack_answer
from magical.events import Event

__all__ = ["Answer", "Work", "dask_setup", "do_errand", "packed_errand"]

Work = Callable[[RemoteTask, Callable[[Event], None], threading.Event], Record]
"""Does an errand: which one, what takes its events, and what is set when nobody waits for it any more."""

KEPT = 1 << 20
"""Bytes of the last events that come with the answer, for those that were lost on the way."""

GLANCE = 0.5
"""Seconds between two looks at whether anybody still waits."""


@dataclass(frozen=True)
class Answer:
    """What comes of an errand.

    Attributes:
        attempt: at it; a worker that dies costs one.
        count: of its events.
        last: the last of them, with their numbers.
        said: its packed record or error.
    """

    attempt: str
    count: int
    last: tuple[tuple[int, bytes], ...]
    said: bytes


class _Left(KeyboardInterrupt):
    """Raised in a body for which nobody waits any more."""


def packed_errand(errand: RemoteTask) -> bytes:
    """Give an errand as it travels: small, and not looked into by Dask."""
    return zlib.compress(pickle.dumps(errand), 1)


def do_errand(work: str, text: bytes, topic: str, name: str) -> Answer:
    """Do an errand; what its body raises comes with the answer, and is no fault of the worker's.

    Args:
        work: the name of what does it.
        text: the packed errand.
        topic: of its events.
        name: of the errand, for those who hear them.
    """
    teller = _Teller(topic, name)
    teller.begin()
    errand: RemoteTask = pickle.loads(zlib.decompress(text))
    stopping = threading.Event()

    def do() -> Record:
        with _left_alone(stopping):
            found: Work = pkgutil.resolve_name(work)
            return found(errand, teller, stopping)

    return teller.answer(answer_task(errand, do))


def dask_setup(worker: Any) -> None:
    """Take the worker's own folder off the path, where Dask put it: what is importable counts in drawing."""
    own = os.path.dirname(worker.local_directory)
    sys.path[:] = [place for place in sys.path if not place.startswith(own)]


class _Teller:
    """Numbers the events of one attempt at an errand, and sends each as it comes.

    Args:
        topic: under which.
        name: of the errand.
    """

    def __init__(self, topic: str, name: str) -> None:
        from distributed import get_worker

        self._worker, self._topic, self._name = get_worker(), topic, name
        self._attempt, self._count = uuid.uuid4().hex, 0
        self._last: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Say that there is an attempt."""
        self._send(0, b"")

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        said = pack_answer(EVENT, event)
        with self._lock:
            self._count += 1
            self._last.append((self._count, said))
            self._size += len(said)
            while self._size > KEPT and len(self._last) > 1:
                self._size -= len(self._last.popleft()[1])
            self._send(self._count, said)

    def answer(self, said: bytes) -> Answer:
        """Give the answer, with what may have been lost of the events."""
        with self._lock:
            return Answer(self._attempt, self._count, tuple(self._last), said)

    def _send(self, number: int, said: bytes) -> None:
        self._worker.log_event(self._topic, [self._name, self._attempt, number, said])


@contextlib.contextmanager
def _left_alone(stopping: threading.Event) -> Iterator[None]:
    """While a body runs, look whether anybody still waits for it; a body in Python can then be stopped."""
    from distributed import get_worker

    worker = get_worker()
    key, thread = worker.get_current_task(), threading.get_ident()
    lock, done = threading.Lock(), threading.Event()

    def watch() -> None:
        while not done.wait(GLANCE):
            task = worker.state.tasks.get(key)
            if task is not None and task.state != "cancelled":
                continue
            stopping.set()
            if not done.wait(2 * GLANCE):  # what runs in a process of its own has ended it by now
                with lock:
                    if not done.is_set():
                        _raise_in(thread)
            return

    threading.Thread(target=watch, name="magical watch", daemon=True).start()
    try:
        yield
    finally:
        with lock:
            done.set()


def _raise_in(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Left))
