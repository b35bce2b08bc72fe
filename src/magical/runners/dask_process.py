"""The process that holds a cluster of this machine, as the run sees it: begin, address, end."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from magical.errors import UsageError

__all__ = ["ClusterProcess"]

ENDS = 8.0
"""Seconds in which it has ended by itself; it is killed then."""


class ClusterProcess:
    """A process in a session of its own, with scheduler and workers; with it all of them are gone.

    It has them, and not the run: then Dask puts nothing onto the run's own path, and where the run is killed
    somebody is left who removes what Dask left.

    Args:
        workers: how many.
        home: where Dask's folder is made.
    """

    def __init__(self, workers: int, home: Path) -> None:
        self._workers, self._home = workers, home
        self._process: subprocess.Popen[bytes] | None = None
        self._said = -1

    def start(self) -> None:
        """Begin, and do not wait."""
        self._said, theirs = os.pipe()
        words = [str(self._workers), str(self._home), str(theirs)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "magical.runners.dask_local", *words],
                stdin=subprocess.PIPE,
                pass_fds=[theirs],
                start_new_session=True,
            )
        finally:
            os.close(theirs)

    def address(self, seconds: float) -> str:
        """Wait for the scheduler, and give its address.

        Raises:
            UsageError: it did not start.
        """
        text = b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([self._said], [], [], seconds)
            more = os.read(self._said, 4096) if ready else b""
            if not more:
                raise UsageError(
                    "[policy] cluster: Dask's workers could not be started on this machine.",
                    hint="run in threads: policy.cluster=",
                )
            text += more
        return text.decode().strip()

    def end(self, *, kindly: bool) -> None:
        """End it with all that it began; when this returns, nothing of it is left.

        Args:
            kindly: whether workers may tidy up; nothing runs there any more.
        """
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            if kindly:
                process.stdin.write(b".")
            process.stdin.close()
        try:
            process.wait(ENDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(self._said)
        for folder in self._home.glob(f"dask-{process.pid}-*"):
            shutil.rmtree(folder, ignore_errors=True)
