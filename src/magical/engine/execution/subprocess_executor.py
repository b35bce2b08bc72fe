"""Execution of a body in a process of its own: it can be killed, and its death fails that node only."""

from __future__ import annotations

import contextlib
import io
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
from magical.engine.execution.capture import LineEmitter, trim_partial_line
from magical.engine.execution.remote_task import EVENT, RemoteTask, unpack_answer, unpack_record
from magical.errors import MagicalError, StepError, StepStopped
from magical.events import Event
from magical.running_bodies import unmarked_environment

__all__ = ["POLL_SECONDS", "BodyAwaited", "SubprocessExecutor", "send_answer", "stopped_error"]

POLL_SECONDS = 0.2
"""Seconds between two checks whether the run is being stopped."""

MAX_PIECE = 1 << 20
"""Characters of a line that are read at once."""

_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)

_send_lock = threading.Lock()


class BodyAwaited(StepError):
    """A body must run in a process of its own: in this one it would wait for a body that may wait for it."""


class SubprocessExecutor:
    """Executes tasks, each in a process of its own.

    Args:
        command: starts such a process; the number of a pipe's file handle is appended.
        emit: takes the events that come back.
        stopping: set when the run is being stopped.
        echo: True to also write the output of bodies to this process's standard output.
        folder: the working directory of such a process; by default that of this process.
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
        """Execute one task.

        Raises:
            StepStopped: it timed out, its process died, or the run is being stopped.
            MagicalError: the error of the body.
        """
        with self._start_process(task) as (process, pipe):
            until = time.monotonic() + (task.timeout or float("inf"))
            with contextlib.suppress(OSError):  # it has died already, which is noticed below
                pipe.send_bytes(pickle.dumps(task))
            while True:
                if self._stopping.is_set():
                    raise stopped_error(task.node)
                if (left := until - time.monotonic()) <= 0:
                    raise _timeout_error(task)
                if not pipe.poll(min(left, POLL_SECONDS)):
                    continue
                try:
                    answer = pipe.recv_bytes()
                except (EOFError, OSError):
                    raise _process_died_error(task, process) from None
                if pickle.loads(answer)[0] != EVENT:
                    return unpack_record(task.node, answer)
                self._emit(unpack_answer(task.node, answer))

    @contextlib.contextmanager
    def _start_process(self, task: RemoteTask) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
        """Start a process in a group of its own for a block; kill the whole group afterwards."""
        ours, theirs = Pipe()
        with ours, theirs:
            process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd=self._folder,
                env={**unmarked_environment(), "PYTHONUNBUFFERED": "1"},
            )
            theirs.close()  # otherwise the death of the process would not close the pipe
            reader = threading.Thread(target=self._read_output, args=(task.node, process), daemon=True)
            reader.start()
            try:
                yield process, ours
            finally:
                # Also after success: a body may have started processes of its own.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                reader.join(timeout=5)

    def _read_output(self, node: str, process: subprocess.Popen[bytes]) -> None:
        """Emit each line of the process's output, that of compiled code too, as a line of the step."""
        assert process.stdout is not None
        # Universal newlines would make a line of each state of a progress bar.
        with io.TextIOWrapper(process.stdout, errors="replace", newline="\n") as stream:
            line = ""
            while piece := stream.readline(MAX_PIECE):  # a line of any length must not fill the memory
                if self._echo:
                    sys.stdout.write(piece)
                line = trim_partial_line(line + piece.rstrip("\n"))
                if piece.endswith("\n"):
                    self._emit_line(node, line)
                    line = ""
            self._emit_line(node, line)

    def _emit_line(self, node: str, line: str) -> None:
        if text := line.rstrip().rpartition("\r")[2]:  # the last state of a progress bar
            with contextlib.suppress(MagicalError):
                self._lines(self._emit, node, text, "print")


def send_answer(pipe: Connection, message: bytes) -> None:
    """Send a packed event, record or error to the run; threads of a body may emit at the same time."""
    with _send_lock:
        pipe.send_bytes(message)


def stopped_error(node: str) -> StepStopped:
    """Build the error of a node that was under way when its run was stopped.

    Example:
        >>> stopped_error("tune").lines
        ('tune was stopped with the run.',)
    """
    return StepStopped(f"{node} was stopped with the run.", hint="magical run")


def _timeout_error(task: RemoteTask) -> StepStopped:
    seconds = task.timeout or 0.0
    return StepStopped(
        f"{task.node} ({task.where}) was promised to end within {seconds:g} s, and did not: it was stopped.",
        hint=f"give it longer: policy.steps.{task.title}.timeout={2 * seconds:g}",
    )


def _process_died_error(task: RemoteTask, process: subprocess.Popen[bytes]) -> StepStopped:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=2)  # the pipe closes a little before the exit code is known
    code = process.returncode
    how = "ended" if code is None else f"ended with exit code {code}"
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            how = f"was ended by {signal.Signals(-code).name}"
    hint = "magical run tries again."
    if code is not None and -code in _CRASHES:  # trying again would crash again
        hint = "compiled code crashed; PYTHONFAULTHANDLER=1 magical run shows the line."
    elif code == -signal.SIGKILL:
        hint = "was there too little memory?"
    return StepStopped(f"{task.node} ({task.where}): the process it ran in {how}.", hint=hint)
