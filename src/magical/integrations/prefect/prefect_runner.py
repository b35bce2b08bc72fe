"""Prefect as a runner: one flow run for a run, one task for a step; results stay in the store."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, wait
from typing import Any, TypeVar

from magical.engine.protocols import WorkItem
from magical.errors import MagicalError, StepStopped, shorten
from magical.events import Event, RunStarted, StepCached, StepFailed, StepLeftOut
from magical.integrations.prefect.flow_run import FlowRun, check_server, resolve_server
from magical.masking import mask

__all__ = ["PrefectRunner"]

T = TypeVar("T")

_MAX_DELAYS = 50
"""Of the waits between attempts, Prefect takes so many; it repeats the last, by then the longest."""


class PrefectRunner:
    """Runs steps as tasks of a flow run, in threads of this process; what they give never reaches Prefect.

    It hears the run's events, too: the flow run is named after the run, a fresh step is shown as a cached
    task, and one that was left out as a cancelled one.

    Args:
        workers: how many at a time.
        server: Prefect's API; empty for the one that Prefect is set up for, or else that of ``magical ui``.
        tags: of the flow run.
        note: told the run's name, the server, the flow run's id and whether that has ended, when it begins
            and when it ends.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        server: str = "",
        tags: Sequence[str] = (),
        on_flow_run: Callable[[str, str, str, bool], None] = lambda run, server, flow_run, ended: None,
    ) -> None:
        self.flow = FlowRun(resolve_server(server), workers)  # in a flow, that flow's own
        self._tags, self._on_flow_run = tuple(tags), on_flow_run
        self._run_started = RunStarted(run="", workflow="run", settings={}, nodes=[])
        self._lock = threading.Lock()
        self._tasks: dict[str, Any] = {}
        self._task_run_ids: dict[str, Any] = {}
        self._loggers: dict[str, Any] = {}
        self._futures: list[Future[Any]] = []
        self._failed: list[str] = []
        self._stopping = False

    def check(self) -> None:
        """Make sure that the server answers, before any work.

        Raises:
            UsageError: it does not.
        """
        if self.flow.server:
            check_server(self.flow.server)

    def on(self, event: Event) -> None:
        """Take an event of the run."""
        match event:
            case RunStarted():
                self._run_started = event
            case StepCached():
                self._add_finished_task(event.step, "COMPLETED", "Cached", f"fresh: {event.key[:12]}")
            case StepLeftOut():
                self._add_finished_task(event.step, "CANCELLED", "LeftOut", event.reason)
            case StepFailed():
                self._failed.append(event.step)

    def __enter__(self) -> PrefectRunner:
        begun = self._run_started
        real = ["pretended"] if begun.pretend else ["not real"] if begun.origin else []
        tags = ["magical", *self._tags, *real, *([f"profile {begun.profile}"] if begun.profile else [])]
        try:
            self.flow.open(begun.workflow, begun.run or "magical", tags, begun.settings)
            self._report_flow_run(ended=False)
        except KeyboardInterrupt:  # the flow run may be there by now, and nobody else would end it
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        from prefect.states import Cancelled, Completed, Failed

        stopped = isinstance(exc[1], KeyboardInterrupt)  # a thread cannot be stopped: it is left behind
        self._stopping = exc[0] is not None
        if not stopped:
            wait(self._futures)
            for task in list(self._tasks.values()):
                task.wait()
        if stopped:
            state: Any = Cancelled(message="stopped by hand")
        elif exc[0] is not None:
            state = Failed(message=shorten(mask(str(exc[1])), 200))
        elif self._failed:
            state = Failed(message=f"failed: {', '.join(self._failed)}")
        else:
            state = Completed(message=f"{len(self._futures)} steps ran")
        self._report_flow_run(
            ended=self.flow.close(state, wait=not stopped or all(f.done() for f in self._futures))
        )

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Begin a piece of work as a task and give its future."""
        future: Future[T] = Future()
        final = True

        def attempt() -> Any:
            nonlocal final
            began, final = time.monotonic(), True
            self._register_task_run(work.name)
            if self._stopping:
                if future.cancel():
                    future.set_running_or_notify_cancel()  # only then does nobody wait for it
                else:
                    future.set_exception(StepStopped(f"{work.name} was stopped with the run."))
                return _make_state("CANCELLED", "Cancelled", "the run was stopped")
            if not future.running():
                future.set_running_or_notify_cancel()
            try:
                future.set_result(work())
            except BaseException as error:
                final = work.next_delay(error) is None
                if final:
                    future.set_exception(_without_cause(error) if self.flow.attached else error)
                raise _masked_error(error, work, time.monotonic() - began) from None

        def condition(task: Any, run: Any, state: Any) -> bool:
            return not final

        task = self._make_task(attempt, work, condition)
        parents = [self._tasks[name] for name in work.after if name in self._tasks]
        shown = self.flow.call(lambda: task.submit(wait_for=parents))
        shown.add_done_callback(lambda _: _fail_unstarted(future, work.name))
        self._tasks[work.name] = shown
        self._futures.append(future)
        return future

    def flow_run_ids(self) -> tuple[str, Any]:
        """Give the server, and the id of the flow run; none before it has begun."""
        return self.flow.server, self.flow.id

    def call_in_flow(self, function: Callable[[], T]) -> T:
        """Call something as if within the flow run, once it is open."""
        found: T = self.flow.call(function)
        return found

    def log_line(self, step: str, level: int, text: str) -> None:
        """Show a line about a step that has begun, or else about the run, in Prefect; none before that."""
        with self._lock:
            logger = self._loggers.get(step) or self.flow.logger
        if logger is not None:  # outside of the flow, Prefect would start a server of its own for the line
            self.flow.call(lambda: logger.log(level, "%s", text))

    def task_run_id(self, step: str) -> Any:
        """Give the id of a step's task run; none before it has begun."""
        with self._lock:
            return self._task_run_ids.get(step)

    def _make_task(self, body: Callable[[], Any], work: WorkItem[Any], condition: Any = None) -> Any:
        from prefect import Task
        from prefect.cache_policies import NO_CACHE

        retries = work.policy.retries
        return Task(
            body,
            name=work.name,
            task_run_name=lambda: work.name,
            tags=work.policy.tags,
            cache_policy=NO_CACHE,
            persist_result=False,
            log_prints=False,
            retries=retries,
            retry_delay_seconds=[work.policy.retry_delay(n + 1) for n in range(min(retries, _MAX_DELAYS))]
            or None,
            retry_condition_fn=condition,
        )

    def _report_flow_run(self, *, ended: bool) -> None:
        if self._run_started.run and self.flow.id and self.flow.server:  # else a temporary one, gone by then
            self._on_flow_run(self._run_started.run, self.flow.server, str(self.flow.id), ended)

    def _register_task_run(self, name: str) -> None:
        from prefect.context import TaskRunContext
        from prefect.logging.loggers import get_run_logger

        inside = TaskRunContext.get()
        assert inside is not None
        with self._lock:
            self._task_run_ids[name] = inside.task_run.id
            self._loggers[name] = get_run_logger()

    def _add_finished_task(self, name: str, kind: str, state: str, text: str) -> None:
        """Enter a task that has nothing to do."""

        def body() -> Any:
            self._register_task_run(name)
            return _make_state(kind, state, text)

        task = self._make_task(body, WorkItem(lambda: None, name))
        self._tasks[name] = self.flow.call(task.submit)


def _make_state(kind: str, name: str, text: str) -> Any:
    from prefect.client.schemas.objects import State, StateType

    return State(type=StateType(kind), name=name, message=text)


def _masked_error(error: BaseException, work: WorkItem[Any], seconds: float) -> Exception:
    """What Prefect is told of an error: its words without secrets, and no frames of bodies."""
    text = mask(str(error) or type(error).__name__)
    if isinstance(error, StepStopped) and work.policy.timeout and seconds >= work.policy.timeout:
        return TimeoutError(text)
    if isinstance(error, MagicalError):
        return error.with_message(*error.lines)
    return RuntimeError(f"{type(error).__name__}: {text}")


def _without_cause(error: BaseException) -> BaseException:
    """An error for the flow that its run is in: Prefect logs the traceback, and a cause may tell secrets."""
    return error.with_message(*error.lines) if isinstance(error, MagicalError) else error


def _fail_unstarted(future: Future[Any], name: str) -> None:
    """Prefect ended a task without calling it: a limit could not be asked for, or it was cancelled there."""
    if not future.done():
        text = f"{name}: Prefect ended its task before it began."
        with contextlib.suppress(InvalidStateError):
            future.set_exception(StepStopped(text, hint="look at its page there."))
