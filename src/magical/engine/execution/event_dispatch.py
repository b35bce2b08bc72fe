"""The dispatch of a run's events to its journal and its listeners, and its first and last event."""

from __future__ import annotations

import threading
from dataclasses import replace

from magical.engine.execution.capture import cut_line
from magical.engine.journal import Journal, git_state
from magical.engine.protocols import Listener
from magical.engine.run import RunContext, RunResult
from magical.errors import safe_text, shorten
from magical.events import Event, LogLine, RunFinished, RunStarted, current_sink
from magical.keys.packages import digest_lock_files, read_versions
from magical.system.processes import describe_process

__all__ = ["EventDispatcher", "run_finished_event", "run_started_event"]


class EventDispatcher:
    """Dispatches events to the journal and the listeners; a failing listener is reported and removed."""

    def __init__(self, journal: Journal, run: str, listeners: tuple[Listener, ...]) -> None:
        self._journal, self._run = journal, run
        self._listeners = list(listeners)
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        """Dispatch one event; events of several threads go one after the other."""
        # Masked first: no file and no listener may receive a secret.
        event = event.mask_texts()
        if isinstance(event, LogLine):  # a body may emit a text of any length
            event = replace(event, text=cut_line(event.text))
        with self._lock:
            if trouble := self._journal.write(self._run, event):
                self(LogLine(step="", text=trouble, level="warning"))
            for listener in list(self._listeners):
                # A listener may be removed during this loop: it failed at a warning about another listener.
                if any(kept is listener for kept in self._listeners):
                    self._notify(listener, event)

    def _notify(self, listener: Listener, event: Event) -> None:
        # Without a sink: a line that the listener prints would become an event, and reach it again.
        token = current_sink.set(None)
        try:
            listener.on(event)
        except Exception as error:  # a listener must never fail the run
            self._listeners = [kept for kept in self._listeners if kept is not listener]
            why = shorten(safe_text(error) or repr(error), 240)
            text = f"{type(listener).__name__} gets no more events: {why}"
            self(LogLine(step="", text=text, level="warning"))
        finally:
            current_sink.reset(token)


def run_started_event(context: RunContext, run: str) -> RunStarted:
    """Create the first event of a run: its nodes, settings, versions and machine."""
    info, planning = context.info, context.planning
    packages = {
        label.partition(":")[2]: version
        for identity in planning.identities.values()
        for label, version in identity.parts.items()
        if label.startswith("package:")
    }
    return RunStarted(
        run=run,
        workflow=context.graph.workflow,
        settings=dict(info.settings),
        nodes=[n.name for n in context.graph.required_nodes],
        profile=info.profile,
        **describe_process(),
        git=git_state(info.root),
        versions={**read_versions(), **packages},
        sample=planning.sample,
        pretend=info.pretence.mode,
        step=info.step,
        locks=digest_lock_files(info.root),
        rows=info.pretence.rows,
        origin=sorted({o for names in context.planner.origins.values() for o in names}),
        explores=list(planning.explored),
    )


def run_finished_event(result: RunResult) -> RunFinished:
    """Create the last event of a run.

    Example:
        >>> run_finished_event(RunResult("20240101-last", executed=["clean"])).executed
        1
    """
    return RunFinished(
        run=result.name,
        state=result.state,
        seconds=result.seconds,
        executed=len(result.executed),
        keys={name: record.key for name, record in result.records.items()},
    )
