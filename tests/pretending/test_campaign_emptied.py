"""The campaign with one, two or all of its steps unwritten still runs by pretending."""

import itertools
import os
import random
from pathlib import Path

import pytest

from magical.errors import MagicalError
from pretending.emptied import LIBRARY, OWN, PARENTS, QUICK, STEPS, copy_campaign, empty, origin
from projects import Small, python

pytestmark = pytest.mark.slow

PAIRS = list(itertools.combinations(STEPS, 2))
SOME = PAIRS if os.environ.get("MAGICAL_ALL_PAIRS") else random.Random(5).sample(PAIRS, 6)
"""`MAGICAL_ALL_PAIRS=1` takes all 120."""

HEAVY = ("sklearn", "mlflow", "optuna", "lightgbm", "skrub")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The campaign on 300 rows, run once in full up to what is registered: what is real comes from its cache."""
    project = empty(copy_campaign(tmp_path_factory.mktemp("emptied") / "campaign", rows=300))
    ran = [name for step in ("evaluate", "explain") for name in project.run(step, **QUICK).executed]
    assert sorted(ran) == sorted(PARENTS)
    return project


def runs(project: Small, *emptied: str) -> None:
    """The run succeeds, names the origin of each result, and registers nothing."""
    run = empty(project, *emptied).run(**QUICK)
    assert run.state == "done"
    for node in PARENTS:
        if node == "ingest" and node in emptied:
            with pytest.raises(MagicalError, match="ingest"):
                run[node]
            continue
        assert run.origin(node) == origin(node, emptied), node
    with pytest.raises(MagicalError, match="register gave nothing"):
        run["register"]
    scores = run["evaluate"]
    assert scores.origin == origin("evaluate", emptied)
    if not {"tune", "select", "refit", "evaluate"} & {*emptied}:
        assert 0 <= scores["roc_auc"] <= 1


def test_the_list_of_steps_is_the_campaigns_own(campaign: Small) -> None:
    assert {*LIBRARY, *OWN} == {*STEPS}
    nodes = [n.name for n in empty(campaign).load().graph(**QUICK).nodes]
    assert nodes == [*PARENTS, "register"]
    assert all(n.facts["unwritten"] for n in empty(campaign, *STEPS).load().graph(**QUICK).nodes)


@pytest.mark.slow_except("predict")
@pytest.mark.parametrize("step", STEPS)
def test_any_one_step_may_be_emptied(campaign: Small, step: str) -> None:
    runs(campaign, step)


@pytest.mark.slow_except("tune-evaluate")
@pytest.mark.parametrize("pair", SOME, ids="-".join)
def test_any_two_steps_may_be_emptied(campaign: Small, pair: tuple[str, str]) -> None:
    runs(campaign, *pair)


def test_all_steps_may_be_emptied(campaign: Small) -> None:
    runs(campaign, *STEPS)


def test_emptied_it_needs_no_data(tmp_path: Path) -> None:
    project = copy_campaign(tmp_path / "campaign")
    (project.root / "data" / "marketing_campaign.csv").unlink()
    runs(project, *STEPS)
    assert empty(project).load().pretend(rows=300, **QUICK).origin("clean") == ("model_data",)


@pytest.mark.slow_except("emptied")
@pytest.mark.parametrize("emptied", [(), STEPS], ids=["written", "emptied"])
def test_pretending_all_imports_neither_scikit_learn_nor_mlflow(
    tmp_path: Path, emptied: tuple[str, ...]
) -> None:
    project = empty(copy_campaign(tmp_path / "campaign"), *emptied)
    command = ("-m", "magical.cli", "pretend", "--all", "--rows", "200", "--project", str(project.root))
    said = python("-X", "importtime", *command, "tracking.enabled=true")
    assert said.returncode == 0, said.stderr[-2000:]
    imported = {line.split("|")[-1].strip().split(".")[0] for line in said.stderr.splitlines() if "|" in line}
    assert "polars" in imported
    assert not imported & {*HEAVY}
    assert "evaluate" in said.stdout
