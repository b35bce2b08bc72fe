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
from magical.engine.run import RunResult
from magical.errors import ProjectError, shorten
from magical.events import Event
from magical.keys.key_diff import find_causes
from magical.keys.packages import digest_installed
from magical.masking import MaskedStream
from magical.project.loading.drawing import Drawing
from magical.project.project import Project
from magical.project.run_setup import CHILD
from magical.settings.layers import to_overrides
from magical.settings.paths import CommandLineText
from magical.system.gc_pause import pause_gc
from magical.system.processes import machine_name

__all__ = [
    "main",
    "perform",
    "work",
]

Tell = Callable[[Event], None]


@dataclass
class _Held:
    """An opened project with its code, kept between the errands of a process.

    Attributes:
        what: it was opened by, the digest of its files included.
        project: as opened.
        drawing: with its code.
        users: errands that are under way with it.
    """

    what: Any
    project: Project
    drawing: Drawing
    users: int = 0


_PACKAGES = digest_installed()

"""What is installed, as this process may have imported it."""

_opening = threading.Lock()

_held: list[_Held] = []

"""The one project that this process has imported: modules of two would mix."""


def perform(errand: RemoteTask, tell: Tell) -> Record:
    """Run the body of the errand's node, in a process that does nothing else.

    Args:
        errand: which node, of which run.
        tell: takes the events.

    Raises:
        ProjectError: the project is not what it was when the run began.
        MagicalError: what the performer raises.
    """
    project, line, step = _open(errand.ticket)
    return _perform(errand, tell, project, project.drawings.drawing(line, step))


def work(errand: RemoteTask, tell: Tell, stopping: threading.Event) -> Record:
    """Run the body of the errand's node, in a process that does errands for long and for many.

    Args:
        errand: which node, of which run.
        tell: takes the events.
        stopping: set when nobody waits for it any more.

    Raises:
        ProjectError: the project is not what it was when the run began, or not here.
        MagicalError: what the performer raises.
    """
    folder = Path(errand.ticket["folder"])
    apart = SubprocessExecutor(CHILD, tell, stopping, folder=folder if folder.is_dir() else None)
    typed = _typed_a_path(errand.ticket["line"]) and str(folder) != os.getcwd()
    if errand.timeout is not None or typed or digest_installed() != _PACKAGES:
        return apart(errand)
    with capture_lines(echo=False), _kept_open(errand.ticket) as held:
        if held is None:  # imported anew it would change modules under the errands that are under way
            return apart(errand)
        return _perform(errand, tell, held.project, held.drawing)


def _perform(errand: RemoteTask, tell: Tell, project: Project, drawing: Drawing) -> Record:
    from magical.engine.execution.executor import LocalExecutor

    request = project.request(drawing, mlflow_run=lambda: errand.ticket["mlflow_run"])
    records = {name: Record.from_json(data) for name, data in errand.records.items()}
    graph = drawing.living
    node = graph.by_name.get(errand.node)
    known = {link.node: records[link.node] for link in node.links} if node else {}
    made = request.make_planner(graph).plan_node(node, known) if node else None
    if node is None or made is None or made.key != errand.key:
        raise _another(errand, made)
    performer = LocalExecutor(request, graph, tell, RunResult(errand.run, records=records))
    with project.store.pin_run(errand.run):
        return performer.execute(node, made, known)


def _open(ticket: Mapping[str, Any]) -> tuple[Project, dict[str, Any], str]:
    root = ticket["opening"].location.root
    if not root.is_dir():
        raise ProjectError(
            f"There is no {root} on {machine_name()}, where this step was sent.",
            hint="the workers of a cluster need the project at the path that it has here.",
        )
    return Project(ticket["opening"]), to_overrides(ticket["line"]), ticket["step"]


@contextlib.contextmanager
def _kept_open(ticket: Mapping[str, Any]) -> Iterator[_Held | None]:
    """The project of a ticket as its files are now; none if another one is being worked with."""
    with _opening:
        held = _found(ticket)
        if held is not None:
            held.users += 1
    try:
        yield held
    finally:
        if held is not None:
            with _opening:
                held.users -= 1


def _found(ticket: Mapping[str, Any]) -> _Held | None:
    project, line, step = _open(ticket)
    what = (ticket["opening"], line, step, project.drawings.digest(line))
    for held in _held:
        if held.what == what and held.drawing.drawn.stands():
            return held
    if any(held.users for held in _held):
        return None
    _held.clear()
    pause_gc()  # until a body runs
    drawing = project.drawings.drawing(line, step)
    _ = drawing.living  # imported here, where one thread does at a time
    if project.drawings.digest(line) == what[-1]:
        _held.append(made := _Held(what, project, drawing))
        return made
    raise _changed(project.root.name)


def _another(errand: RemoteTask, made: NodePlan | None) -> ProjectError:
    odd = find_causes(errand.parts, made.parts) if made else []
    why = odd[0].text if odd and errand.parts else "its files or packages differ"
    return ProjectError(
        f"{errand.node} changed, or is another on {machine_name()} than where its run began: {shorten(why, 140)}.",
        hint="magical run goes on from there; workers of a cluster need the same files and packages.",
    )


def _changed(what: str) -> ProjectError:
    hint = "magical run goes on from there."
    return ProjectError(f"{what}: the project's files changed while it ran.", hint=hint)


def _typed_a_path(given: Any) -> bool:
    """Whether the line holds a text whose meaning depends on the folder in which it was typed."""
    if isinstance(given, Mapping):
        return any(map(_typed_a_path, given.values()))
    if isinstance(given, (list, tuple)):
        return any(map(_typed_a_path, given))
    return isinstance(given, CommandLineText)


def main() -> None:
    """Take an errand from the pipe named on the command line, and answer it."""
    pause_gc()
    # The run reads what is written here, and does not know what is revealed here.
    sys.stdout, sys.stderr = MaskedStream.wrap(sys.stdout), MaskedStream.wrap(sys.stderr)
    with Connection(int(sys.argv[1])) as pipe:
        errand: RemoteTask = pickle.loads(pipe.recv_bytes())
        threading.Thread(target=_watch, args=(pipe,), daemon=True).start()

        def tell(event: Event) -> None:
            send_answer(pipe, pack_answer(EVENT, event))

        send_answer(pipe, answer_task(errand, lambda: perform(errand, tell)))
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _watch(pipe: Connection) -> None:
    """When the run is gone, so is this process with all that it began."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
