"""The sync of a project: it sends MLflow the runs and steps that it missed, each once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from magical.engine.journal import RunSummary
from magical.engine.plan import FRESH, NodePlan
from magical.engine.protocols import Listener
from magical.errors import (
    InputError,
    MagicalError,
    RegistryDown,
    RegistryError,
    SettingsError,
    UsageError,
    join_names,
)
from magical.events import Event, RunFinished
from magical.graph import Graph
from magical.integrations.mlflow.progress_marks import MISSED, SENT, ProgressMark, ProgressMarkStore
from magical.project.project_context import ProjectContext
from magical.project.run_setup import run_drawing
from magical.project.tracking_setup import create_tracker
from magical.settings.secrets import drop_masked
from magical.system.file_locks import exclusive_lock
from magical.system.processes import is_process_alive, machine_name

__all__ = ["SyncItem", "SyncReport", "sync_project"]


@dataclass(frozen=True)
class SyncItem:
    """A run or a step that MLflow or Prefect missed, and the outcome of sending it.

    Attributes:
        step: the step that was pending; empty for the run itself.
        state: ``sent``; ``changed``, if a run would register something else now; or ``failed``.
        text: the outcome, or the reason why it could not be sent.
        hint: the next move, if there is one.

    Example:
        >>> print(SyncItem("20240501", "register", "sent", "version 3"))
        register of run 20240501: version 3
    """

    run: str
    step: str
    state: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        what = f"{self.step} of run {self.run}" if self.step else f"run {self.run}"
        return f"{what}: {self.text}"


@dataclass(frozen=True)
class SyncReport:
    """The outcome of a sync, in the order in which things were sent.

    Example:
        >>> print(SyncReport((SyncItem("20240501", "", "sent", "sent to MLflow"),)))
        run 20240501: sent to MLflow
    """

    items: tuple[SyncItem, ...] = ()

    @property
    def failed(self) -> bool:
        """True if something could not be sent."""
        return any(item.state == "failed" for item in self.items)

    def __str__(self) -> str:
        """Return one line for each item; items that failed for the same reason share one."""
        lines = [str(item) for item in self.items if item.state != "failed"]
        failures: dict[str, list[SyncItem]] = {}
        for item in self.items:
            if item.state == "failed":
                failures.setdefault(item.text, []).append(item)
        for text, items in failures.items():
            count = len(items)
            lines += [text, f"{count} things wait for it; nothing is lost."] if count > 1 else [str(items[0])]
        hints = dict.fromkeys(item.hint for item in self.items if item.hint)
        return "\n".join([*(lines or ["nothing to send"]), *(f"Hint: {hint}" for hint in hints)])

    def to_json(self) -> list[dict[str, str]]:
        """Return the items as JSON, without hints."""
        return [{"run": s.run, "step": s.step, "state": s.state, "text": s.text} for s in self.items]


def sync_project(
    context: ProjectContext, listeners: tuple[Listener, ...] = (), reconciled: Sequence[str] = ()
) -> SyncReport:
    """Send MLflow all runs and steps that it missed; if one cannot be sent, the others still are.

    Args:
        context: the context of the project.
        listeners: receive the events of the steps that are executed again to send them.
        reconciled: runs whose end has just been sent to Prefect, for the report.
    """
    items = [SyncItem(run, "", "sent", "Prefect knows how it ended.") for run in reconciled]
    with exclusive_lock(context.home / "sync.lock"):  # a second sync waits, and finds nothing left to send
        return SyncReport((*items, *_RunSender(context).send(), *_StepSender(context, listeners).send()))


class _Servers:
    """Remembers which servers do not answer, since each attempt waits for a timeout."""

    def __init__(self) -> None:
        self._errors: dict[str, RegistryDown] = {}

    @contextlib.contextmanager
    def reach(self, uri: str) -> Iterator[None]:
        """Raise the noted error of a server, or run the block and note a `RegistryDown` that it raises."""
        if uri in self._errors:
            raise self._errors[uri]
        try:
            yield
        except RegistryDown as error:
            self._errors[uri] = error
            raise


class _RunSender:
    """Sends the runs that MLflow's tracking missed, oldest first."""

    def __init__(self, context: ProjectContext) -> None:
        self._context, self._marks = context, ProgressMarkStore(context.journal.folder)
        self._servers = _Servers()

    def send(self) -> Iterator[SyncItem]:
        """Send each run that MLflow missed, and yield the outcome."""
        for run in reversed(self._context.journal.names()):
            mark = self._marks.read(run)
            if mark is None or mark.state == SENT:
                continue
            try:
                if self._send(run, mark):
                    yield SyncItem(run, "", "sent", "sent to MLflow")
            except MagicalError as error:
                yield _failed_item(run, "", error)

    def _send(self, run: str, mark: ProgressMark) -> bool:
        """Send the events of a run from its journal; return False if nothing was sent."""
        journal = self._context.journal
        lines = [(Event.from_json(line), float(line.get("at", 0.0))) for line in journal.events(run)]
        events = [(event, at) for event, at in lines if event is not None]
        summary = journal.read(run)
        if not events or not (mark.state == MISSED or _is_over(summary)):
            return False
        if summary.state == "killed":  # its journal lacks the last event, and MLflow would show it as running
            last = max(at for _, at in events)
            events.append((RunFinished(run=run, state="stopped", seconds=0.0, executed=0), last))
        context = self._context.reopen(mark.line, profile=_profile(summary))
        with self._servers.reach(context.configuration.tracking.uri or "its own"):
            listener = create_tracker(context, summary.workflow, is_finished=True)
            if listener is None:
                return False
            for event, at in events:
                listener.on(event, at)
        return True


class _StepSender:
    """Sends the steps that the registry missed, newest first."""

    def __init__(self, context: ProjectContext, listeners: tuple[Listener, ...]) -> None:
        self._context, self._listeners = context, listeners
        self._marks, self._servers = ProgressMarkStore(context.journal.folder), _Servers()

    def send(self) -> Iterator[SyncItem]:
        """Send each step that the registry missed, and yield the outcome."""
        newer: set[tuple[str, str]] = set()  # workflow and step, as executed by newer runs
        seen: set[str] = set()
        done: set[str] = set()  # keys of executed steps, with the suffix of a registry
        for run in self._context.journal.runs():
            for step, key in run.pending.items():
                if key in seen or any(k.startswith(key) for k in done) or self._is_done(run, key):
                    continue
                seen.add(key)
                item = self._try_send(run, step, key)
                # If a newer run executed a changed step, it has registered its replacement: no report.
                if item.state != "changed" or (run.workflow, step) not in newer:
                    yield item
            newer.update((run.workflow, step) for step in run.executed)
            done.update(run.keys[step] for step in run.executed if step in run.keys)

    def _is_done(self, run: RunSummary, key: str) -> bool:
        """Return True if the registry to which a step would be sent now already has it: a receipt says so."""
        mark = self._marks.read(run.name)
        try:
            context = self._context.reopen(mark.line if mark else {}, profile=_profile(run))
            return context.receipts.look_up(key, writes=True)[0] is not None
        except (UsageError, SettingsError):  # the run's profile has been removed, or is wrong now
            return self._context.store.find_record(key) is not None

    def _try_send(self, run: RunSummary, step: str, key: str) -> SyncItem:
        try:
            return self._send_step(run, step, key)
        except (UsageError, InputError):  # its settings or its files have changed
            return _changed_item(run, step)
        except MagicalError as error:
            return _failed_item(run.name, step, error)

    def _send_step(self, run: RunSummary, step: str, key: str) -> SyncItem:
        """Execute a pending step again if its key is unchanged; else report it as changed."""
        mark = self._marks.read(run.name)
        settings = {**drop_masked(run.settings), **(mark.line if mark else {})}
        # A run that explored sends nothing, so this one did not: its settings may differ from the files' now.
        context = self._context.reopen(settings, profile=_profile(run), register=True)
        drawing = replace(context.draw(step), rewrite=_freeze_sources)
        plans = context.make_planning_context(drawing).make_planner(drawing.graph).plan()
        workflow = drawing.graph.workflow
        if workflow == run.workflow and (origin := plans[step].origin):
            text = f"not sent: it stands on what is not real now: {join_names(origin)}"
            return SyncItem(run.name, step, "changed", text, "magical run, with all steps written")
        if workflow != run.workflow or not _is_ready(plans, step, key):
            return _changed_item(run, step)
        tracking = context.configuration.tracking
        with self._servers.reach(tracking.registry_uri or tracking.uri or "its own"):
            context.registry().champion(run.workflow)  # a probe: without an answer no run is started
        result = run_drawing(context, drawing, self._listeners)
        if result.errors:
            raise next(iter(result.errors.values()))
        if step in result.pending:
            raise RegistryDown(result.pending[step], hint="magical sync, once that answers again.")
        if step not in result.records:
            raise RegistryError(f"{step} was left out: {result.left_out.get(step)}.", hint="magical run")
        return SyncItem(run.name, step, "sent", result.records[step].result.summary)


def _is_over(run: RunSummary) -> bool:
    """Return True if a run has ended: its process is gone or, on another machine, its journal says so."""
    machine, process = run.facts.get("host", ""), run.facts.get("process", 0)
    return not is_process_alive(process) if process and machine == machine_name() else run.state != "killed"


def _is_ready(plans: Mapping[str, NodePlan], step: str, key: str) -> bool:
    """Return True if a step still has the pending key, and all steps before it are fresh."""
    before = (p.state == FRESH for name, p in plans.items() if name != step)
    return plans[step].key == key and all(before)


def _freeze_sources(graph: Graph) -> Graph:
    """Drop the fact that sources are read again: the pending step needs their stored results."""
    nodes = tuple(
        replace(n, facts={k: v for k, v in n.facts.items() if (k, v) != ("reads", "world")})
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes)


def _profile(run: RunSummary) -> str:
    return str(run.facts.get("profile", ""))


def _changed_item(run: RunSummary, step: str) -> SyncItem:
    text = "not sent: code, data or settings have changed since, so it is not what would be registered now"
    return SyncItem(run.name, step, "changed", text, "magical run")


def _failed_item(run: str, step: str, error: MagicalError) -> SyncItem:
    return SyncItem(run, step, "failed", "\n".join(error.lines), error.hint)
