"""candidate_scores: every candidate by every metric, paired with the best, on the same held-out rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from magical import Model
from magical.contracts.model import Candidate
from magical.contracts.schema import Schema
from magical.library import Metric, select


def model(name: str, table: dict[str, Any], classes: tuple[str, ...]) -> Model:
    held_out = pl.DataFrame({"row": range(len(table["y"])), **table})
    task = "binary" if len(classes) == 2 else "multiclass"
    chosen = Candidate(name, 0.0, "log_loss")
    return Model(None, task, "y", Schema("Row", ()), classes, chosen=chosen, held_out=held_out)


def two(rows: int = 400) -> list[Model]:
    rng = np.random.default_rng(0)
    yes = rng.random(rows)
    truth = np.where(rng.random(rows) < yes, "yes", "no")
    found = []
    for name, chance in (("sharp", yes), ("blunt", 0.5 + (yes - 0.5) / 20)):
        picked = np.where(chance >= 0.5, "yes", "no")
        table = {"y": truth, "prediction": picked, "probability_no": 1 - chance, "probability_yes": chance}
        found.append(model(name, table, ("no", "yes")))
    return found


def broken(truth: Any, guess: Any) -> float:
    raise ValueError("no idea")


def test_each_candidate_has_each_metric_and_its_paired_loss(run: Any) -> None:
    sharp, blunt = two()
    metrics = (Metric("log_loss"), Metric("balanced_accuracy"))
    select([blunt, sharp, replace(sharp, chosen=Candidate("again", 0.0, "log_loss"))], metrics=metrics)
    table = run.kept["candidate_scores"]
    for name in ("sharp", "blunt", "again"):
        found = table.filter(candidate=name)["metric"].to_list()
        assert found[:2] == ["log_loss", "balanced_accuracy"]
        assert {"roc_auc", "brier", "f1"} <= {*found}
    losses = {r["candidate"]: r for r in table.filter(metric="log_loss").rows(named=True)}
    assert losses["blunt"]["loss_low"] > 0
    assert [losses[n]["within_noise"] for n in ("sharp", "again", "blunt")] == [True, True, False]
    assert losses["blunt"]["loss_to_best"] == pytest.approx(
        losses["blunt"]["value"] - losses["sharp"]["value"]
    )
    assert table["low"].is_not_null().all()


def test_a_metric_that_only_reports_does_not_stop_a_selection(run: Any) -> None:
    odd = Metric("odd", function=broken)
    select(two(), metrics=(Metric("log_loss"), odd, Metric("brier", weights="worth")))
    found = {*run.kept["candidate_scores"]["metric"]}
    assert "log_loss" in found
    assert {"odd", "brier"}.isdisjoint(found)
    assert any("not judged by odd: The metric odd" in w and "ValueError" in w for w in run.warnings)
    assert "the candidates are not judged by brier: held-out rows lack worth." in run.warnings


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_a_held_out_class_that_no_fit_knew_is_an_error_of_each(run: Any, classes: tuple[str, ...]) -> None:
    rows, size = 60, len(classes)
    chances = np.random.default_rng(1).dirichlet(np.ones(size), rows)
    table = {"y": ["new", *(classes[i % size] for i in range(1, rows))]}
    table["prediction"] = [classes[i] for i in chances.argmax(axis=1)]
    table |= {f"probability_{c}": chances[:, i] for i, c in enumerate(classes)}  # type: ignore[assignment]
    select([model("one", table, classes), model("two", table, classes)], ensemble=False)
    assert run.kept["candidate_scores"].filter(metric="log_loss").height == 2
