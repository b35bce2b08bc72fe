"""The process of a single node: opens the project, runs one body, and sends back what comes of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection

from magical.engine.execution.remote_task import EVENT, Errand, answered, packed
from magical.engine.execution.subprocess_executor import answer
from magical.events import Event
from magical.masking import MaskedStream
from magical.project.errands import perform
from magical.system.gc_pause import pause

__all__ = ["main"]


def main() -> None:
    """Take an errand from the pipe named on the command line, and answer it."""
    pause()
    # The run reads what is written here, and does not know what is revealed here.
    sys.stdout, sys.stderr = MaskedStream.over(sys.stdout), MaskedStream.over(sys.stderr)
    with Connection(int(sys.argv[1])) as pipe:
        errand: Errand = pickle.loads(pipe.recv_bytes())
        threading.Thread(target=_watch, args=(pipe,), daemon=True).start()

        def tell(event: Event) -> None:
            answer(pipe, packed(EVENT, event))

        answer(pipe, answered(errand, lambda: perform(errand, tell)))
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
