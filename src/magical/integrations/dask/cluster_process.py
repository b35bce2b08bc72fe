"""The process of a local Dask cluster, as the run sees it: start, add workers, stop."""

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
"""Seconds until a process that has not ended by itself is killed."""

SCALE_TIMEOUT = 10.0
"""Seconds to wait for one more worker; after that, Dask queues the task for any worker."""

WARNING_FILTER = "ignore:resource_tracker:UserWarning"
"""Hides the tracker's warning that killed workers left semaphores: it removes them itself."""


class ClusterProcess:
    """A process with the scheduler and the workers of a local cluster, in a session of its own.

    They are no children of the run, so that Dask does not change the import path of the run, and so that
    this process can remove workers and files when the run is killed. A worker is started when all others are
    busy, since each imports the project.

    Args:
        workers: the maximum number of workers.
        home: the folder for Dask's files.

    Example:
        >>> ClusterProcess(workers=2, home=Path(".magical")).stop()  # nothing was started
    """

    def __init__(self, workers: int, home: Path) -> None:
        self._max_workers, self._home = workers, home
        self._requested, self._active_tasks = 1, 0
        self._process: subprocess.Popen[bytes] | None = None
        self._address, self._failure, self._ended = "", "", False
        self._workers: list[str] = []
        self._changed = threading.Condition()

    def start(self) -> None:
        """Start the process, without waiting for the cluster."""
        read_end, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # or a file in the current folder could hide a module of Python
                    "-W",
                    WARNING_FILTER,
                    "-m",
                    "magical.integrations.dask.cluster_main",
                    str(self._home),
                    str(write_end),
                ],
                stdin=subprocess.PIPE,
                pass_fds=[write_end],
                start_new_session=True,  # Ctrl-C reaches the run only, which ends this process in order
            )
        finally:
            os.close(write_end)  # or the reader would never see the end of the pipe
        threading.Thread(target=self._read_status, args=(read_end,), name="magical dask", daemon=True).start()

    def wait_for_address(self, seconds: float) -> str:
        """Wait for the scheduler for at most some seconds, and return its address.

        Raises:
            UsageError: the cluster did not start.
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
        """Count one more body; if all workers are busy and more are allowed, start one and wait for it."""
        with self._changed:
            self._active_tasks += 1
            wanted = min(self._active_tasks, self._max_workers)
            if wanted > self._requested:
                self._requested = wanted
                self._send(f"{wanted}\n")
            self._changed.wait_for(lambda: len(self._workers) >= wanted or self._ended, SCALE_TIMEOUT)

    def release_worker(self) -> None:
        """Count one body less; the worker stays for the next one."""
        with self._changed:
            self._active_tasks -= 1

    def stop(self) -> None:
        """End the process, and wait until its workers and its files are gone."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()  # tells the process to end; the system closes it if the run is killed
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        _kill_group(process.pid)  # workers may remain if the process was killed
        for folder in self._home.glob(f"{folder_prefix(process.pid)}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _send(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def _read_status(self, descriptor: int) -> None:
        """Read the lines of the process until it ends: see ``serve_cluster``."""
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
    """Kill all processes of the process group of a leader."""
    import psutil  # type: ignore[import-untyped]

    def belongs(process: int) -> bool:
        with contextlib.suppress(OSError):
            return os.getpgid(process) == leader
        return False

    kill_all(psutil.Process(p) for p in psutil.pids() if belongs(p))
