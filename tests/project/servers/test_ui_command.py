"""``magical ui`` as a real process: its pages render, runs go on, and it leaves no process however it ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from projects import Small, project, python

pytest.importorskip("prefect")
pytestmark = pytest.mark.slow

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OWN = (".google.com", ".googleapis.com")

WORKFLOW = """
from magical import Settings, step, workflow


class SumSettings(Settings):
    number: int = 1


@step
def first(number: int) -> int:
    return number


@step
def second(first: int) -> int:
    return first + 1


@workflow
def sums(settings: SumSettings) -> int:
    return second(first(settings.number))
"""

CLIENT = """
import datetime as dt, json, time
from prefect import flow, get_run_logger, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.schedules import Interval


@task(name="adds")
def add(x: int) -> int:
    get_run_logger().info("it adds")
    return x + 1


@flow(name="sums")
def sums() -> int:
    return add(1)


sums()
deployed = sums.to_deployment("hourly", schedule=Interval(dt.timedelta(hours=1))).apply()
with get_client(sync_client=True) as client:
    newest = {"limit": 9, "sort": FlowRunSort.ID_DESC}
    wanted = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployed]))
    for _ in range(150):
        tasks = client.read_task_runs(limit=9, sort=TaskRunSort.END_TIME_DESC)
        logs = client.read_logs(limit=50, offset=0)
        coming = client.read_flow_runs(flow_run_filter=wanted, **newest)
        if tasks and coming and any(x.message == "it adds" for x in logs):
            break
        time.sleep(0.2)
    runs = [r.name for r in client.read_flow_runs(**newest) if r.deployment_id is None]
    states = [t.state_name for t in tasks]
    messages = [x.message for x in logs]
print(json.dumps({"runs": runs, "states": states, "logs": messages, "coming": [r.state_name for r in coming]}))
"""


class Up:
    """A running ``magical ui``."""

    def __init__(self, small: Small) -> None:
        self.small, self.temporary = small, small.root.parent / "temporary"
        self.temporary.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "magical.cli", "ui", "--json", "--project", str(small.root)]
        self.process = subprocess.Popen(
            [*command, "--prefect-port", "0", "--mlflow-port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary), "PREFECT_API_URL": "http://127.0.0.1:1/api"},
        )
        self.below: set[psutil.Process] = set()

    def answer(self) -> dict[str, str]:
        """Return its output, once both servers answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.look()
        found: dict[str, str] = json.loads(line)
        return found

    def look(self) -> list[psutil.Process]:
        """Return its child processes."""
        self.below |= set(psutil.Process(self.process.pid).children(recursive=True))
        return sorted(self.below, key=lambda p: p.pid)

    def ends(self) -> tuple[int, str]:
        """Return its exit code and output, after checking that no process is left."""
        said = self.process.communicate(timeout=30)[1]
        _, left = psutil.wait_procs(self.below, timeout=15)
        assert not [p for p in left if p.status() != psutil.STATUS_ZOMBIE]
        assert not list(self.temporary.iterdir())
        return self.process.returncode, said


@contextmanager
def ui(small: Small) -> Iterator[Up]:
    """``magical ui``, killed if the test forgot to end it."""
    up = Up(small)
    try:
        yield up
    finally:
        up.process.kill()
        up.process.communicate()


def sums(root: Path) -> Small:
    """A project that tracks in a database of its own."""
    return project(root, {"workflow.py": WORKFLOW}, tracking=True)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with databases, so that copies of it start faster."""
    small = sums(tmp_path_factory.mktemp("known") / "sums")
    with ui(small) as up:
        up.answer()
        up.process.send_signal(signal.SIGINT)
        assert up.ends() == (0, "Stopped.\n"), "Ctrl-C is how one ends it"
    return small.root


@pytest.fixture
def small(known: Path, tmp_path: Path) -> Small:
    return Small(shutil.copytree(known, tmp_path / "sums"))


@pytest.fixture(scope="module")
def pages(known: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, dict[str, str]]]:
    """Running pages of a project, shared by several tests."""
    with ui(Small(shutil.copytree(known, tmp_path_factory.mktemp("up") / "sums"))) as up:
        yield up, up.answer()
        up.process.send_signal(signal.SIGTERM)
        assert up.ends() == (0, "Stopped.\n")


def asked(address: str, data: Any = None, **headers: str) -> tuple[int, bytes]:
    """Return the answer of a server."""
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json", **headers}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, body, headers), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def mlflow_runs(address: str, experiment: str) -> list[dict[str, Any]]:
    """Return the runs of an experiment, over HTTP."""
    api = f"{address}/api/2.0/mlflow"
    _, answer = asked(f"{api}/experiments/search", {"max_results": 9})
    ids = [e["experiment_id"] for e in json.loads(answer)["experiments"] if e["name"] == experiment]
    _, answer = asked(f"{api}/runs/search", {"experiment_ids": ids})
    return list(json.loads(answer).get("runs", [])) if ids else []


@pytest.mark.slow
def test_runs_go_on_meanwhile_and_are_seen(pages: tuple[Up, dict[str, str]]) -> None:
    up, at = pages
    before = len(mlflow_runs(at["mlflow"], "sums"))
    for number in ("number=5", "number=6"):
        done = up.small.process("run", number, "--json")
        assert done.returncode == 0, done.stderr
    runs = mlflow_runs(at["mlflow"], "sums")
    assert len(runs) == before + 2
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    place = f"{at['mlflow']}/get-artifact?path=lineage.json&run_uuid={runs[0]['info']['run_id']}"
    assert json.loads(asked(place)[1])["workflow"] == "sums"


@pytest.mark.slow
def test_a_client_of_prefect_writes_through_the_checks_and_schedules_come_true(
    pages: tuple[Up, dict[str, str]], tmp_path: Path
) -> None:
    _, at = pages
    home = {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": f"{at['prefect']}/api"}
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    done = python("client.py", cwd=str(tmp_path), **home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["runs"]
    assert set(told["states"]) == {"Completed"}
    assert "it adds" in told["logs"]
    assert set(told["coming"]) == {"Scheduled"}


def test_other_sites_and_other_machines_are_kept_out(pages: tuple[Up, dict[str, str]]) -> None:
    up, at = pages
    assert asked(f"{at['prefect']}/api/flow_runs/filter", {})[0] == 403, "without a token"
    for address in at.values():
        for foreign in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            status, text = asked(address, {}, **foreign)
            assert (status, text[:8]) == (403, b"Refused:")
        assert asked(f"{address}/version" if address == at["mlflow"] else f"{address}/api/health")[0] == 200
    listening = [c for p in up.look() for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    assert {str(c.laddr.port) for c in listening} == {address.rpartition(":")[2] for address in at.values()}


def test_files_are_written_under_the_project_only(pages: tuple[Up, dict[str, str]]) -> None:
    up, _ = pages
    home = up.small.root / ".magical"
    assert {"prefect", "mlflow", "mlflow.db"} <= {p.name for p in home.iterdir()}
    assert (home / "prefect" / "prefect.db").is_file()
    assert {p.name for p in up.small.root.iterdir()} <= {"workflow.py", ".magical", "__pycache__"}


def test_a_second_one_for_the_same_project_is_refused(pages: tuple[Up, dict[str, str]]) -> None:
    up, _ = pages
    done = up.small.process("ui", "--prefect-port", "0", "--mlflow-port", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("magical ui runs already for this project.")


def rendered(address: str, folder: Path) -> str:
    """Return the page as the browser renders it; requests to other servers and errors fail the test."""
    log = folder / "net.json"
    quiet = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    quiet += " --disable-component-update --disable-sync --disable-extensions --window-size=1400,1000"
    quiet += " --virtual-time-budget=10000 --enable-logging=stderr --dump-dom"
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    own_files = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [str(BROWSER), *quiet.split(), nowhere, own_files, f"--log-net-log={log}", address],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    told = log.read_text(encoding="utf-8")
    hosts = set(re.findall(r'"url":"(?!file:|data:|chrome)\w+:/*([^/"?]*)', told))
    own = re.sub(r"^http://([^/]*).*", r"\1", address)
    assert not [host for host in hosts if host != own and not host.endswith(OWN)], "beside the browser's own"
    assert own in hosts
    return done.stdout


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_pages_render_and_ask_nobody_else(pages: tuple[Up, dict[str, str]], tmp_path: Path) -> None:
    up, at = pages
    home = {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": f"{at['prefect']}/api"}
    flow = "from prefect import flow\nflow(name='tiny', flow_run_name='a run to see')(lambda: 1)()"
    assert python("-c", flow, **home).returncode == 0
    assert up.small.process("run", "number=9").returncode == 0
    for address, words in (
        (f"{at['prefect']}/runs", ("a run to see", "Completed")),
        (f"{at['mlflow']}/#/experiments", ("Experiments", "sums")),
    ):
        for _ in range(5):  # on a busy machine the browser's own clock is over before the page is whole
            page = rendered(address, tmp_path)
            if all(word in page for word in words):
                break
        assert [word for word in words if word not in page] == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["starting", "up"])
def test_nothing_is_left_after_kill_9(moment: str, small: Small) -> None:
    with ui(small) as up:
        if moment == "up":
            up.answer()
        else:
            end = time.monotonic() + 20
            while (
                len(up.look()) < 6 and time.monotonic() < end
            ):  # two servers, each with a guard and its twin
                time.sleep(0.02)
            time.sleep(1)
        assert len(up.look()) >= 6
        up.process.kill()
        assert up.ends()[0] == -signal.SIGKILL
    if moment == "up":
        with ui(small) as up:
            assert up.answer(), "it starts again"
            up.process.send_signal(signal.SIGINT)
            assert up.ends()[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Prefect", "MLflow"])
def test_when_one_dies_the_other_ends_too_and_it_is_said_which(name: str, small: Small) -> None:
    with ui(small) as up:
        up.answer()
        module = name.lower()
        victim = next(p for p in up.look() if any(module in word for word in p.cmdline()[2:5]))
        victim.kill()
        code, said = up.ends()
    assert code == 1
    assert said.startswith(f"{name} ended with exit code -9.\n")
    assert f"{module}.log" in said
    assert len(said.splitlines()) <= 5
