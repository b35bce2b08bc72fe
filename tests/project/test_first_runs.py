"""The first runs of a fresh clone, several at once: they make one MLflow database, and all are tracked."""

import subprocess
import sys
from pathlib import Path

import pytest

from magical.integrations.mlflow.client import prepare_mlflow
from projects import IMPORTS, project

BODY = """
class FlowSettings(Settings):
    number: int = 0

@step
def total(number: int) -> int:
    return number + 1

@workflow
def flow(s: FlowSettings) -> int:
    return total(s.number)
"""


@pytest.mark.slow
def test_three_first_runs_at_once_are_all_tracked(tmp_path: Path) -> None:
    small = project(tmp_path / "fresh", {"workflow.py": IMPORTS + BODY}, tracking=True)
    command = [sys.executable, "-m", "magical.cli", "run", "--project", str(small.root)]
    runs = [
        subprocess.Popen(
            [*command, f"number={n}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for n in range(3)
    ]
    said = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 3, said
    assert not [text for text in said if "already exists" in text or "MLflow" in text], said
    uri = f"sqlite:///{small.root / '.magical' / 'mlflow.db'}"
    with prepare_mlflow(uri):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "flow"]
    tracked = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.params["number"] for run in tracked) == ["0", "1", "2"]
    assert {run.info.status for run in tracked} == {"FINISHED"}
    marks = list((small.root / ".magical" / "runs").glob("*/tracking.json"))
    assert len(marks) == 3
    assert all('"sent"' in mark.read_text() for mark in marks)
