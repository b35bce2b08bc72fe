"""Prefect's log lines and artifacts of a run: a card for each finished step, scores, links, progress."""

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
from magical.masking import mask
from magical.run_metrics import MetricExtractor

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = [
    "PrefectCards",
    "escape_markdown",
    "format_scoring_card",
    "make_artifact_key",
    "make_model_link",
    "post_scoring_card",
]

FLUSH_TIMEOUT = 5.0
"""Seconds to wait at the end of a run until the server has taken all cards."""

_LEVELS = {"print": logging.INFO, **logging.getLevelNamesMapping()}
_RETRY_PAUSE = 1.0
_CLIENT_TIMEOUT = 10.0
_MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&])")


class TaskRuns(Protocol):
    """The part of a runner that cards need."""

    def log_line(self, step: str, level: int, text: str) -> None:
        """Log a line of a step."""

    def task_run_id(self, step: str) -> Any:
        """Return the id of a step's task run."""

    def server_and_flow_run_id(self) -> tuple[str, Any]:
        """Return the server and the id of the flow run."""

    def call_in_flow(self, function: Callable[[], Any]) -> Any:
        """Call a function in the context of the flow run."""


class PrefectCards:
    """A listener that logs the lines of steps, and writes artifacts: Markdown, scores, links, progress.

    Cards are sent by a thread of their own: a server that is away delays nothing, and gets the cards if it is
    back before the run ends.

    Args:
        runner: knows the task runs.
        read_value: returns the result of a key as JSON, or None for tables and models.
        describe_step: returns a description of a step as Markdown.
        find_link: returns the address of the model that a result registered, or an empty text.
    """

    def __init__(
        self,
        runner: TaskRuns,
        read_value: Callable[[str], Any],
        describe_step: Callable[[str], str],
        find_link: Callable[[Any], str] = lambda value: "",
    ) -> None:
        self._runner, self._read_value = runner, read_value
        self._describe_step, self._find_link = describe_step, find_link
        self._workflow = ""
        self._metrics = MetricExtractor()
        self._queue: queue.SimpleQueue[Callable[[SyncPrefectClient], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._progress_ids: dict[str, Any] = {}
        self._percentages: dict[str, float] = {}
        self._queued_progress: set[str] = set()
        self._deadline = float("inf")

    def on(self, event: Event) -> None:
        """Handle an event of the run."""
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
                self._deadline = time.monotonic() + FLUSH_TIMEOUT  # a retry stops at this time
                self._queue.put(None)
                self._thread.join(FLUSH_TIMEOUT + 1)

    def _add_result_cards(self, event: StepFinished) -> None:
        rows = [("result", event.summary or "nothing"), ("took", f"{event.seconds:.2f} s")]
        rows.append(("key", event.key[:12]))
        if event.origin:
            rows.append(("not real", f"stands on {', '.join(event.origin)}"))
        lines = [self._describe_step(event.step), "", "| | |", "|---|---|"]
        lines += [f"| {name} | {escape_markdown(text)} |" for name, text in rows]
        self._add_card(event.step, "markdown", "\n".join(lines), "result")
        value = None if event.origin else self._read_value(event.key)
        if scores := [{"score": n, "value": x} for n, x in self._metrics.extract(event.step, value)]:
            self._add_card(event.step, "table", scores, "its scores", "scores")
        if address := self._find_link(value):
            text = f"[{address}]({address})"  # unescaped, as Prefect's page shows the text of a link
            self._add_card(event.step, "markdown", text, "what it registered", "link")

    def _update_progress(self, event: Progress) -> None:
        """Create or update the progress artifact of a step."""
        step, flow_run = event.step, self._runner.server_and_flow_run_id()[1]
        self._percentages[step] = 100.0 * event.done / max(event.total, 1)
        # One update in the queue suffices, since it sends the latest number: a step that reports faster than
        # the server answers must not hold up the cards behind it.
        if step in self._queued_progress:
            return
        self._queued_progress.add(step)

        def post(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

            # Discard before the number is read: a later number then queues an update of its own.
            self._queued_progress.discard(step)
            percentage = self._percentages[step]
            if (artifact := self._progress_ids.get(step)) is not None:
                client.update_artifact(artifact, ArtifactUpdate(data=percentage))
                return
            ids = {"flow_run_id": flow_run, "task_run_id": self._runner.task_run_id(step)}
            card = ArtifactCreate(key=self._key(step, "progress"), type="progress", data=percentage, **ids)
            self._progress_ids[step] = client.create_artifact(card).id

        self._enqueue(post)

    def _add_card(self, step: str, kind: str, data: Any, description: str, part: str = "") -> None:
        flow_run = self._runner.server_and_flow_run_id()[1]

        def post(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate

            ids = {"flow_run_id": flow_run, "task_run_id": self._runner.task_run_id(step)}
            text = escape_markdown(f"{step}: {description}")
            card = ArtifactCreate(key=self._key(step, part), type=kind, data=data, description=text, **ids)
            client.create_artifact(card)

        self._enqueue(post)

    def _key(self, step: str, part: str) -> str:
        # Without the run: Prefect shows artifacts of one key as versions of each other, run after run.
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
        """Send the queued cards in order until the run has finished; retry while the server is away."""
        from prefect.client.orchestration import get_client

        # Use a separate client: the flow run closes its own when it ends, and cards may be sent later.
        options = {"timeout": _CLIENT_TIMEOUT}
        with contextlib.suppress(Exception), get_client(options, sync_client=True) as client:
            while (post := self._queue.get()) is not None:
                while not _try_post(post, client) and time.monotonic() < self._deadline:
                    time.sleep(_RETRY_PAUSE)


def make_artifact_key(text: str) -> str:
    """Convert a text to a key that Prefect accepts; different letters give different keys.

    Example:
        >>> make_artifact_key("campaign tune[boosting]"), make_artifact_key("campaign größe")
        ('campaign-tune-boosting', 'campaign-gre-v9a53a')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower().encode("punycode").decode()).strip("-")


def escape_markdown(text: str) -> str:
    r"""Escape a text, so that Markdown shows it as it is.

    Example:
        >>> print(escape_markdown("a|b <i>*x*"))
        a\|b \<i\>\*x\*
    """
    return _MARKDOWN_CHARACTERS.sub(r"\\\1", " ".join(text.split()))


def post_scoring_card(workflow: str, outcome: Mapping[str, Any] | BaseException) -> None:
    """Post an artifact of the task under way: what was scored, or why it failed.

    Args:
        workflow: the workflow's name, a part of the artifact's key.
        outcome: the summary of a batch that was scored, or the error.
    """
    from prefect.artifacts import create_markdown_artifact

    with contextlib.suppress(Exception):  # a card that is lost must not fail a batch that is done
        create_markdown_artifact(
            format_scoring_card(outcome),
            key=make_artifact_key(f"{workflow} score"),
            description=escape_markdown("score: result"),
        )


def format_scoring_card(outcome: Mapping[str, Any] | BaseException) -> str:
    r"""Format what came of scoring as Markdown.

    Example:
        >>> summary = dict(model="shop", version="3", rows=1200, scored=1199, rejected=1, left_out=0)
        >>> summary |= dict(seconds=0.5, failures="income is null (1)", output="out.parquet")
        >>> print(format_scoring_card(summary))
        | | |
        |---|---|
        | model | shop version 3 |
        | rows | 1,200 |
        | scored | 1,199 |
        | rejected | 1: income is null \(1\) |
        | without a prediction | 0 |
        | took | 0\.50 s |
        | output | out\.parquet |
    """
    if isinstance(outcome, BaseException):
        return f"**failed**\n\n{_code_block(mask(str(outcome)))}"
    rejected = f"{outcome['rejected']:,}"
    rows = {
        "model": f"{outcome['model']} version {outcome['version']}",
        "rows": f"{outcome['rows']:,}",
        "scored": f"{outcome['scored']:,}",
        "rejected": f"{rejected}: {outcome['failures']}" if outcome["rejected"] else rejected,
        "without a prediction": f"{outcome['left_out']:,}",
        "took": f"{outcome['seconds']:.2f} s",
        "output": str(outcome["output"]),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | {escape_markdown(v)} |" for k, v in rows.items())])


def _code_block(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _try_post(post: Callable[[SyncPrefectClient], object], client: SyncPrefectClient) -> bool:
    """Post a card; return False if the server did not answer, so that a retry makes sense."""
    import httpx

    try:
        post(client)
    except httpx.TransportError:
        return False
    except Exception:  # the server would refuse the same card again
        return True
    return True


def make_model_link(value: Any, mlflow: str) -> str:
    """Build the address of a registered model's page; empty for other results.

    Args:
        value: the result of ``register``, as JSON.
        mlflow: the address of MLflow's pages.

    Example:
        >>> make_model_link({"details": {"name": "campaign", "version": "2"}}, "http://127.0.0.1:5000")
        'http://127.0.0.1:5000/#/models/campaign/versions/2'
    """
    details = value.get("details") if isinstance(value, Mapping) else None
    if not isinstance(details, Mapping) or not details.get("version"):
        return ""
    return f"{mlflow.rstrip('/')}/#/models/{quote(str(details.get('name')))}/versions/{details['version']}"
