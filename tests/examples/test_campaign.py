"""The main example: from the raw file to a registered model, several times."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import magical
from examples.conftest import QUICK
from projects import Small, python

HEAVY = ("polars", "pandas", "numpy", "sklearn", "mlflow", "optuna", "lightgbm", "workflow", "contracts")


def models(project: Small) -> list[dict[str, object]]:
    """The registered versions, newest first."""
    found: list[dict[str, object]] = json.loads(project.process("models", "--json").stdout)
    return found


def child_seconds(*words: str) -> float:
    """Measure the CPU seconds of a new Python, the least of three."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def test_ends_with_a_registered_champion_its_score_and_where_to_look(campaign: Small) -> None:
    done = campaign.process("run", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "evaluate: roc_auc 0.9" in done.stdout
    assert " to 0.9" in done.stdout
    assert "register: campaign version 1, alias champion" in done.stdout
    assert "Look:\n  magical inspect evaluate" in done.stdout
    (version,) = models(campaign)
    assert (version["name"], version["version"], version["aliases"]) == ("campaign", "1", ["champion"])


@pytest.mark.slow
def test_a_second_run_does_nothing_and_imports_nothing(finished: Path) -> None:
    command = ["-m", "magical.cli", "run", "--project", str(finished), *QUICK]
    again = python(*command)
    assert "nothing had to run; all 15 steps are fresh" in again.stdout
    shown = python("-X", "importtime", *command)
    imported = {line.split("|")[-1].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert not imported & set(HEAVY)
    assert child_seconds(*command) < child_seconds("-c", "import sklearn") / 2


def test_help_imports_nothing_heavy() -> None:
    shown = python("-X", "importtime", "-m", "magical.cli", "--help")
    imported = {line.split("|")[-1].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert shown.returncode == 0
    assert not imported & {*HEAVY, "pydantic"}


@pytest.mark.slow
def test_one_worker_and_two_and_plain_calls_give_the_same_scores(finished: Path, campaign: Small) -> None:
    quick = {"experiments": {"linear": {"trials": 2}, "boosting": {"trials": 2}}}
    run = magical.load(finished).run(**quick)
    assert run.executed == []
    assert campaign.process("run", *QUICK, "policy.workers=1", "tracking.enabled=false").returncode == 0
    alone = campaign.run(**quick)
    assert alone.executed == []
    assert alone.result == run.result
    assert alone["predict"].equals(run["predict"])
    plain = python(
        "-c",
        "import json, sys; sys.path.insert(0, '.')\n"
        "from workflow import CampaignSettings, boosting, campaign, linear\n"
        "settings = CampaignSettings(experiments=(linear(trials=2), boosting(trials=2)))\n"
        "print(campaign(settings).model_dump_json())",
        cwd=str(campaign.root),
    )
    assert plain.returncode == 0, plain.stderr
    assert "writes nothing" in plain.stderr
    assert type(run.result).model_validate_json(plain.stdout) == run.result


@pytest.mark.slow
def test_another_setting_runs_what_depends_on_it_and_going_back_runs_nothing(done: Small) -> None:
    assert done.states(**_quick())["clean"] == "to run"
    explored = json.loads(done.process("run", *QUICK[:-1], "max_age=70", "--json").stdout)
    assert {"clean", "evaluate"} <= set(explored["executed"])
    assert not {"ingest", "model_data", "register"} & set(explored["executed"])
    assert list(explored["left_out"]) == ["register"]
    first = json.loads(done.process("run", *QUICK, "max_age=70", "--json").stdout)
    assert first["executed"] == ["register"]
    back = done.process("run", *QUICK, "--json")
    assert json.loads(back.stdout)["executed"] == []


def _quick(**more: object) -> dict[str, object]:
    return {"experiments": {"linear": {"trials": 2}, "boosting": {"trials": 2}}, "max_age": 70, **more}


@pytest.mark.slow
def test_why_names_the_edited_line(done: Small) -> None:
    done.process("plan", *QUICK)
    done.edit("workflow.py", '"YOLO")', '"YOLO", "Other")')
    answer = done.process("why", "clean", *QUICK).stdout
    assert "workflow.SINGLE (workflow.py:" in answer
    assert "was edited" in answer


@pytest.mark.slow
def test_rejected_rows_are_kept(finished: Path) -> None:
    run = magical.load(finished).run(experiments={"linear": {"trials": 2}, "boosting": {"trials": 2}})
    rejected = run.kept("clean")["rejected"]
    assert sorted(rejected["year_birth"].to_list()) == [1893, 1899, 1900, 1977]
    assert rejected["income"].max() == 666_666


SERVE = """
import sys, json
import mlflow, polars as pl, pandas as pd

mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/campaign@champion")
rows = pl.read_parquet(sys.argv[2])
one = model.predict(rows.to_pandas())
two = model.predict(pd.DataFrame(rows.to_dicts()))
three = model.predict(rows.to_pandas(use_pyarrow_extension_array=True))
singles = [model.predict(rows[i : i + 1].to_pandas())["probability_True"].iloc[0] for i in range(5)]
assert "workflow" not in sys.modules and "contracts" not in sys.modules
print(json.dumps([list(x["probability_True"]) for x in (one, two, three)] + [singles]))
"""


@pytest.mark.slow
def test_the_registered_model_gives_the_numbers_of_the_run_elsewhere(finished: Path, tmp_path: Path) -> None:
    run = magical.load(finished).run(experiments={"linear": {"trials": 2}, "boosting": {"trials": 2}})
    predicted = run["predict"]
    typed = run["model_data"].drop("response", "Z_CostContact", "Z_Revenue")
    rows = predicted.select("id").join(typed, on="id", how="left", maintain_order="left")
    with_nulls = rows.filter(pl.col("income").is_null())["id"].to_list()
    assert with_nulls, "the test part has rows with nulls"
    rows.write_parquet(tmp_path / "rows.parquet")
    uri = f"sqlite:///{finished / '.magical' / 'mlflow.db'}"
    served = python("-c", SERVE, uri, str(tmp_path / "rows.parquet"), cwd=str(tmp_path))
    assert served.returncode == 0, served.stderr
    pandas, from_dicts, arrow, singles = json.loads(served.stdout.splitlines()[-1])
    expected = predicted["probability_True"].to_list()
    assert pandas == expected
    assert from_dicts == expected
    assert arrow == expected
    assert singles == pytest.approx(expected[:5], rel=1e-12)  # sums over a batch round otherwise


@pytest.mark.slow
def test_a_registry_that_is_down_leaves_no_receipt_and_the_next_run_registers(campaign: Small) -> None:
    down = campaign.process(
        "run", *QUICK, "tracking.enabled=false", "tracking.registry_uri=http://127.0.0.1:9"
    )
    assert down.returncode == 0
    said = down.stdout.splitlines()
    assert said[0].startswith("register is pending: MLflow at http://127.0.0.1:9 does not answer")
    assert said[1].startswith("Hint: magical sync")
    again = campaign.process("run", *QUICK, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["executed"] == ["register"]
    assert len(models(campaign)) == 1


@pytest.mark.slow
def test_mlflow_has_one_run_with_settings_scores_and_lineage(finished: Path) -> None:
    script = (
        "import json, sys, mlflow\n"
        "client = mlflow.MlflowClient(sys.argv[1])\n"
        "found = client.search_runs([e.experiment_id for e in client.search_experiments()])\n"
        "print(json.dumps([[dict(r.data.params), dict(r.data.metrics), dict(r.data.tags), r.info.status] for r in found]))"
    )
    shown = python("-c", script, f"sqlite:///{finished / '.magical' / 'mlflow.db'}")
    ((params, metrics, tags, status),) = json.loads(shown.stdout.splitlines()[-1])
    assert status == "FINISHED"
    assert params["split.seed"] == "7"
    assert 0.8 < metrics["roc_auc"] < 1
    assert metrics["roc_auc.low"] < metrics["roc_auc"] < metrics["roc_auc.high"]
    assert tags["magical.workflow"] == "campaign"


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["plan", "show", "runs"])
def test_reports_as_json(finished: Path, verb: str) -> None:
    words = [] if verb == "runs" else [*QUICK]
    assert json.loads(python("-m", "magical.cli", verb, "--project", str(finished), "--json", *words).stdout)


@pytest.mark.slow
def test_a_step_that_scoring_repeats_is_registered_anew_even_if_the_training_rows_stay(done: Small) -> None:
    assert json.loads(done.process("run", *QUICK, "--json").stdout)["executed"] == []
    done.edit("workflow.py", '"YOLO")', '"YOLO", "Other")')
    again = json.loads(done.process("run", *QUICK, "--json").stdout)
    assert again["executed"] == ["clean", "register"]
    why = done.process("why", "register", *QUICK).stdout
    assert "clean (workflow.py:" in why
