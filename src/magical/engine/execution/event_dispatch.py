"""Pass what happens in a run to the journal and to whoever listens."""

from __future__ import annotations

import threading

from magical.engine.journal import Journal, git_state
from magical.engine.protocols import Listener
from magical.engine.run import RunRequest, RunResult
from magical.errors import shorten
from magical.events import Event, LogLine, RunFinished, RunStarted, current_sink
from magical.graph import Graph
from magical.keys.packages import digest_lock_files, read_versions
from magical.system.processes import describe_process

__all__ = ["EventDispatcher", "run_finished_event", "run_started_event"]


class EventDispatcher:
    """Passes events to the journal and the listeners; a listener that fails is reported once and left out.

    Args:
        journal: where the run is told.
        run: its name.
        listeners: who hears the events.
    """

    def __init__(self, journal: Journal, run: str, listeners: tuple[Listener, ...]) -> None:
        self._journal, self._run = journal, run
        self._listeners = list(listeners)
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        """Tell one event; events of several threads are told one after the other."""
        event = event.mask_texts()
        with self._lock:
            if trouble := self._journal.write(self._run, event):
                self(LogLine(step="", text=trouble, level="warning"))
            for listener in list(self._listeners):
                self._notify(listener, event)

    def _notify(self, listener: Listener, event: Event) -> None:
        within = current_sink.set(None)  # what a listener prints is no step's, or it would hear of it again
        try:
            listener.on(event)
        except Exception as error:  # a listener must never fail the run
            self._listeners.remove(listener)
            text = f"{type(listener).__name__} hears no more: {shorten(str(error) or repr(error), 240)}"
            self(LogLine(step="", text=text, level="warning"))
        finally:
            current_sink.reset(within)


def run_started_event(request: RunRequest, run: str, graph: Graph) -> RunStarted:
    """Give what a run says of itself when it begins."""
    packages = {
        label.partition(":")[2]: version
        for identity in request.identities.values()
        for label, version in identity.parts.items()
        if label.startswith("package:")
    }
    return RunStarted(
        run=run,
        workflow=graph.workflow,
        settings=dict(request.settings),
        nodes=[n.name for n in graph.required_nodes],
        profile=request.profile,
        **describe_process(),
        git=git_state(request.root),
        versions={**read_versions(), **packages},
        sample=request.sample,
        pretend=request.pretence.mode,
        step=request.step,
        locks=digest_lock_files(request.root),
        rows=request.pretence.rows,
        origin=sorted({o for names in request.make_planner(graph).origins.values() for o in names}),
    )


def run_finished_event(result: RunResult) -> RunFinished:
    """Give what a run says when it ends."""
    return RunFinished(
        run=result.name,
        state=result.state,
        seconds=result.seconds,
        executed=len(result.executed),
        keys={name: record.key for name, record in result.records.items()},
    )
