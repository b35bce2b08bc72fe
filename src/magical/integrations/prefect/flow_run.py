"""A flow run in Prefect that is open for tasks: the one that this code runs in, or a new one."""

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

__all__ = ["OWN_SERVER", "FlowRun", "check_server", "resolve_server", "use_server"]

OWN_SERVER = "http://127.0.0.1:4200/api"
"""Where `magical ui` puts Prefect."""

CLOSE_TIMEOUT = 10.0
"""Seconds that Prefect's server is given to take the end of a flow run."""

_WAIT_INTERVAL = 0.2
"""Seconds of one wait at most: a wait without end may sleep through Ctrl-C."""

_SENDER_LOGGERS = ("APILogWorker", "EventsWorker", "prefect._internal.concurrency")
"""Of Prefect: they tell what they have yet to send, or could not, which a reader can do nothing about."""

_INSTALL_HINT = "pip install 'magical-thinking[prefect]'; or run without: policy.runner=local"


def resolve_server(server: str) -> str:
    """Give the API that a run talks to: as wished, else as Prefect is set up, else that of ``magical ui``.

    In a flow it is what that flow talks to; empty for Prefect's own temporary server.

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
    known = get_current_settings().api.url
    if FlowRunContext.get() is not None:
        return known or ""
    return server or known or OWN_SERVER


@contextlib.contextmanager
def use_server(server: str, *, heartbeat: bool = True, retries: bool = True) -> Iterator[None]:
    """Let Prefect talk to a server in this block, and in what is begun in it.

    Args:
        server: its API; empty for the one that Prefect is set up for.
        heartbeat: whether a flow run tells now and then that it lives.
        retries: whether a call that is not answered is repeated.
    """
    from prefect.context import SettingsContext, get_settings_context

    known = get_settings_context()
    changed, now = dict[str, Any](), known.settings
    if server:
        changed["api"] = now.api.model_copy(update={"url": server})
    if not heartbeat:  # nobody looks after a run from the command, and its last beat costs a second
        changed["flows"] = now.flows.model_copy(update={"heartbeat_frequency": None})
    if not retries:
        changed["client"] = now.client.model_copy(update={"max_retries": 0})
    # Prefect's own temporary_settings makes all of its settings anew, which takes 35 ms.
    with SettingsContext(profile=known.profile, settings=now.model_copy(update=changed)):
        yield


def check_server(server: str) -> None:
    """Make sure that a server answers, before any work.

    Raises:
        UsageError: it does not.
    """
    import httpx
    from prefect.client.orchestration import get_client

    try:
        parts = urlsplit(server)
        # Prefect would ask a server that takes calls in silence six times, a minute and more in all.
        with use_server(server, retries=False), get_client({"timeout": 3.0}, sync_client=True) as client:
            error: object = client.api_healthcheck()
        said = getattr(parts, "hostname", None) or server
    except (httpx.HTTPError, ValueError, RuntimeError) as caught:
        error, said = caught, server
    if isinstance(error, httpx.HTTPStatusError):
        raise UsageError(
            f"What answers at {server.rpartition('@')[2]} is not Prefect's API ({_status(error)}).",
            hint=f"name one, such as policy.server={OWN_SERVER}; or run without: policy.runner=local",
        )
    if error is not None:
        where = server.rpartition("@")[2].removesuffix("/api") or str(said)
        raise UsageError(
            f"Prefect's server at {where} does not answer ({shorten(str(error) or repr(error), 80)}).",
            hint="magical ui starts one; or run without: policy.runner=local",
        )


def _status(error: httpx.HTTPStatusError) -> str:
    return f"{error.response.status_code} {error.response.reason_phrase}".strip()


class FlowRun:
    """One flow run, open for tasks from any thread until it is closed.

    In a flow, such as a deployment's, it is that flow's own run. Else it is a new one, in a thread that
    waits; so signals, and the order in which a run ends, stay with whoever opens it.

    Args:
        server: the API.
        workers: how many tasks run at a time.
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
        """Begin.

        Args:
            flow: the flow's name.
            name: of its run.
            tags: of its run.
            parameters: that the run is shown with.

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
            run.tags = list(dict.fromkeys([*run.tags, *tags, name]))  # with those of an earlier run in it
            # Bodies belong in threads, and there may be none free where the flow's own tasks run.
            own: Any = self._task_threads.enter_context(ThreadPoolTaskRunner(max_workers=self._workers))
            with FlowRunContext.model_construct(**{**dict(inside), "task_runner": own}):
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
                f"Prefect's server at {self.server} takes no flow run: {text}",
                hint="look at the server's log; or run without: policy.runner=local",
            ) from self._error

    def call(self, function: Callable[[], Any]) -> Any:
        """Call something as if within the flow."""
        return self._context.copy().run(function)

    def close(self, state: Any, *, wait: bool = True) -> bool:
        """End it, and say whether the server took that; in a flow, whether its tasks have ended.

        Args:
            state: a final state of Prefect's.
            wait: whether its tasks have ended.
        """
        if self._thread is None:
            if wait:  # else a body is under way, and a thread cannot be stopped
                self._task_threads.close()
            self._silenced_logs.close()
            return wait  # whoever opened it ends it
        self._state = state
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT if wait else 1.0)
        ended = not self._thread.is_alive() and self._error is None
        if not ended and not wait:
            with contextlib.suppress(Exception), use_server(self.server):
                from prefect.client.orchestration import get_client

                with get_client(sync_client=True, httpx_settings={"timeout": 2.0}) as client:
                    client.set_flow_run_state(self.id, state, force=True)
        if ended:
            self._silenced_logs.close()
        return ended

    def _run_flow(self, flow: str, facts: dict[str, Any]) -> None:
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
                how: dict[str, Any] = {"validate_parameters": False, "persist_result": False}
                Flow(body, name=flow, task_runner=runner, **how)(return_state=True)
        except BaseException as error:
            self._error = error
        finally:
            self._opened.set()

    def _attach(self, run: Any, **facts: Any) -> None:
        from prefect.client.orchestration import get_client
        from prefect.logging import get_run_logger

        self.id, self.logger = run, get_run_logger()
        with get_client(sync_client=True) as client:
            client.update_flow_run(run, **facts)
        self._context = contextvars.copy_context()


@contextlib.contextmanager
def _silence_logs(*, keep_console: bool) -> Iterator[None]:
    """Keep Prefect's own log lines from the root logger, where they would be taken for a body's words.

    Args:
        keep: whether they still go to the terminal, as they do where a flow is at home.
    """
    import prefect.main  # noqa: F401  it sets up Prefect's logging
    from prefect.logging.handlers import PrefectConsoleHandler

    root, own = logging.getLogger(), logging.getLogger("prefect")
    consoles = [h for h in root.handlers if isinstance(h, PrefectConsoleHandler)]
    propagate, raises, nobody = own.propagate, logging.raiseExceptions, logging.NullHandler()
    own.propagate = False
    if not keep_console:
        own.addHandler(nobody)
        logging.raiseExceptions = False  # a log line that the server did not take is said nowhere else
        for name in _SENDER_LOGGERS:
            logging.getLogger(name).disabled = True  # for good: they speak when this process ends
    for handler in consoles:
        root.removeHandler(handler)
        if keep_console:
            own.addHandler(handler)
    try:
        yield
    finally:
        own.propagate, logging.raiseExceptions = propagate, raises
        own.removeHandler(nobody)
        for handler in consoles:
            own.removeHandler(handler)
            root.addHandler(handler)
