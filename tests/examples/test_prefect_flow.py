"""The campaign as a Prefect flow: called, served as a deployment, and without a server of one's own."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from examples.conftest import ROOT, copy_campaign
from projects import Small

pytest.importorskip("prefect")
pytestmark = pytest.mark.slow

FEW = """
split.folds = 1
experiments.linear.trials = 2
experiments.boosting.trials = 2
experiments.boosting.rounds = 100
"""
STEPS = [
    "ingest", "model_data", "clean", "drop_duplicates", "household", "leave_out", "featurize", "split",
    "transform", "tune[linear]", "tune[boosting]", "select", "refit", "predict", "evaluate", "explain", "register",
]  # fmt: skip
SPLIT = {"kind": "random", "validation": 0.2, "test": 0.2, "seed": 3, "folds": 1}
EXPERIMENTS = [{"kind": "Linear", "trials": 2}, {"kind": "Boosting", "trials": 2, "rounds": 50}]

FACTS = f"""
import json, time
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
def flow_runs():
    ours = FlowFilter(name=FlowFilterName(any_=["campaign"]))
    runs = client.read_flow_runs(flow_filter=ours, limit=200, sort=FlowRunSort.EXPECTED_START_TIME_ASC)
    for r in runs:
        if r.state_name != "Scheduled":
            one = FlowRunFilter(id=FlowRunFilterId(any_=[r.id]))
            tasks = client.read_task_runs(flow_run_filter=one, sort=TaskRunSort.ID_DESC)
            yield [str(r.id), r.state_name, r.parameters, {{t.name: t.state_name for t in tasks}}]
with get_client(sync_client=True) as client:
    until = time.monotonic() + 20
    while True:  # the server hears of tasks a little later
        found = list(flow_runs())
        ended = all(s not in ("Running", "Pending") for *_, tasks in found for s in tasks.values())
        if (ended and found and len(found[-1][3]) == {len(STEPS)}) or time.monotonic() > until:
            break
        time.sleep(0.2)
print("FACTS " + json.dumps(found))
"""


def child(project: Small, *words: str, api: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's folder, as a Prefect user does."""
    command = [sys.executable, *words]
    return subprocess.run(
        command,
        cwd=project.root,
        env=environment(api, home),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def environment(api: str, home: Path) -> dict[str, str]:
    """The environment variables that choose the server."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    told = {"PREFECT_API_URL": api} if api else {}
    return {**plain, **told, "PREFECT_HOME": str(home), "DO_NOT_TRACK": "true"}


def flow_runs(project: Small, api: str, home: Path) -> list[tuple[str, str, dict[str, Any], dict[str, str]]]:
    """Id, state, parameters and tasks of the flow runs, the oldest first."""
    done = child(project, "-c", FACTS, api=api, home=home)
    assert "FACTS" in done.stdout, done.stderr
    return read_facts(done.stdout)


def read_facts(stdout: str) -> list[tuple[str, str, dict[str, Any], dict[str, str]]]:
    """Read the flow runs that a script has printed."""
    return [tuple(x) for x in json.loads(stdout.rpartition("FACTS ")[2])]


@pytest.fixture(scope="module")
def mine(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, str, Path]:
    """A copy of the example with few trials, the server, and a home of Prefect."""
    folder = tmp_path_factory.mktemp("flow")
    campaign = copy_campaign(folder / "campaign")
    campaign.write("settings.toml", FEW)
    return campaign, prefect_server, folder / "home"


WRONG = {
    "max_age='old'": "max_age: Input should be a valid integer",
    "max_age=0": "max_age: Input should be greater than 0",
    "experiments=[{'kind': 'Linar'}]": "there is no Experiment 'Linar'; did you mean 'Linear'?",
    "max_agee=1": "There is no setting 'max_agee'.\nHint: did you mean 'max_age'?",
    "90": "A flow takes its settings by name, got 90.\nHint: such as source=",
}


def test_its_parameters_have_types_bounds_and_defaults_and_a_wrong_one_ends_it_before_any_work(
    mine: tuple[Small, str, Path],
) -> None:
    project, api, home = mine
    script = f"""
import json
from prefect_flow import campaign
said = []
for call in {list(WRONG)!r}:
    try:
        eval("campaign(" + call + ")")
    except Exception as error:
        said.append(str(error))
print(json.dumps([campaign.parameters.model_dump(), said]))
"""
    done = child(project, "-c", script, api=api, home=home)
    assert done.returncode == 0, done.stderr
    assert "Beginning flow run" not in done.stderr
    schema, errors = json.loads(done.stdout)
    for said, expected in zip(errors, WRONG.values(), strict=True):
        assert expected in said
    about = schema["properties"]
    assert list(about)[:4] == ["source", "today", "max_age", "max_income"]
    assert schema["required"] == []
    assert (about["max_age"]["type"], about["max_age"]["exclusiveMinimum"]) == ("integer", 0)
    assert (about["max_age"]["default"], about["source"]["default"]) == (90, "data/marketing_campaign.csv")
    assert [e["trials"] for e in about["experiments"]["default"]] == [2, 2], "as settings.toml has it"
    kinds = {kind["title"]: kind["properties"] for kind in about["experiments"]["items"]["anyOf"]}
    assert {"Linear", "Boosting", "Auto", "Estimator"} <= set(kinds)
    assert kinds["Boosting"]["kind"]["const"] == "Boosting"
    assert "rounds" in kinds["Boosting"]
    assert "rounds" not in kinds["Linear"]


@pytest.mark.slow
def test_called_by_hand_it_completes_and_called_again_all_is_cached(mine: tuple[Small, str, Path]) -> None:
    project, api, home = mine
    shutil.rmtree(project.root / ".magical", ignore_errors=True)  # of the tests before
    done = child(project, "prefect_flow.py", api=api, home=home)
    assert done.returncode == 0, done.stderr
    assert "temporary" not in done.stderr
    call = f"campaign(max_age=60, split={SPLIT}, experiments={EXPERIMENTS},"
    call += " features=[{'kind': 'Log', 'columns': 'income'}])"
    twice = f"from prefect_flow import campaign\nfor _ in range(2):\n    {call}\n"
    done = child(project, "-c", twice + FACTS, api=api, home=home)
    assert done.returncode == 0, done.stderr
    first, changed, again = read_facts(done.stdout)[-3:]
    assert (first[1], first[2]["max_age"]) == ("Completed", 90)
    assert first[3] == dict.fromkeys(STEPS, "Completed")
    assert changed[1] == again[1] == "Completed"
    assert changed[2]["max_age"] == 60
    assert changed[2]["split"] == SPLIT
    cached, explored = {"ingest": "Cached", "model_data": "Cached"}, {"register": "LeftOut"}
    assert changed[3] == dict.fromkeys(STEPS, "Completed") | cached | explored
    assert again[3] == dict.fromkeys(STEPS, "Cached") | explored


@contextmanager
def served(project: Small, how: str, api: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Serve the flow in its own process."""
    project.write("serving.py", how)
    process = subprocess.Popen(
        [sys.executable, "serving.py"],
        cwd=project.root,
        env={**environment(api, home), "PREFECT_RUNNER_POLL_FREQUENCY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "being served" in line:
                break
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        finally:
            process.kill()


WAYS = {
    "imported": "from prefect_flow import campaign\n"
    "if __name__ == '__main__':\n    campaign.serve('imported', cron='0 3 1 1 *')\n",
    "own": "from pathlib import Path\nimport magical\ncampaign = magical.load(Path(__file__).parent).flow()\n"
    "if __name__ == '__main__':\n    campaign.serve('own', cron='0 3 1 1 *')\n",
}
"""The ways to serve the flow."""


@pytest.mark.slow
def test_served_as_a_deployment_it_runs_with_parameters_as_json(mine: tuple[Small, str, Path]) -> None:
    """In both ways after one another, so that the second one finds its results and costs little."""
    project, api, home = mine
    parameters = {"max_age": 60, "split": SPLIT, "experiments": EXPERIMENTS}
    for name, how in WAYS.items():
        script = f"""
import json
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
run = run_deployment("campaign/{name}", parameters=json.loads('{json.dumps(parameters)}'), timeout=120)
with get_client(sync_client=True) as client:
    made = client.read_deployment_by_name("campaign/{name}")
print(json.dumps([str(run.id), run.state_name, made.entrypoint, made.enforce_parameter_schema]))
"""
        with served(project, how, api, home):
            done = child(project, "-c", script + FACTS, api=api, home=home)
        assert done.returncode == 0, done.stderr
        run, state, entrypoint, enforced = json.loads(done.stdout.splitlines()[-2])
        file = "prefect_flow.py" if name == "imported" else "serving.py"
        assert (state, entrypoint, enforced) == ("Completed", f"{file}:campaign", True)
        (tasks,) = [tasks for i, _, _, tasks in read_facts(done.stdout) if i == run]
        assert sorted(tasks) == sorted(STEPS)
        assert tasks["register"] == "LeftOut", "it has other parameters than the deployment"


@pytest.mark.slow
def test_what_the_page_on_scoring_says_of_flows(done: Small, prefect_server: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8").partition("## As a flow")[2]
    call, schedule = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    home, output = tmp_path / "home", done.root / "predictions.parquet"
    ended = child(done, "-c", call, api=prefect_server, home=home)
    assert ended.returncode == 0, ended.stderr
    first = output.read_bytes()
    output.unlink()
    script = """
import json
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
run = run_deployment("campaign-score/nightly", timeout=120)
with get_client(sync_client=True) as client:
    made = client.read_deployment_by_name("campaign-score/nightly")
print(json.dumps([run.state_name, made.entrypoint, made.parameters["replace"]]))
"""
    with served(done, schedule, prefect_server, home):
        ended = child(done, "-c", script, api=prefect_server, home=home)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == ["Completed", "prefect_flow.py:score", True]
    assert output.read_bytes() == first


def below(home: Path) -> list[psutil.Process]:
    """List the processes with this home of Prefect in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT_HOME") == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def gone(home: Path) -> bool:
    """Return True if all of them end soon."""
    until = time.monotonic() + 15
    while below(home) and time.monotonic() < until:
        time.sleep(0.2)
    return not below(home)


@pytest.mark.slow
def test_without_a_server_a_temporary_one_ends_with_it_and_nothing_is_lost(
    done: Small, tmp_path: Path
) -> None:
    done.write("settings.toml", FEW)
    home = tmp_path / "home"
    ended = child(done, "prefect_flow.py", api="", home=home)
    assert ended.returncode == 0, ended.stderr
    assert gone(home)
    said = [line for line in ended.stderr.splitlines() if "No Prefect server is set up" in line]
    assert len(said) == 1
    assert "half a minute" in said[0]
    assert "PREFECT_API_URL=" in said[0]
    assert "Starting temporary server" not in ended.stderr, "Prefect's own"
    import sqlite3

    with sqlite3.connect(home / "prefect.db") as database:
        tasks = dict(database.execute("select name, state_name from task_run").fetchall())
        states = database.execute("select state_name from flow_run").fetchall()
    database.close()
    assert states == [("Completed",)]
    assert set(tasks) == set(STEPS)
    assert set(tasks.values()) <= {"Cached", "Completed"}


@pytest.mark.slow
@pytest.mark.torture
def test_a_temporary_server_is_gone_after_a_kill_in_the_middle(campaign: Small, tmp_path: Path) -> None:
    home = tmp_path / "home"
    campaign.edit("workflow.py", "    sane = (", "    import time; time.sleep(60)\n    sane = (")
    process = subprocess.Popen(
        [sys.executable, "prefect_flow.py"],
        cwd=campaign.root,
        env=environment("", home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "'model_data' - Finished" in line:
            break
    assert len(below(home)) > 1, "it and its server"
    process.kill()
    process.wait()
    process.stderr.close()
    assert gone(home)


@pytest.mark.slow
def test_deployed_it_is_run_by_a_worker_that_stands_elsewhere(
    mine: tuple[Small, str, Path], tmp_path: Path
) -> None:
    project, api, home = mine
    pool = f"pool-{uuid4().hex[:8]}"
    commands = (
        ["work-pool", "create", pool, "--type", "process"],
        ["--no-prompt", "deploy", "prefect_flow.py:campaign", "-n", "deployed", "-p", pool],
        ["deployment", "run", "campaign/deployed", "-p", "max_age=70"],
    )
    # All in one process: each would import Prefect again.
    script = f"""
import sys
from prefect.cli import app
for words in {commands!r}:
    sys.argv = ["prefect", *words]
    try:
        app()
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""
    done = child(project, "-c", script, api=api, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    worker = subprocess.run(
        [sys.executable, "-m", "prefect", "worker", "start", "-p", pool, "--run-once"],
        cwd=tmp_path,
        env=environment(api, home),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert worker.returncode == 0, worker.stdout + worker.stderr
    _, state, parameters, tasks = flow_runs(project, api, home)[-1]
    assert (state, parameters["max_age"]) == ("Completed", 70)
    assert sorted(tasks) == sorted(STEPS)
