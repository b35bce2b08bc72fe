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

__all__ = ["Answer", "TaskFunction", "dask_setup", "pack_task", "run_remote_task"]

TaskFunction = Callable[[RemoteTask, Callable[[Event], None], threading.Event], Record]
"""Does an errand: which one, what takes its events, and what is set when nobody waits for it any more."""

BACKLOG_BYTES = 1 << 20
"""Bytes of the last events that come with the answer, for those that were lost on the way."""

POLL_INTERVAL = 0.5
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
    event_count: int
    backlog: tuple[tuple[int, bytes], ...]
    payload: bytes


class _TaskAbandoned(KeyboardInterrupt):
    """Raised in a body for which nobody waits any more."""


def pack_task(task: RemoteTask) -> bytes:
    """Give an errand as it travels: small, and not looked into by Dask."""
    return zlib.compress(pickle.dumps(task), 1)


def run_remote_task(function: str, packed_task: bytes, topic: str, job_name: str) -> Answer:
    """Do an errand; what its body raises comes with the answer, and is no fault of the worker's.

    Args:
        work: the name of what does it.
        text: the packed errand.
        topic: of its events.
        name: of the errand, for those who hear them.
    """
    teller = _EventSender(topic, job_name)
    teller.announce()
    errand: RemoteTask = pickle.loads(zlib.decompress(packed_task))
    stopping = threading.Event()

    def do() -> Record:
        with _interrupt_if_abandoned(stopping):
            found: TaskFunction = pkgutil.resolve_name(function)
            return found(errand, teller, stopping)

    return teller.build_answer(answer_task(errand, do))


def dask_setup(worker: Any) -> None:
    """Take the worker's own folder off the path, where Dask put it: what is importable counts in drawing."""
    own = os.path.dirname(worker.local_directory)
    sys.path[:] = [place for place in sys.path if not place.startswith(own)]


class _EventSender:
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

    def announce(self) -> None:
        """Say that there is an attempt."""
        self._send(0, b"")

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        said = pack_answer(EVENT, event)
        with self._lock:
            self._count += 1
            self._last.append((self._count, said))
            self._size += len(said)
            while self._size > BACKLOG_BYTES and len(self._last) > 1:
                self._size -= len(self._last.popleft()[1])
            self._send(self._count, said)

    def build_answer(self, payload: bytes) -> Answer:
        """Give the answer, with what may have been lost of the events."""
        with self._lock:
            return Answer(self._attempt, self._count, tuple(self._last), payload)

    def _send(self, number: int, payload: bytes) -> None:
        self._worker.log_event(self._topic, [self._name, self._attempt, number, payload])


@contextlib.contextmanager
def _interrupt_if_abandoned(stopping: threading.Event) -> Iterator[None]:
    """While a body runs, look whether anybody still waits for it; a body in Python can then be stopped."""
    from distributed import get_worker

    worker = get_worker()
    key, thread = worker.get_current_task(), threading.get_ident()
    lock, done = threading.Lock(), threading.Event()

    def watch() -> None:
        while not done.wait(POLL_INTERVAL):
            task = worker.state.tasks.get(key)
            if task is not None and task.state != "cancelled":
                continue
            stopping.set()
            if not done.wait(2 * POLL_INTERVAL):  # what runs in a process of its own has ended it by now
                with lock:
                    if not done.is_set():
                        _interrupt_thread(thread)
            return

    threading.Thread(target=watch, name="magical watch", daemon=True).start()
    try:
        yield
    finally:
        with lock:
            done.set()


def _interrupt_thread(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TaskAbandoned))
