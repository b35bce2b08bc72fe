"""The choice of the process that runs a body: this one, one of its own, or one of a cluster."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from magical.engine.artifacts import Record
from magical.engine.execution.remote_task import RemoteTask
from magical.engine.execution.subprocess_executor import (
    POLL_SECONDS,
    BodyAwaited,
    SubprocessExecutor,
    stopped_error,
)
from magical.engine.plan import FRESH, LEFT_OUT, NodePlan
from magical.engine.protocols import Cluster, Store
from magical.engine.run import ActiveRun, RemoteSetup, RunContext, RunResult
from magical.errors import StepStopped
from magical.events import Event, LogLine
from magical.graph import Node
from magical.system.gc_pause import resume_gc

__all__ = ["Dispatcher", "describe_untrusted", "has_cluster_work", "is_dispatchable", "share_store"]


@contextmanager
def share_store(store: Store, result: RunResult, emit: Callable[[Event], None]) -> Iterator[None]:
    """Keep sweeps from removing what a run uses, until the block ends; then report ignored results."""
    with store.pin_run(result.name):
        try:
            yield
        finally:
            # Before the pins are dropped: a sweep of another project must see the ones or the others.
            store.note_use([record.key for record in result.records.values()])
            if note := describe_untrusted(store):
                emit(LogLine(step="", text=note, level="warning"))


def describe_untrusted(store: Store) -> str:
    """Describe the results that another store signed and this one ignored, and clear their list.

    Example:
        >>> from types import SimpleNamespace
        >>> describe_untrusted(SimpleNamespace(untrusted={"ab12"}))
        '1 result with code in it comes from another store and is made again. Hint: --trust takes it.'
    """
    count = len(store.untrusted)
    store.untrusted.clear()
    if not count:
        return ""
    if count == 1:
        return "1 result with code in it comes from another store and is made again. Hint: --trust takes it."
    what = f"{count} results with code in them come from another store and are made again."
    return f"{what} Hint: --trust takes them."


def is_dispatchable(node: Node) -> bool:
    """Return True if a node's body may run on another machine.

    Example:
        >>> is_dispatchable(Node("register", "w:register", "", "", {}, {}, {"writes": "world"}))
        False
    """
    # A step that writes to the world needs the registry as this process reaches it; pretended steps are
    # cheaper to compute here than to ship.
    return not node.writes and not node.facts.get("pretended")


def has_cluster_work(run: RunContext) -> bool:
    """Return True if the policy names a cluster, and a body that may run there is not fresh."""
    if not run.policy.cluster or run.remote is None:
        return False
    plans = run.planner.plan().values()
    unfinished = (run.graph.by_name[p.name] for p in plans if p.state not in (FRESH, LEFT_OUT))
    return any(map(is_dispatchable, unfinished))


class Dispatcher:
    """Runs each body in this process, in a subprocess or on a cluster, under the lock on its key.

    Args:
        run: the run under way.
        cluster: for bodies that may run on another machine; None to keep them on this one.
    """

    def __init__(self, run: ActiveRun, cluster: Cluster | None = None) -> None:
        # Imported here: it brings polars, which `magical plan` does not need for `describe_untrusted`.
        from magical.engine.execution.executor import LocalExecutor

        self._run, self._local, self._cluster = run, LocalExecutor(run), cluster
        self._has_warned = False
        self._policy, self._remote = run.context.policy, run.context.remote
        command = self._remote.command if self._remote else ()
        self._subprocess = SubprocessExecutor(command, run.emit, run.stopping, echo=run.context.echo)

    def execute(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        """Run a node's body, unless another run computed the same key first; see ``NodeExecutor.execute``."""
        context = self._run.context
        # This process has the lock also while a worker runs the body: the worker may die before it.
        with context.store.lock(plan.key, self._make_wait_callback(node)):
            # Another run may have computed it while we waited. The lookup also pins the key, found or not.
            record, _ = context.planner.look_up(node, plan.key)
            if record is not None and node.facts.get("reads") != "world":
                return record
            return self._run_body(node, plan, records)

    def drop_value(self, node: str) -> None:
        """Drop the result of a node from memory."""
        self._local.drop_value(node)

    def _make_wait_callback(self, node: Node) -> Callable[[], None]:
        """Create the function that a lock calls repeatedly while another run holds it."""
        has_reported = False

        def on_wait() -> None:
            nonlocal has_reported
            if self._run.stopping.is_set():
                hint = "magical run goes on from there."
                raise StepStopped(f"{node.name} waited for another run.", hint=hint)
            if not has_reported:
                has_reported = True
                text = "waits for another run that is computing it."
                self._run.emit(LogLine(step=node.name, text=text))

        return on_wait

    def _run_body(self, node: Node, plan: NodePlan, records: Mapping[str, Record]) -> Record:
        if self._remote is not None and self._cluster is not None and is_dispatchable(node):
            return self._run_on_cluster(self._cluster, self._make_task(self._remote, node, plan))
        # A thread cannot be stopped, so a body with a timeout gets a process of its own.
        if self._remote is not None and self._policy.for_node(node).timeout is not None:
            return self._subprocess(self._make_task(self._remote, node, plan))
        try:
            return self._local.execute(node, plan, records)
        except BodyAwaited as error:
            if self._remote is None:  # it is debugged
                raise
            self._warn_awaited(error)
            return self._subprocess(self._make_task(self._remote, node, plan))

    def _warn_awaited(self, error: BodyAwaited) -> None:
        """Say once in a run that bodies run in processes of their own, and the way out."""
        if not self._has_warned:
            self._has_warned = True
            text = f"{error.lines[0]} It runs in a process of its own. Hint: {error.hint}"
            self._run.emit(LogLine(step="", text=text, level="warning"))

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
            # A copy first: the scheduler's thread adds records meanwhile.
            records={n: r.to_json() for n, r in list(result.records.items())},
        )

    def _run_on_cluster(self, cluster: Cluster, task: RemoteTask) -> Record:
        """Wait for a body on the cluster; its events are emitted in this thread, not in one of Dask's."""
        resume_gc()
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        future = cluster.submit(task, events.put)
        # All events are there before the future is done, so that None is the last item.
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
            if isinstance(event, LogLine):
                _echo_line(event, self._run.context)
            self._run.emit(event)


def _echo_line(line: LogLine, context: RunContext) -> None:
    """Write a line where a local body would write it: prints to stdout, logged warnings to stderr."""
    if not (context.echo if line.level == "print" else context.echo_logs):
        return
    if line.level == "print":
        sys.stdout.write(f"{line.text}\n")
    elif line.level in ("warning", "error", "critical"):
        sys.stderr.write(f"{line.text}\n")
