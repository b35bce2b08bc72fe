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
from magical.engine.execution.capture import Lines
from magical.engine.execution.remote_task import EVENT, Errand, heard, outcome
from magical.errors import MagicalError, StepStopped
from magical.events import Event

__all__ = ["PATIENCE", "Apart", "answer", "stopped"]

PATIENCE = 0.2
"""Seconds between two looks at whether the run is being stopped."""

_sending = threading.Lock()


class Apart:
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
        tell: Callable[[Event], None],
        stopping: threading.Event,
        *,
        echo: bool = False,
        folder: Path | None = None,
    ) -> None:
        self._command, self._tell, self._stopping = command, tell, stopping
        self._echo, self._folder = echo, folder
        self._lines = Lines()

    def __call__(self, errand: Errand) -> Record:
        """Do one errand.

        Raises:
            StepStopped: its time was up, or its process died.
            MagicalError: as the body's own performer raises.
        """
        with self._process(errand) as (process, pipe):
            until = time.monotonic() + (errand.timeout or float("inf"))
            with contextlib.suppress(OSError):  # it died already, which is found out below
                pipe.send_bytes(pickle.dumps(errand))
            while True:
                if self._stopping.is_set():
                    raise stopped(errand.node)
                if (left := until - time.monotonic()) <= 0:
                    raise _too_long(errand)
                if not pipe.poll(min(left, PATIENCE)):
                    continue
                try:
                    said = pipe.recv_bytes()
                except (EOFError, OSError):
                    raise _died(errand, process) from None
                if pickle.loads(said)[0] != EVENT:
                    return outcome(errand.node, said)
                self._tell(heard(errand.node, said))

    @contextlib.contextmanager
    def _process(self, errand: Errand) -> Iterator[tuple[subprocess.Popen[str], Connection]]:
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
            reader = threading.Thread(target=self._read, args=(errand.node, process), daemon=True)
            reader.start()
            try:
                yield process, ours
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                reader.join(timeout=5)

    def _read(self, node: str, process: subprocess.Popen[str]) -> None:
        """What it writes, by compiled code too, is told as lines of the step."""
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                if self._echo:
                    sys.stdout.write(line)
                if text := line.rstrip().rpartition("\r")[2]:
                    with contextlib.suppress(MagicalError):
                        self._lines(self._tell, node, text, "print")


def answer(pipe: Connection, said: bytes) -> None:
    """Send an event, a record or an error back to the run.

    Args:
        pipe: to the run.
        said: packed.
    """
    with _sending:
        pipe.send_bytes(said)


def stopped(node: str) -> StepStopped:
    """Give the error of a node that was under way when its run was stopped."""
    return StepStopped(f"{node} was stopped with the run.", hint="magical run")


def _too_long(errand: Errand) -> StepStopped:
    seconds = errand.timeout or 0.0
    return StepStopped(
        f"{errand.node} ({errand.where}) was promised to end within {seconds:g} s, and did not: "
        "it was stopped.",
        hint=f"give it longer: policy.steps.{errand.title}.timeout={2 * seconds:g}",
    )


def _died(errand: Errand, process: subprocess.Popen[str]) -> StepStopped:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    code = process.returncode
    how = "ended" if code is None else f"ended with exit code {code}"
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            how = f"was ended by {signal.Signals(-code).name}"
    hint = "was there too little memory?" if code == -signal.SIGKILL else "magical run tries again."
    return StepStopped(f"{errand.node} ({errand.where}): the process it ran in {how}.", hint=hint)
