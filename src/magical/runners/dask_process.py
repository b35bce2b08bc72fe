"""The process that holds a cluster of this machine, as the run sees it: begin, grow, end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from magical.errors import UsageError

__all__ = ["ClusterProcess"]

ENDS = 8.0
"""Seconds in which it has ended by itself; it is killed then."""

GROWS = 10.0
"""Seconds that are waited for one more worker; what is to be done goes to one that is busy then."""


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
        self._asked = 1
        self._process: subprocess.Popen[bytes] | None = None
        self._address, self._ended = "", False
        self._workers: list[str] = []
        self._taken: Counter[str] = Counter()
        self._warm: set[str] = set()
        self._news = threading.Condition()

    def start(self) -> None:
        """Begin, and do not wait."""
        ours, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-W", QUIET, "-m", "magical.runners.dask_local", str(self._home), str(theirs)],
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
                raise UsageError(
                    "[policy] cluster: Dask's workers could not be started on this machine.",
                    hint="run in threads: policy.cluster=",
                )
            return self._address

    def take(self) -> str:
        """Give a worker that has nothing to do: one that knows the project, else another, else a new one."""
        with self._news:
            if not self._idle() and self._asked < self._most:
                self._asked += 1
                self._say(f"{self._asked}\n")
            self._news.wait_for(lambda: self._idle() or self._ended, GROWS)
            idle = sorted(self._idle(), key=lambda worker: worker not in self._warm)
            worker = idle[0] if idle else ""
            self._taken[worker] += 1
            self._warm.add(worker)
            return worker

    def give_back(self, worker: str) -> None:
        """Say that what was given to a worker is done."""
        with self._news:
            self._taken[worker] -= 1
            self._news.notify_all()

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
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for folder in self._home.glob(f"dask-{process.pid}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _idle(self) -> list[str]:
        return [worker for worker in self._workers if not self._taken[worker]]

    def _say(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def _read(self, descriptor: int) -> None:
        """Take what it says: lines of addresses, the scheduler's first."""
        with os.fdopen(descriptor) as lines:
            for line in lines:
                with self._news:
                    self._address, *self._workers = line.split()
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
