"""The process that holds a cluster of this machine, as the run sees it: begin, grow, end."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from magical.errors import UsageError, shorten
from magical.integrations.dask.cluster_main import FAILED, folder_of, kill_all
from magical.masking import mask

__all__ = ["ClusterProcess"]

ENDS = 8.0
"""Seconds in which it has ended by itself; it is killed then."""

GROWS = 10.0
"""Seconds that are waited for one more worker; then Dask has to find one that is free."""


QUIET = "ignore:resource_tracker:UserWarning"
"""It would say that killed workers left semaphores, which it removes."""


class ClusterProcess:
    """A process in a session of its own, with scheduler and workers; with it all of them are gone.

    It has them, and not the run: then Dask puts nothing onto the run's own path, and where the run is killed
    somebody is left who removes what Dask left. A worker is begun when all others are busy, since each has
    to import the project.

    Args:
        workers: how many, at most.
        home: where Dask's folder is made.
    """

    def __init__(self, workers: int, home: Path) -> None:
        self._most, self._home = workers, home
        self._asked, self._bodies = 1, 0
        self._process: subprocess.Popen[bytes] | None = None
        self._address, self._why, self._ended = "", "", False
        self._workers: list[str] = []
        self._news = threading.Condition()

    def start(self) -> None:
        """Begin, and do not wait."""
        ours, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # or a file in the folder where the run was begun hides a module of Python's
                    "-W",
                    QUIET,
                    "-m",
                    "magical.integrations.dask.cluster_main",
                    str(self._home),
                    str(theirs),
                ],
                stdin=subprocess.PIPE,
                pass_fds=[theirs],
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        threading.Thread(target=self._read, args=(ours,), name="magical dask", daemon=True).start()

    def address(self, seconds: float) -> str:
        """Wait for the scheduler, and give its address.

        Raises:
            UsageError: it did not start.
        """
        with self._news:
            self._news.wait_for(lambda: self._address or self._ended, seconds)
            if not self._address:
                why = self._why or ("its process ended" if self._ended else f"not within {seconds:g} s")
                raise UsageError(
                    f"[policy] cluster: Dask's workers could not be started on this machine ({why}).",
                    hint="run in threads: policy.cluster=",
                )
            return self._address

    def make_room(self) -> None:
        """Count one more body; where all workers have one, begin another worker and wait for it."""
        with self._news:
            self._bodies += 1
            wanted = min(self._bodies, self._most)
            if wanted > self._asked:
                self._asked = wanted
                self._say(f"{wanted}\n")
            self._news.wait_for(lambda: len(self._workers) >= wanted or self._ended, GROWS)

    def give_back(self) -> None:
        """Count one body less."""
        with self._news:
            self._bodies -= 1

    def end(self) -> None:
        """End it with all that it began; when this returns, nothing of it is left."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(ENDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        _end_group(process.pid)  # it was killed, or could not see to it: a worker may hold Python's lock
        for folder in self._home.glob(f"{folder_of(process.pid)}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _say(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def _read(self, descriptor: int) -> None:
        """Take what it says: lines of addresses, the scheduler's first, or why it failed."""
        with os.fdopen(descriptor) as lines:
            for line in lines:
                with self._news:
                    if line.startswith(FAILED):
                        self._why = shorten(mask(line.removeprefix(FAILED).strip()), 120)
                    else:
                        self._address, *self._workers = line.split()
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def _end_group(leader: int) -> None:
    import psutil  # type: ignore[import-untyped]

    def belongs(process: int) -> bool:
        with contextlib.suppress(OSError):
            return os.getpgid(process) == leader
        return False

    kill_all(psutil.Process(p) for p in psutil.pids() if belongs(p))
