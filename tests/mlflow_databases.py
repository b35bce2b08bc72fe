"""MLflow databases and servers for tests; a fresh database takes seconds, a copy of one nothing."""

import atexit
import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from magical.integrations.mlflow.client import _answered_at, prepare_mlflow


def database(folder: Path) -> str:
    """Return the address of an empty database in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@functools.cache
def _template() -> Path:
    folder = tempfile.mkdtemp(prefix="magical-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    place = Path(folder) / "mlflow.db"
    with prepare_mlflow(f"sqlite:///{place}"):
        from mlflow import MlflowClient

        MlflowClient(tracking_uri=f"sqlite:///{place}").search_experiments()
    return place


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A real MLflow server on a port of its own, which can be started, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._store = database(folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", self._store]
        command += ["--artifacts-destination", str(self.folder / "files")]
        quiet = {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with (self.folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **quiet},
                start_new_session=True,
            )
        _wait(self.uri, self._process, self.folder / "server.log")

    def stop(self, how: int = 15) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, how)
            self._process.wait(20)
            self._process = None
        _answered_at.pop(self.uri, None)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a real MLflow server, and give its address."""
    running = Server(folder)
    try:
        running.start()
        yield running.uri
    finally:
        running.stop()


def _wait(uri: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=2):
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    raise TimeoutError(log.read_text())
