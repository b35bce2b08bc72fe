"""Run a body in a process of its own, which can be stopped, and whose death costs that node only."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from magical.engine.artifacts import Record
from magical.engine.execution.capture import LineEmitter
from magical.engine.execution.remote_task import EVENT, RemoteTask, unpack_answer, unpack_record
from magical.errors import MagicalError, StepStopped
from magical.events import Event

__all__ = ["POLL_SECONDS", "SubprocessExecutor", "send_answer", "stopped_error"]

POLL_SECONDS = 0.2
"""Seconds between two looks at whether the run is being stopped."""

_send_lock = threading.Lock()


class SubprocessExecutor:
    """Does errands, each in a process of its own.

    Args:
        command: of such a process.
        tell: takes the events that come back.
        stopping: set when the run is being stopped.
        echo: whether what bodies print also goes where it would have gone.
        folder: where such a process works; none for this one's.
    """

    def __init__(
        self,
        command: Sequence[str],
        emit: Callable[[Event], None],
        stopping: threading.Event,
        *,
        echo: bool = False,
        folder: Path | None = None,
    ) -> None:
        self._command, self._emit, self._stopping = command, emit, stopping
        self._echo, self._folder = echo, folder
        self._lines = LineEmitter()

    def __call__(self, task: RemoteTask) -> Record:
        """Do one errand.

        Raises:
            StepStopped: its time was up, or its process died.
            MagicalError: as the body's own performer raises.
        """
        with self._start_process(task) as (process, pipe):
            until = time.monotonic() + (task.timeout or float("inf"))
            with contextlib.suppress(OSError):  # it died already, which is found out below
                pipe.send_bytes(pickle.dumps(task))
            while True:
                if self._stopping.is_set():
                    raise stopped_error(task.node)
                if (left := until - time.monotonic()) <= 0:
                    raise _timeout_error(task)
                if not pipe.poll(min(left, POLL_SECONDS)):
                    continue
                try:
                    said = pipe.recv_bytes()
                except (EOFError, OSError):
                    raise _process_died_error(task, process) from None
                if pickle.loads(said)[0] != EVENT:
                    return unpack_record(task.node, said)
                self._emit(unpack_answer(task.node, said))

    @contextlib.contextmanager
    def _start_process(self, task: RemoteTask) -> Iterator[tuple[subprocess.Popen[str], Connection]]:
        """A new process in a group of its own; nothing of it is left afterwards."""
        ours, theirs = Pipe()
        with ours, theirs:
            process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                text=True,
                errors="replace",
                cwd=self._folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            theirs.close()
            reader = threading.Thread(target=self._read_output, args=(task.node, process), daemon=True)
            reader.start()
            try:
                yield process, ours
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                reader.join(timeout=5)

    def _read_output(self, node: str, process: subprocess.Popen[str]) -> None:
        """What it writes, by compiled code too, is told as lines of the step."""
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                if self._echo:
                    sys.stdout.write(line)
                if text := line.rstrip().rpartition("\r")[2]:
                    with contextlib.suppress(MagicalError):
                        self._lines(self._emit, node, text, "print")


def send_answer(pipe: Connection, message: bytes) -> None:
    """Send an event, a record or an error back to the run.

    Args:
        pipe: to the run.
        said: packed.
    """
    with _send_lock:
        pipe.send_bytes(message)


def stopped_error(node: str) -> StepStopped:
    """Give the error of a node that was under way when its run was stopped."""
    return StepStopped(f"{node} was stopped with the run.", hint="magical run")


def _timeout_error(task: RemoteTask) -> StepStopped:
    seconds = task.timeout or 0.0
    return StepStopped(
        f"{task.node} ({task.where}) was promised to end within {seconds:g} s, and did not: it was stopped.",
        hint=f"give it longer: policy.steps.{task.title}.timeout={2 * seconds:g}",
    )


def _process_died_error(task: RemoteTask, process: subprocess.Popen[str]) -> StepStopped:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    code = process.returncode
    how = "ended" if code is None else f"ended with exit code {code}"
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            how = f"was ended by {signal.Signals(-code).name}"
    hint = "was there too little memory?" if code == -signal.SIGKILL else "magical run tries again."
    return StepStopped(f"{task.node} ({task.where}): the process it ran in {how}.", hint=hint)
