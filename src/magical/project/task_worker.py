"""Do an errand where it was sent: open the project there, run one body, and give its record."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.capture import capture_lines
from magical.engine.execution.remote_task import EVENT, RemoteTask, answer_task, pack_answer
from magical.engine.execution.subprocess_executor import SubprocessExecutor, send_answer
from magical.engine.plan import NodePlan
from magical.engine.run import ActiveRun, RunResult
from magical.errors import ProjectError, shorten
from magical.events import Event
from magical.keys.key_diff import find_causes
from magical.keys.packages import digest_installed
from magical.masking import MaskedStream
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.project_context import ProjectContext, open_context
from magical.project.run_setup import TASK_WORKER_COMMAND, OpenTicket, create_run_context
from magical.settings.paths import CommandLineText
from magical.system.gc_pause import pause_gc
from magical.system.processes import machine_name

__all__ = [
    "execute_on_worker",
    "execute_task",
    "serve_task",
]

EmitEvent = Callable[[Event], None]


@dataclass
class _OpenProject:
    """An opened project with its code, kept between the errands of a process.

    Attributes:
        key: what it was opened with, the digest of its files included.
        context: as opened.
        drawing: with its code.
        active_tasks: how many tasks are using it.
    """

    key: Any
    context: ProjectContext
    drawing: WorkflowDrawing
    active_tasks: int = 0


_PACKAGES = digest_installed()

"""What is installed, as this process may have imported it."""

_open_lock = threading.Lock()

_open_projects: list[_OpenProject] = []

"""The one project that this process has imported: modules of two would mix."""


def execute_task(task: RemoteTask, emit: EmitEvent) -> Record:
    """Run the body of the errand's node, in a process that does nothing else.

    Args:
        errand: which node, of which run.
        tell: takes the events.

    Raises:
        ProjectError: the project is not what it was when the run began.
        MagicalError: what the performer raises.
    """
    context = _open_ticket(task.ticket)
    return _execute_node(task, emit, context, context.draw(task.ticket.step))


def execute_on_worker(task: RemoteTask, emit: EmitEvent, stopping: threading.Event) -> Record:
    """Run the body of the errand's node, in a process that does errands for long and for many.

    Args:
        errand: which node, of which run.
        tell: takes the events.
        stopping: set when nobody waits for it any more.

    Raises:
        ProjectError: the project is not what it was when the run began, or not here.
        MagicalError: what the performer raises.
    """
    folder = Path(task.ticket.folder)
    apart = SubprocessExecutor(
        TASK_WORKER_COMMAND, emit, stopping, folder=folder if folder.is_dir() else None
    )
    typed = _has_typed_path(task.ticket.overrides) and str(folder) != os.getcwd()
    if task.timeout is not None or typed or digest_installed() != _PACKAGES:
        return apart(task)
    with capture_lines(echo=False), _use_project(task.ticket) as held:
        if held is None:  # imported anew it would change modules under the errands that are under way
            return apart(task)
        return _execute_node(task, emit, held.context, held.drawing)


def _execute_node(
    task: RemoteTask, emit: EmitEvent, context: ProjectContext, drawing: WorkflowDrawing
) -> Record:
    from magical.engine.execution.executor import LocalExecutor

    run = create_run_context(context, drawing, find_run_id=lambda: task.ticket.mlflow_run)
    records = {name: Record.from_json(data) for name, data in task.records.items()}
    node = run.graph.by_name.get(task.node)
    inputs = {link.node: records[link.node] for link in node.links} if node else {}
    plan = run.planner.plan_node(node, inputs) if node else None
    if node is None or plan is None or plan.key != task.key:
        raise _changed_step_error(task, plan)
    executor = LocalExecutor(ActiveRun(run, RunResult(task.run, records=records), emit))
    with context.store.pin_run(task.run):
        return executor.execute(node, plan, inputs)


def _open_ticket(ticket: OpenTicket) -> ProjectContext:
    root = ticket.options.location.root
    if not root.is_dir():
        raise ProjectError(
            f"There is no {root} on {machine_name()}, where this step was sent.",
            hint="the workers of a cluster need the project at the path that it has here.",
        )
    return open_context(ticket.options, ticket.overrides)


@contextlib.contextmanager
def _use_project(ticket: OpenTicket) -> Iterator[_OpenProject | None]:
    """The project of a ticket as its files are now; none if another one is being worked with."""
    with _open_lock:
        held = _find_project(ticket)
        if held is not None:
            held.active_tasks += 1
    try:
        yield held
    finally:
        if held is not None:
            with _open_lock:
                held.active_tasks -= 1


def _find_project(ticket: OpenTicket) -> _OpenProject | None:
    context = _open_ticket(ticket)
    what = (ticket.options, context.configuration.overrides, ticket.step, context.drawer.digest())
    for held in _open_projects:
        if held.key == what and held.drawing.drawn.is_current():
            return held
    if any(held.active_tasks for held in _open_projects):
        return None
    _open_projects.clear()
    pause_gc()  # until a body runs
    drawing = context.draw(ticket.step)
    _ = drawing.runnable_graph  # imported here, where one thread does at a time
    if context.drawer.digest() == what[-1]:
        _open_projects.append(opened := _OpenProject(what, context, drawing))
        return opened
    raise _changed_files_error(context.root.name)


def _changed_step_error(task: RemoteTask, plan: NodePlan | None) -> ProjectError:
    odd = find_causes(task.parts, plan.parts) if plan else []
    why = odd[0].text if odd and task.parts else "its files or packages differ"
    return ProjectError(
        f"{task.node} changed, or is another on {machine_name()} than where its run began: "
        f"{shorten(why, 140)}.",
        hint="magical run goes on from there; workers of a cluster need the same files and packages.",
    )


def _changed_files_error(subject: str) -> ProjectError:
    hint = "magical run goes on from there."
    return ProjectError(f"{subject}: the project's files changed while it ran.", hint=hint)


def _has_typed_path(value: Any) -> bool:
    """Whether the line holds a text whose meaning depends on the folder in which it was typed."""
    if isinstance(value, Mapping):
        return any(map(_has_typed_path, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_typed_path, value))
    return isinstance(value, CommandLineText)


def serve_task() -> None:
    """Take an errand from the pipe named on the command line, and answer it."""
    pause_gc()
    # The run reads what is written here, and does not know what is revealed here.
    sys.stdout, sys.stderr = MaskedStream.wrap(sys.stdout), MaskedStream.wrap(sys.stderr)
    with Connection(int(sys.argv[1])) as pipe:
        errand: RemoteTask = pickle.loads(pipe.recv_bytes())
        threading.Thread(target=_die_with_parent, args=(pipe,), daemon=True).start()

        def tell(event: Event) -> None:
            send_answer(pipe, pack_answer(EVENT, event))

        send_answer(pipe, answer_task(errand, lambda: execute_task(errand, tell)))
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _die_with_parent(pipe: Connection) -> None:
    """When the run is gone, so is this process with all that it began."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    serve_task()
