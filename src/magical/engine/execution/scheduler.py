"""Carry out one run: start each node when its inputs are there, and go on after failures as policy wishes."""

from __future__ import annotations

import contextlib
import heapq
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial

from magical.engine.artifacts import Record
from magical.engine.execution.capture import capturing
from magical.engine.execution.dispatch import sharing
from magical.engine.execution.event_dispatch import Teller, finished, started
from magical.engine.plan import RUN, NodePlan
from magical.engine.policy import Wishes
from magical.engine.protocols import Runner, Work
from magical.engine.run import Performer, Request, RunResult, RunStopped
from magical.errors import (
    DamagedArtifact,
    InputError,
    MagicalError,
    RegistryDown,
    RegistryError,
    StepError,
    StepStopped,
    StoreError,
    UnwrittenStep,
    listing,
    shorten,
)
from magical.events import (
    Event,
    Log,
    StepCached,
    StepFailed,
    StepFinished,
    StepLeftOut,
    StepPending,
    StepRetried,
    StepStarted,
)
from magical.graph import Graph, Node

__all__ = [
    "Retries",
    "Schedule",
    "Turns",
]


class Turns:
    """Gives the nodes whose inputs are there, in the order in which they were drawn.

    The cost of a whole run is in proportion to its links, however many nodes wait.

    Args:
        graph: whose nodes they are.
        names: the nodes of the run.

    Example:
        >>> from magical import step, workflow
        >>> @step
        ... def one() -> int:
        ...     return 1
        >>> @step
        ... def more(x: int) -> int:
        ...     return x + 1
        >>> @workflow
        ... def count() -> int:
        ...     return more(one())
        >>> turns = Turns(count.draw(), ["one", "more"])
        >>> list(turns), list(turns)
        (['one'], [])
        >>> turns.settle("one")
        []
        >>> list(turns), turns.settle("more")
        (['more'], ['more', 'one'])
    """

    def __init__(self, graph: Graph, names: Iterable[str]) -> None:
        self._names = list(names)
        self._order = {name: number for number, name in enumerate(self._names)}
        self._parents = {n: {link.node for link in graph.by_name[n].links} for n in self._names}
        self._children = {n: [c for c in graph.children[n] if c in self._order] for n in self._names}
        self._missing = {n: set(parents) for n, parents in self._parents.items()}
        self._users = {n: set(children) for n, children in self._children.items()}
        self._waiting = set(self._names)
        self._settled: set[str] = set()
        self._doomed: set[str] = set()
        self._ready = [number for n, number in self._order.items() if not self._missing[n]]

    def __iter__(self) -> Iterator[str]:
        """Give each node whose turn it is, once; those whose turn comes meanwhile too."""
        while self._ready:
            name = self._names[heapq.heappop(self._ready)]
            if name in self._waiting and (name in self._doomed or not self._missing[name]):
                self._waiting.remove(name)
                yield name

    def settle(self, name: str, *, lost: bool = False) -> list[str]:
        """A node has its result, or never will; give the nodes whose results nobody needs any more.

        Args:
            name: the node.
            lost: it failed or was left out, so that what needs it does not wait for its other inputs.
        """
        self._settled.add(name)
        for child in self._children[name]:
            self._missing[child].discard(name)
            if lost:
                self._doomed.add(child)
            if child in self._waiting and (lost or not self._missing[child]):
                heapq.heappush(self._ready, self._order[child])
        for parent in self._parents[name]:
            self._users[parent].discard(name)
        return [n for n in (name, *self._parents[name]) if not self._users[n]]

    def unsettle(self, name: str) -> None:
        """A node's result is damaged: it has a turn again, and what needs it waits for it."""
        self._settled.discard(name)
        for child in self._children[name]:
            self._missing[child].add(name)
        self._users[name] = {c for c in self._children[name] if c not in self._settled}
        for parent in self._parents[name]:
            self._users[parent].add(name)
        self.again(name)

    def again(self, name: str) -> None:
        """Give a node another turn, when its inputs are there."""
        self._waiting.add(name)
        if not self._missing[name]:
            heapq.heappush(self._ready, self._order[name])


_WORTH_IT = (StepError, InputError, RegistryError)


class Retries:
    """Counts the attempts of each node of a run, and says which failures are followed by another one.

    Args:
        tell: takes the event that says so.
        calm: whether anything begins again at all: not when the run is being stopped, or in a debugger.
    """

    def __init__(self, tell: Callable[[Event], None], calm: Callable[[], bool]) -> None:
        self._tell, self._calm = tell, calm
        self._attempts: Counter[str] = Counter()

    def after(self, made: NodePlan, wishes: Wishes, error: BaseException) -> float | None:
        """Give the seconds to wait before a node begins again, and say so; none if it has failed for good.

        Args:
            made: the node's key.
            wishes: what is wished for it.
            error: what its body raised.
        """
        worth = isinstance(error, _WORTH_IT) and not isinstance(error, UnwrittenStep)
        if not worth or not self._calm():
            return None
        self._attempts[made.name] += 1
        if (attempt := self._attempts[made.name]) > wishes.retries:
            return None
        wait = wishes.wait(attempt)
        self._tell(StepRetried(step=made.name, key=made.key, attempt=attempt, message=str(error), wait=wait))
        return wait


GRACE = 3.0

"""Seconds that bodies under way are given to end when a run is stopped."""

GLANCE = 0.2

"""Seconds of one wait at most: polars takes Ctrl-C first, and a wait without end would sleep through it."""

MENDED = 3

"""Times that one step is made again in a run: a disk that damages all it is given must not keep it busy."""


class Schedule:
    """One run under way.

    Args:
        request: what to run, and with what.
        performer: makes what runs bodies: here, or in a process of their own.
    """

    def __init__(
        self,
        request: Request,
        performer: Callable[[Request, Graph, Teller, RunResult, threading.Event], Performer],
    ) -> None:
        self._request = request
        self._graph = request.revive()
        self._policy = request.policy()
        self._planner = request.planner(self._graph)
        self._result = RunResult(request.journal.begin())
        self._tell = Teller(request.journal, self._result.name, request.listeners)
        self._stopping = threading.Event()
        self._performer = performer(request, self._graph, self._tell, self._result, self._stopping)
        self._turns = Turns(self._graph, [n.name for n in self._graph.wanted])
        self._held: list[str] = []
        self._later: list[tuple[float, str]] = []
        self._readers: dict[str, list[str]] = {}
        self._running: dict[str, NodePlan] = {}
        self._done: queue.SimpleQueue[tuple[NodePlan, Future[Record]]] = queue.SimpleQueue()
        self._retries = Retries(self._tell, self._may_repeat)
        self._remade: set[tuple[str, str]] = set()
        self._repeated: set[tuple[str, str]] = set()
        self._lost: dict[str, str] = {}
        self._stopped: list[str] = []

    def __call__(self) -> RunResult:
        """Run all that is not fresh.

        Raises:
            RunStopped: it was stopped by Ctrl-C or a signal.
        """
        began = time.monotonic()
        self._tell(started(self._request, self._result.name, self._graph))
        try:
            shared = sharing(self._request.store, self._result.name, self._tell)
            with shared, capturing(echo=self._request.echo), self._request.runner() as runner:
                self._loop(runner)
        except KeyboardInterrupt:
            self._end("stopped", began)
            names = [*self._stopped, *self._running]
            raise RunStopped.early(self._graph.workflow, len(self._result.executed), names) from None
        except BaseException:
            with contextlib.suppress(MagicalError):  # what stopped the run is what the reader must see
                self._end("stopped", began)
            raise
        self._end("failed" if self._result.errors else "done", began)
        return self._result

    def _loop(self, runner: Runner) -> None:
        try:
            self._submit(runner)
            while self._running or self._later:
                self._take()
                self._submit(runner)
        except KeyboardInterrupt:
            self._stop()
            raise
        except BaseException:
            self._stopping.set()  # nobody waits for what others make
            raise

    def _take(self) -> None:
        """Wait for a body to end, or for a retry to be due."""
        wait = min(max(self._later[0][0] - time.monotonic(), 0), GLANCE) if self._later else GLANCE
        with contextlib.suppress(queue.Empty):
            made, future = self._done.get(timeout=wait)
            self._finish(made, future)
        while self._later and self._later[0][0] <= time.monotonic():
            self._turns.again(heapq.heappop(self._later)[1])

    def _submit(self, runner: Runner) -> None:
        """Look up or start every node whose inputs are there, as many at a time as there are workers."""
        if len(self._running) >= self._policy.workers:
            return
        for name in self._turns:
            node = self._graph.by_name[name]
            parents = [link.node for link in node.links]
            if lost := [p for p in parents if p in self._lost]:
                self._leave_out(name, f"{lost[0]} {self._lost[lost[0]]}")
            elif reason := self._planner.left_out(node):
                self._leave_out(name, reason)
            else:
                self._begin(runner, node)
            if len(self._running) >= self._policy.workers:
                break

    def _begin(self, runner: Runner, node: Node) -> None:
        """Take a fresh result and say so, or start the body."""
        try:
            made, wishes = self._planner.decide(node, self._result.records), self._policy.of(node)
        except (InputError, StoreError) as error:  # a file or the store is gone; it costs this node only
            self._failed(NodePlan(node.name, RUN, origin=self._planner.origins[node.name]), error)
            return
        if self._must_wait(node, made, wishes):
            self._held.append(node.name)
        elif made.record is not None:
            self._found(made, made.record)
        else:
            self._tell(StepStarted(step=node.name, key=made.key))
            known = {link.node: self._result.records[link.node] for link in node.links}
            self._running[node.name] = made
            call = partial(self._performer.perform, node, made, known)
            again = partial(self._retries.after, made, wishes)
            future = runner.submit(Work(call, node.name, tuple(known), wishes, again))
            future.add_done_callback(lambda f: self._done.put((made, f)))

    def _must_wait(self, node: Node, made: NodePlan, wishes: Wishes) -> bool:
        """Whether the same work is under way under another name, or enough of its kind is."""
        if any(other.key == made.key for other in self._running.values()):
            return True
        alike = sum(self._graph.by_name[name].step == node.step for name in self._running)
        return made.record is None and wishes.workers is not None and alike >= wishes.workers

    def _finish(self, made: NodePlan, future: Future[Record]) -> None:
        del self._running[made.name]
        while self._held:
            self._turns.again(self._held.pop())
        if (error := future.exception()) is None:
            self._finished(made, future.result())
        elif isinstance(error, DamagedArtifact) and self._make_again(made, error):
            pass
        elif not isinstance(error, MagicalError):
            raise error
        elif self._stopping.is_set() and isinstance(error, StepStopped):
            self._stopped.append(made.name)
        else:
            self._failed(made, error)

    def _found(self, made: NodePlan, record: Record) -> None:
        """Enter a result that was there, or that another run has made meanwhile."""
        self._result.records[made.name] = record
        content, origin = record.result.content, list(made.origin)
        self._tell(StepCached(step=made.name, key=record.key, content=content, origin=origin))
        self._settle(made.name)

    def _finished(self, made: NodePlan, record: Record) -> None:
        if record.run != self._result.name:
            return self._found(made, record)
        self._result.records[made.name] = record
        if made.name not in self._result.executed:
            self._result.executed.append(made.name)
        self._tell(
            StepFinished(
                step=made.name,
                key=record.key,
                seconds=record.seconds,
                summary=record.result.summary,
                content=record.result.content,
                origin=list(made.origin),
            )
        )
        self._settle(made.name)

    def _failed(self, made: NodePlan, error: MagicalError) -> None:
        wait = self._retries.after(made, self._policy.of(self._graph.by_name[made.name]), error)
        if wait is not None:
            heapq.heappush(self._later, (time.monotonic() + wait, made.name))
            return
        if isinstance(error, RegistryDown) and self._graph.by_name[made.name].writes:
            self._result.pending[made.name] = text = shorten(" ".join(error.lines), 240)
            self._tell(StepPending(step=made.name, key=made.key, message=text))
            self._settle(made.name, lost="is pending")
            return
        self._result.errors[made.name] = error
        trace = str(error.__dict__.get("trace", ""))
        self._tell(StepFailed(step=made.name, key=made.key, message=str(error), trace=trace))
        self._settle(made.name, lost="failed")

    def _make_again(self, made: NodePlan, error: DamagedArtifact) -> bool:
        """A stored input is damaged: the step that made it runs again, once, and then this one."""
        blob = error.blob
        makers = [n for n, r in self._result.records.items() if blob in r.result.blobs()]
        if any(sum(n == name for n, _ in self._remade) >= MENDED for name in makers):
            return False
        remade = [n for n, b in self._remade if b == blob]
        if not blob or (made.name, blob) in self._repeated or not (makers or remade):
            return False
        under_way = [n for n in remade if n not in self._result.records]
        self._repeated.add((made.name, blob))
        for name in (n for n in makers if (n, blob) not in self._remade):
            record = self._result.records[name]
            try:
                self._request.store.drop_record(record.key, record)
            except StoreError:  # that it is damaged is what there is to say
                return False
            self._remade.add((name, blob))
            under_way.append(name)
            del self._result.records[name]
            self._performer.forget(name)
            self._tell(
                Log(step=name, text="its stored result is damaged; it is made again.", level="warning")
            )
            self._turns.unsettle(name)
        if under_way and not {k.node for k in self._graph.by_name[made.name].links} & set(under_way):
            self._readers.setdefault(under_way[0], []).append(made.name)  # it was read by a way of its own
        else:
            self._turns.again(made.name)
        return True

    def _leave_out(self, name: str, reason: str) -> None:
        self._result.left_out[name] = reason
        self._tell(StepLeftOut(step=name, reason=reason))
        self._settle(name, lost="was left out")

    def _settle(self, name: str, *, lost: str = "") -> None:
        """A node has ended one way or another: others may have their turn, and values be forgotten."""
        if lost:
            self._lost[name] = lost
        for unused in self._turns.settle(name, lost=bool(lost)):
            self._performer.forget(unused)
        for reader in self._readers.pop(name, ()):
            self._turns.again(reader)

    def _may_repeat(self) -> bool:
        return not self._stopping.is_set() and self._request.debug is None

    def _stop(self) -> None:
        """Begin nothing more, end what runs in other processes, and give the rest a moment."""
        self._stopping.set()
        if self._running:
            text = f"stopping; {listing(self._running, 4)} may end. Ctrl-C again to leave at once."
            self._tell(Log(step="", text=text))
        until = time.monotonic() + (0 if self._request.debug else GRACE)  # a debugged body ran in this thread
        while self._running and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._finish(*self._done.get(timeout=left))

    def _end(self, state: str, began: float) -> None:
        self._result.state = state
        self._result.seconds = round(time.monotonic() - began, 3)
        self._tell(finished(self._result))
