"""Execute a graph: look up what is fresh, run the rest, keep what is made, and tell what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from magical.engine.artifacts import Record
from magical.engine.journal import Journal
from magical.engine.plan import LEFT_OUT, NodePlan, Planner, Receipts
from magical.engine.policy import Policy
from magical.engine.pretend_plan import Pretence
from magical.engine.protocols import Listener, Registry, Runner, Store
from magical.errors import MagicalError, WiringError, join_names
from magical.graph import Graph, Node
from magical.keys.key import NodeIdentity

__all__ = ["NodeExecutor", "RunRequest", "RunResult", "RunStopped", "execute"]


@dataclass(frozen=True)
class RunRequest:
    """All that a run needs.

    Attributes:
        graph: as drawn or as remembered.
        identities: of its nodes.
        revive: imports the project and gives the living graph; called only if something must run.
        receipts: looks up in the store what has been computed.
        journal: where the run is told.
        root: the project's folder.
        digest: gives the digest of a file.
        policy: gives the wishes about the run.
        runner: makes the runner.
        listeners: who hears the events.
        registry: makes the model registry, if there is one.
        settings: as JSON, for the journal.
        profile: its name.
        step: up to which it goes; empty for all.
        sample: how many rows each source gives; 0 for all.
        pretence: what is made up; the graph has been rewritten by it.
        debug: called with what a body raised, where it was raised.
        child: the command that runs one node in a process of its own.
        ticket: by which such a process opens the same project.
        equip: adds what only a run that does something needs; called before it begins.
        echo: whether what bodies print also goes where it would have gone.
    """

    graph: Graph
    identities: Mapping[str, NodeIdentity]
    load_graph: Callable[[], Graph]
    receipts: Receipts
    journal: Journal
    root: Path
    digest: Callable[[Path], str]
    policy: Callable[[], Policy]
    runner: Callable[[], Runner]
    listeners: tuple[Listener, ...] = ()
    registry: Callable[[], Registry] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""
    step: str = ""
    sample: int = 0
    pretence: Pretence = field(default_factory=Pretence)
    debug: Callable[[BaseException], None] | None = None
    worker_command: tuple[str, ...] = ()
    make_ticket: Callable[[], Mapping[str, Any]] = dict
    prepare: Callable[[RunRequest], RunRequest] = lambda request: request
    echo: bool = True

    @property
    def store(self) -> Store:
        """Where artifacts live."""
        return self.receipts.store

    def make_planner(self, graph: Graph) -> Planner:
        """Give what decides about nodes of the graph, drawn or living."""
        return Planner(graph, self.identities, self.receipts, self.digest, self.sample)


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
        pending: the nodes that found that the world does not answer, with the message.
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


class RunStopped(KeyboardInterrupt):
    """A run was stopped by hand; the text says what is kept, and how to go on."""

    @classmethod
    def from_progress(cls, workflow: str, finished: int, under_way: Sequence[str]) -> RunStopped:
        """Word it.

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
    """Runs the body of one node; see ``engine.execute`` and ``engine.placing``."""

    def execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Load the inputs, run the body, check and keep what it gives.

        Args:
            node: which one.
            made: its key.
            known: the records of the nodes before it.

        Raises:
            StepError: the body raised.
            StepStopped: its time was up, or its process died.
            BrokenPromise: it gave something else than it promised.
            DamagedArtifact: a stored input is damaged.
            StoreError: the result cannot be kept.
            InputError: a file that it reads changed meanwhile.
        """

    def drop_value(self, node: str) -> None:
        """Drop what is held in memory of a node's result."""


def execute(
    request: RunRequest, make_scheduler: Callable[[RunRequest], Callable[[], RunResult]]
) -> RunResult:
    """Run a graph; with nothing to do, nothing is imported and nothing is written.

    Args:
        request: what to run, and with what.
        execution: makes what carries the run out; called, and so imported, only if something must run.

    Raises:
        InputError: a file that a step reads does not exist.
        WiringError: no step is wanted, or nothing of what is wanted can be made up.
    """
    plans = request.make_planner(request.graph).plan()
    if not plans:
        raise _nothing_wanted_error(request.graph)
    if all(p.record or p.state == LEFT_OUT for p in plans.values()):
        return _fresh_result(plans)
    return make_scheduler(request)()


def _fresh_result(plans: Mapping[str, NodePlan]) -> RunResult:
    left_out = {n: p.reason for n, p in plans.items() if not p.record}
    return RunResult(records={n: p.record for n, p in plans.items() if p.record}, left_out=left_out)


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
