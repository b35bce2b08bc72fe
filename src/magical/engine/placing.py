"""Decide where a body runs: in this process, in a process of its own, or on a cluster."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Mapping

from magical.engine.apart import PATIENCE, Apart, stopped
from magical.engine.artifacts import Record
from magical.engine.errands import Errand
from magical.engine.plan import FRESH, LEFT_OUT, NodePlan
from magical.engine.ports import Cluster
from magical.engine.run import Performer, Request, RunResult
from magical.engine.sharing import once, waiting
from magical.engine.telling import Teller
from magical.events import Event, Log
from magical.graph import Node
from magical.system.gc_pause import resume

__all__ = ["PlacedPerformer", "travels", "wants_cluster"]


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
