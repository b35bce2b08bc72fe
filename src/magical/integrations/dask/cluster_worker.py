"""The code in the workers of a Dask cluster: it runs one task, sends its events, and returns an answer."""

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
"""Runs a task; its arguments are the task, a callback for events, and an event set when it is abandoned."""

BACKLOG_BYTES = 1 << 20
"""Bytes of the last events that the answer repeats, since Dask may lose events on the way."""

POLL_INTERVAL = 0.5
"""Seconds between two checks that the task is still wanted."""


@dataclass(frozen=True)
class Answer:
    """The answer of a worker to a task.

    Attributes:
        attempt: the id of the attempt; each death of a worker leads to another one.
        event_count: the number of events that the attempt sent.
        backlog: the last events, numbered from 1 and packed.
        payload: the packed record or error.
    """

    attempt: str
    event_count: int
    backlog: tuple[tuple[int, bytes], ...]
    payload: bytes


class _TaskAbandoned(KeyboardInterrupt):
    """Raised in a body whose task was cancelled; not an Exception, so that the body does not handle it."""


def pack_task(task: RemoteTask) -> bytes:
    """Pickle and compress a task: Dask sends few bytes, and does not search them for keys of other tasks.

    Example:
        >>> task = RemoteTask({}, "clean", "m:clean", "workflow.py:3", "key", "run")
        >>> pickle.loads(zlib.decompress(pack_task(task))) == task
        True
    """
    return zlib.compress(pickle.dumps(task), 1)


def run_remote_task(function: str, packed_task: bytes, topic: str, job_name: str) -> Answer:
    """Run a task in a worker; an exception of its body is part of the answer, not a failure of the worker.

    Args:
        function: runs the task, as ``module:name``.
        packed_task: see ``pack_task``.
        topic: Dask's topic for the events.
        job_name: the name of the job, which the events carry.
    """
    sender = _EventSender(topic, job_name)
    sender.announce()  # before the task is unpacked: should this kill the worker, the attempt is known
    task: RemoteTask = pickle.loads(zlib.decompress(packed_task))
    stopping = threading.Event()

    def run() -> Record:
        with _interrupt_if_abandoned(stopping):
            run_task: TaskFunction = pkgutil.resolve_name(function)
            return run_task(task, sender, stopping)

    return sender.build_answer(answer_task(task, run))


def dask_setup(worker: Any) -> None:
    """Remove the worker's own folder from the import path: Dask calls this when a worker starts."""
    # Dask has put it there. The drawing of a workflow depends on the import path, and so do keys.
    folder = os.path.dirname(worker.local_directory)
    sys.path[:] = [entry for entry in sys.path if not entry.startswith(folder)]


class _EventSender:
    """Numbers the events of one attempt at a task, and sends each at once."""

    def __init__(self, topic: str, name: str) -> None:
        from distributed import get_worker

        self._worker, self._topic, self._name = get_worker(), topic, name
        self._attempt, self._count = uuid.uuid4().hex, 0
        self._last: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def announce(self) -> None:
        """Report that the attempt begins."""
        self._send(0, b"")

    def __call__(self, event: Event) -> None:
        """Send one event."""
        payload = pack_answer(EVENT, event)
        with self._lock:  # a body may log from several threads, and numbers must be sent in order
            self._count += 1
            self._last.append((self._count, payload))
            self._size += len(payload)
            while self._size > BACKLOG_BYTES and len(self._last) > 1:
                self._size -= len(self._last.popleft()[1])
            self._send(self._count, payload)

    def build_answer(self, payload: bytes) -> Answer:
        """Build the answer, with the last events in case they were lost."""
        with self._lock:
            return Answer(self._attempt, self._count, tuple(self._last), payload)

    def _send(self, number: int, payload: bytes) -> None:
        self._worker.log_event(self._topic, [self._name, self._attempt, number, payload])


@contextlib.contextmanager
def _interrupt_if_abandoned(stopping: threading.Event) -> Iterator[None]:
    """Set ``stopping`` and interrupt the body in the block, if its task is cancelled; C code delays it."""
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
            # A body in a subprocess ends by the event; only one in this thread has to be interrupted.
            if not done.wait(2 * POLL_INTERVAL):
                with lock:  # or the exception could hit the thread after the block, in the next task
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
