"""What MLflow shows of a run: its whole story, and the same after the project was moved."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magical.integrations.mlflow.client import prepare_mlflow
from mlflow_databases import _wait, database, free_port
from projects import Small, project, python

pytestmark = pytest.mark.slow

FLOW = """
import polars as pl

from magical import Contract, Frame, Id, InputPath, Receipt, Settings, Target, keep, step, workflow
from magical.library import (
    Experiment, RegisterSettings, SplitSettings, evaluate, ingest, linear, model_data, predict, register, select,
    split, transform, tune,
)


class Row(Contract):
    key: Id[int]
    size: float
    kind: str
    outcome: Target[bool]


class FlowSettings(Settings):
    source: InputPath = InputPath("rows.csv")
    experiments: tuple[Experiment, ...] = (linear(trials=2), linear(name="plain", trials=1))
    registry: RegisterSettings = RegisterSettings()


@step
def clean(rows: Frame[Row]) -> Frame[Row]:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot(rows["size"])
    keep("my plot", figure)
    figure.clear()
    keep("rejected", rows.filter(pl.col("size") > 390))
    return rows.filter(pl.col("size") <= 390)


@workflow
def houses(s: FlowSettings) -> Receipt:
    rows = clean(model_data(ingest(s.source), Row))
    train, validation, test = split(rows, SplitSettings(seed=3, folds=1))
    models = [tune(train, validation, transform(train), e) for e in s.experiments]
    best = select(models)
    return register(best, evaluate(predict(best, test), test), s.registry)
"""


def rows() -> str:
    lines = ["key,size,kind,outcome"]
    for i in range(400):
        size, noise = (i * 7919) % 401, (i * 104729) % 170
        lines.append(f"{i},{size}.5,k{i % 5},{str(size + noise > 280).lower()}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A project that ran and was then moved; nothing of ours has looked at it since."""
    root = tmp_path_factory.mktemp("story")
    small = project(root / "houses", {"workflow.py": FLOW, "rows.csv": rows()}, tracking=True)
    database(small.root / ".magical")
    small.process("run").check_returncode()
    return Small(small.root.rename(root / "elsewhere"))


def address(small: Small) -> str:
    return f"sqlite:///{small.root / '.magical' / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(moved: Small) -> Any:
    with prepare_mlflow(address(moved)):
        from mlflow import MlflowClient

        return MlflowClient(address(moved), registry_uri=address(moved))


@pytest.fixture(scope="module")
def run(client: Any) -> Any:
    experiment = client.get_experiment_by_name("houses").experiment_id
    (found,) = client.search_runs([experiment])  # one: trials are a table, not runs
    return found


def artifact(client: Any, run: Any, name: str) -> bytes:
    return Path(client.download_artifacts(run.info.run_id, name)).read_bytes()


def test_each_candidate_has_its_score_on_held_out_rows(moved: Small, run: Any) -> None:
    kept = moved.load().run().kept("select")["candidates"]
    expected = {f"validation.log_loss.{c}": s for c, s in zip(kept["candidate"], kept["score"], strict=True)}
    assert set(expected) == {"validation.log_loss.linear", "validation.log_loss.plain"}
    found = {n: v for n, v in run.data.metrics.items() if n.startswith("validation.")}
    assert found == expected
    assert run.data.metrics["roc_auc"] > 0.5, "scores on test keep their plain names"


def test_trials_and_kept_tables_are_tables_of_mlflow(moved: Small, client: Any, run: Any) -> None:
    shown = {entry["path"] for entry in json.loads(run.data.tags["mlflow.loggedArtifacts"])}
    names = ("confusion", "roc", "calibration", "worst")
    assert {f"kept/evaluate/{name}.json" for name in names} <= shown
    assert {"kept/clean/rejected.json", "kept/register/gate.json", "kept/select/candidates.json"} <= shown
    trials = json.loads(artifact(client, run, "kept/tune.linear/trials.json"))
    stored = moved.load().run().kept("tune[linear]")["trials"]
    assert trials["columns"] == stored.columns
    assert [row[:2] for row in trials["data"]] == [list(row[:2]) for row in stored.rows()]


def test_a_figure_is_as_it_was_when_it_was_kept(moved: Small, client: Any, run: Any) -> None:
    sent = artifact(client, run, "kept/clean/my plot.png")
    figure = moved.load().run().kept("clean")["my plot"]
    assert sent == figure.data
    shown = moved.process("inspect", "clean").stdout
    lines = iter(shown.splitlines())
    assert next(line for line in lines if line.startswith("figure (png, "))
    path = Path(next(lines).strip())
    assert (path.suffix, path.read_bytes()) == (".png", sent)
    import matplotlib.image

    assert len({tuple(p) for p in matplotlib.image.imread(path).reshape(-1, 4)}) > 2, "no empty picture"


def test_run_model_and_commit_are_linked(client: Any, run: Any) -> None:
    (version,) = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    assert (version.name, version.tags["magical.run"]) == ("houses", run.data.tags["magical.run"])
    assert version.source.startswith(f"runs:/{run.info.run_id}/")


LOAD = """
import os, sys
import mlflow
model = mlflow.pyfunc.load_model("models:/houses@champion")
mlflow.set_experiment("houses")
trials = mlflow.load_table("kept/tune.linear/trials.json")
print(len(model.predict(model.input_example)), len(trials), "magical.project" in sys.modules)
"""


def test_the_moved_database_serves_a_bare_client_at_once(moved: Small, tmp_path: Path) -> None:
    done = python("-c", LOAD, cwd=str(tmp_path), MLFLOW_TRACKING_URI=address(moved))
    assert done.stdout.split() == ["5", "2", "False"], done.stderr


def test_our_own_commands_serve_the_moved_project(moved: Small) -> None:
    assert "champion" in moved.process("models").stdout
    files = ("--input", str(moved.root / "rows.csv"), "--output", str(moved.root / "out.csv"))
    scored = moved.process("score", "--model", "houses@champion", *files)
    assert scored.returncode == 0, scored.stderr


@pytest.fixture(scope="module")
def page(moved: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's own server over the moved database, started without us."""
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", address(moved)]
    words += ["--artifacts-destination", (moved.root / ".magical" / "artifacts").as_uri()]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, *words], cwd=folder, stdout=log, stderr=log, env={**os.environ, **quiet}
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}", process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_mlflows_page_has_the_files_of_the_moved_project(page: str, run: Any, tmp_path: Path) -> None:
    query = f"run_uuid={run.info.run_id}&path=kept/evaluate/roc.json"
    with urllib.request.urlopen(f"{page}/get-artifact?{query}") as answer:
        assert json.load(answer)["columns"][0] == "threshold"
    done = python("-c", LOAD, cwd=str(tmp_path), MLFLOW_TRACKING_URI=page)
    assert done.stdout.split() == ["5", "2", "False"], done.stderr
