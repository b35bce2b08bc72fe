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

__all__ = ["PrefectCards", "escaped", "key_of", "link_of"]

PATIENCE = 5.0
"""Seconds that the server is given, at the end of a run, to take what it has not taken yet."""

_LEVELS = {"print": logging.INFO, **logging.getLevelNamesMapping()}
_PAUSE = 1.0
_SILENCE = 10.0
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&])")


class Shown(Protocol):
    """The part of a runner that cards need."""

    def say(self, step: str, level: int, text: str) -> None:
        """Show a line about a step."""

    def task_run(self, step: str) -> Any:
        """Give the id of a step's task run."""

    def ids(self) -> tuple[str, Any]:
        """Give the server, and the id of the flow run."""

    def within(self, function: Callable[[], Any]) -> Any:
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
        shown: Shown,
        value: Callable[[str], Any],
        about: Callable[[str], str],
        link: Callable[[Any], str] = lambda value: "",
    ) -> None:
        self._shown, self._value, self._about, self._link = shown, value, about, link
        self._workflow = ""
        self._figures = MetricExtractor()
        self._queue: queue.SimpleQueue[Callable[[SyncPrefectClient], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._progress: dict[str, Any] = {}
        self._shares: dict[str, float] = {}
        self._to_move: set[str] = set()
        self._until = float("inf")

    def on(self, event: Event) -> None:
        """Take an event."""
        match event:
            case RunStarted():
                self._workflow = event.workflow
            case LogLine():
                self._shown.say(event.step, _LEVELS.get(event.level.upper(), logging.INFO), event.text)
            case StepFinished():
                self._finished(event)
            case StepFailed():
                self._put(event.step, "markdown", f"**failed**\n\n{_block(event.message)}", "why it failed")
            case Progress():
                self._moved(event)
            case RunFinished() if self._thread is not None:
                self._until = time.monotonic() + PATIENCE
                self._queue.put(None)
                self._thread.join(PATIENCE + 1)

    def _finished(self, event: StepFinished) -> None:
        rows = [("gave", event.summary or "nothing"), ("took", f"{event.seconds:.2f} s")]
        rows.append(("key", event.key[:12]))
        if event.origin:
            rows.append(("not real", f"stands on {', '.join(event.origin)}"))
        lines = [self._about(event.step), "", "| | |", "|---|---|"]
        lines += [f"| {name} | {escaped(text)} |" for name, text in rows]
        self._put(event.step, "markdown", "\n".join(lines), "what it gave")
        value = None if event.origin else self._value(event.key)
        if scores := [{"score": n, "value": x} for n, x in self._figures.extract(event.step, value)]:
            self._put(event.step, "table", scores, "its scores", "scores")
        if address := self._link(value):
            text = f"[{address}]({address})"  # Prefect's page shows what stands in a link as it is
            self._put(event.step, "markdown", text, "what it registered", "link")

    def _moved(self, event: Progress) -> None:
        """One artifact a step, moved on: a step that moves faster than the server keeps no card waiting."""
        step, server_flow = event.step, self._shown.ids()[1]
        self._shares[step] = 100.0 * event.done / max(event.total, 1)
        if step in self._to_move:
            return
        self._to_move.add(step)

        def post(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

            self._to_move.discard(step)  # before the share is read: what comes later is posted on its own
            share = self._shares[step]
            if (known := self._progress.get(step)) is not None:
                client.update_artifact(known, ArtifactUpdate(data=share))
                return
            ids = {"flow_run_id": server_flow, "task_run_id": self._shown.task_run(step)}
            made = ArtifactCreate(key=self._key(step, "progress"), type="progress", data=share, **ids)
            self._progress[step] = client.create_artifact(made).id

        self._later(post)

    def _put(self, step: str, kind: str, data: Any, description: str, part: str = "") -> None:
        flow_run = self._shown.ids()[1]

        def post(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate

            ids = {"flow_run_id": flow_run, "task_run_id": self._shown.task_run(step)}
            text = f"{step}: {description}"
            made = {"key": self._key(step, part), "type": kind, "data": data, "description": escaped(text)}
            client.create_artifact(ArtifactCreate(**made, **ids))

        self._later(post)

    def _key(self, step: str, part: str) -> str:
        """Artifacts of one key are versions of one another in Prefect: the same step, run after run."""
        return key_of(f"{self._workflow} {step} {part}")

    def _later(self, post: Callable[[SyncPrefectClient], object]) -> None:
        self._queue.put(post)
        if self._thread is None:
            self._thread = threading.Thread(target=self._shown.within, args=(self._work,), daemon=True)
            self._thread.name = "magical-prefect-cards"
            self._thread.start()

    def _work(self) -> None:
        from prefect.client.orchestration import get_client

        own = {"timeout": _SILENCE}  # the flow run's client ends with it, and cards may come later
        with contextlib.suppress(Exception), get_client(own, sync_client=True) as client:
            while (post := self._queue.get()) is not None:
                while not _done(post, client) and time.monotonic() < self._until:
                    time.sleep(_PAUSE)


def key_of(text: str) -> str:
    """Give a key that Prefect takes, readable, and another one for other letters.

    Example:
        >>> key_of("campaign tune[boosting]"), key_of("campaign größe"), key_of("очистка")
        ('campaign-tune-boosting', 'campaign-gre-v9a53a', '80apgoqg6a')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower().encode("punycode").decode()).strip("-")


def escaped(text: str) -> str:
    r"""Give a text in Markdown that shows just that text.

    Example:
        >>> print(escaped("a|b <i>*x*"))
        a\|b \<i\>\*x\*
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(text: str) -> str:
    """A text as it is, in Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _done(post: Callable[[SyncPrefectClient], object], client: SyncPrefectClient) -> bool:
    """Whether the server has answered; what it refuses once, it refuses again."""
    import httpx

    try:
        post(client)
    except httpx.TransportError:
        return False
    except Exception:
        return True
    return True


def link_of(value: Any, mlflow: str) -> str:
    """Give the page of a registered model, or nothing for another result.

    Args:
        value: what ``register`` gave, as JSON.
        mlflow: the address of MLflow's pages.

    Example:
        >>> link_of({"details": {"name": "campaign", "version": "2"}}, "http://127.0.0.1:5000")
        'http://127.0.0.1:5000/#/models/campaign/versions/2'
    """
    details = value.get("details") if isinstance(value, Mapping) else None
    if not isinstance(details, Mapping) or not details.get("version"):
        return ""
    return f"{mlflow.rstrip('/')}/#/models/{quote(str(details.get('name')))}/versions/{details['version']}"
