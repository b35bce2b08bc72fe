"""What a run shows in Prefect: lines of its steps, and a card for each step that ended."""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from magical.events import Event, LogLine, Progress, RunFinished, RunStarted, StepFailed, StepFinished
from magical.run_metrics import MetricExtractor

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["PrefectCards", "escape_markdown", "make_artifact_key", "make_model_link"]

FLUSH_TIMEOUT = 5.0
"""Seconds that the server is given, at the end of a run, to take what it has not taken yet."""

_LEVELS = {"print": logging.INFO, **logging.getLevelNamesMapping()}
_RETRY_PAUSE = 1.0
_CLIENT_TIMEOUT = 10.0
_MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&])")


class TaskRuns(Protocol):
    """The part of a runner that cards need."""

    def log_line(self, step: str, level: int, text: str) -> None:
        """Show a line about a step."""

    def task_run_id(self, step: str) -> Any:
        """Give the id of a step's task run."""

    def flow_run_ids(self) -> tuple[str, Any]:
        """Give the server, and the id of the flow run."""

    def call_in_flow(self, function: Callable[[], Any]) -> Any:
        """Call something as if within the flow run."""


class PrefectCards:
    """Passes on what steps say, and writes artifacts: Markdown, scores as a table, links, progress.

    Cards are written beside the run, in a thread of their own: a server that goes away delays nothing, and
    gets them when it is back before the run ends.

    Args:
        shown: knows the task runs.
        value: gives a result as JSON, by its key; none for tables and models.
        about: gives what there is to say of a step, as Markdown.
        link: gives the page of what a step has registered, if there is one.
    """

    def __init__(
        self,
        runner: TaskRuns,
        read_value: Callable[[str], Any],
        describe_step: Callable[[str], str],
        find_link: Callable[[Any], str] = lambda value: "",
    ) -> None:
        self._runner, self._read_value, self._describe_step, self._find_link = (
            runner,
            read_value,
            describe_step,
            find_link,
        )
        self._workflow = ""
        self._metrics = MetricExtractor()
        self._queue: queue.SimpleQueue[Callable[[SyncPrefectClient], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._progress_ids: dict[str, Any] = {}
        self._percentages: dict[str, float] = {}
        self._queued_progress: set[str] = set()
        self._deadline = float("inf")

    def on(self, event: Event) -> None:
        """Take an event."""
        match event:
            case RunStarted():
                self._workflow = event.workflow
            case LogLine():
                self._runner.log_line(event.step, _LEVELS.get(event.level.upper(), logging.INFO), event.text)
            case StepFinished():
                self._add_result_cards(event)
            case StepFailed():
                self._add_card(
                    event.step, "markdown", f"**failed**\n\n{_code_block(event.message)}", "why it failed"
                )
            case Progress():
                self._update_progress(event)
            case RunFinished() if self._thread is not None:
                self._deadline = time.monotonic() + FLUSH_TIMEOUT
                self._queue.put(None)
                self._thread.join(FLUSH_TIMEOUT + 1)

    def _add_result_cards(self, event: StepFinished) -> None:
        rows = [("gave", event.summary or "nothing"), ("took", f"{event.seconds:.2f} s")]
        rows.append(("key", event.key[:12]))
        if event.origin:
            rows.append(("not real", f"stands on {', '.join(event.origin)}"))
        lines = [self._describe_step(event.step), "", "| | |", "|---|---|"]
        lines += [f"| {name} | {escape_markdown(text)} |" for name, text in rows]
        self._add_card(event.step, "markdown", "\n".join(lines), "what it gave")
        value = None if event.origin else self._read_value(event.key)
        if scores := [{"score": n, "value": x} for n, x in self._metrics.extract(event.step, value)]:
            self._add_card(event.step, "table", scores, "its scores", "scores")
        if address := self._find_link(value):
            text = f"[{address}]({address})"  # Prefect's page shows what stands in a link as it is
            self._add_card(event.step, "markdown", text, "what it registered", "link")

    def _update_progress(self, event: Progress) -> None:
        """One artifact a step, moved on: a step that moves faster than the server keeps no card waiting."""
        step, server_flow = event.step, self._runner.flow_run_ids()[1]
        self._percentages[step] = 100.0 * event.done / max(event.total, 1)
        if step in self._queued_progress:
            return
        self._queued_progress.add(step)

        def post(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

            self._queued_progress.discard(
                step
            )  # before the share is read: what comes later is posted on its own
            share = self._percentages[step]
            if (known := self._progress_ids.get(step)) is not None:
                client.update_artifact(known, ArtifactUpdate(data=share))
                return
            ids = {"flow_run_id": server_flow, "task_run_id": self._runner.task_run_id(step)}
            made = ArtifactCreate(key=self._key(step, "progress"), type="progress", data=share, **ids)
            self._progress_ids[step] = client.create_artifact(made).id

        self._enqueue(post)

    def _add_card(self, step: str, kind: str, data: Any, description: str, part: str = "") -> None:
        flow_run = self._runner.flow_run_ids()[1]

        def post(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate

            ids = {"flow_run_id": flow_run, "task_run_id": self._runner.task_run_id(step)}
            text = f"{step}: {description}"
            made = {
                "key": self._key(step, part),
                "type": kind,
                "data": data,
                "description": escape_markdown(text),
            }
            client.create_artifact(ArtifactCreate(**made, **ids))

        self._enqueue(post)

    def _key(self, step: str, part: str) -> str:
        """Artifacts of one key are versions of one another in Prefect: the same step, run after run."""
        return make_artifact_key(f"{self._workflow} {step} {part}")

    def _enqueue(self, post: Callable[[SyncPrefectClient], object]) -> None:
        self._queue.put(post)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._runner.call_in_flow, args=(self._send_cards,), daemon=True
            )
            self._thread.name = "magical-prefect-cards"
            self._thread.start()

    def _send_cards(self) -> None:
        from prefect.client.orchestration import get_client

        own = {"timeout": _CLIENT_TIMEOUT}  # the flow run's client ends with it, and cards may come later
        with contextlib.suppress(Exception), get_client(own, sync_client=True) as client:
            while (post := self._queue.get()) is not None:
                while not _has_answered(post, client) and time.monotonic() < self._deadline:
                    time.sleep(_RETRY_PAUSE)


def make_artifact_key(text: str) -> str:
    """Give a key that Prefect takes, readable, and another one for other letters.

    Example:
        >>> (
        ...     make_artifact_key("campaign tune[boosting]"),
        ...     make_artifact_key("campaign größe"),
        ...     make_artifact_key("очистка"),
        ... )
        ('campaign-tune-boosting', 'campaign-gre-v9a53a', '80apgoqg6a')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower().encode("punycode").decode()).strip("-")


def escape_markdown(text: str) -> str:
    r"""Give a text in Markdown that shows just that text.

    Example:
        >>> print(escape_markdown("a|b <i>*x*"))
        a\|b \<i\>\*x\*
    """
    return _MARKDOWN_CHARACTERS.sub(r"\\\1", " ".join(text.split()))


def _code_block(text: str) -> str:
    """A text as it is, in Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _has_answered(post: Callable[[SyncPrefectClient], object], client: SyncPrefectClient) -> bool:
    """Whether the server has answered; what it refuses once, it refuses again."""
    import httpx

    try:
        post(client)
    except httpx.TransportError:
        return False
    except Exception:
        return True
    return True


def make_model_link(value: Any, mlflow: str) -> str:
    """Give the page of a registered model, or nothing for another result.

    Args:
        value: what ``register`` gave, as JSON.
        mlflow: the address of MLflow's pages.

    Example:
        >>> make_model_link({"details": {"name": "campaign", "version": "2"}}, "http://127.0.0.1:5000")
        'http://127.0.0.1:5000/#/models/campaign/versions/2'
    """
    details = value.get("details") if isinstance(value, Mapping) else None
    if not isinstance(details, Mapping) or not details.get("version"):
        return ""
    return f"{mlflow.rstrip('/')}/#/models/{quote(str(details.get('name')))}/versions/{details['version']}"
