"""docs/experiments.md is true: its code runs, its lists of experiments are settings, its table has every kind."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from magical.library import Experiment, auto
from magical.project import Run
from projects import NO_TRACKING, Small

TEXT = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")
OURS = {n: kind for n, kind in Experiment.kinds.items() if kind.__module__.startswith("magical.")}


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


WORKFLOW, LOOK, NUMBERS = blocks("python")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The project of the page; all its lists of experiments are one list in the settings."""
    small = Small(tmp_path_factory.mktemp("page") / "answers")
    small.write("workflow.py", WORKFLOW)
    lists = (text.strip().removeprefix("experiments = [").removesuffix("]") for text in blocks("toml"))
    small.write("settings.toml", f"split.folds = 2\nexperiments = [{''.join(lists)}]\n{NO_TRACKING}")
    return small


@pytest.fixture(scope="module")
def run(page: Small) -> Run:
    """Its run."""
    return page.run()


def test_the_table_has_every_kind_with_its_own_fields() -> None:
    assert auto.__name__ in OURS
    table = dict(re.findall(r"^\| `([A-Z]\w+)` \|.*\|([^|]*)\|$", TEXT, re.MULTILINE))
    assert table.keys() == OURS.keys()
    shared = re.findall(r"`(\w+)`", re.search(r"^All have (.*)$", TEXT, re.MULTILINE)[1])  # type: ignore[index]
    assert set(shared) == set(Experiment.model_fields)
    for name, cell in table.items():
        own = [field for field in OURS[name].model_fields if field not in shared]
        assert sorted(re.findall(r"`(\w+)`", cell)) == sorted(own), name


def test_each_list_is_settings(page: Small) -> None:
    drawn = page.load().graph().nodes
    listed = [e for text in blocks("toml") for e in tomllib.loads(text)["experiments"]]
    assert len([n for n in drawn if n.name.startswith("tune[")]) == len(listed)


@pytest.mark.slow
def test_each_experiment_is_fitted_or_says_why_not(run: Run) -> None:
    candidates = {row["candidate"]: row for row in run.kept("select")["candidates"].to_dicts()}
    failed = {name: row["failure"] for name, row in candidates.items() if row["failure"]}
    assert failed.keys() == {"never_negative"}
    assert "Negative values" in failed["never_negative"]
    assert len(candidates) >= len(run["select"].candidates)
    assert run.kept("tune[never_negative]")["failure"]
    assert candidates["dummy"]["score"] > candidates["linear"]["score"]


@pytest.mark.slow
def test_its_python_runs(page: Small, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(page.root)
    names: dict[str, Any] = {}
    exec(LOOK, names)
    assert names["run"].executed == []
    assert str(names["best"]).endswith("out of fold")
    said = re.search(r"held_out.columns\)  # (.*)", LOOK)
    assert said is not None
    assert names["best"].held_out.columns == said[1].split(", ")


@pytest.mark.slow
def test_its_numbers_are_on_the_scale_of_the_target_and_a_quantile_is_one() -> None:
    exec(NUMBERS, {"__name__": "numbers_of_the_page"})  # it asserts
