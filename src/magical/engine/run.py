"""Execute a graph: look up what is fresh, run the rest, keep what is made, and tell what happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from magical.engine.artifacts import Record
from magical.engine.journal import Journal, git_state
from magical.engine.keys import Identity
from magical.engine.plan import NodePlan, decide, plan
from magical.engine.ports import Listener, Registry, Runner, Store
from magical.errors import DamagedArtifact, MagicalError, UnwrittenStep, shorten
from magical.events import (
    Event,
    Log,
    RunFinished,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepLeftOut,
    StepStarted,
)
from magical.graph import Graph, Node

__all__ = ["Request", "RunResult", "execute"]


@dataclass(frozen=True)
class Request:
    """All that a run needs.

    Attributes:
        graph: as drawn or as remembered.
        identities: of its nodes.
        revive: imports the project and gives the living graph; called only if something must run.
        store: where artifacts live.
        journal: where the run is told.
        root: the project's folder.
        digest: gives the digest of a file.
        runner: makes the runner.
        listeners: who hears the events.
        registry: makes the model registry, if there is one.
        settings: as JSON, for the journal.
        profile: its name.
    """

    graph: Graph
    identities: Mapping[str, Identity]
    revive: Callable[[], Graph]
    store: Store
    journal: Journal
    root: Path
    digest: Callable[[Path], str]
    runner: Callable[[], Runner]
    listeners: tuple[Listener, ...] = ()
    registry: Callable[[], Registry] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""


@dataclass
class RunResult:
    """What came of a run.

    Attributes:
        name: the run's name; empty if nothing had to run.
        state: ``done`` or ``failed``.
        records: the records of all nodes that were fresh or finished.
        executed: the nodes whose bodies ran.
        errors: the nodes that failed.
        left_out: the nodes that were not run, with the reason.
        seconds: how long it took.
    """

    name: str = ""
    state: str = "done"
    records: dict[str, Record] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    errors: dict[str, MagicalError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Performer(Protocol):
    """Runs the body of one node; see ``engine.perform``."""

    def perform(self, node: Node, made: NodePlan, known: Mapping[str, Record]) -> Record:
        """Load the inputs, run the body, check and keep what it gives."""

    def forget(self, node: str) -> None:
        """Drop what is held in memory of a node's result."""


def execute(
    request: Request, performer: Callable[[Request, Graph, _Teller, RunResult], Performer]
) -> RunResult:
    """Run a graph; with nothing to do, nothing is imported and nothing is written.

    Args:
        request: what to run, and with what.
        performer: makes what runs bodies; it is called, and so imported, only if something must run.

    Raises:
        UnwrittenStep: a step that is needed has no body.
        InputError: a file that a step reads does not exist.
    """
    plans = plan(request.graph, request.identities, request.store, request.digest)
    unwritten = [n for n in request.graph.wanted if n.facts.get("unwritten")]
    if unwritten:
        names = ", ".join(f"{n.name} ({n.where})" for n in unwritten[:4])
        raise UnwrittenStep(
            f"{len(unwritten)} {'step has' if len(unwritten) == 1 else 'steps have'} no body yet: {names}.",
            hint="write it, or take it out of the workflow.",
        )
    if all(p.record for p in plans.values()):
        return RunResult(records={n: p.record for n, p in plans.items() if p.record})
    return _Execution(request, performer).run()


class _Teller:
    """Passes events to the journal and the listeners; a listener that fails is reported once and left out."""

    def __init__(self, request: Request, run: str) -> None:
        self._request, self._run = request, run
        self._listeners = list(request.listeners)
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._pass_on(event.masked())

    def _pass_on(self, event: Event) -> None:
        self._request.journal.write(self._run, event)
        for listener in list(self._listeners):
            try:
                listener.on(event)
            except Exception as error:  # a listener must never fail the run
                self._listeners.remove(listener)
                text = f"{type(listener).__name__} hears no more: {shorten(str(error) or repr(error), 160)}"
                self(Log(step="", text=text, level="warning"))


class _Execution:
    """One run under way."""

    def __init__(
        self, request: Request, performer: Callable[[Request, Graph, _Teller, RunResult], Performer]
    ) -> None:
        self.request = request
        self.graph = request.revive()
        self.nodes = self.graph.wanted
        self.result = RunResult(request.journal.begin())
        self.tell = _Teller(request, self.result.name)
        self.performer = performer(request, self.graph, self.tell, self.result)
        self.waiting = [n.name for n in self.nodes]
        self.running: dict[Future[Record], NodePlan] = {}
        self.remade: set[tuple[str, str]] = set()
        self.retried: set[tuple[str, str]] = set()

    def run(self) -> RunResult:
        began = time.monotonic()
        state = "stopped"
        self.tell(self._started())
        try:
            with self.request.runner() as runner:
                self._submit(runner)
                while self.running:
                    done, _ = wait(self.running, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._finish(self.running.pop(future), future)
                    self._submit(runner)
            state = "failed" if self.result.errors else "done"
        finally:
            self.result.state = state
            self.result.seconds = round(time.monotonic() - began, 3)
            keys = {n: r.key for n, r in self.result.records.items()}
            name, executed = self.result.name, len(self.result.executed)
            self.tell(
                RunFinished(run=name, state=state, seconds=self.result.seconds, executed=executed, keys=keys)
            )
        return self.result

    def _started(self) -> RunStarted:
        versions = {
            label.partition(":")[2]: version
            for identity in self.request.identities.values()
            for label, version in identity.parts.items()
            if label.startswith("package:")
        }
        return RunStarted(
            run=self.result.name,
            workflow=self.graph.workflow,
            settings=dict(self.request.settings),
            nodes=[n.name for n in self.nodes],
            profile=self.request.profile,
            git=git_state(self.request.root),
            versions=versions,
        )

    def _submit(self, runner: Runner) -> None:
        """Look up or start every node whose inputs are there, until no more can be."""
        moved = True
        while moved:
            moved = False
            for name in list(self.waiting):
                node = self.graph.by_name[name]
                parents = {link.node for link in node.links}
                if lost := [p for p in parents if p in self.result.errors or p in self.result.left_out]:
                    self._leave_out(
                        name,
                        f"{lost[0]} failed" if lost[0] in self.result.errors else f"{lost[0]} was left out",
                    )
                    moved = True
                elif parents <= self.result.records.keys():
                    moved |= self._begin(runner, node)

    def _begin(self, runner: Runner, node: Node) -> bool:
        """Take a fresh result and say so, or start the body."""
        made = self._decide(node)
        if any(other.key == made.key for other in self.running.values()):
            return False  # the same work is under way under another name
        self.waiting.remove(node.name)
        if made.record is not None:
            self.result.records[node.name] = made.record
            self.tell(StepCached(step=node.name, key=made.key, content=made.record.result.content))
            return True
        self.tell(StepStarted(step=node.name, key=made.key))
        known = {link.node: self.result.records[link.node] for link in node.links}
        future = runner.submit(lambda: self.performer.perform(node, made, known), node.name)
        self.running[future] = made
        return False

    def _decide(self, node: Node) -> NodePlan:
        request = self.request
        return decide(node, request.identities[node.name], self.result.records, request.store, request.digest)

    def _finish(self, made: NodePlan, future: Future[Record]) -> None:
        error = future.exception()
        if error is None:
            record = future.result()
            self.result.records[made.name] = record
            if made.name not in self.result.executed:
                self.result.executed.append(made.name)
            self.tell(
                StepFinished(
                    step=made.name,
                    key=made.key,
                    seconds=record.seconds,
                    summary=record.result.summary,
                    content=record.result.content,
                )
            )
            self._release(made.name)
        elif isinstance(error, DamagedArtifact) and self._make_again(made, error):
            pass
        elif isinstance(error, MagicalError):
            self.result.errors[made.name] = error
            trace = str(error.__dict__.get("trace", ""))
            self.tell(StepFailed(step=made.name, key=made.key, message=str(error), trace=trace))
        else:
            raise error

    def _make_again(self, made: NodePlan, error: DamagedArtifact) -> bool:
        """A stored input is damaged: the step that made it runs again, once, and then this one."""
        blob = error.blob
        makers = [n for n, r in self.result.records.items() if blob in r.result.blobs()]
        under_way = any(b == blob and n not in self.result.records for n, b in self.remade)
        if not blob or (made.name, blob) in self.retried or not (makers or under_way):
            return False
        self.retried.add((made.name, blob))
        for name in (n for n in makers if (n, blob) not in self.remade):
            self.remade.add((name, blob))
            self.request.store.drop_record(self.result.records.pop(name).key)
            self.performer.forget(name)
            self.tell(Log(step=name, text="its stored result is damaged; it is made again.", level="warning"))
            self.waiting.insert(0, name)
        self.waiting.append(made.name)
        return True

    def _leave_out(self, name: str, reason: str) -> None:
        self.waiting.remove(name)
        self.result.left_out[name] = reason
        self.tell(StepLeftOut(step=name, reason=reason))

    def _release(self, name: str) -> None:
        """Forget values in memory that no waiting node needs any more."""
        for parent in {link.node for link in self.graph.by_name[name].links}:
            children = self.graph.children[parent]
            if all(c in self.result.records for c in children):
                self.performer.forget(parent)
