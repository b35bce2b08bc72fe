"""The main example: from the raw file to a registered model, several times."""

import json
from pathlib import Path

import polars as pl
import pytest

import magical
from examples.conftest import QUICK, QUICK_SETTINGS
from magical.integrations.mlflow.client import prepare_mlflow
from projects import Small, command, python

HEAVY = ("polars", "pandas", "numpy", "sklearn", "mlflow", "optuna", "lightgbm", "workflow", "contracts")


def models(project: Small) -> list[dict[str, object]]:
    """The registered versions, newest first."""
    found: list[dict[str, object]] = project.command("models", "--json").json
    return found


@pytest.mark.slow
def test_ends_with_a_registered_champion_its_score_and_where_to_look(finished: Path) -> None:
    said = (finished.parent / "said.txt").read_text(encoding="utf-8")
    assert "evaluate: roc_auc 0.9" in said
    assert " to 0.9" in said
    assert "register: campaign version 1, alias champion" in said
    assert "Look:\n  magical inspect evaluate" in said
    (version,) = models(Small(finished))
    assert (version["name"], version["version"], version["aliases"]) == ("campaign", "1", ["champion"])


@pytest.mark.slow
def test_a_second_run_does_nothing_and_imports_nothing(finished: Path) -> None:
    words = ["-m", "magical.cli", "run", "--project", str(finished), *QUICK]
    shown = python("-X", "importtime", *words)
    assert "nothing had to run; all 17 steps are fresh" in shown.stdout
    imported = {line.split("|")[-1].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert not imported & set(HEAVY)


def test_help_imports_nothing_heavy() -> None:
    shown = python("-X", "importtime", "-m", "magical.cli", "--help")
    imported = {line.split("|")[-1].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert shown.returncode == 0
    assert not imported & {*HEAVY, "pydantic"}


@pytest.mark.slow
def test_one_worker_and_two_and_plain_calls_give_the_same_scores(finished: Path, campaign: Small) -> None:
    run = magical.load(finished).run(**QUICK_SETTINGS)
    assert run.executed == []
    assert campaign.process("run", *QUICK, "policy.workers=1", "tracking.enabled=false").returncode == 0
    alone = campaign.run(**QUICK_SETTINGS)
    assert alone.executed == []
    assert alone.result == run.result
    assert alone["predict"].equals(run["predict"])
    plain = python(
        "-c",
        "import json, sys; sys.path.insert(0, '.')\n"
        "from workflow import CampaignSettings, SplitSettings, boosting, campaign, linear\n"
        "split = SplitSettings(kind='stratified', seed=7, folds=1)\n"
        "experiments = (linear(trials=2), boosting(trials=2, rounds=100))\n"
        "settings = CampaignSettings(split=split, experiments=experiments)\n"
        "print(campaign(settings).model_dump_json())",
        cwd=str(campaign.root),
    )
    assert plain.returncode == 0, plain.stderr
    assert "writes nothing" in plain.stderr
    assert type(run.result).model_validate_json(plain.stdout) == run.result


@pytest.mark.slow
def test_another_setting_runs_what_depends_on_it_and_going_back_runs_nothing(done: Small) -> None:
    assert done.states(**_quick())["clean"] == "to run"
    explored = done.command("run", *QUICK[:-1], "max_age=70", "--json").json
    assert {"clean", "evaluate"} <= set(explored["executed"])
    assert not {"ingest", "model_data", "register"} & set(explored["executed"])
    assert list(explored["left_out"]) == ["register"]
    first = done.command("run", *QUICK, "max_age=70", "--json").json
    assert first["executed"] == ["register"]
    assert done.command("run", *QUICK, "--json").json["executed"] == []


def _quick(**more: object) -> dict[str, object]:
    return {**QUICK_SETTINGS, "max_age": 70, **more}


@pytest.mark.slow
def test_why_names_the_edited_line(done: Small) -> None:
    done.command("plan", *QUICK)
    done.edit("workflow.py", '"YOLO")', '"YOLO", "Other")')
    answer = done.command("why", "clean", *QUICK).out
    assert "workflow.SINGLE (workflow.py:" in answer
    assert "was edited" in answer


@pytest.mark.slow
def test_the_report_answers_from_numbers_is_small_and_is_kept_in_mlflow(finished: Path) -> None:
    (page,) = (finished / ".magical" / "runs").glob("*/report.html")
    assert page.stat().st_size < 500_000
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    sections = {s["name"]: json.dumps(s) for s in told["sections"]}
    assert not [s["failure"] for s in told["sections"] if "failure" in s]
    assert {"verdict", "rows", "choice", "quality", "use", "worst", "service", "run"} <= sections.keys()
    assert "Yes: campaign version 1 passed its gate and is the champion." in sections["verdict"]
    assert "raw columns matter more than chance" in sections["use"]
    kept = {p.name: p for p in (finished / ".magical" / "artifacts").rglob("report.*")}
    assert kept["report.html"].read_bytes() == page.read_bytes()
    assert "report.json" in kept


@pytest.mark.slow
def test_rejected_rows_are_kept(finished: Path) -> None:
    run = magical.load(finished).run(**QUICK_SETTINGS)
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
    run = magical.load(finished).run(**QUICK_SETTINGS)
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
    down = campaign.command(
        "run", *QUICK, "tracking.enabled=false", "tracking.registry_uri=http://127.0.0.1:9"
    )
    assert down.code == 0
    said = down.out.splitlines()
    assert said[0].startswith("register is pending: MLflow at http://127.0.0.1:9 does not answer")
    assert said[1].startswith("Hint: magical sync")
    assert campaign.command("run", *QUICK, "--json").json["executed"] == ["register"]
    assert len(models(campaign)) == 1


@pytest.mark.slow
def test_mlflow_has_one_run_with_settings_scores_and_lineage(finished: Path) -> None:
    uri = f"sqlite:///{finished / '.magical' / 'mlflow.db'}"
    with prepare_mlflow(uri):
        from mlflow import MlflowClient

        client = MlflowClient(uri)
        (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    params, metrics, tags, status = run.data.params, run.data.metrics, run.data.tags, run.info.status
    assert status == "FINISHED"
    assert params["split.seed"] == "7"
    assert 0.8 < metrics["roc_auc"] < 1
    assert metrics["roc_auc.low"] < metrics["roc_auc"] < metrics["roc_auc.high"]
    assert tags["magical.workflow"] == "campaign"


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["plan", "show", "runs"])
def test_reports_as_json(finished: Path, verb: str) -> None:
    words = [] if verb == "runs" else [*QUICK]
    assert command(verb, "--project", str(finished), "--json", *words).json


@pytest.mark.slow
def test_a_step_that_scoring_repeats_is_registered_anew_even_if_the_training_rows_stay(done: Small) -> None:
    assert done.command("run", *QUICK, "--json").json["executed"] == []
    done.edit("workflow.py", '"YOLO")', '"YOLO", "Other")')
    assert done.command("run", *QUICK, "--json").json["executed"] == ["clean", "register"]
    assert "clean (workflow.py:" in done.command("why", "register", *QUICK).out
