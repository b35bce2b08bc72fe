"""A process that holds a Dask cluster of this machine for the time of one run, and ends when that ends."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["main"]

WORKERS_DIE = 3
"""Workers that one body may take with it, before it is taken for the culprit."""

CONFIGURATION: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": WORKERS_DIE - 1,
    "distributed.scheduler.worker-ttl": None,  # a body may hold Python's lock for longer than that
    "distributed.scheduler.active-memory-manager.start": False,  # no tables lie in Dask's memory
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.worker.daemon": False,  # a body may start processes of its own
    "distributed.worker.preload": ["magical.runners.dask_worker"],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.limit": "1d",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
}


def main() -> None:
    """Start a cluster of so many workers; say its address; end when the standard input does.

    The command line has the number of workers, the folder in which Dask's own one is made, and a descriptor.
    """
    workers, home, descriptor = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    parent = os.getppid()
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    folder = tempfile.mkdtemp(prefix=f"dask-{os.getpid()}-", dir=home)
    kindly = False
    try:
        cluster = _started(workers, folder)
        with os.fdopen(descriptor, "w") as said:
            said.write(f"{cluster.scheduler_address}\n")
        kindly = _until_told(parent)
        if kindly:
            cluster.close(timeout=5)
    finally:
        _end_children(all_of_them=not kindly)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _started(workers: int, folder: str) -> Any:
    import dask
    from distributed import LocalCluster

    dask.config.set({**CONFIGURATION, "temporary-directory": folder})
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # or it takes port 8787, with no dashboard
        memory_limit=0,
        silence_logs=60,
    )


def _until_told(parent: int) -> bool:
    """Wait; whether the run said goodbye, or is just gone."""
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], 1.0)
        if ready:
            return bool(os.read(0, 1))
    return False


def _end_children(*, all_of_them: bool) -> None:
    """Kill what is left of the workers and of what they began, but for what tidies up after them."""
    import psutil

    left = psutil.Process().children(recursive=True)
    tidying = [p for p in left if any("resource_tracker" in word for word in _words(p))]
    for process in left:
        if process not in tidying:
            with contextlib.suppress(psutil.Error):
                process.kill()
    psutil.wait_procs([p for p in left if p not in tidying], timeout=3)


def _words(process: Any) -> list[str]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _sweep(home: Path) -> None:
    """Remove what a process like this left, if one was killed."""
    from magical.engine.processes import lives

    for folder in home.glob("dask-*"):
        with contextlib.suppress(ValueError, IndexError):
            if not lives(int(folder.name.split("-")[1])):
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
