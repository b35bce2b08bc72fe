"""The process that holds a cluster of this machine: what it leaves, and what it says when it cannot start."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from magical.errors import UsageError
from magical.integrations.dask.cluster_process import ClusterProcess
from magical.system.processes import machine_name
from projects import is_well_worded

pytest.importorskip("distributed")

HELD = """
import ctypes, os, signal, sys, time
from pathlib import Path

def hold(file):
    Path(file).write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(30)  # with Python's lock, as careless compiled code does

if __name__ == "__main__":
    from distributed import Client
    from magical.integrations.dask.cluster_process import ClusterProcess

    home = Path(sys.argv[1])
    process = ClusterProcess(1, home)
    process.start()
    client = Client(process.wait_for_address(60), set_as_default=False)
    asked = client.submit(hold, str(home / "held"), pure=False)
    while not (home / "held").is_file() or not (home / "held").read_text():
        time.sleep(0.05)
    os.kill(process._process.pid, signal.SIGKILL)
    process.stop()
    print("ended", flush=True)
    os._exit(0)
"""


@pytest.mark.slow
def test_a_worker_that_holds_pythons_lock_does_not_outlive_a_killed_cluster(tmp_path: Path) -> None:
    script = tmp_path / "held.py"
    script.write_text(textwrap.dedent(HELD))
    home = tmp_path / "home"
    with (tmp_path / "said").open("w") as said:  # and no pipe: it would be read until the worker is gone
        command = [sys.executable, str(script), str(home)]
        subprocess.run(command, stdout=said, stderr=said, timeout=120, check=False)
    assert (tmp_path / "said").read_text() == "ended\n"
    worker = int((home / "held").read_text())
    try:
        assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == "zombie"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    assert not list(home.glob("dask-*"))


def test_why_a_cluster_cannot_start_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = ClusterProcess(1, tmp_path / "file" / "home")
    process.start()
    try:
        with pytest.raises(UsageError, match="could not be started on this machine") as caught:
            process.wait_for_address(60)
        assert "(NotADirectoryError: " in str(caught.value)
        assert is_well_worded(str(caught.value))
    finally:
        process.stop()


def test_a_process_that_ends_at_once_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    process = ClusterProcess(1, tmp_path)
    process.start()
    try:
        with pytest.raises(UsageError, match="its process ended"):
            process.wait_for_address(60)
    finally:
        process.stop()


def test_only_what_a_dead_process_of_this_machine_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [
        f"dask-{dead.pid}@{machine_name()}@a",
        f"dask-{dead.pid}@{machine_name()}-2@a",
        f"dask-{os.getpid()}@{machine_name()}@a",
        "dask-x",
    ]
    for name in names:
        (tmp_path / name).mkdir()
    process = ClusterProcess(1, tmp_path)
    process.start()
    try:
        process.wait_for_address(60)
        there = {path.name for path in tmp_path.glob("dask-*")}
        assert there >= set(names[1:])
        assert names[0] not in there
        assert len(there) == len(names)  # and its own
    finally:
        process.stop()
    assert {path.name for path in tmp_path.glob("dask-*")} == set(names[1:])
