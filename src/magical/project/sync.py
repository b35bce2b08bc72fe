"""Send what MLflow's tracking or registry missed while it was down: once, and with the whole gate."""

from __future__ import annotations

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
    """One thing that was missed, and what became of it.

    Attributes:
        run: the run that it is of.
        step: the step that was pending, or empty for the run itself.
        state: ``sent``; ``changed``, where it is not what would be sent now; or ``failed``.
        text: what came of it, or why it could not be sent.
        hint: the next move, if there is one.
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
    """What a sync did, in the order in which it was done."""

    items: tuple[SyncItem, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether something that should be sent could not be."""
        return any(s.state == "failed" for s in self.items)

    def __str__(self) -> str:
        """Give one line a thing; what is wrong with several is said once."""
        lines = [str(s) for s in self.items if s.state != "failed"]
        wrong: dict[str, list[SyncItem]] = {}
        for one in self.items:
            if one.state == "failed":
                wrong.setdefault(one.text, []).append(one)
        for text, those in wrong.items():
            lines += [text if len(those) > 1 else str(those[0])]
            lines += [f"{len(those)} things wait for it; nothing is lost."] if len(those) > 1 else []
        hints = dict.fromkeys(s.hint for s in self.items if s.hint)
        return "\n".join([*(lines or ["nothing to send"]), *(f"Hint: {hint}" for hint in hints)])

    def to_json(self) -> list[dict[str, str]]:
        """Give it as JSON."""
        return [{"run": s.run, "step": s.step, "state": s.state, "text": s.text} for s in self.items]


def sync_project(
    context: ProjectContext, listeners: tuple[Listener, ...] = (), reconciled: Sequence[str] = ()
) -> SyncReport:
    """Send what was missed; one that cannot be sent does not keep back the others.

    Args:
        context: of the project whose runs they are.
        listeners: are notified by the steps that run for it.
        reconciled: the runs whose end Prefect has just been told.
    """
    with exclusive_lock(context.home / "sync.lock"):  # a second one waits, and finds nothing left to send
        found = [*_RunSender(context).send(), *_StepSender(context, listeners).send()]
    return SyncReport(
        (*(SyncItem(run, "", "sent", "Prefect knows how it ended.") for run in reconciled), *found)
    )


class _RunSender:
    """The runs that MLflow's tracking missed, oldest first."""

    def __init__(self, context: ProjectContext) -> None:
        self._context, self._marks = context, ProgressMarkStore(context.journal.folder)
        self._unreachable: dict[str, RegistryDown] = {}

    def send(self) -> Iterator[SyncItem]:
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
        events = [(e, at) for e, at in self._events(run) if e is not None]
        begun = self._context.journal.read(run)
        if not events or not (mark.state == MISSED or _is_over(begun)):
            return False
        if begun.state == "killed":  # its journal just ends
            last = max(at for _, at in events)
            events.append((RunFinished(run=run, state="stopped", seconds=0.0, executed=0), last))
        context = self._context.reopen(mark.line, profile=_profile(begun))
        uri = context.configuration.tracking.uri or "its own"
        if uri in self._unreachable:
            raise self._unreachable[uri]
        listener = create_tracker(context, begun.workflow, is_finished=True)
        if listener is None:
            return False
        try:
            for event, at in events:
                listener.on(event, at)
        except RegistryDown as error:
            self._unreachable[uri] = error
            raise
        return True

    def _events(self, run: str) -> Iterator[tuple[Event | None, float]]:
        for line in self._context.journal.events(run):
            yield Event.from_json(line), float(line.get("at", 0.0))


class _StepSender:
    """The steps that the registry missed, newest first."""

    def __init__(self, context: ProjectContext, listeners: tuple[Listener, ...]) -> None:
        self._context, self._listeners = context, listeners
        self._marks = ProgressMarkStore(context.journal.folder)
        self._unreachable: dict[str, RegistryDown] = {}

    def send(self) -> Iterator[SyncItem]:
        later: set[tuple[str, str]] = set()  # what newer runs wrote to the world
        seen: set[str] = set()
        done: set[str] = set()  # under which keys, for whichever registry
        for run in self._context.journal.runs():
            for step, key in run.pending.items():
                if key in seen or any(k.startswith(key) for k in done) or self._is_done(run, key):
                    continue
                seen.add(key)
                found = self._try_send(run, step, key)
                if found.state != "changed" or (run.workflow, step) not in later:
                    yield found
            later.update((run.workflow, step) for step in run.executed)
            done.update(run.keys[step] for step in run.executed if step in run.keys)

    def _is_done(self, run: RunSummary, key: str) -> bool:
        """Whether what was pending has meanwhile been done, for the registry that it would be sent to now."""
        mark = self._marks.read(run.name)
        try:
            context = self._context.reopen(mark.line if mark else {}, profile=_profile(run))
            return context.receipts.look_up(key, writes=True)[0] is not None
        except (UsageError, SettingsError):  # the run's profile is no more, or no longer right
            return self._context.store.find_record(key) is not None

    def _try_send(self, run: RunSummary, step: str, key: str) -> SyncItem:
        try:
            return self._send_step(run, step, key)
        except (UsageError, InputError):  # its settings or its files are no longer what they were
            return _changed_item(run, step)
        except MagicalError as error:
            return _failed_item(run.name, step, error)

    def _send_step(self, run: RunSummary, step: str, key: str) -> SyncItem:
        mark = self._marks.read(run.name)
        settings = {**drop_masked(run.settings), **(mark.line if mark else {})}
        context = self._context.reopen(settings, profile=_profile(run))
        drawing = replace(context.draw(step), rewrite=_freeze_sources)
        plans = context.plan_with(drawing).make_planner(drawing.graph).plan()
        workflow = drawing.graph.workflow
        if workflow == run.workflow and (origin := plans[step].origin):
            text = f"not sent: it stands on what is not real now: {join_names(origin)}"
            return SyncItem(run.name, step, "changed", text, "magical run, with all steps written")
        if workflow != run.workflow or not _is_ready(plans, step, key):
            return _changed_item(run, step)
        tracking = context.configuration.tracking
        uri = tracking.registry_uri or tracking.uri or "its own"
        if uri in self._unreachable:
            raise self._unreachable[uri]
        try:
            context.registry().champion(run.workflow)  # before a run is begun for nothing
        except RegistryDown as error:
            self._unreachable[uri] = error
            raise
        result = run_drawing(context, drawing, self._listeners)
        if result.errors:
            raise next(iter(result.errors.values()))
        if step in result.pending:
            raise RegistryDown(result.pending[step], hint="magical sync, once that answers again.")
        if step not in result.records:
            raise RegistryError(f"{step} was left out: {result.left_out.get(step)}.", hint="magical run")
        return SyncItem(run.name, step, "sent", result.records[step].result.summary)


def _is_over(run: RunSummary) -> bool:
    """Whether the process of a run is gone; of another machine's only the journal can tell."""
    machine, process = run.facts.get("host", ""), run.facts.get("process", 0)
    return not is_process_alive(process) if process and machine == machine_name() else run.state != "killed"


def _is_ready(plans: Mapping[str, NodePlan], step: str, key: str) -> bool:
    """Whether all before a step is fresh, and the step itself is what was pending."""
    before = (p.state == FRESH for name, p in plans.items() if name != step)
    return plans[step].key == key and all(before)


def _freeze_sources(graph: Graph) -> Graph:
    """Ask no source again: what is sent stands on what the store has of it."""
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
