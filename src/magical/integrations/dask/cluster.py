"""Bodies on a Dask cluster: one of this machine for the time of a run, or one at an address."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.remote_task import RemoteTask, unpack_answer, unpack_record
from magical.engine.execution.subprocess_executor import stopped_error
from magical.errors import MagicalError, StepError, StepStopped, UsageError, shorten
from magical.events import Event, LogLine
from magical.integrations.dask.cluster_main import WORKERS_DIE
from magical.integrations.dask.cluster_process import ClusterProcess
from magical.integrations.dask.cluster_worker import Answer, do_errand, packed_errand

__all__ = [
    "LOCAL",
    "DaskCluster",
    "Job",
    "Tell",
]

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

    def __init__(self, errand: RemoteTask, tell: Tell) -> None:
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
                self.tell(LogLine(step=self.errand.node, text=text, level="warning"))

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
                self.tell(LogLine(step=node, text=text, level="warning"))
            self._attempts.append(attempt)
            self._last = self._told = 0
        if attempt == self._attempts[-1] and number > self._last:
            self._last = number
            self._told += 1
            self.tell(unpack_answer(node, said))


LOCAL = "dask"

"""What stands for a cluster of this machine's own processes."""

ANSWERS = 5.0

"""Seconds in which a scheduler answers, or is taken not to be there."""

STARTS = 60.0

"""Seconds in which a cluster of this machine has started."""


class DaskCluster:
    """Sends errands to the workers of a Dask cluster.

    Args:
        place: ``dask``, or a scheduler's address.
        workers: how many processes ``dask`` has.
        home: the project's ``.magical``.
        work: the name of what does an errand in a worker, as ``module:name``; see ``dask_worker.Work``.
    """

    def __init__(self, place: str, workers: int, home: Path, work: str) -> None:
        self._place, self._work = place, work
        self._process = ClusterProcess(workers, home) if place == LOCAL else None
        self._topic = f"magical-{sha256(str(home).encode()).hexdigest()[:16]}"
        self._ready: Future[Any] = Future()
        self._jobs: dict[str, Job] = {}
        self._levels: dict[str, int] = {}
        self._leaving = False

    def __enter__(self) -> DaskCluster:
        if importlib.util.find_spec("distributed") is None:
            raise UsageError(
                f"[policy] cluster = {self._place!r} needs Dask, and it is not installed.",
                hint="pip install 'magical-thinking[dask]'",
            )
        if self._process is None:
            self._ready.set_result(self._connected(self._place, ANSWERS))
        else:
            self._process.start()
            threading.Thread(target=self._begin, name="magical dask", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for job in list(self._jobs.values()):
            job.fail(stopped_error(job.errand.node))
        self._leaving = True
        with contextlib.suppress(Exception):
            self._close(self._ready.result(timeout=STARTS if exc[0] is None else 0))
        if self._process is not None:
            self._process.end()

    def submit(self, task: RemoteTask, emit: Tell) -> Future[Record]:
        """Begin an errand; see ``Cluster.submit``."""
        job = Job(task, emit)
        try:
            client = self._ready.result(timeout=STARTS)
            self._make_room(client, job)
            self._send(client, job)
        except UsageError as error:
            job.fail(error)
        except Exception as error:
            job.fail(self._gone(task, error))
        return job.future

    def _begin(self) -> None:
        """Connect while the run begins; who submits first waits for it."""
        assert self._process is not None
        try:
            import distributed  # noqa: F401  meanwhile it starts

            client = self._connected(self._process.address(STARTS), ANSWERS)
            self._ready.set_result(client)
            if self._leaving:
                self._close(client)
        except BaseException as error:
            self._ready.set_exception(error)

    def _close(self, client: Any) -> None:
        with contextlib.suppress(Exception):
            client.close(timeout=2)
        with contextlib.suppress(Exception):
            if client.status != "closed":  # Dask would try once more when it is collected, and say so
                client.status = "closed"
                client._loop_runner.stop()
        self._loud()

    def _loud(self) -> None:
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    def _connected(self, address: str, seconds: float) -> Any:
        from distributed import Client

        self._levels = _quiet()
        client: Any = Client.__new__(Client)  # one that is half made is to be closed, too
        try:
            client.__init__(address, timeout=seconds, set_as_default=False, name="magical")
            client.subscribe_topic(self._topic, self._hear)
        except Exception as error:
            self._close(client)
            raise _no_answer(address, error) from None
        return client

    def _make_room(self, client: Any, job: Job) -> None:
        """See to it that somebody does it; which worker does is the scheduler's to say.

        Dask forgets what was meant for one worker where that dies and no other is there.
        """
        if (process := self._process) is not None:
            process.make_room()
            job.future.add_done_callback(lambda _: process.give_back())
        elif not client.scheduler_info()["workers"]:
            text = f"{self._place} has no worker yet; it waits for one."
            job.tell(LogLine(step=job.errand.node, text=text, level="warning"))

    def _send(self, client: Any, job: Job) -> None:
        self._jobs[job.name] = job
        asked = client.submit(
            do_errand,
            self._work,
            packed_errand(job.errand),
            self._topic,
            job.name,
            key=f"{job.errand.node}-{uuid.uuid4().hex}",
            pure=False,
        )
        job.asked = asked  # Dask forgets what nobody holds
        asked.add_done_callback(partial(self._done, client, job))
        job.future.add_done_callback(lambda future: self._cancel(asked) if future.cancelled() else None)

    def _cancel(self, asked: Any) -> None:
        with contextlib.suppress(Exception):
            asked.cancel()

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take an event, in the client's own thread."""
        name, attempt, number, said = event[1]
        if (job := self._jobs.get(name)) is not None:
            job.hear(attempt, number, said)

    def _done(self, client: Any, job: Job, asked: Any) -> None:
        """Take what came of an errand, in the thread that Dask has for that."""
        try:
            if asked.status == "finished":
                answer: Answer = asked.result(timeout=STARTS)
                job.catch_up(answer)
                with contextlib.suppress(InvalidStateError):
                    job.future.set_result(unpack_record(job.errand.node, answer.said))
            elif asked.status == "error":
                self._failed(client, job, asked.exception(timeout=STARTS))
            else:
                job.fail(self._gone(job.errand, "it was cancelled there"))
        except BaseException as error:
            job.fail(error if isinstance(error, MagicalError) else self._gone(job.errand, error))
        finally:
            if job.future.done():
                self._jobs.pop(job.name, None)
                job.asked = None

    def _failed(self, client: Any, job: Job, error: BaseException) -> None:
        from distributed import KilledWorker

        if not isinstance(error, KilledWorker):
            job.fail(self._odd(job.errand, error))
        elif (died := job.gave_up()) < WORKERS_DIE and not job.future.cancelled():
            self._send(client, job)  # a worker that died of another body counts against this one, too
        else:
            job.fail(_died(job.errand, died))

    def _gone(self, errand: RemoteTask, error: object) -> StepStopped:
        place = "this machine's cluster" if self._process is not None else self._place
        return StepStopped(
            f"{errand.node} ({errand.where}): {place} is gone: {shorten(str(error) or repr(error), 160)}.",
            hint="magical run goes on from there.",
        )

    def _odd(self, errand: RemoteTask, error: BaseException) -> StepError:
        return StepError(
            f"{errand.node} ({errand.where}) was sent to {self._place}, and could not begin there:",
            f"  {type(error).__name__}: {shorten(error, 200)}",
            hint="its workers need the packages of this environment, magical-thinking among them.",
        )


def _no_answer(address: str, error: Exception) -> UsageError:
    hint = "dask scheduler starts one; or run on this machine: policy.cluster="
    if address.startswith("tls:"):
        hint = "is it there, and does Dask's configuration name the certificates: distributed.comm.tls.*?"
    words = shorten(str(error) or repr(error), 100)
    return UsageError(f"[policy] cluster: no Dask scheduler answers at {address} ({words}).", hint=hint)


def _died(errand: RemoteTask, times: int) -> StepStopped:
    return StepStopped(
        f"{errand.node} ({errand.where}): the worker it ran on died {times} times.",
        hint="was there too little memory?",
    )


def _quiet() -> dict[str, int]:
    """Let Dask log nothing, since each trouble is an error of a step; give the levels as they were."""
    names = [n for n in logging.root.manager.loggerDict if n.partition(".")[0] == "distributed"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return levels
