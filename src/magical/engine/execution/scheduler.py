"""The scheduler of a run: starts each node once its inputs are done, retries, and goes on after failures."""

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
from magical.engine.execution.capture import capture_lines
from magical.engine.execution.dispatch import Dispatcher, share_store
from magical.engine.execution.event_dispatch import EventDispatcher, run_finished_event, run_started_event
from magical.engine.execution.process_state import refuse_fork_of_body, step_aside
from magical.engine.plan import LEFT_OUT, RUN, NodePlan
from magical.engine.policy import NodePolicy
from magical.engine.protocols import Cluster, Runner, WorkItem
from magical.engine.run import ActiveRun, RunContext, RunResult, RunStopped
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
    join_names,
    shorten,
)
from magical.events import (
    Event,
    LogLine,
    StepCached,
    StepFailed,
    StepFinished,
    StepLeftOut,
    StepPending,
    StepRetried,
    StepStarted,
)
from magical.graph import Graph, Node
from magical.running_bodies import open_run

__all__ = ["ReadyQueue", "Retries", "Scheduler"]


class ReadyQueue:
    """The ready queue: yields each node of a run once its inputs are done, in the order of drawing.

    The cost of a whole run is in proportion to its links, however many nodes wait.

    Args:
        graph: the graph of the run.
        names: the nodes of the run, in the order of drawing.

    Example:
        >>> from magical.refs import Link
        >>> one = Node("one", "w:one", "", "", {}, {})
        >>> more = Node("more", "w:more", "", "", {"x": Link("one")}, {})
        >>> ready = ReadyQueue(Graph("count", (one, more)), ["one", "more"])
        >>> list(ready), ready.mark_done("one"), list(ready), ready.mark_done("more")
        (['one'], [], ['more'], ['more', 'one'])
    """

    def __init__(self, graph: Graph, names: Iterable[str]) -> None:
        self._names = list(names)
        self._order = {name: number for number, name in enumerate(self._names)}
        self._parents = {n: {link.node for link in graph.by_name[n].links} for n in self._names}
        self._children = {n: [c for c in graph.children[n] if c in self._order] for n in self._names}
        self._missing = {n: set(parents) for n, parents in self._parents.items()}
        self._users = {n: set(children) for n, children in self._children.items()}
        self._waiting = set(self._names)
        self._done: set[str] = set()
        self._unreachable: set[str] = set()
        self._ready = [number for n, number in self._order.items() if not self._missing[n]]

    def __iter__(self) -> Iterator[str]:
        """Yield each node that is ready, once; also those that become ready meanwhile."""
        while self._ready:
            name = self._names[heapq.heappop(self._ready)]
            # The heap may hold a node twice, or one whose input has been marked undone since.
            if name in self._waiting and (name in self._unreachable or not self._missing[name]):
                self._waiting.remove(name)
                yield name

    def mark_done(self, name: str, *, lost: bool = False) -> list[str]:
        """Mark a node as ended, and return the nodes whose results no other node needs any more.

        Args:
            name: the node.
            lost: True if the node has no result. Its children are then ready at once, and are left out.
        """
        self._done.add(name)
        for child in self._children[name]:
            self._missing[child].discard(name)
            if lost:
                self._unreachable.add(child)
            if child in self._waiting and (lost or not self._missing[child]):
                heapq.heappush(self._ready, self._order[child])
        for parent in self._parents[name]:
            self._users[parent].discard(name)
        return [n for n in (name, *self._parents[name]) if not self._users[n]]

    def mark_undone(self, name: str) -> None:
        """Queue a node whose result is damaged again; its children wait for it."""
        self._done.discard(name)
        for child in self._children[name]:
            self._missing[child].add(name)
        self._users[name] = {c for c in self._children[name] if c not in self._done}
        for parent in self._parents[name]:
            self._users[parent].add(name)
        self.requeue(name)

    def requeue(self, name: str) -> None:
        """Queue a node again; it is ready once its inputs are done."""
        self._waiting.add(name)
        if not self._missing[name]:
            heapq.heappush(self._ready, self._order[name])


_RETRYABLE = (StepError, InputError, RegistryError)


class Retries:
    """Counts the attempts of each node of a run, and decides which failures are retried.

    Args:
        emit: called with the event of each retry.
        may_retry: returns False while no retry may start, such as when the run is being stopped.

    Example:
        >>> retries = Retries(lambda event: print(type(event).__name__), lambda: True)
        >>> plan, policy = NodePlan("fetch", RUN), NodePolicy(retries=1, backoff=2)
        >>> error = StepError("fetch: no connection", hint="magical run")
        >>> retries.next_delay(plan, policy, error), retries.next_delay(plan, policy, error)
        StepRetried
        (2.0, None)
    """

    def __init__(self, emit: Callable[[Event], None], may_retry: Callable[[], bool]) -> None:
        self._emit, self._may_retry = emit, may_retry
        self._attempts: Counter[str] = Counter()

    def next_delay(self, plan: NodePlan, policy: NodePolicy, error: BaseException) -> float | None:
        """Count a failure, and return the seconds until the next attempt; None if there is none."""
        is_retryable = isinstance(error, _RETRYABLE) and not isinstance(error, UnwrittenStep)
        if not is_retryable or not self._may_retry():
            return None
        self._attempts[plan.name] += 1
        if (attempt := self._attempts[plan.name]) > policy.retries:
            return None
        wait = policy.retry_delay(attempt)
        self._emit(StepRetried(step=plan.name, key=plan.key, attempt=attempt, message=str(error), wait=wait))
        return wait


STOP_SECONDS = 3.0
"""Seconds that bodies under way have to end when a run is stopped."""

WAIT_SECONDS = 0.2
"""Longest single wait: polars takes Ctrl-C first, and a wait without a limit would sleep through it."""

MAX_REMAKES = 3
"""Times a run recomputes one step for damaged results: a broken disk must not keep it busy for ever."""


class Scheduler:
    """Executes the nodes of one run: each once its inputs are done; a failure stops its descendants only.

    One thread schedules. The runner decides where bodies run; they report their end through a queue, so that
    this object needs no lock.

    Args:
        context: all that the run needs.
        cluster: for bodies that may run on another machine.
    """

    def __init__(self, context: RunContext, cluster: Cluster | None = None) -> None:
        refuse_fork_of_body()
        self._context, self._graph, self._planner = context, context.graph, context.planner
        self._result = RunResult(context.journal.create_run(), explored=context.planning.explored)
        self._emit = EventDispatcher(context.journal, self._result.name, context.listeners)
        self._stopping = threading.Event()
        run = ActiveRun(context, self._result, self._emit, self._stopping)
        self._executor = Dispatcher(run, cluster)
        self._ready = ReadyQueue(self._graph, [n.name for n in self._graph.required_nodes])
        self._deferred: list[str] = []  # ready, but must wait until some other body ends
        self._delayed: list[tuple[float, str]] = []  # a heap of retries, by the time at which they are due
        self._waiting_readers: dict[str, list[str]] = {}  # by the node whose result is recomputed for them
        self._running: dict[str, NodePlan] = {}
        self._done: queue.SimpleQueue[tuple[NodePlan, Future[Record]]] = queue.SimpleQueue()
        self._retries = Retries(self._emit, self._may_retry)
        self._remade: set[tuple[str, str]] = set()  # maker and damaged object
        self._repeated: set[tuple[str, str]] = set()  # reader and damaged object
        self._lost: dict[str, str] = {}  # for each node without a result, why
        self._stopped: list[str] = []

    def run(self) -> RunResult:
        """Execute all nodes that are not fresh.

        Raises:
            RunStopped: Ctrl-C or a signal stopped the run.
        """
        began = time.monotonic()
        self._emit(run_started_event(self._context, self._result.name))
        for text in self._context.info.warnings:
            self._emit(LogLine(step="", text=text, level="warning"))
        try:
            shared = share_store(self._context.store, self._result, self._emit)
            with (
                open_run(),
                shared,
                step_aside(),
                capture_lines(echo=self._context.echo, echo_logs=self._context.echo_logs),
                self._context.runner as runner,
            ):
                self._loop(runner)
        except KeyboardInterrupt:
            self._finish_run("stopped", began)
            names = [*self._stopped, *self._running]
            raise RunStopped.from_progress(self._graph.workflow, self._result, names) from None
        except BaseException:
            with contextlib.suppress(MagicalError):  # must not hide the error that stopped the run
                self._finish_run("stopped", began)
            raise
        self._finish_run("failed" if self._result.errors else "done", began)
        return self._result

    def _loop(self, runner: Runner) -> None:
        """Start ready nodes and handle ended bodies until none is left."""
        try:
            self._start_ready(runner)
            while self._running or self._delayed:
                self._wait_next()
                self._start_ready(runner)
        except KeyboardInterrupt:
            self._stop()
            raise
        except BaseException:
            self._stopping.set()  # so that the other bodies end too
            raise

    def _wait_next(self) -> None:
        """Wait for a body to end, or for a retry to be due."""
        due = self._delayed[0][0] - time.monotonic() if self._delayed else WAIT_SECONDS
        with contextlib.suppress(queue.Empty):
            self._handle_end(*self._done.get(timeout=min(max(due, 0), WAIT_SECONDS)))
        while self._delayed and self._delayed[0][0] <= time.monotonic():
            self._ready.requeue(heapq.heappop(self._delayed)[1])

    def _start_ready(self, runner: Runner) -> None:
        """Look up or start the ready nodes, until as many bodies run as there are workers."""
        if len(self._running) >= self._context.policy.workers:
            return
        for name in self._ready:
            node = self._graph.by_name[name]
            parents = [link.node for link in node.links]
            if lost := [p for p in parents if p in self._lost]:
                self._leave_out(name, f"{lost[0]} {self._lost[lost[0]]}")
            elif reason := self._planner.left_out_reason(node):
                self._leave_out(name, reason)
            else:
                self._start_node(runner, node)
            if len(self._running) >= self._context.policy.workers:
                break

    def _start_node(self, runner: Runner, node: Node) -> None:
        """Record a fresh result, start the body, or defer the node."""
        policy = self._context.policy.for_node(node)
        try:
            # Planned again, with the digests of this run: early cutoff can make a node fresh.
            plan = self._planner.plan_node(node, self._result.records)
        except (InputError, StoreError) as error:  # a file or the store is gone: only this node fails
            self._record_failed(NodePlan(node.name, RUN, origin=self._planner.origins[node.name]), error)
            return
        if plan.state == LEFT_OUT:
            self._leave_out(node.name, plan.reason)
        elif self._must_wait(node, plan, policy):
            self._deferred.append(node.name)
        elif plan.record is not None:
            self._record_cached(plan, plan.record)
        else:
            self._emit(StepStarted(step=node.name, key=plan.key))
            inputs = {link.node: self._result.records[link.node] for link in node.links}
            self._running[node.name] = plan
            call = partial(self._executor.execute, node, plan, inputs)
            next_delay = partial(self._retries.next_delay, plan, policy)
            future = runner.submit(WorkItem(call, node.name, tuple(inputs), policy, next_delay))
            # The callback runs in the body's thread, which may only put the result into the queue.
            future.add_done_callback(lambda f: self._done.put((plan, f)))

    def _must_wait(self, node: Node, plan: NodePlan, policy: NodePolicy) -> bool:
        """Return True if a body with the same key runs, or as many calls of the step as the policy allows."""
        # Two bodies of one key would meet at its lock, and one would block a worker for nothing.
        if any(other.key == plan.key for other in self._running.values()):
            return True
        calls = sum(self._graph.by_name[name].step == node.step for name in self._running)
        return plan.record is None and policy.workers is not None and calls >= policy.workers

    def _handle_end(self, plan: NodePlan, future: Future[Record]) -> None:
        """Record the result or the error of a body that has ended, and queue the deferred nodes again."""
        del self._running[plan.name]
        while self._deferred:
            self._ready.requeue(self._deferred.pop())
        if (error := future.exception()) is None:
            self._record_finished(plan, future.result())
        elif isinstance(error, DamagedArtifact) and self._remake_input(plan, error):
            pass
        elif not isinstance(error, MagicalError):
            raise error  # a fault of ours or of the runner
        elif self._stopping.is_set() and isinstance(error, StepStopped):
            self._stopped.append(plan.name)
        else:
            self._record_failed(plan, error)

    def _record_cached(self, plan: NodePlan, record: Record) -> None:
        """Record a result that was in the store, or that another run has computed meanwhile."""
        self._result.records[plan.name] = record
        self._emit(
            StepCached(
                step=plan.name,
                key=record.key,
                summary=record.result.summary,
                content=record.result.content,
                origin=list(plan.origin),
            )
        )
        self._mark_done(plan.name)

    def _record_finished(self, plan: NodePlan, record: Record) -> None:
        if record.run != self._result.name:  # another run computed it while the dispatcher waited
            return self._record_cached(plan, record)
        self._result.records[plan.name] = record
        if plan.name not in self._result.executed:
            self._result.executed.append(plan.name)
        self._emit(
            StepFinished(
                step=plan.name,
                key=record.key,
                seconds=record.seconds,
                summary=record.result.summary,
                content=record.result.content,
                origin=list(plan.origin),
                memory=dict(record.memory),
            )
        )
        self._mark_done(plan.name)

    def _record_failed(self, plan: NodePlan, error: MagicalError) -> None:
        """Queue a failed node for a retry; without one, record it as failed, or as pending for ``sync``."""
        node = self._graph.by_name[plan.name]
        wait = self._retries.next_delay(plan, self._context.policy.for_node(node), error)
        if wait is not None:
            heapq.heappush(self._delayed, (time.monotonic() + wait, plan.name))
            return
        if isinstance(error, RegistryDown) and node.writes:  # no failure of the run: sync sends it later
            self._result.pending[plan.name] = text = shorten(" ".join(error.lines), 240)
            self._emit(StepPending(step=plan.name, key=plan.key, message=text))
            self._mark_done(plan.name, lost="is pending")
            return
        self._result.errors[plan.name] = error
        trace = str(error.__dict__.get("trace", ""))
        self._emit(StepFailed(step=plan.name, key=plan.key, message=str(error), trace=trace))
        self._mark_done(plan.name, lost="failed")

    def _remake_input(self, plan: NodePlan, error: DamagedArtifact) -> bool:
        """Queue the step with the damaged result again, then its reader; False if that cannot help."""
        blob = error.blob
        makers = [n for n, r in self._result.records.items() if blob in r.result.blobs()]
        if any(sum(n == name for n, _ in self._remade) >= MAX_REMAKES for name in makers):
            return False
        # Two readers of one damaged object: the first drops it, and the second waits for the same remake.
        remade = [n for n, b in self._remade if b == blob]
        if not blob or (plan.name, blob) in self._repeated or not (makers or remade):
            return False
        under_way = [n for n in remade if n not in self._result.records]
        self._repeated.add((plan.name, blob))
        for name in (n for n in makers if (n, blob) not in self._remade):
            record = self._result.records[name]
            try:
                self._context.store.drop_record(record.key, record)
            except StoreError:  # the reader's own error says more
                return False
            self._remade.add((name, blob))
            under_way.append(name)
            del self._result.records[name]
            self._executor.drop_value(name)
            text = "its stored result is damaged; it is made again."
            self._emit(LogLine(step=name, text=text, level="warning"))
            self._ready.mark_undone(name)
        parents = {link.node for link in self._graph.by_name[plan.name].links}
        if under_way and parents.isdisjoint(under_way):
            # The body loaded it through its context, not as an input: the queue knows no link to wait for.
            self._waiting_readers.setdefault(under_way[0], []).append(plan.name)
        else:
            self._ready.requeue(plan.name)
        return True

    def _leave_out(self, name: str, reason: str) -> None:
        self._result.left_out[name] = reason
        self._emit(StepLeftOut(step=name, reason=reason))
        self._mark_done(name, lost="was left out")

    def _mark_done(self, name: str, *, lost: str = "") -> None:
        """Mark a node as ended, drop the values no longer needed, and queue the readers that wait for it.

        Args:
            name: the node.
            lost: why the node has no result; empty if it has one.
        """
        if lost:
            self._lost[name] = lost
        for unused in self._ready.mark_done(name, lost=bool(lost)):
            self._executor.drop_value(unused)
        for reader in self._waiting_readers.pop(name, ()):
            self._ready.requeue(reader)

    def _may_retry(self) -> bool:
        """Return False while the run is being stopped, and in a debugger, which shows the first error."""
        return not self._stopping.is_set() and self._context.on_error is None

    def _stop(self) -> None:
        """Start no more nodes, end the bodies in other processes, and wait a moment for those in threads."""
        self._stopping.set()
        if self._running:
            names = join_names(self._running, 4)
            text = f"stopping; waiting a moment for {names}. Ctrl-C again to leave at once."
            self._emit(LogLine(step="", text=text))
        # A debugged body ran in this thread, so none is left to wait for.
        until = time.monotonic() + (0 if self._context.on_error else STOP_SECONDS)
        while self._running and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._handle_end(*self._done.get(timeout=left))

    def _finish_run(self, state: str, began: float) -> None:
        self._result.state = state
        self._result.seconds = round(time.monotonic() - began, 3)
        self._emit(run_finished_event(self._result))
