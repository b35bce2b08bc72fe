"""A process that holds a Dask cluster of this machine for the time of one run, and ends when that ends."""

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
"""Workers that one body may take with it, before it is taken for the culprit."""

FAST_POLL, SLOW_POLL = 0.02, 0.25
"""Seconds between two looks at which workers there are."""

FAILURE_PREFIX = "failed: "
"""With this begins a line that says why there is no cluster."""

DASK_CONFIGURATION: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": MAX_WORKER_DEATHS - 1,
    "distributed.scheduler.worker-ttl": None,  # a body may hold Python's lock for longer than that
    "distributed.scheduler.active-memory-manager.start": False,  # no tables lie in Dask's memory
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
    """Start a cluster of one worker; let it grow when told so; end when the standard input does.

    The command line has the folder in which Dask's own one is made, and the descriptor of a pipe that takes
    a line of addresses, the scheduler's first, whenever workers have come or gone, or why it failed.
    """
    home, parent, said = Path(sys.argv[1]), os.getppid(), os.fdopen(int(sys.argv[2]), "w")
    folder, cluster, code = "", None, 1
    try:
        home.mkdir(parents=True, exist_ok=True)
        _remove_stale_folders(home)
        folder = tempfile.mkdtemp(prefix=folder_prefix(os.getpid()), dir=home)
        cluster = _start_cluster(folder)
        _serve_until_closed(cluster, parent, said)
        code = 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            said.write(f"{FAILURE_PREFIX}{' '.join(f'{type(error).__name__}: {error}'.split())}\n")
            said.flush()
    finally:
        _stop_cluster(cluster)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(code)


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
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # or it takes port 8787, with no dashboard
        memory_limit=0,
        silence_logs=60,
    )


def _serve_until_closed(cluster: Any, parent: int, output: TextIO) -> None:
    """Say who has come, and grow when told, until the run says no more or is gone."""
    wanted, there = 1, ""
    while os.getppid() == parent:
        now = " ".join([cluster.scheduler_address, *list(cluster.scheduler.workers)])
        if now != there:
            output.write(f"{now}\n")
            output.flush()
            there = now
        growing = len(cluster.scheduler.workers) < wanted
        if select.select([0], [], [], FAST_POLL if growing else SLOW_POLL)[0]:
            if not (told := os.read(0, 4096)):
                return
            wanted = int(told.split()[-1])
            cluster.scale(wanted)


def _stop_cluster(cluster: Any) -> None:
    """Kill the workers and what they began."""
    import psutil  # type: ignore[import-untyped]

    if cluster is not None:  # from here on Dask does nothing more, such as begin a worker anew
        held = threading.Event()
        cluster.loop.add_callback(held.set)
        cluster.loop.add_callback(time.sleep, 60)
        held.wait(3)
    kill_all(psutil.Process().children(recursive=True))


def kill_all(processes: Iterable[Any]) -> None:
    """Kill processes and wait until they are gone, but for what tidies up after them and ends by itself.

    Args:
        processes: of psutil's.
    """
    import psutil

    ended = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if not any("resource_tracker import main" in word for word in process.cmdline()):
                process.kill()
                ended.append(process)
    psutil.wait_procs(ended, timeout=3)


def folder_prefix(process: int | str) -> str:
    """Give what the name of a cluster's folder begins with; another machine may have ``.magical``, too.

    Args:
        process: that holds the cluster, by its number.
    """
    return f"dask-{process}@{machine_name()}@"


def _remove_stale_folders(home: Path) -> None:
    """Remove what a process like this left, if one was killed."""
    for folder in home.glob(f"{folder_prefix('*')}*"):
        with contextlib.suppress(ValueError):
            if not is_process_alive(int(folder.name.removeprefix("dask-").partition("@")[0])):
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    serve_cluster()
