"""Ten ways to take what stands on a pretence for real; each is refused, and says which steps are pretended.

The project is `tenfold`, with a real MLflow database and the standard `register`; `customers` has no body.
"""

import copy
import io
import json
import pickle
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import pytest
import skops.io

import magical
from magical.contracts.promises import promise_of
from magical.errors import MagicalError, RegistryError, UnwrittenStep
from magical.integrations.mlflow.client import prepare_mlflow
from magical.library.scorer.model_files import save_model
from magical.project.replay import replay_step
from magical.testing.registry_conformance import make_submission
from mlflow_databases import database, free_port
from pretending.tenfold import ENROLL_FOR_REAL, STEPS, Tenfold, origin, plain
from projects import python

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Tenfold:
    found = Tenfold(tmp_path / "tenfold", settings="")
    found.bodies["enroll"] = ENROLL_FOR_REAL
    database(found.root / ".magical")
    return found.empty("customers")


def versions(project: Tenfold) -> list[str]:
    """Return the registered versions, from the project's own registry."""
    return [v.number for v in project.load().registry().versions()]


def test_1_the_standard_register(project: Tenfold) -> None:
    said = project.command("run")
    assert said.code == 0, said.err
    assert "enroll was left out: it stands on customers." in said.out
    project.bodies["enroll"] = ENROLL_FOR_REAL.replace('(writes="world")', "")  # it hides what it does
    with pytest.raises(MagicalError, match="stands on what is not real: customers"):
        project.empty("customers").run("enroll")
    assert versions(project) == []


def test_2_models_and_the_registry_by_hand(project: Tenfold, tmp_path: Path) -> None:
    model = project.empty("customers", "choose").run()["choose"]
    assert model.origin == ("choose", "customers")
    with pytest.raises(RegistryError, match="not real: choose, customers"):
        project.load().registry().put(replace(make_submission(tmp_path), origin=model.origin))
    with pytest.raises(UnwrittenStep, match="choose"):  # the files of a submission, without the brand
        save_model(replace(model, origin=()), tmp_path)
    said = project.command("models", "--promote", "1")
    assert (said.code, versions(project)) == (2, [])


PREDICT = """
import sys
import magical

run = magical.load(sys.argv[1]).run()
print(run["steady"].predict(run["shoppers"]))
"""


def test_3_predicting_in_another_process(project: Tenfold) -> None:
    run = project.empty("steady").run()
    with pytest.raises(UnwrittenStep, match=r"This model is pretended \(steady\)"):
        run["steady"].predict(run["shoppers"])
    with pytest.raises(UnwrittenStep, match="steady"):
        run["steady"].probabilities(run["shoppers"])
    said = python("-c", PREDICT, str(project.root))
    assert said.returncode == 1
    assert "This model is pretended (steady): outside a pretending run it predicts nothing." in said.stderr


@pytest.mark.slow
def test_4_sync_after_the_registry_was_down(project: Tenfold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    project.write("settings.toml", f'[tracking]\nuri = "http://127.0.0.1:{free_port()}"\n')
    said = project.command("run")
    assert "pending" not in said.out
    assert "enroll was left out: it stands on customers." in said.out
    assert project.empty().run().pending.keys() == {"enroll"}  # now for real, and the registry is still down
    project.empty("customers").run()
    project.write("settings.toml", "")
    synced = project.load().sync()
    assert versions(project) == []
    (pending,) = [one for one in synced.items if one.step == "enroll"]
    assert (pending.state, "customers" in pending.text + pending.hint) == ("changed", True)
    assert [one.step for one in project.empty().load().sync().items if one.state == "sent"] == ["enroll"]
    assert versions(project) == ["1"]


def test_5_a_cached_artifact_after_the_step_was_written(project: Tenfold) -> None:
    made_up = project.run()
    made_up["customers"].write_csv(project.root / "data" / "customers.csv")
    project.bodies["customers"] = """
@step
def customers(source: InputPath) -> Frame[Customer]:
    return pl.read_csv(source, schema_overrides={"income": pl.Float64})
"""
    real = project.empty().run()
    assert real["customers"].equals(made_up["customers"])  # the same content, and nothing else of it is taken
    assert {*STEPS} - {"products", "orders"} <= {*real.executed}
    assert [real.origin(step) for step in STEPS] == [()] * len(STEPS)
    assert versions(project) == ["1"]
    again = project.empty("customers").run()
    assert again.origin("judge") == ("customers",)
    assert versions(project) == ["1"]


def test_6_a_copied_store(project: Tenfold, tmp_path: Path) -> None:
    project.run()
    written = Tenfold(tmp_path / "written").empty()
    shutil.copytree(project.root / ".magical" / "store", written.root / ".magical" / "store")
    for trust in (False, True):
        run = magical.load(written.root, trust=trust).run()
        assert [run.origin(step) for step in STEPS] == [()] * len(STEPS)
    other = Tenfold(tmp_path / "other").empty()
    assert plain(run["shoppers"]) == plain(other.run()["shoppers"])
    unwritten = Tenfold(tmp_path / "unwritten").empty("customers")
    shutil.copytree(project.root / ".magical" / "store", unwritten.root / ".magical" / "store")
    run = magical.load(unwritten.root, trust=True).run()
    assert {"customers", "shoppers"} & {*run.executed} == set()  # it is taken, with its brand
    assert run.origin("judge") == run["judge"].origin == run["choose"].origin == ("customers",)
    assert unwritten.enrolled == []


def test_6_a_record_whose_origin_was_erased_counts_no_more(tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold").empty("customers")
    project.run()
    branded = '"origin": ["customers"]'
    records = list((project.root / ".magical" / "store" / "records").rglob("*.json"))
    assert sum(branded in path.read_text() for path in records) == 7
    for path in records:
        path.write_text(path.read_text().replace(branded, '"origin": []'))
    run = project.run()
    assert {"customers", "shoppers", "choose", "judge"} <= {*run.executed}
    assert run.origin("judge") == ("customers",)


def test_7_replay(project: Tenfold) -> None:
    project.run()
    assert replay_step(project.load(), "last", "judge")().origin == ("customers",)
    assert replay_step(project.load(), "last", "choose")().origin == ("customers",)
    with pytest.raises(MagicalError, match="customers"):
        replay_step(project.load(), "last", "enroll")()
    assert versions(project) == []
    project.empty()  # written meanwhile: the inputs are still the generated ones
    assert replay_step(project.load(), "last", "judge")().origin == ("customers",)


def test_8_results_of_a_sample(project: Tenfold) -> None:
    run = magical.load(project.root, sample=150).run()
    assert run.origin("judge") == ("customers", "orders (sample)", "products (sample)")
    assert run["judge"].origin == run.origin("judge")
    assert run.origin("customers") == ("customers",)
    project.empty()
    run = magical.load(project.root, sample=150).run()
    assert "customers" not in run.origin("judge")
    assert versions(project) == []
    assert project.run().origin("judge") == ()
    assert versions(project) == ["1"]


@pytest.mark.slow_except("inside-store")
@pytest.mark.parametrize("form", ["pickle", "cloudpickle", "joblib", "deepcopy", "skops", "store"])
@pytest.mark.parametrize("piece", ["model", "pipeline", "inside"])
def test_9_pickling_a_pretended_model(project: Tenfold, form: str, piece: str) -> None:
    model = project.empty("choose").run("choose")["choose"]
    value = {"model": model, "pipeline": model.pipeline, "inside": {"best": [model]}}[piece]
    forms: dict[str, Any] = {
        "pickle": pickle.dumps,
        "cloudpickle": cloudpickle.dumps,
        "joblib": lambda given: joblib.dump(given, io.BytesIO()),
        "deepcopy": copy.deepcopy,
        "skops": skops.io.dumps,
        "store": lambda given: project.load().store.save([given], promise_of(object), "ab" * 20),
    }
    with pytest.raises(MagicalError, match=r"pretended.*choose"):
        forms[form](value)


def test_9_it_is_stored_as_json_with_the_brand_in_it(project: Tenfold) -> None:
    project.empty("choose").run("choose")
    store = project.load().store
    (record,) = [
        r for r in map(store.find_record, project.load().runs()[0].keys.values()) if r.node == "choose"
    ]
    stored = json.loads(store.objects.get(record.result.blob))
    assert (stored["origin"], stored["stand_in"]["origin"]) == (["choose"], ["choose"])


def test_10_the_metrics_of_the_tracking_listener(project: Tenfold) -> None:
    project.run()
    project.empty("judge").run()
    project.empty().run()
    uri = project.load().context().database_uri()
    with prepare_mlflow(uri):
        from mlflow import MlflowClient

        client = MlflowClient(uri, uri)
        experiments = [e.experiment_id for e in client.search_experiments()]
        runs = client.search_runs(experiments, order_by=["attributes.start_time ASC"])
    assert [sorted(r.data.metrics) for r in runs[:2]] == [[], []]
    assert "accuracy" in runs[2].data.metrics
    origins = [r.data.tags.get("magical.origin", "") for r in runs]
    assert [re.findall(r"\w+", o) for o in origins] == [["customers"], ["judge"], []]


def test_the_brand_is_in_the_journal_and_in_what_inspect_says(project: Tenfold) -> None:
    project.run()
    finished = {e["step"]: e["origin"] for e in project.events() if e["event"] == "StepFinished"}
    assert {n: tuple(o) for n, o in finished.items()} == {n: origin(n, {"customers"}) for n in STEPS[:-1]}
    assert "It is not real: it stands on customers." in project.command("inspect", "choose").out
