"""The process of a single node: opens the project, runs one body, and sends back what comes of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection

from magical.engine.apart import Errand, answer
from magical.engine.artifacts import Record
from magical.engine.collecting import pause
from magical.engine.run import RunResult
from magical.errors import MagicalError, ProjectError, StepError
from magical.masking import MaskedStream
from magical.project.project import Project

__all__ = ["main"]


def main() -> None:
    """Take an errand from the pipe named on the command line, and answer it."""
    pause()
    # The run reads what is written here, and does not know what is revealed here.
    sys.stdout, sys.stderr = MaskedStream.over(sys.stdout), MaskedStream.over(sys.stderr)
    with Connection(int(sys.argv[1])) as pipe:
        errand: Errand = pickle.loads(pipe.recv_bytes())
        threading.Thread(target=_watch, args=(pipe,), daemon=True).start()
        try:
            answer(pipe, "record", perform(errand, pipe))
        except MagicalError as error:
            answer(pipe, "error", error)
        except BaseException as error:
            made = StepError(f"{errand.node}: {type(error).__name__}: {error}", hint="magical runs last")
            answer(pipe, "error", made)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def perform(errand: Errand, pipe: Connection) -> Record:
    """Run the body of the errand's node.

    Args:
        errand: which node, of which run.
        pipe: takes the events.

    Raises:
        ProjectError: the project is not what it was when the run began.
        MagicalError: what the performer raises.
    """
    from magical.engine.perform import LocalPerformer

    ticket = errand.ticket
    project = Project(ticket["opening"])
    drawing = project.draw(ticket["line"], ticket["step"])
    request = project.request(drawing, mlflow_run=lambda: ticket["mlflow_run"])
    records = {name: Record.from_json(data) for name, data in errand.records.items()}
    graph = drawing.living
    node = graph.by_name.get(errand.node)
    known = {link.node: records[link.node] for link in node.links} if node else {}
    made = request.planner(graph).decide(node, known) if node else None
    if node is None or made is None or made.key != errand.key:
        raise ProjectError(
            f"{errand.node}: the project's files changed while it ran.",
            hint="magical run goes on from there.",
        )

    def tell(event: object) -> None:
        answer(pipe, "event", event)

    performer = LocalPerformer(request, graph, tell, RunResult(errand.run, records=records))
    with project.store.in_use(errand.run):
        return performer.perform(node, made, known)


def _watch(pipe: Connection) -> None:
    """When the run is gone, so is this process with all that it began."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
