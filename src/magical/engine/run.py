"""The start of a run: its context, its result, and the decision whether anything must run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from magical.engine.artifacts import Record
from magical.engine.journal import Journal
from magical.engine.plan import LEFT_OUT, NodePlan, Planner, Receipts, exploring_reason
from magical.engine.policy import Policy
from magical.engine.pretend_plan import Pretence
from magical.engine.protocols import Listener, Registry, Runner, Store
from magical.errors import MagicalError, WiringError, join_names
from magical.events import Event, current_sink
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
    """The collaborators of a planner, the same before a run and during it.

    Attributes:
        identities: the parts of each node's key.
        receipts: looks up the records of computed keys in the store.
        digest_file: computes the digest of a file.
        sample: rows to take from each source; 0 for all.
        explored: descriptions of the settings by which the run explores; empty if it does not.
    """

    identities: Mapping[str, NodeIdentity]
    receipts: Receipts
    digest_file: Callable[[Path], str]
    sample: int = 0
    explored: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        """The store of all artifacts."""
        return self.receipts.store

    def make_planner(self, graph: Graph) -> Planner:
        """Create the planner of a graph; the nodes may lack a ``call``."""
        reason = exploring_reason(self.explored)
        return Planner(graph, self.identities, self.receipts, self.digest_file, self.sample, reason)


@dataclass(frozen=True)
class RunInfo:
    """The facts about a run that its first event notes in the journal.

    Attributes:
        root: the project's folder.
        settings: the settings, as JSON.
        step: the last step of the run; empty for the whole workflow.
        pretence: which steps are pretended; the graph has been rewritten by it.
        warnings: about the project, one line each, shown when the run begins.

    Example:
        >>> RunInfo(Path("shop"), {"max_age": 80}, step="clean").pretence.mode
        ''
    """

    root: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""
    step: str = ""
    pretence: Pretence = field(default_factory=Pretence)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoteSetup:
    """The means by which other processes run bodies of this run.

    Attributes:
        command: starts a process for one node.
        make_ticket: creates the ticket by which such a process opens the same project.
    """

    command: tuple[str, ...]
    make_ticket: Callable[[], Any]


@dataclass(frozen=True)
class RunContext:
    """All that executing a run needs; it is created only if some step must run.

    Attributes:
        graph: the graph, with the code of its steps.
        policy: retries, timeouts, workers.
        registry: opens the model registry; None if there is none.
        remote: runs bodies in other processes; None if all run in this one.
        on_error: called with the exception of a body, in the frame that caught it, for a debugger.
        echo: True to also write the output of bodies to this process's standard output.
        echo_logs: True to also write the warnings that bodies log; False where a listener shows them.
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
    echo_logs: bool = True

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
        state: ``done``, ``failed`` or ``stopped``.
        records: the records of all nodes that were fresh or have finished.
        executed: the nodes whose bodies ran.
        left_out: for each node that was not run, the reason.
        pending: for each node whose model registry did not answer, the message.
        explored: descriptions of the settings by which the run explored; empty if it did not.

    Example:
        >>> RunResult(left_out={"register": "writes to the world"}).state
        'done'
    """

    name: str = ""
    state: str = "done"
    records: dict[str, Record] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    errors: dict[str, MagicalError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    explored: tuple[str, ...] = ()

    def __repr__(self) -> str:
        ran = f"{len(self.executed)} of {len(self.records)} steps ran, {self.seconds:.1f} s"
        return f"<result of run {self.name or 'with nothing to do'}: {self.state}, {ran}>"

    @property
    def unregistered(self) -> list[str]:
        """The nodes that would have written to the world, and were left out because the run explored."""
        reason = exploring_reason(self.explored)
        return [name for name, why in self.left_out.items() if reason and why == reason]


@dataclass(frozen=True)
class ActiveRun:
    """A run under way, shared by the scheduler, the dispatcher and the executors.

    Attributes:
        result: filled while the run goes on.
        emit: dispatches an event to the journal and the listeners.
        stopping: set when the run is being stopped.
    """

    context: RunContext
    result: RunResult
    emit: Callable[[Event], None]
    stopping: threading.Event = field(default_factory=threading.Event)


class RunStopped(KeyboardInterrupt):
    """The run was stopped by Ctrl-C or a signal.

    Attributes:
        result: what the run had done until then.

    Example:
        >>> done = RunResult(executed=["ingest", "clean", "split"])
        >>> print(RunStopped.from_progress("campaign", done, ["tune"]))
        campaign: stopped. 3 steps finished and are kept; tune was under way.
        Hint: magical run goes on from there.
    """

    result: RunResult

    @classmethod
    def from_progress(cls, workflow: str, result: RunResult, under_way: Sequence[str]) -> RunStopped:
        """Create the exception from what is done and the nodes whose work is lost."""
        finished = len(result.executed)
        kept = "1 step finished and is kept" if finished == 1 else f"{finished} steps finished and are kept"
        lost = f"; {join_names(under_way, 4)} {'was' if len(under_way) == 1 else 'were'} under way"
        rest = lost if under_way else ""
        stopped = cls(f"{workflow}: stopped. {kept}{rest}.\nHint: magical run goes on from there.")
        stopped.result = result
        return stopped

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()  # what IPython shows in the place of a traceback


class NodeExecutor(Protocol):
    """Runs the body of a node: ``LocalExecutor`` in this process, ``Dispatcher`` where the policy says."""

    def execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Load the inputs, run the body, validate its output and store it.

        Args:
            node: the node to run.
            plan: the node's key, and the parts of the key.
            records: the records of the nodes before it.

        Raises:
            StepError: the body raised.
            StepStopped: it timed out, its process died, or the run is being stopped.
            BrokenPromise: the output breaks its promise.
            DamagedArtifact: a stored input is damaged.
            StoreError: the result cannot be stored.
            InputError: a file that the body reads changed meanwhile.
        """

    def drop_value(self, node: str) -> None:
        """Drop a node's result from memory; later readers load it from the store."""


def execute(graph: Graph, planning: PlanningContext, start: Callable[[], RunResult]) -> RunResult:
    """Run a graph if some step must run; otherwise return its records, and write nothing.

    Args:
        graph: the graph, with or without the code of its steps.
        planning: decides which nodes are fresh.
        start: runs the graph. It imports the engine's heavy parts, so it is called only if needed.

    Raises:
        InputError: a file that a step reads does not exist.
        WiringError: the graph has no required step, or none that can be pretended; or the body of a step that
            is real runs it, and something in it is not.
    """
    plans = planning.make_planner(graph).plan()
    body = current_sink.get()
    if body is not None and not body.may_wish() and (origin := {o for p in plans.values() for o in p.origin}):
        raise _nested_pretence_error(body.name or "A module", graph, sorted(origin))
    if not plans:
        raise _nothing_to_run_error(graph)
    if all(p.record or p.state == LEFT_OUT for p in plans.values()):
        left_out = {n: p.reason for n, p in plans.items() if not p.record}
        records = {n: p.record for n, p in plans.items() if p.record}
        planning.store.note_use([record.key for record in records.values()])
        return RunResult(records=records, left_out=left_out, explored=planning.explored)
    return start()


def _nested_pretence_error(who: str, graph: Graph, origin: Sequence[str]) -> WiringError:
    return WiringError(
        f"{who} runs {graph.workflow}, where {join_names(origin, 4)} is not real, so its own result would "
        "pass as real.",
        hint=f"write what is pretended in {graph.workflow}, or run it outside of the steps.",
    )


def _nothing_to_run_error(graph: Graph) -> WiringError:
    cut = [f"{n.name} ({n.where})" for n in graph.nodes if n.facts.get("cut")]
    if cut:
        what = "promises a table" if len(cut) == 1 else "promise tables"
        return WiringError(
            f"{graph.workflow}: nothing can be pretended: {join_names(cut, 4)} {what} without columns.",
            hint="say what it gives, such as -> Frame[Contract], or write it.",
        )
    return WiringError(
        f"{graph.workflow} returns nothing, and no step of it writes to the world: there is nothing to run.",
        hint="return the result of a step.",
    )
