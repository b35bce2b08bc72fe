"""The execution of remote tasks: opens the project in a subprocess or on a worker, and runs one body."""

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
from magical.system.processes import machine_name, raise_on_os_exit

__all__ = ["execute_on_worker", "execute_task", "serve_task"]

EmitEvent = Callable[[Event], None]


@dataclass
class _OpenProject:
    """A project with its imported code, kept between the tasks of a process.

    Attributes:
        key: the options, overrides, step and digest of the files with which it was opened.
        run: the run that opened it.
        active_tasks: the number of tasks that use it now.
    """

    key: Any
    context: ProjectContext
    drawing: WorkflowDrawing
    run: str
    active_tasks: int = 0


_PACKAGES = digest_installed()
"""The digest of the installed packages when this process started, which it may have imported since."""

_open_lock = threading.Lock()
_open_projects: list[_OpenProject] = []
"""At most one project: the modules of two projects would mix."""


def execute_task(task: RemoteTask, emit: EmitEvent) -> Record:
    """Run the body of a task, in a process that does nothing else.

    Raises:
        ProjectError: the project is not what it was when the run began.
        MagicalError: the error of ``NodeExecutor.execute``.
    """
    context = _open_ticket(task.ticket)
    return _execute_node(task, emit, context, context.draw(task.ticket.step))


def execute_on_worker(task: RemoteTask, emit: EmitEvent, stopping: threading.Event) -> Record:
    """Run the body of a task, in a process that serves many tasks of many runs.

    Args:
        task: the node and its inputs.
        emit: receives the events of the task.
        stopping: set when nobody waits for the record any more.

    Raises:
        ProjectError: the project is not what it was when the run began, or not on this machine.
        MagicalError: the error of ``NodeExecutor.execute``.
    """
    ticket_folder = Path(task.ticket.folder)
    folder = ticket_folder if ticket_folder.is_dir() else None
    execute_in_subprocess = SubprocessExecutor(TASK_WORKER_COMMAND, emit, stopping, folder=folder)
    # A subprocess can change its working directory and import packages of other versions; this process,
    # with tasks of others under way, cannot.
    is_relative = _has_command_line_path(task.ticket.overrides) and str(ticket_folder) != os.getcwd()
    if task.timeout is not None or is_relative or digest_installed() != _PACKAGES:
        return execute_in_subprocess(task)
    with capture_lines(echo=False), _use_project(task.ticket, task.run) as project:
        if project is None:
            return execute_in_subprocess(task)
        return _execute_node(task, emit, project.context, project.drawing)


def _execute_node(
    task: RemoteTask, emit: EmitEvent, context: ProjectContext, drawing: WorkflowDrawing
) -> Record:
    """Execute the node of a task; raise ProjectError if its key is not the key of the task."""
    from magical.engine.execution.executor import LocalExecutor

    run = create_run_context(context, drawing, find_run_id=lambda: task.ticket.mlflow_run)
    records = {name: Record.from_json(data) for name, data in task.records.items()}
    node = run.graph.by_name.get(task.node)
    inputs = {link.node: records[link.node] for link in node.links} if node else {}
    plan = run.planner.plan_node(node, inputs) if node else None
    # The code or the packages of this machine may differ; its result would then get the wrong key.
    if node is None or plan is None or plan.key != task.key:
        raise _changed_step_error(task, plan)
    executor = LocalExecutor(ActiveRun(run, RunResult(task.run, records=records), emit))
    with context.store.pin_run(task.run):
        return executor.execute(node, plan, inputs)


def _open_ticket(ticket: OpenTicket) -> ProjectContext:
    """Open the project of a ticket; raise ProjectError if it is not on this machine."""
    root = ticket.options.location.root
    if not root.is_dir():
        raise ProjectError(
            f"There is no {root} on {machine_name()}, where this step was sent.",
            hint="the workers of a cluster need the project at the path that it has here.",
        )
    return open_context(ticket.options, ticket.overrides)


@contextlib.contextmanager
def _use_project(ticket: OpenTicket, run: str) -> Iterator[_OpenProject | None]:
    """Open the project of a ticket; yield None while tasks of another project or of older files run."""
    with _open_lock:
        project = _open_project(ticket, run)
        if project is not None:
            project.active_tasks += 1
    try:
        yield project
    finally:
        if project is not None:
            with _open_lock:
                project.active_tasks -= 1


def _open_project(ticket: OpenTicket, run: str) -> _OpenProject | None:
    """Return the open project of a ticket, or open it; None while another one has active tasks."""
    context = _open_ticket(ticket)
    key = (ticket.options, context.configuration.overrides, ticket.step, context.drawer.digest())
    for project in _open_projects:
        # A project whose import asks the world for something may be another one in the next run.
        is_lasting = project.drawing.drawn.can_be_remembered or project.run == run
        if project.key == key and is_lasting and project.drawing.drawn.is_current():
            return project
    # Importing drops the modules of the open project, which its tasks still use.
    if any(project.active_tasks for project in _open_projects):
        return None
    _open_projects.clear()
    pause_gc()  # until a body runs
    drawing = context.draw(ticket.step)
    _ = drawing.runnable_graph  # imported now, under the lock, and not in the threads of several bodies
    if context.drawer.digest() == key[-1]:
        _open_projects.append(opened := _OpenProject(key, context, drawing, run))
        return opened
    hint = "magical run goes on from there."
    raise ProjectError(f"{context.root.name}: the project's files changed while it ran.", hint=hint)


def _changed_step_error(task: RemoteTask, plan: NodePlan | None) -> ProjectError:
    causes = find_causes(task.parts, plan.parts) if plan else []
    why = causes[0].text if causes and task.parts else "its files or packages differ"
    return ProjectError(
        f"{task.node} has changed since its run began, or differs on {machine_name()}: {shorten(why, 140)}.",
        hint="magical run goes on from there; workers of a cluster need the same files and packages.",
    )


def _has_command_line_path(value: Any) -> bool:
    """Return True if the overrides contain a text from the command line, which may be a relative path."""
    if isinstance(value, Mapping):
        return any(map(_has_command_line_path, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_command_line_path, value))
    return isinstance(value, CommandLineText)


def serve_task() -> None:
    """Receive a task from the pipe named on the command line, execute it, and send the answer."""
    pause_gc()
    # The run passes this output on, and does not know the secrets that are revealed here.
    sys.stdout, sys.stderr = MaskedStream.wrap(sys.stdout), MaskedStream.wrap(sys.stderr)
    with Connection(int(sys.argv[1])) as pipe:
        task: RemoteTask = pickle.loads(pipe.recv_bytes())
        threading.Thread(target=_die_with_parent, args=(pipe,), daemon=True).start()

        def emit(event: Event) -> None:
            send_answer(pipe, pack_answer(EVENT, event))

        with raise_on_os_exit():
            answer = answer_task(task, lambda: execute_task(task, emit))
        send_answer(pipe, answer)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)  # a thread or a finaliser of the body's must not hold up the end


def _die_with_parent(pipe: Connection) -> None:
    """Kill this process and all that it started once the run has died, which closes the pipe."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    serve_task()
