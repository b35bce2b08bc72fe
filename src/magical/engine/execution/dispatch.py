"""Decide where a body runs: in this process, in a process of its own, or on a cluster."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from magical.engine.artifacts import Record
from magical.engine.execution.executor import LocalExecutor
from magical.engine.execution.remote_task import RemoteTask
from magical.engine.execution.subprocess_executor import POLL_SECONDS, SubprocessExecutor, stopped_error
from magical.engine.plan import FRESH, LEFT_OUT, NodePlan, Receipts
from magical.engine.protocols import Cluster, Store
from magical.engine.run import ActiveRun, RemoteSetup, RunContext
from magical.errors import StepStopped
from magical.events import Event, LogLine
from magical.graph import Node
from magical.system.gc_pause import resume_gc

__all__ = [
    "Dispatcher",
    "compute_once",
    "describe_untrusted",
    "has_cluster_work",
    "is_dispatchable",
    "make_wait_callback",
    "share_store",
]


@contextmanager
def share_store(store: Store, run: str, emit: Callable[[Event], None]) -> Iterator[None]:
    """For a run's time, keep what it looks up and makes from being swept; tell what was not trusted."""
    with store.pin_run(run):
        try:
            yield
        finally:
            if note := describe_untrusted(store):
                emit(LogLine(step="", text=note, level="warning"))


def compute_once(
    receipts: Receipts, node: Node, key: str, compute: Callable[[], Record], on_wait: Callable[[], None]
) -> Record:
    """Compute a key, unless another run does or has done so meanwhile.

    Args:
        receipts: of the store where the runs meet.
        node: the node.
        key: its key.
        make: runs its body.
        waits: see ``Store.lock``.
    """
    with receipts.store.lock(key, on_wait):
        record, _ = receipts.look_up(
            key, writes=node.writes
        )  # whatever comes of it, it is pinned from here on
        return compute() if record is None or node.facts.get("reads") == "world" else record


def make_wait_callback(
    node: Node, stopping: threading.Event, emit: Callable[[Event], None]
) -> Callable[[], None]:
    """Give what to do while another run computes a node: say so once, and leave when this run is stopped."""
    said = False

    def waits() -> None:
        nonlocal said
        if stopping.is_set():
            raise StepStopped(f"{node.name} waited for another run.", hint="magical run goes on from there.")
        if not said:
            said = True
            emit(LogLine(step=node.name, text="waits for another run that is computing it."))

    return waits


def describe_untrusted(store: Store) -> str:
    """Say, once, that results of another store were not taken, if there were any."""
    count = len(store.untrusted)
    store.untrusted.clear()
    if not count:
        return ""
    if count == 1:
        return "1 result with code in it comes from another store and is made again. Hint: --trust takes it."
    what = f"{count} results with code in them come from another store and are made again."
    return f"{what} Hint: --trust takes them."


def is_dispatchable(node: Node) -> bool:
    """Whether a node's body may run on another machine.

    One that writes to the world needs the registry that this process sees, and what is made up is made
    up sooner than sent.
    """
    return not node.writes and not node.facts.get("pretended")


def has_cluster_work(run: RunContext) -> bool:
    """Return True if the policy names a cluster, and a body that may run there is not fresh."""
    if not run.policy.cluster or run.remote is None:
        return False
    plans = run.planner.plan().values()
    unfinished = (run.graph.by_name[p.name] for p in plans if p.state not in (FRESH, LEFT_OUT))
    return any(map(is_dispatchable, unfinished))


class Dispatcher:
    """Runs each body where it belongs: in this process, in one of its own, or on a cluster.

    The lock on its key is held in this process, wherever the body runs.

    Args:
        run: the run under way.
        cluster: for bodies that may run on another machine; None to keep them on this one.
    """

    def __init__(self, run: ActiveRun, cluster: Cluster | None = None) -> None:
        self._run, self._local, self._cluster = run, LocalExecutor(run), cluster
        self._policy, self._remote = run.context.policy, run.context.remote
        command = self._remote.command if self._remote else ()
        self._subprocess = SubprocessExecutor(command, run.emit, run.stopping, echo=run.context.echo)

    def execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Run one node's body, unless another run is doing so; see ``NodeExecutor.execute``."""

        def make() -> Record:
            if self._remote is not None and self._cluster is not None and is_dispatchable(node):
                return self._run_on_cluster(self._cluster, self._make_task(self._remote, node, plan))
            if self._remote is not None and self._policy.for_node(node).timeout is not None:
                return self._subprocess(self._make_task(self._remote, node, plan))
            return self._local.execute(node, plan, records)

        on_wait = make_wait_callback(node, self._run.stopping, self._run.emit)
        return compute_once(self._run.context.planning.receipts, node, plan.key, make, on_wait)

    def drop_value(self, node: str) -> None:
        """Drop what is held in memory of a node's result."""
        self._local.drop_value(node)

    def _make_task(self, remote: RemoteSetup, node: Node, plan: NodePlan) -> RemoteTask:
        result = self._run.result
        return RemoteTask(
            ticket=remote.make_ticket(),
            node=node.name,
            title=node.step_name,
            where=node.where,
            key=plan.key,
            parts=dict(plan.parts),
            run=result.name,
            timeout=self._policy.for_node(node).timeout,
            records={n: r.to_json() for n, r in list(result.records.items())},
        )

    def _run_on_cluster(self, cluster: Cluster, task: RemoteTask) -> Record:
        """Wait for a body on the cluster; its events are emitted in this thread, not in one of Dask's."""
        resume_gc()
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        future = cluster.submit(task, events.put)
        future.add_done_callback(lambda _: events.put(None))
        while True:
            if self._run.stopping.is_set():
                future.cancel()
                raise stopped_error(task.node)
            try:
                event = events.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if event is None:
                return future.result()
            if self._run.context.echo and isinstance(event, LogLine):
                _echo_line(event)
            self._run.emit(event)


def _echo_line(line: LogLine) -> None:
    """Show a line as it would have been shown here: what is printed, and of what is logged the warnings."""
    if line.level == "print":
        sys.stdout.write(f"{line.text}\n")
    elif line.level in ("warning", "error", "critical"):
        sys.stderr.write(f"{line.text}\n")
