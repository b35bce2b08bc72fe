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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.capture import WIDTH, Lines
from magical.engine.plan import NodePlan
from magical.engine.run import Performer, Request, RunResult
from magical.engine.sharing import once, waiting
from magical.engine.telling import Teller
from magical.errors import MagicalError, StepError, StepStopped
from magical.events import Event, Log
from magical.graph import Node
from magical.masking import mask

__all__ = ["ApartPerformer", "Errand", "answer"]

PATIENCE = 0.2
"""Seconds between two looks at whether the run is being stopped."""

_sending = threading.Lock()


@dataclass(frozen=True)
class Errand:
    """What the process of a node is told.

    Attributes:
        ticket: by which the project is opened.
        node: which one.
        key: its key, as the run knows it.
        run: the run's name.
        records: what is known of the nodes before it, and of all others that have finished.
    """

    ticket: Mapping[str, Any]
    node: str
    key: str
    run: str
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class ApartPerformer:
    """Sends nodes that have a timeout to processes of their own, and all others to the performer beside it.

    Args:
        request: what runs, and the command of such a process.
        local: runs the others here.
        tell: takes the events that come back.
        result: what is known of the run so far.
        stopping: set when the run is being stopped.
    """

    def __init__(
        self, request: Request, local: Performer, tell: Teller, result: RunResult, stopping: threading.Event
    ) -> None:
        self._request, self._local, self._tell = request, local, tell
        self._result, self._stopping = result, stopping
        self._policy = request.policy()
        self._lines = Lines()

    def perform(self, node: Node, made: NodePlan, known: Mapping[str, Record]) -> Record:
        """Run one node's body and give its record, unless another run does so meanwhile.

        Args:
            node: which one.
            made: its key.
            known: the records of the nodes before it.

        Raises:
            StepStopped: its time was up, or its process died.
            MagicalError: as the body's own performer raises.
        """
        timeout = self._policy.of(node).timeout

        def make() -> Record:
            if timeout is None or self._request.debug is not None or not self._request.child:
                return self._local.perform(node, made, known)
            return self._apart(node, made, timeout)

        waits = waiting(node, self._stopping, self._tell)
        return once(self._request.store, node, made.key, make, waits)

    def forget(self, node: str) -> None:
        """Drop what is held in memory of a node's result."""
        self._local.forget(node)

    def _apart(self, node: Node, made: NodePlan, timeout: float) -> Record:
        records = {n: r.to_json() for n, r in list(self._result.records.items())}
        errand = Errand(self._request.ticket(), node.name, made.key, self._result.name, records)
        with self._process(node) as (process, pipe):
            until = time.monotonic() + timeout
            with contextlib.suppress(OSError):  # it died already, which is found out below
                pipe.send_bytes(pickle.dumps(errand))
            while True:
                if self._stopping.is_set():
                    raise StepStopped(f"{node.name} was stopped with the run.", hint="magical run")
                if (left := until - time.monotonic()) <= 0:
                    raise _too_long(node, timeout)
                if not pipe.poll(min(left, PATIENCE)):
                    continue
                try:
                    kind, said = pickle.loads(pipe.recv_bytes())
                except (EOFError, OSError):
                    raise _died(node, process) from None
                if kind == "event":
                    self._pass_on(node, said)
                elif kind == "record":
                    return Record.from_json(said)
                else:
                    raise _raised(node, said)

    def _pass_on(self, node: Node, said: bytes) -> None:
        try:
            event: Event = pickle.loads(said)
        except Exception:  # an event of a class that only the project's own process knows
            event = Log(step=node.name, text="it told something that only its own process can read.")
        self._tell(event)

    @contextlib.contextmanager
    def _process(self, node: Node) -> Iterator[tuple[subprocess.Popen[str], Connection]]:
        """A new process in a group of its own; nothing of it is left afterwards."""
        ours, theirs = Pipe()
        with ours, theirs:
            process = subprocess.Popen(
                [*self._request.child, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                text=True,
                errors="replace",
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            theirs.close()
            reader = threading.Thread(target=self._read, args=(node, process), daemon=True)
            reader.start()
            try:
                yield process, ours
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                reader.join(timeout=5)

    def _read(self, node: Node, process: subprocess.Popen[str]) -> None:
        """What it writes, by compiled code too, is told as lines of the step."""
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                if self._request.echo:
                    sys.stdout.write(line)
                if text := line.rstrip().rpartition("\r")[2]:
                    with contextlib.suppress(MagicalError):
                        self._lines(self._tell, node.name, text, "print")


def answer(pipe: Connection, kind: str, said: Any) -> None:
    """Send an event, a record or an error back to the run.

    Args:
        pipe: to the run.
        kind: ``event``, ``record`` or ``error``.
        said: an event, a record or an error.
    """
    if kind == "record":
        said = said.to_json()
    else:
        try:
            said = pickle.dumps(said)
        except Exception:  # what a body attached to its own event or error stays in its process
            other = Log(step=getattr(said, "step", ""), text=mask(repr(said))[:WIDTH])
            said = pickle.dumps(StepError(*said.lines, hint=said.hint) if kind == "error" else other)
    with _sending:
        pipe.send_bytes(pickle.dumps((kind, said)))


def _raised(node: Node, said: bytes) -> BaseException:
    try:
        error = pickle.loads(said)
    except Exception:  # its class is known to its own process only
        error = None
    if isinstance(error, MagicalError):
        return error
    return StepError(
        f"{node.name} ({node.where}) raised what only its own process can read.",
        hint=f"magical replay last {node.name}",
    )


def _too_long(node: Node, timeout: float) -> StepStopped:
    return StepStopped(
        f"{node.name} ({node.where}) was promised to end within {timeout:g} s, and did not: it was stopped.",
        hint=f"give it longer: policy.steps.{node.title}.timeout={2 * timeout:g}",
    )


def _died(node: Node, process: subprocess.Popen[str]) -> StepStopped:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    code = process.returncode
    how = "ended" if code is None else f"ended with exit code {code}"
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            how = f"was ended by {signal.Signals(-code).name}"
    hint = "was there too little memory?" if code == -signal.SIGKILL else "magical run tries again."
    return StepStopped(f"{node.name} ({node.where}): the process it ran in {how}.", hint=hint)
