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
from magical.integrations.dask.cluster_main import FAILURE_PREFIX, folder_prefix, kill_all
from magical.masking import mask

__all__ = ["ClusterProcess"]

STOP_TIMEOUT = 8.0
"""Seconds in which it has ended by itself; it is killed then."""

SCALE_TIMEOUT = 10.0
"""Seconds that are waited for one more worker; then Dask has to find one that is free."""


WARNING_FILTER = "ignore:resource_tracker:UserWarning"
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
        self._max_workers, self._home = workers, home
        self._requested, self._active_tasks = 1, 0
        self._process: subprocess.Popen[bytes] | None = None
        self._address, self._failure, self._ended = "", "", False
        self._workers: list[str] = []
        self._changed = threading.Condition()

    def start(self) -> None:
        """Begin, and do not wait."""
        ours, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # or a file in the folder where the run was begun hides a module of Python's
                    "-W",
                    WARNING_FILTER,
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
        threading.Thread(target=self._read_status, args=(ours,), name="magical dask", daemon=True).start()

    def wait_for_address(self, seconds: float) -> str:
        """Wait for the scheduler, and give its address.

        Raises:
            UsageError: it did not start.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._address or self._ended, seconds)
            if not self._address:
                why = self._failure or ("its process ended" if self._ended else f"not within {seconds:g} s")
                raise UsageError(
                    f"[policy] cluster: Dask's workers could not be started on this machine ({why}).",
                    hint="run in threads: policy.cluster=",
                )
            return self._address

    def reserve_worker(self) -> None:
        """Count one more body; where all workers have one, begin another worker and wait for it."""
        with self._changed:
            self._active_tasks += 1
            wanted = min(self._active_tasks, self._max_workers)
            if wanted > self._requested:
                self._requested = wanted
                self._send(f"{wanted}\n")
            self._changed.wait_for(lambda: len(self._workers) >= wanted or self._ended, SCALE_TIMEOUT)

    def release_worker(self) -> None:
        """Count one body less."""
        with self._changed:
            self._active_tasks -= 1

    def stop(self) -> None:
        """End it with all that it began; when this returns, nothing of it is left."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        _kill_group(process.pid)  # it was killed, or could not see to it: a worker may hold Python's lock
        for folder in self._home.glob(f"{folder_prefix(process.pid)}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _send(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def _read_status(self, descriptor: int) -> None:
        """Take what it says: lines of addresses, the scheduler's first, or why it failed."""
        with os.fdopen(descriptor) as lines:
            for line in lines:
                with self._changed:
                    if line.startswith(FAILURE_PREFIX):
                        self._failure = shorten(mask(line.removeprefix(FAILURE_PREFIX).strip()), 120)
                    else:
                        self._address, *self._workers = line.split()
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _kill_group(leader: int) -> None:
    import psutil  # type: ignore[import-untyped]

    def belongs(process: int) -> bool:
        with contextlib.suppress(OSError):
            return os.getpgid(process) == leader
        return False

    kill_all(psutil.Process(p) for p in psutil.pids() if belongs(p))
