"""Each kind of feature engineering works on the campaign from ``settings.toml`` alone: no line of code changes."""

import importlib
import json
import sys
import tomllib
from typing import Any

import polars as pl
import pytest

import magical
from examples.conftest import QUICK, QUICK_SETTINGS
from projects import Small, without_other_projects

# The kind of work, its line of settings, and the names of columns that the model gets from it.
BOX = {
    "crossing": (
        '{kind = "Cross", columns = ["education", "marital_status"]}',
        ["education_x_marital_status"],
    ),
    "crossing a binned number": (
        '{kind = "Cross", columns = ["marital_status", "age"], edges = {age = [40, 60]}}',
        ["marital_status_x_age"],
    ),
    "polynomials": (
        '{kind = "Polynomial", columns = ["recency", "years_enrolled"], degree = 2}',
        ["recency_squared", "recency_x_years_enrolled"],
    ),
    "polynomials of scaled columns": (
        '{kind = "Polynomial", columns = ["spent", "age"], interactions_only = true, after_scaling = true}',
        ["spent_x_age"],
    ),
    "log": ('{kind = "Log", columns = ["income", "mnt_*"]}', ["log_income", "log_mnt_wines"]),
    "encoding": ('{kind = "Encode", columns = "education", how = "ordinal"}', ["education"]),
    "encoding by the target": (
        '{kind = "Encode", columns = "marital_status", how = "target"}',
        ["marital_status (target mean)"],
    ),
    "binning": ('{kind = "Bin", columns = "age", edges = [30, 45, 60]}', ["age_bin"]),
    "binning by quantiles": ('{kind = "Bin", columns = "income", quantiles = 4}', ["income_bin"]),
    "imputation": ('{kind = "Impute", columns = "income", how = "nearest"}', ["income is missing"]),
    "scaling": ('{kind = "Scale", columns = ["spent", "mnt_*"], how = "quantile"}', ["spent", "mnt_wines"]),
}


def write_settings(*lines: str) -> str:
    """Write these features as the text of a ``settings.toml``."""
    return f"features = [{', '.join(lines)}]\n"


def test_each_kind_is_drawn(campaign: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(campaign.root))
    for name in ("workflow", "contracts"):  # a folder of tests has the name of a module of the project
        monkeypatch.delitem(sys.modules, name, raising=False)
    with without_other_projects():
        module: Any = importlib.import_module("workflow")  # a loaded project would also make keys
    for kind, (line, _) in BOX.items():
        settings = module.CampaignSettings.model_validate(tomllib.loads(write_settings(line)))
        graph = module.campaign.draw(settings)
        assert [str(f) for f in graph.findings] == [], kind
        assert len(graph.nodes) == 17


@pytest.mark.slow
@pytest.mark.torture
def test_all_kinds_reach_the_model_and_new_customers(campaign: Small) -> None:
    campaign.write("settings.toml", write_settings(*(line for line, _ in BOX.values())))
    done = campaign.process("run", *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    run = magical.load(campaign.root).run(**QUICK_SETTINGS)
    assert run.executed == []
    names = run.kept("transform")["features"]["feature"].to_list()
    for kind, (_, expected) in BOX.items():
        for name in expected:
            assert any(n == name or n.startswith(f"{name}=") for n in names), (kind, sorted(names))
    words = ("--model", "campaign@champion", "--input", str(campaign.root / "data" / "new_customers.csv"))
    output = campaign.root / "predictions.parquet"
    scored = campaign.process("score", *words, "--output", str(output), "--json")
    assert json.loads(scored.stdout)["scored"] == 50, scored.stderr
    assert pl.read_parquet(output)["prediction"].null_count() == 1  # the customer that clean leaves out
