"""The client of a Dask cluster: it sends the bodies of steps to workers and receives events and records."""

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
from magical.integrations.dask.cluster_main import MAX_WORKER_DEATHS
from magical.integrations.dask.cluster_process import ClusterProcess
from magical.integrations.dask.cluster_worker import Answer, pack_task, run_remote_task

__all__ = ["LOCAL_CLUSTER", "DaskCluster", "EventCallback", "Job"]

EventCallback = Callable[[Event], None]


class Job:
    """A task that was sent to a cluster, with all attempts to run it.

    Args:
        task: the task to run.
        emit: receives the task's events, each once and in order.

    Attributes:
        name: a unique name, which the task's events carry.
        future: the future of the task's record.
        dask_future: Dask's future of the attempt under way, or None.
    """

    def __init__(self, task: RemoteTask, emit: EventCallback) -> None:
        self.task, self.emit = task, emit
        self.name = uuid.uuid4().hex
        self.future: Future[Record] = Future()
        self.dask_future: Any = None
        self._attempts: list[str] = []
        self._last_number = self._emitted = 0
        self._times_dropped = 0
        self._lock = threading.Lock()

    def receive(self, attempt: str, number: int, payload: bytes) -> None:
        """Emit an event; number 0 announces an attempt, and events of an earlier attempt are dropped."""
        with self._lock:
            self._receive(attempt, number, payload)

    def emit_missed(self, answer: Answer) -> None:
        """Emit the lost events that the answer repeats, and a warning with the number of the others."""
        with self._lock:
            self._receive(answer.attempt, 0, b"")
            for number, payload in answer.backlog:
                self._receive(answer.attempt, number, payload)
            if lost := answer.event_count - self._emitted:
                text = f"{lost} lines or events of it were lost on the way."
                self.emit(LogLine(step=self.task.node, text=text, level="warning"))

    def count_death(self) -> int:
        """Note that Dask gave the task up, and return how many workers have died while running it."""
        with self._lock:
            self._times_dropped += 1
            # Dask may retry unseen before it gives up, and a worker may die before it announces an attempt.
            return max(len(self._attempts), self._times_dropped)

    def fail(self, error: BaseException) -> None:
        """Set an error as the outcome, unless the task has one."""
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)

    def _receive(self, attempt: str, number: int, payload: bytes) -> None:
        node = self.task.node
        if attempt not in self._attempts:
            if self._attempts:
                text = "the worker it ran on died; it runs again on another one."
                self.emit(LogLine(step=node, text=text, level="warning"))
            self._attempts.append(attempt)
            self._last_number = self._emitted = 0
        # A worker that was only cut off may still send events of its attempt while the next one runs.
        if attempt == self._attempts[-1] and number > self._last_number:
            self._last_number = number
            self._emitted += 1
            self.emit(unpack_answer(node, payload))


LOCAL_CLUSTER = "dask"
"""The address that stands for a cluster of processes of this machine."""

CONNECT_TIMEOUT = 5.0
"""Seconds until a scheduler that does not answer counts as missing."""

START_TIMEOUT = 60.0
"""Seconds until a local cluster that has not started counts as failed."""


class DaskCluster:
    """A ``Cluster`` of Dask workers.

    Args:
        address: ``dask`` for a local cluster, or the address of a scheduler.
        workers: the maximum number of worker processes of a local cluster.
        home: the project's ``.magical``.
        function: runs a task in a worker, as ``module:name``; see ``cluster_worker.TaskFunction``.
    """

    def __init__(self, address: str, workers: int, home: Path, function: str) -> None:
        self._address, self._function = address, function
        self._process = ClusterProcess(workers, home) if address == LOCAL_CLUSTER else None
        self._topic = f"magical-{sha256(str(home).encode()).hexdigest()[:16]}"
        self._client_future: Future[Any] = Future()
        self._jobs: dict[str, Job] = {}
        self._log_levels: dict[str, int] = {}
        self._closing = False

    def __enter__(self) -> DaskCluster:
        if importlib.util.find_spec("distributed") is None:
            raise UsageError(
                f"[policy] cluster = {self._address!r} needs Dask, and it is not installed.",
                hint="pip install 'magical-thinking[dask]'",
            )
        if self._process is None:
            self._client_future.set_result(self._connect(self._address, CONNECT_TIMEOUT))
        else:
            self._process.start()
            threading.Thread(target=self._connect_local, name="magical dask", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for job in list(self._jobs.values()):
            job.fail(stopped_error(job.task.node))
        # Set before looking for the client: a client that connects later sees the flag and closes itself.
        self._closing = True
        with contextlib.suppress(Exception):
            self._close(self._client_future.result(timeout=START_TIMEOUT if exc[0] is None else 0))
        if self._process is not None:
            self._process.stop()

    def submit(self, task: RemoteTask, emit: EventCallback) -> Future[Record]:
        """Send a task to the cluster; see ``Cluster.submit``."""
        job = Job(task, emit)
        try:
            client = self._client_future.result(timeout=START_TIMEOUT)
            self._reserve_worker(client, job)
            self._send(client, job)
        except UsageError as error:
            job.fail(error)
        except Exception as error:
            job.fail(self._cluster_lost_error(task, error))
        return job.future

    def _connect_local(self) -> None:
        """Connect to the local cluster while the run begins; the first ``submit`` waits for it."""
        assert self._process is not None
        try:
            import distributed  # noqa: F401  takes a second, in which the cluster starts

            client = self._connect(self._process.wait_for_address(START_TIMEOUT), CONNECT_TIMEOUT)
            self._client_future.set_result(client)
            if self._closing:
                self._close(client)
        except BaseException as error:
            self._client_future.set_exception(error)

    def _close(self, client: Any) -> None:
        """Close the client, and restore the levels of Dask's loggers."""
        with contextlib.suppress(Exception):
            client.close(timeout=2)
        with contextlib.suppress(Exception):
            # Else Dask would close it again when it is collected, and log a failure.
            if client.status != "closed":
                client.status = "closed"
                client._loop_runner.stop()
        for name, level in self._log_levels.items():
            logging.getLogger(name).setLevel(level)

    def _connect(self, address: str, seconds: float) -> Any:
        """Connect to a scheduler; raise a UsageError if it does not answer."""
        from distributed import Client

        self._log_levels = _silence_logging()
        # In two steps: a client whose __init__ fails has threads already, and must be closed, too.
        client: Any = Client.__new__(Client)
        try:
            client.__init__(address, timeout=seconds, set_as_default=False, name="magical")
            client.subscribe_topic(self._topic, self._receive)
        except Exception as error:
            self._close(client)
            raise _no_answer_error(address, error) from None
        return client

    def _reserve_worker(self, client: Any, job: Job) -> None:
        """Start another worker of a local cluster if all are busy, or warn if a remote one has no worker."""
        # The task is bound to no worker: Dask forgets such a task when the worker dies and is the only one.
        if (process := self._process) is not None:
            process.reserve_worker()
            job.future.add_done_callback(lambda _: process.release_worker())
        elif not client.scheduler_info()["workers"]:
            text = f"{self._address} has no worker yet; it waits for one."
            job.emit(LogLine(step=job.task.node, text=text, level="warning"))

    def _send(self, client: Any, job: Job) -> None:
        self._jobs[job.name] = job
        arguments = (self._function, pack_task(job.task), self._topic, job.name)
        # A new key each time: Dask would answer a known key with its earlier outcome.
        key = f"{job.task.node}-{uuid.uuid4().hex}"
        dask_future = client.submit(run_remote_task, *arguments, key=key, pure=False)
        job.dask_future = dask_future  # Dask cancels a task whose future nobody refers to
        dask_future.add_done_callback(partial(self._finish, client, job))
        job.future.add_done_callback(lambda future: self._cancel(dask_future) if future.cancelled() else None)

    def _cancel(self, dask_future: Any) -> None:
        with contextlib.suppress(Exception):
            dask_future.cancel()

    def _receive(self, event: tuple[float, Any]) -> None:
        """Pass an event on to its job; called in the client's thread."""
        name, attempt, number, payload = event[1]
        if (job := self._jobs.get(name)) is not None:
            job.receive(attempt, number, payload)

    def _finish(self, client: Any, job: Job, dask_future: Any) -> None:
        """Set the outcome of a job; called in Dask's thread for callbacks."""
        try:
            if dask_future.status == "finished":
                answer: Answer = dask_future.result(timeout=START_TIMEOUT)
                job.emit_missed(answer)
                with contextlib.suppress(InvalidStateError):
                    job.future.set_result(unpack_record(job.task.node, answer.payload))
            elif dask_future.status == "error":
                self._handle_failure(client, job, dask_future.exception(timeout=START_TIMEOUT))
            else:
                job.fail(self._cluster_lost_error(job.task, "it was cancelled there"))
        except BaseException as error:
            job.fail(error if isinstance(error, MagicalError) else self._cluster_lost_error(job.task, error))
        finally:
            if job.future.done():
                self._jobs.pop(job.name, None)
                job.dask_future = None

    def _handle_failure(self, client: Any, job: Job, error: BaseException) -> None:
        from distributed import KilledWorker

        if not isinstance(error, KilledWorker):
            job.fail(self._not_started_error(job.task, error))
        elif (deaths := job.count_death()) < MAX_WORKER_DEATHS and not job.future.cancelled():
            # A scheduler may give up earlier than we do, and counts deaths by other bodies on the worker.
            self._send(client, job)
        else:
            job.fail(_worker_died_error(job.task, deaths))

    def _cluster_lost_error(self, task: RemoteTask, error: object) -> StepStopped:
        place = "this machine's cluster" if self._process is not None else self._address
        return StepStopped(
            f"{task.node} ({task.where}): {place} is gone: {shorten(str(error) or repr(error), 160)}.",
            hint="magical run goes on from there.",
        )

    def _not_started_error(self, task: RemoteTask, error: BaseException) -> StepError:
        return StepError(
            f"{task.node} ({task.where}) was sent to {self._address}, and could not begin there:",
            f"  {type(error).__name__}: {shorten(error, 200)}",
            hint="its workers need the packages of this environment, magical-thinking among them.",
        )


def _no_answer_error(address: str, error: Exception) -> UsageError:
    hint = "start one with `dask scheduler`; or run on this machine: policy.cluster="
    if address.startswith("tls:"):
        hint = (
            "check that it runs, and that Dask's configuration names the certificates: distributed.comm.tls.*"
        )
    words = shorten(str(error) or repr(error), 100)
    return UsageError(f"[policy] cluster: no Dask scheduler answers at {address} ({words}).", hint=hint)


def _worker_died_error(task: RemoteTask, times: int) -> StepStopped:
    return StepStopped(
        f"{task.node} ({task.where}): the worker it ran on died {times} times.",
        hint="was there too little memory?",
    )


def _silence_logging() -> dict[str, int]:
    """Silence Dask's loggers, since every failure becomes an error of a step; return their old levels."""
    names = [n for n in logging.root.manager.loggerDict if n.partition(".")[0] == "distributed"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return levels
