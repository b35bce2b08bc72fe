"""Execute a graph: look up what is fresh, and run the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from magical.engine.artifacts import Record
from magical.engine.journal import Journal
from magical.engine.plan import LEFT_OUT, NodePlan, Planner, Receipts
from magical.engine.policy import Policy
from magical.engine.pretend_plan import Pretence
from magical.engine.protocols import Listener, Registry, Runner, Store
from magical.errors import MagicalError, WiringError, join_names
from magical.events import Event
from magical.graph import Graph, Node
from magical.keys.key import NodeIdentity

__all__ = [
    "ActiveRun",
    "NodeExecutor",
    "PlanningContext",
    "RemoteSetup",
    "RunContext",
    "RunInfo",
    "RunResult",
    "RunStopped",
    "execute",
]


@dataclass(frozen=True)
class PlanningContext:
    """What planning needs beside a graph: the same before a run and during it.

    Attributes:
        identities: of the graph's nodes.
        receipts: looks up in the store what has been computed.
        digest_file: computes the digest of a file.
        sample: how many rows each source gives; 0 for all.
    """

    identities: Mapping[str, NodeIdentity]
    receipts: Receipts
    digest_file: Callable[[Path], str]
    sample: int = 0

    @property
    def store(self) -> Store:
        """The store of all artifacts."""
        return self.receipts.store

    def make_planner(self, graph: Graph) -> Planner:
        """Create a planner of a graph, drawn or remembered."""
        return Planner(graph, self.identities, self.receipts, self.digest_file, self.sample)


@dataclass(frozen=True)
class RunInfo:
    """What the journal says of a run beside its events.

    Attributes:
        root: the project's folder.
        settings: as JSON.
        profile: its name.
        step: the step up to which the run goes; empty for all.
        pretence: which steps are pretended; the graph has been rewritten by it.
    """

    root: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""
    step: str = ""
    pretence: Pretence = field(default_factory=Pretence)


@dataclass(frozen=True)
class RemoteSetup:
    """How another process runs a body of this run.

    Attributes:
        command: starts a process for one node.
        make_ticket: creates what such a process opens the same project with.
    """

    command: tuple[str, ...]
    make_ticket: Callable[[], Any]


@dataclass(frozen=True)
class RunContext:
    """All that executing a run needs; it is created only if some step must run.

    Attributes:
        graph: with the code of its steps.
        planning: decides which nodes are fresh.
        journal: records the run.
        policy: retries, timeouts, workers.
        runner: executes bodies.
        info: what the journal says of the run.
        listeners: are notified of events.
        registry: opens the model registry, if there is one.
        remote: how other processes run bodies; None if all run in this one.
        on_error: called with what a body raised, where it raised it.
        echo: whether what bodies print is also shown.
    """

    graph: Graph
    planning: PlanningContext
    journal: Journal
    policy: Policy
    runner: Runner
    info: RunInfo
    listeners: tuple[Listener, ...] = ()
    registry: Callable[[], Registry] | None = None
    remote: RemoteSetup | None = None
    on_error: Callable[[BaseException], None] | None = None
    echo: bool = True

    @property
    def store(self) -> Store:
        """The store of all artifacts."""
        return self.planning.store

    @cached_property
    def planner(self) -> Planner:
        """The planner of this run's graph."""
        return self.planning.make_planner(self.graph)


@dataclass
class RunResult:
    """The outcome of a run.

    Attributes:
        name: the run's name; empty if nothing had to run.
        state: ``done`` or ``failed``.
        records: of all nodes that were fresh or finished.
        executed: the nodes whose bodies ran.
        errors: of the nodes that failed.
        left_out: the nodes that were not run, with the reason.
        pending: the nodes whose registry did not answer, with the message.
        seconds: how long it took.
    """

    name: str = ""
    state: str = "done"
    records: dict[str, Record] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    errors: dict[str, MagicalError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class ActiveRun:
    """A run under way, as the parts that execute it share it.

    Attributes:
        context: what it needs.
        result: what is known of it so far.
        emit: dispatches an event to the journal and the listeners.
        stopping: set when the run is being stopped.
    """

    context: RunContext
    result: RunResult
    emit: Callable[[Event], None]
    stopping: threading.Event = field(default_factory=threading.Event)


class RunStopped(KeyboardInterrupt):
    """A run was stopped by Ctrl-C or a signal; the text says what is kept, and how to go on."""

    @classmethod
    def from_progress(cls, workflow: str, finished: int, under_way: Sequence[str]) -> RunStopped:
        """Build the message.

        Args:
            workflow: the workflow's name.
            finished: how many steps' bodies have run to their end.
            under_way: the nodes whose work is lost.

        Example:
            >>> print(RunStopped.from_progress("campaign", 3, ["tune"]))
            campaign: stopped. 3 steps finished and are kept; tune was under way.
            Hint: magical run goes on from there.
        """
        kept = "1 step finished and is kept" if finished == 1 else f"{finished} steps finished and are kept"
        lost = f"; {join_names(under_way, 4)} {'was' if len(under_way) == 1 else 'were'} under way"
        rest = lost if under_way else ""
        return cls(f"{workflow}: stopped. {kept}{rest}.\nHint: magical run goes on from there.")


class NodeExecutor(Protocol):
    """Runs the body of one node; see ``engine.execution.executor`` and ``engine.execution.dispatch``."""

    def execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Load the inputs, run the body, validate its output and store it.

        Args:
            node: which one.
            plan: its key.
            records: of the nodes before it.

        Raises:
            StepError: the body raised.
            StepStopped: its time was up, or its process died.
            BrokenPromise: its output is not what it promised.
            DamagedArtifact: a stored input is damaged.
            StoreError: the result cannot be stored.
            InputError: a file that it reads changed meanwhile.
        """

    def drop_value(self, node: str) -> None:
        """Drop what is held in memory of a node's result."""


def execute(graph: Graph, planning: PlanningContext, start: Callable[[], RunResult]) -> RunResult:
    """Run a graph, if anything must run; else nothing is imported and nothing is written.

    Args:
        graph: what is to run; it may have been remembered.
        planning: decides what of it is fresh.
        start: runs it; only called, and so its imports only paid for, if some step must run.

    Raises:
        InputError: a file that a step reads does not exist.
        WiringError: no step is wanted, or nothing of what is wanted can be pretended.
    """
    plans = planning.make_planner(graph).plan()
    if not plans:
        raise _nothing_wanted_error(graph)
    if all(p.record or p.state == LEFT_OUT for p in plans.values()):
        left_out = {n: p.reason for n, p in plans.items() if not p.record}
        return RunResult(records={n: p.record for n, p in plans.items() if p.record}, left_out=left_out)
    return start()


def _nothing_wanted_error(graph: Graph) -> WiringError:
    cut = [f"{n.name} ({n.where})" for n in graph.nodes if n.facts.get("cut")]
    if cut:
        what = "promises a table" if len(cut) == 1 else "promise tables"
        return WiringError(
            f"{graph.workflow}: nothing can be made up: {join_names(cut, 4)} {what} without columns.",
            hint="say what it gives, such as -> Frame[Contract], or write it.",
        )
    return WiringError(
        f"{graph.workflow} returns nothing, and no step of it writes to the world: there is nothing to run.",
        hint="return the result of a step.",
    )
