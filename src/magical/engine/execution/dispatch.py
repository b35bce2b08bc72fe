"""Decide where a body runs: in this process, in a process of its own, or on a cluster."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from magical.engine.artifacts import Record
from magical.engine.execution.event_dispatch import Teller
from magical.engine.execution.remote_task import Errand
from magical.engine.execution.subprocess_executor import PATIENCE, Apart, stopped
from magical.engine.plan import FRESH, LEFT_OUT, NodePlan, Receipts
from magical.engine.protocols import Cluster, Store
from magical.engine.run import Performer, Request, RunResult
from magical.errors import StepStopped
from magical.events import Event, Log
from magical.graph import Node
from magical.system.gc_pause import resume

__all__ = [
    "PlacedPerformer",
    "foreign_note",
    "once",
    "sharing",
    "travels",
    "waiting",
    "wants_cluster",
]


@contextmanager
def sharing(store: Store, run: str, tell: Callable[[Event], None]) -> Iterator[None]:
    """For a run's time, keep what it looks up and makes from being swept; tell what was not trusted."""
    with store.in_use(run):
        try:
            yield
        finally:
            if note := foreign_note(store):
                tell(Log(step="", text=note, level="warning"))


def once(
    receipts: Receipts, node: Node, key: str, make: Callable[[], Record], waits: Callable[[], None]
) -> Record:
    """Compute a key, unless another run does or has done so meanwhile.

    Args:
        receipts: of the store where the runs meet.
        node: the node.
        key: its key.
        make: runs its body.
        waits: see ``Store.lock``.
    """
    with receipts.store.lock(key, waits):
        record, _ = receipts.look(key, writes=node.writes)  # whatever comes of it, it is pinned from here on
        return make() if record is None or node.facts.get("reads") == "world" else record


def waiting(node: Node, stopping: threading.Event, tell: Callable[[Event], None]) -> Callable[[], None]:
    """Give what to do while another run computes a node: say so once, and leave when this run is stopped."""
    said = False

    def waits() -> None:
        nonlocal said
        if stopping.is_set():
            raise StepStopped(f"{node.name} waited for another run.", hint="magical run goes on from there.")
        if not said:
            said = True
            tell(Log(step=node.name, text="waits for another run that is computing it."))

    return waits


def foreign_note(store: Store) -> str:
    """Say, once, that results of another store were not taken, if there were any."""
    count = len(store.foreign)
    store.foreign.clear()
    if not count:
        return ""
    if count == 1:
        return "1 result with code in it comes from another store and is made again. Hint: --trust takes it."
    what = f"{count} results with code in them come from another store and are made again."
    return f"{what} Hint: --trust takes them."


def travels(node: Node) -> bool:
    """Whether a node's body may run on another machine.

    One that writes to the world needs the registry that this process sees, and what is made up is made
    up sooner than sent.
    """
    return not node.writes and not node.facts.get("pretended")


def wants_cluster(request: Request) -> bool:
    """Whether a run has work for a cluster: the policy names one, and a body that may travel is not fresh."""
    if not request.policy().cluster or not _sends(request):
        return False
    plans = request.planner(request.graph).plan().values()
    waiting_ones = (request.graph.by_name[p.name] for p in plans if p.state not in (FRESH, LEFT_OUT))
    return any(map(travels, waiting_ones))


def _sends(request: Request) -> bool:
    """Whether bodies may run in other processes at all."""
    return request.debug is None and bool(request.child)


class PlacedPerformer:
    """Sends each body where it belongs; the lock on its key is held here, wherever that is.

    Args:
        request: what runs, and the command of a process for a single node.
        local: runs bodies here.
        tell: takes the events that come back.
        result: what is known of the run so far.
        stopping: set when the run is being stopped.
        cluster: where bodies go that may travel; none for this machine.
    """

    def __init__(
        self,
        request: Request,
        local: Performer,
        tell: Teller,
        result: RunResult,
        stopping: threading.Event,
        cluster: Cluster | None = None,
    ) -> None:
        self._request, self._local, self._tell = request, local, tell
        self._result, self._stopping, self._cluster = result, stopping, cluster
        self._policy = request.policy()
        self._apart = Apart(request.child, tell, stopping, echo=request.echo)

    def perform(self, node: Node, made: NodePlan, known: Mapping[str, Record]) -> Record:
        """Run one node's body where it belongs, unless another run does so; see ``Performer.perform``."""
        sends = _sends(self._request)

        def make() -> Record:
            if sends and self._cluster is not None and travels(node):
                return self._afar(self._cluster, self._errand(node, made))
            if sends and self._policy.of(node).timeout is not None:
                return self._apart(self._errand(node, made))
            return self._local.perform(node, made, known)

        waits = waiting(node, self._stopping, self._tell)
        return once(self._request.receipts, node, made.key, make, waits)

    def forget(self, node: str) -> None:
        """Drop what is held in memory of a node's result."""
        self._local.forget(node)

    def _errand(self, node: Node, made: NodePlan) -> Errand:
        return Errand(
            ticket=self._request.ticket(),
            node=node.name,
            title=node.title,
            where=node.where,
            key=made.key,
            parts=dict(made.parts),
            run=self._result.name,
            timeout=self._policy.of(node).timeout,
            records={n: r.to_json() for n, r in list(self._result.records.items())},
        )

    def _afar(self, cluster: Cluster, errand: Errand) -> Record:
        """Wait for a body on the cluster; what it tells is told in this thread, not in one of Dask's."""
        resume()
        said: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        future = cluster.submit(errand, said.put)
        future.add_done_callback(lambda _: said.put(None))
        while True:
            if self._stopping.is_set():
                future.cancel()
                raise stopped(errand.node)
            try:
                event = said.get(timeout=PATIENCE)
            except queue.Empty:
                continue
            if event is None:
                return future.result()
            if self._request.echo and isinstance(event, Log):
                _echo(event)
            self._tell(event)


def _echo(line: Log) -> None:
    """Show a line as it would have been shown here: what is printed, and of what is logged the warnings."""
    if line.level == "print":
        sys.stdout.write(f"{line.text}\n")
    elif line.level in ("warning", "error", "critical"):
        sys.stderr.write(f"{line.text}\n")
