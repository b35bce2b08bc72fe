"""The main program of the process of a local Dask cluster, which serves one run and ends with it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from magical.system.processes import is_process_alive, machine_name

__all__ = ["FAILURE_PREFIX", "MAX_WORKER_DEATHS", "folder_prefix", "kill_all", "serve_cluster"]

MAX_WORKER_DEATHS = 3
"""Workers that may die under one body until the body counts as the cause."""

FAST_POLL, SLOW_POLL = 0.02, 0.25
"""Seconds between two looks at the workers, while one is awaited and otherwise."""

FAILURE_PREFIX = "failed: "
"""The prefix of a line that says why the cluster failed."""

DASK_CONFIGURATION: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": MAX_WORKER_DEATHS - 1,
    "distributed.scheduler.worker-ttl": None,  # a body may hold Python's lock for longer than that
    "distributed.scheduler.active-memory-manager.start": False,  # Dask's memory holds no tables
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.worker.daemon": False,  # a body may start processes of its own
    # Dask would give each worker one thread of BLAS: a fit would have other last digits than in a local run.
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.worker.preload": ["magical.integrations.dask.cluster_worker"],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.limit": "1d",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
}


def serve_cluster() -> None:
    """Start a cluster of one worker, add workers on request, and end when the standard input is closed.

    The command line names the folder for Dask's files and the descriptor of a pipe. Whenever workers start or
    end, the pipe gets a line with all addresses, the scheduler's first; after a failure, it gets the reason.
    """
    home, parent, output = Path(sys.argv[1]), os.getppid(), os.fdopen(int(sys.argv[2]), "w")
    folder, cluster, code = "", None, 1
    try:
        home.mkdir(parents=True, exist_ok=True)
        _remove_stale_folders(home)
        folder = tempfile.mkdtemp(prefix=folder_prefix(os.getpid()), dir=home)
        cluster = _start_cluster(folder)
        _serve_until_closed(cluster, parent, output)
        code = 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            output.write(f"{FAILURE_PREFIX}{' '.join(f'{type(error).__name__}: {error}'.split())}\n")
            output.flush()
    finally:
        _stop_cluster(cluster)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(code)  # a normal exit would wait for Dask's threads, whose loop is blocked by now


def _start_cluster(folder: str) -> Any:
    import dask
    from distributed import LocalCluster

    dask.config.set({**DASK_CONFIGURATION, "temporary-directory": folder})
    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # or it takes port 8787, even without one
        memory_limit=0,  # or the nanny would kill a body that uses much memory, which is allowed in threads
        silence_logs=60,
    )


def _serve_until_closed(cluster: Any, parent: int, output: TextIO) -> None:
    """Report the workers, and add workers on request, until the run closes the standard input or dies."""
    wanted, reported = 1, ""
    # The end of a killed run closes the standard input, unless a forked child holds a copy of the pipe.
    while os.getppid() == parent:
        addresses = " ".join([cluster.scheduler_address, *list(cluster.scheduler.workers)])
        if addresses != reported:
            output.write(f"{addresses}\n")
            output.flush()
            reported = addresses
        is_growing = len(cluster.scheduler.workers) < wanted
        if select.select([0], [], [], FAST_POLL if is_growing else SLOW_POLL)[0]:
            if not (request := os.read(0, 4096)):
                return
            wanted = int(request.split()[-1])  # of several requests at once, the last counts
            cluster.scale(wanted)


def _stop_cluster(cluster: Any) -> None:
    """Kill the workers and the processes that they started."""
    import psutil  # type: ignore[import-untyped]

    if cluster is not None:
        # Block Dask's event loop, or its nannies would start new workers in the place of the killed ones.
        blocked = threading.Event()
        cluster.loop.add_callback(blocked.set)
        cluster.loop.add_callback(time.sleep, 60)
        blocked.wait(3)
    kill_all(psutil.Process().children(recursive=True))


def kill_all(processes: Iterable[Any]) -> None:
    """Kill psutil's processes and wait until they have ended."""
    import psutil

    killed = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            # Python's resource tracker frees the semaphores of the killed ones, and then ends by itself.
            if not any("resource_tracker import main" in word for word in process.cmdline()):
                process.kill()
                killed.append(process)
    psutil.wait_procs(killed, timeout=3)


def folder_prefix(process: int | str) -> str:
    """Return the prefix of the folder of a cluster, by the id of its process.

    It names the machine, since several machines may share ``.magical``.

    Example:
        >>> folder_prefix(17) == f"dask-17@{machine_name()}@"
        True
    """
    return f"dask-{process}@{machine_name()}@"


def _remove_stale_folders(home: Path) -> None:
    """Remove the folders of this machine's clusters whose process no longer runs."""
    for folder in home.glob(f"{folder_prefix('*')}*"):
        with contextlib.suppress(ValueError):
            if not is_process_alive(int(folder.name.removeprefix("dask-").partition("@")[0])):
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    serve_cluster()
