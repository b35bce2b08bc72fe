"""A challenger meets the champion on rows that neither has seen, so that memory wins nothing."""

import sys
from pathlib import Path
from typing import Any

import pytest

from library.served import Played, in_a_run, play
from magical.library.evaluating import evaluate
from magical.library.metrics.scores import Scores
from magical.library.scorer.scorer import Scorer
from memory_registry import MemoryRegistry

# One neighbour knows each row that it was fitted on by heart, and little of any other.
WORKFLOW = """
import numpy as np
import polars as pl
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from magical import Contract, Frame, Group, Id, Model, Receipt, Target, contract_of, step, workflow
from magical.contracts.model import to_canonical_frame
from magical.library import RegisterSettings, SplitSettings, evaluate, predict, register, split


class Visit(Contract):
    {unit}
    near: float
    far: float
    answers: Target[bool]


@step(reads="world")
def source(rows: int) -> Frame:
    rng = np.random.default_rng(5)
    near, far = rng.normal(size=(2, rows))
    answers = rng.random(rows) < 1 / (1 + np.exp(-2 * near))
    table = {{"near": near, "far": far, "answers": answers, "id": {ids}, "family": np.arange(rows) // 4}}
    return pl.DataFrame(table)


@step
def typed(raw: Frame) -> Frame[Visit]:
    return raw


@step
def scaled(visits: Frame[Visit], factor: int) -> Frame[Visit]:
    return visits.with_columns(pl.col("near") * factor, pl.col("far") * factor)


@step
def fit(train: Frame[Visit], neighbours: int) -> Model:
    schema = contract_of(train)
    schema = type(schema)("Features", tuple(c for c in schema.columns if not c.role))
    pipeline = make_pipeline(KNeighborsClassifier(neighbours))
    pipeline.fit(to_canonical_frame(train, schema), train["answers"].to_numpy())
    return Model(pipeline, "binary", "answers", schema, (False, True))


@workflow
def campaign() -> Receipt:
    visits = scaled(typed(source(3000)), {factor})
    train, validation, test = split(visits, SplitSettings({split}))
    best = fit(train, {neighbours})
    predictions = predict(best, test)
    return register(best, evaluate(predictions, test), RegisterSettings({how}))
"""

ID = "id: Id[int]"


class Bench:
    """Runs variants of the project into one registry."""

    def __init__(self, home: Path) -> None:
        self.home, self.registry = home, MemoryRegistry(home / "registry")

    def run(self, key: str, **changes: Any) -> Played:
        """Write the project, run it, and register its model."""
        given = {
            "unit": ID,
            "factor": 1,
            "split": "",
            "neighbours": 1,
            "how": "",
            "ids": "np.arange(rows)",
        } | changes
        (self.home / "project").mkdir(exist_ok=True)
        (self.home / "project" / "workflow.py").write_text(WORKFLOW.format(**given))
        return play(
            self.home / "project", in_a_run(self.registry, self.home / "scratch", key.ljust(40, "0"), {})
        )

    def champion(self) -> str:
        """The number of the champion."""
        found = self.registry.champion("campaign")
        return found.number if found else ""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # one file is written several times in a second
    return Bench(tmp_path)


def compare_as_before(bench: Bench, challenger: Played) -> tuple[float, float]:
    """Return what decided before: both on the whole test part, whatever the first champion saw of it."""
    test = challenger.values["split"].test
    predicted = Scorer.load(bench.home / "registry" / "campaign" / "1").predict(test)
    old: Scores = evaluate.function(predicted, test, "test")
    return challenger.values["evaluate"]["roc_auc"], old["roc_auc"]


@pytest.mark.slow
def test_a_champion_does_not_win_by_its_memory(bench: Bench) -> None:
    bench.run("a1")
    assert bench.champion() == "1"
    equal = bench.run("a2", split="test_seed=1")
    new, old = compare_as_before(bench, equal)
    assert (new < 0.75, old > 0.85) == (True, True), "the old rule takes memory for skill"
    comparison = equal.values["register"].details["comparison"]
    assert comparison["verdict"] == "equal"
    assert abs(comparison["value"] - comparison["other"]) < 0.1
    better = bench.run("a3", split="test_seed=1", neighbours=7)
    new, old = compare_as_before(bench, better)
    assert new < old, "the old rule keeps the worse model"
    assert better.values["register"].details["comparison"]["verdict"] == "better"
    assert bench.champion() == "3"


@pytest.mark.slow
def test_a_changed_seed_leaves_all_of_test_to_compare_on(bench: Bench) -> None:
    first = bench.run("a1")
    second = bench.run("a2", split="seed=8, validation=0.3")
    assert second.values["split"].test.equals(first.values["split"].test)
    comparison = second.values["register"].details["comparison"]
    assert (comparison["verdict"], comparison["units"]) == ("equal", first.values["split"].test.height)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "split"),
    [(ID, ""), (f"family: Group[int]\n    {ID}", ""), ("", ""), (f"family: Group[int]\n    {ID}", "kind='random', ")],
    ids=["id", "group", "content", "group without a split by it"],
)  # fmt: skip
def test_the_compared_rows_are_those_whose_unit_neither_has_seen(unit: str, split: str, bench: Bench) -> None:
    first = bench.run("a1", unit=unit, split=split)
    second = bench.run("a2", unit=unit, split=f"{split}test_seed=1", factor=2, how="min_compared_rows=1")
    parts = [played.values["split"].assignment["part"].to_list() for played in (first, second)]
    size = 4 if "family" in unit and not split else 1  # rows of a unit, which follow each other
    seen = {row // size for row, part in enumerate(parts[0]) if part != "test"}
    shared = {row // size for row, part in enumerate(parts[1]) if part == "test"} - seen
    comparison = second.values["register"].details["comparison"]
    assert comparison["units"] == len(shared) > 20


@pytest.mark.slow
def test_other_kinds_of_units_are_not_compared(bench: Bench) -> None:
    bench.run("a1", unit=f"family: Group[int]\n    {ID}")
    second = bench.run("a2", how="replace_equal=True")
    assert "its rows are told apart by group (family: int), and those of this model by id (id: int); " in str(
        second.values["register"].text
    )
    assert bench.champion() == "1"


@pytest.mark.slow
def test_ids_of_another_type_are_not_compared(bench: Bench) -> None:
    bench.run("a1")
    texts = {"unit": "id: Id[str]", "ids": "np.arange(rows).astype(str)", "split": "test_seed=1"}
    second = bench.run("a2", **texts, neighbours=7, how="replace_equal=True")
    assert (
        "told apart by id (id: int), and those of this model by id (id: str); "
        in second.values["register"].text
    )
    assert bench.champion() == "1"
