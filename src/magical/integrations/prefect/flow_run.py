"""Flow runs in Prefect that are open for tasks, and access to Prefect's server."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from magical.errors import UsageError, shorten

if TYPE_CHECKING:
    import httpx

__all__ = [
    "OWN_SERVER",
    "FlowRun",
    "check_server",
    "make_state",
    "read_deployment_parameters",
    "resolve_server",
    "use_server",
]

OWN_SERVER = "http://127.0.0.1:4200/api"
"""The API of the server that `magical ui` starts."""

CLOSE_TIMEOUT = 10.0
"""Seconds to wait until Prefect's server has taken the end of a flow run."""

_WAIT_INTERVAL = 0.2
"""Seconds of one wait, at most: a wait without a limit may sleep through Ctrl-C."""

_SENDER_LOGGERS = ("APILogWorker", "EventsWorker", "prefect._internal.concurrency")
"""Prefect's loggers about messages that it has not sent; a user can do nothing about them."""

_INSTALL_HINT = "pip install 'magical-thinking[prefect]'; or run without: policy.runner=local"


def resolve_server(server: str) -> str:
    """Return the API's address for a run: the given one, else Prefect's setting, else ``OWN_SERVER``.

    In a flow, return the flow's own API, which is empty for Prefect's temporary server.

    Raises:
        UsageError: Prefect is not installed.
    """
    os.environ.setdefault("DO_NOT_TRACK", "true")
    try:
        from prefect.context import FlowRunContext
        from prefect.settings import get_current_settings
    except ModuleNotFoundError as error:
        if error.name != "prefect":
            raise
        raise UsageError('[policy] runner = "prefect" needs Prefect.', hint=_INSTALL_HINT) from None
    configured = get_current_settings().api.url
    if FlowRunContext.get() is not None:
        return configured or ""
    return server or configured or OWN_SERVER


@contextlib.contextmanager
def use_server(server: str, *, heartbeat: bool = True, retries: bool = True) -> Iterator[None]:
    """Let Prefect use a server in the block, and in the threads and flows that start there.

    Args:
        server: the address of its API; empty to use the one in Prefect's settings.
        heartbeat: let a flow run report at intervals that it is still running.
        retries: repeat a request that the server does not answer.
    """
    from prefect.context import SettingsContext, get_settings_context

    context = get_settings_context()
    changes, settings = dict[str, Any](), context.settings
    if server:
        changes["api"] = settings.api.model_copy(update={"url": server})
    if not heartbeat:  # nothing watches the heartbeat of such a run, and the last one costs a second
        changes["flows"] = settings.flows.model_copy(update={"heartbeat_frequency": None})
    if not retries:
        changes["client"] = settings.client.model_copy(update={"max_retries": 0})
    # Prefect's own temporary_settings builds all of its settings again, which takes 35 ms.
    with SettingsContext(profile=context.profile, settings=settings.model_copy(update=changes)):
        yield


def make_state(kind: str, name: str, message: str) -> Any:
    """Build a state of Prefect, such as ``make_state("COMPLETED", "Cached", "fresh")``."""
    from prefect.client.schemas.objects import State, StateType

    return State(type=StateType(kind), name=name, message=message)


def check_server(server: str) -> None:
    """Raise unless a server answers.

    Raises:
        UsageError: the server does not answer, or it is not Prefect's.
    """
    import httpx
    from prefect.client.orchestration import get_client

    try:
        parts = urlsplit(server)
        # With retries, a server that accepts connections but never answers would cost a minute and more.
        with use_server(server, retries=False), get_client({"timeout": 3.0}, sync_client=True) as client:
            error: object = client.api_healthcheck()
        host = getattr(parts, "hostname", None) or server
    except (httpx.HTTPError, ValueError, RuntimeError) as caught:
        error, host = caught, server
    if isinstance(error, httpx.HTTPStatusError):
        raise UsageError(
            f"What answers at {server.rpartition('@')[2]} is not Prefect's API ({_status(error)}).",
            hint=f"name one, such as policy.server={OWN_SERVER}; or run without: policy.runner=local",
        )
    if error is not None:
        where = server.rpartition("@")[2].removesuffix("/api") or str(host)
        raise UsageError(
            f"Prefect's server at {where} does not answer ({shorten(str(error) or repr(error), 80)}).",
            hint="magical ui starts one; or run without: policy.runner=local",
        )


def _status(error: httpx.HTTPStatusError) -> str:
    return f"{error.response.status_code} {error.response.reason_phrase}".strip()


def read_deployment_parameters() -> dict[str, Any] | None:
    """Read the stored parameters of the deployment that started the present flow run.

    Returns:
        None outside of a flow, in a flow that was called, and if the deployment has been deleted.
    """
    from prefect.client.orchestration import get_client
    from prefect.context import FlowRunContext
    from prefect.exceptions import ObjectNotFound

    # Not prefect.runtime.deployment: its parameters are those of the flow run, and in a flow that another
    # one calls it names the deployment of the other.
    inside = FlowRunContext.get()
    deployment = inside.flow_run.deployment_id if inside is not None and inside.flow_run is not None else None
    if deployment is None:
        return None
    with contextlib.suppress(ObjectNotFound), get_client(sync_client=True) as client:
        return dict(client.read_deployment(deployment).parameters)
    return None


class FlowRun:
    """A flow run that is open for tasks from any thread until it is closed.

    In a flow, such as a deployment's, this is that flow's own run. Otherwise it is a new run, whose body
    waits in a thread until ``close``: so the main thread handles signals, and decides when the flow run ends.

    Args:
        server: the address of the API.
        workers: the maximum number of tasks at a time.
    """

    def __init__(self, server: str, workers: int) -> None:
        self.server, self._workers = server, workers
        self.id: Any = None
        self.logger: Any = None
        self.attached = False
        self._context = contextvars.copy_context()
        self._opened, self._closing = threading.Event(), threading.Event()
        self._state: Any = None
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._silenced_logs, self._task_threads = contextlib.ExitStack(), contextlib.ExitStack()

    def open(self, flow: str, name: str, tags: Sequence[str], parameters: Mapping[str, Any]) -> None:
        """Create a flow run; inside of a flow, attach to the run of that flow.

        Raises:
            UsageError: the server refuses.
        """
        from prefect.context import FlowRunContext
        from prefect.task_runners import ThreadPoolTaskRunner

        inside = FlowRunContext.get()
        self.attached = inside is not None and inside.flow_run is not None
        self._silenced_logs.enter_context(_silence_logs(keep_console=self.attached))
        if self.attached:
            assert inside is not None
            run: Any = inside.flow_run
            run.tags = list(dict.fromkeys([*run.tags, *tags, name]))  # one flow may run several workflows
            # Use separate threads: those of the flow may all be busy, one of them with this very code.
            threads: Any = self._task_threads.enter_context(ThreadPoolTaskRunner(max_workers=self._workers))
            with FlowRunContext.model_construct(**{**dict(inside), "task_runner": threads}):
                self._attach(run.id, tags=run.tags)
            return
        facts = {"name": name, "tags": list(tags), "parameters": dict(parameters)}
        self._thread = threading.Thread(target=self._run_flow, args=(flow, facts), daemon=True)
        self._thread.name = "magical-prefect"
        self._thread.start()
        while not self._opened.wait(_WAIT_INTERVAL):
            pass
        if self._error is not None:
            self._silenced_logs.close()
            text = shorten(str(self._error) or repr(self._error), 160)
            raise UsageError(
                f"Prefect's server at {self.server} did not create the flow run: {text}",
                hint="look at the server's log; or run without: policy.runner=local",
            ) from self._error

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in the context of the flow."""
        # A copy, since a context can be entered by one thread at a time only.
        return self._context.copy().run(function)

    def close(self, state: Any, *, wait: bool = True) -> bool:
        """End the flow run.

        Args:
            state: a final state of Prefect's.
            wait: True if all tasks have ended: then wait for the server, too.

        Returns:
            True if the server took the end; in a flow of the user's own, the value of ``wait``.
        """
        if self._thread is None:
            if wait:  # else a body is under way, and a thread cannot be stopped
                self._task_threads.close()
            self._silenced_logs.close()
            return wait  # the flow around this code ends its run itself
        self._state = state
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT if wait else 1.0)
        ended = not self._thread.is_alive() and self._error is None
        if not ended and not wait:
            # Prefect waits for the tasks under way before it ends the flow run, so its end is forced.
            with contextlib.suppress(Exception), use_server(self.server):
                from prefect.client.orchestration import get_client

                with get_client(sync_client=True, httpx_settings={"timeout": 2.0}) as client:
                    client.set_flow_run_state(self.id, state, force=True)
        if ended:
            self._silenced_logs.close()
        return ended

    def _run_flow(self, flow: str, facts: dict[str, Any]) -> None:
        """Run the flow, whose body waits until ``close``; called in a thread of its own."""
        from prefect import Flow
        from prefect.context import FlowRunContext
        from prefect.task_runners import ThreadPoolTaskRunner

        def body() -> Any:
            inside = FlowRunContext.get()
            assert inside is not None
            assert inside.flow_run is not None
            self._attach(inside.flow_run.id, **facts)
            self._opened.set()
            self._closing.wait()
            return self._state

        runner: Any = ThreadPoolTaskRunner(max_workers=self._workers)
        try:
            with use_server(self.server, heartbeat=False):
                options: dict[str, Any] = {"validate_parameters": False, "persist_result": False}
                Flow(body, name=flow, task_runner=runner, **options)(return_state=True)
        except BaseException as error:
            self._error = error
        finally:
            self._opened.set()  # also after an error, or `open` would wait forever

    def _attach(self, run: Any, **facts: Any) -> None:
        """Use a flow run and the present context for tasks; ``facts`` change the flow run on the server."""
        from prefect.client.orchestration import get_client
        from prefect.logging import get_run_logger

        self.id, self.logger = run, get_run_logger()
        with get_client(sync_client=True) as client:
            client.update_flow_run(run, **facts)
        self._context = contextvars.copy_context()


@contextlib.contextmanager
def _silence_logs(*, keep_console: bool) -> Iterator[None]:
    """Keep Prefect's log lines from the root logger, where they would count as lines of a body.

    Args:
        keep_console: still print them, as a flow of the user's own does.
    """
    import prefect.main  # noqa: F401  it sets up Prefect's logging
    from prefect.logging.handlers import PrefectConsoleHandler

    root, logger = logging.getLogger(), logging.getLogger("prefect")
    consoles = [h for h in root.handlers if isinstance(h, PrefectConsoleHandler)]
    propagate, raises, null_handler = logger.propagate, logging.raiseExceptions, logging.NullHandler()
    logger.propagate = False
    if not keep_console:
        logger.addHandler(null_handler)
        logging.raiseExceptions = False  # or a line that the server does not take prints a traceback
        for name in _SENDER_LOGGERS:
            logging.getLogger(name).disabled = True  # for good: they log when this process ends
    for handler in consoles:
        root.removeHandler(handler)
        if keep_console:
            logger.addHandler(handler)
    try:
        yield
    finally:
        logger.propagate, logging.raiseExceptions = propagate, raises
        logger.removeHandler(null_handler)
        for handler in consoles:
            logger.removeHandler(handler)
            root.addHandler(handler)
