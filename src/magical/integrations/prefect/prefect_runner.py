"""The Prefect runner: one flow run for each run, one task for each step; results stay in the store."""

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
from magical.integrations.prefect.flow_run import FlowRun, check_server, make_state, resolve_server
from magical.masking import mask

__all__ = ["PrefectRunner"]

T = TypeVar("T")

_MAX_DELAYS = 50
"""The number of delays between attempts that Prefect accepts; it repeats the last and longest one."""


class PrefectRunner:
    """A ``Runner`` whose work items are tasks of a flow run, in threads of this process.

    It is a listener, too: the flow run is named after the run, a fresh step is shown as a cached task, and a
    step that was left out as a cancelled one.

    Args:
        workers: the maximum number of tasks at a time.
        server: Prefect's API; see ``resolve_server``.
        tags: further tags of the flow run.
        on_flow_run: called when the flow run begins and when it ends, with the run's name, the server, the id
            of the flow run, and True if it has ended.
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
        """Raise a ``UsageError`` unless the server answers; called before any work."""
        if self.flow.server:
            check_server(self.flow.server)

    def on(self, event: Event) -> None:
        """Handle an event of the run."""
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
        run = self._run_started
        origin_tags = ["pretended"] if run.pretend else ["not real"] if run.origin else []
        tags = ["magical", *self._tags, *origin_tags, *([f"profile {run.profile}"] if run.profile else [])]
        try:
            self.flow.open(run.workflow, run.run or "magical", tags, run.settings)
            self._report_flow_run(ended=False)
        except KeyboardInterrupt:  # the flow run may exist by now, and nobody else would end it
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        from prefect.states import Cancelled, Completed, Failed

        stopped = isinstance(exc[1], KeyboardInterrupt)
        self._stopping = exc[0] is not None
        if not stopped:  # do not wait after an interrupt: a thread cannot be stopped
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
        all_done = not stopped or all(f.done() for f in self._futures)
        self._report_flow_run(ended=self.flow.close(state, wait=all_done))

    def submit(self, work: WorkItem[T]) -> Future[T]:
        """Start a work item as a task and return its future; Prefect retries it."""
        future: Future[T] = Future()
        is_final = True

        def attempt() -> Any:
            nonlocal is_final
            began, is_final = time.monotonic(), True
            self._register_task_run(work.name)
            if self._stopping:
                if future.cancel():
                    future.set_running_or_notify_cancel()  # without this, `wait` would not see the cancel
                else:
                    future.set_exception(StepStopped(f"{work.name} was stopped with the run."))
                return make_state("CANCELLED", "Cancelled", "the run was stopped")
            if not future.running():
                future.set_running_or_notify_cancel()
            try:
                future.set_result(work())
            except BaseException as error:
                is_final = work.next_delay(error) is None
                if is_final:
                    future.set_exception(_without_cause(error) if self.flow.attached else error)
                # Prefect logs and stores this error: `from None`, since a cause could contain a secret.
                raise _masked_error(error, work, time.monotonic() - began) from None

        def condition(task: Any, run: Any, state: Any) -> bool:
            return not is_final  # Prefect asks this right after the attempt, in the same thread

        task = self._make_task(attempt, work, condition)
        parents = [self._tasks[name] for name in work.after if name in self._tasks]
        prefect_future = self.flow.call(lambda: task.submit(wait_for=parents))
        prefect_future.add_done_callback(lambda _: _fail_unstarted(future, work.name))
        self._tasks[work.name] = prefect_future
        self._futures.append(future)
        return future

    def server_and_flow_run_id(self) -> tuple[str, Any]:
        """Return the server and the id of the flow run, which is None until it has begun."""
        return self.flow.server, self.flow.id

    def call_in_flow(self, function: Callable[[], T]) -> T:
        """Call a function in the context of the open flow run."""
        result: T = self.flow.call(function)
        return result

    def log_line(self, step: str, level: int, text: str) -> None:
        """Log a line in the task of a step, or in the flow run if the step has not begun."""
        with self._lock:
            logger = self._loggers.get(step) or self.flow.logger
        if logger is not None:  # in the flow's context: else Prefect would start a server for the line
            self.flow.call(lambda: logger.log(level, "%s", text))

    def task_run_id(self, step: str) -> Any:
        """Return the id of a step's task run; None until it has begun."""
        with self._lock:
            return self._task_run_ids.get(step)

    def _make_task(self, body: Callable[[], Any], work: WorkItem[Any], condition: Any = None) -> Any:
        from prefect import Task
        from prefect.cache_policies import NO_CACHE

        retries = work.policy.retries
        delays = [work.policy.retry_delay(n + 1) for n in range(min(retries, _MAX_DELAYS))]
        return Task(
            body,
            name=work.name,
            task_run_name=lambda: work.name,  # a text would be taken for a template
            tags=work.policy.tags,
            cache_policy=NO_CACHE,  # our keys decide what is fresh
            persist_result=False,
            log_prints=False,
            retries=retries,
            retry_delay_seconds=delays or None,
            retry_condition_fn=condition,
        )

    def _report_flow_run(self, *, ended: bool) -> None:
        # An empty server means Prefect's temporary one, which stops before anybody could reconcile the run.
        if self._run_started.run and self.flow.id and self.flow.server:
            self._on_flow_run(self._run_started.run, self.flow.server, str(self.flow.id), ended)

    def _register_task_run(self, name: str) -> None:
        """Note the id and the logger of the task run that this code runs in."""
        from prefect.context import TaskRunContext
        from prefect.logging.loggers import get_run_logger

        inside = TaskRunContext.get()
        assert inside is not None
        with self._lock:
            self._task_run_ids[name] = inside.task_run.id
            self._loggers[name] = get_run_logger()

    def _add_finished_task(self, name: str, kind: str, state: str, text: str) -> None:
        """Add a task that ends at once in a state, for a step that is not executed."""

        def body() -> Any:
            self._register_task_run(name)
            return make_state(kind, state, text)

        task = self._make_task(body, WorkItem(lambda: None, name))
        self._tasks[name] = self.flow.call(task.submit)


def _masked_error(error: BaseException, work: WorkItem[Any], seconds: float) -> Exception:
    """Return an error for Prefect, without secrets and without the frames of bodies."""
    text = mask(str(error) or type(error).__name__)
    if isinstance(error, StepStopped) and work.policy.timeout and seconds >= work.policy.timeout:
        return TimeoutError(text)  # Prefect shows this as the state TimedOut
    if isinstance(error, MagicalError):
        return error.with_message(*error.lines)
    return RuntimeError(f"{type(error).__name__}: {text}")


def _without_cause(error: BaseException) -> BaseException:
    # Prefect logs the traceback of a flow that fails, and a cause could contain a secret.
    return error.with_message(*error.lines) if isinstance(error, MagicalError) else error


def _fail_unstarted(future: Future[Any], name: str) -> None:
    """Fail the future of a task that Prefect ended before it began, or the run would wait forever."""
    if not future.done():  # such as a task that was cancelled on Prefect's page
        text = f"{name}: Prefect ended its task before it began."
        with contextlib.suppress(InvalidStateError):
            future.set_exception(StepStopped(text, hint="look at its page there."))
