"""The standard steps in a row, called plainly, on a file."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from library.tables import House, Person, Pupil, houses, people, pupils
from magical import Contract, InputPath, Settings, workflow
from magical.features import Feature
from magical.library import (
    Boosting,
    Experiment,
    Linear,
    Scores,
    SplitSettings,
    evaluate,
    featurize,
    ingest,
    model_data,
    predict,
    select,
    split,
    transform,
    tune,
)

CONTRACTS: dict[str, type[Contract]] = {"person": Person, "pupil": Pupil, "house": House}


class Choice(Settings):
    source: InputPath
    contract: str = "person"
    split: SplitSettings = SplitSettings(seed=3, folds=1)
    features: tuple[Feature, ...] = ()
    experiments: tuple[Experiment, ...] = (Linear(trials=2), Boosting(trials=2, rounds=40, patience=10))


@workflow
def flow(s: Choice) -> Scores:
    table = featurize(model_data(ingest(s.source), CONTRACTS[s.contract]), s.features)
    train, validation, test = split(table, s.split)
    preprocessing = transform(train, s.features)
    models = [tune(train, validation, preprocessing, e) for e in s.experiments]
    best = select(models, validation)
    return evaluate(predict(best, test), test)


@pytest.mark.parametrize(
    ("contract", "table", "least"),
    [
        ("person", people, {"roc_auc": 0.7}),
        ("pupil", pupils, {"accuracy": 0.5}),
        ("house", houses, {"r2": 0.9}),
    ],
)
def test_from_a_file_to_scores(tmp_path: Path, contract: str, table: Any, least: dict[str, float]) -> None:
    rows: pl.DataFrame = table(400)
    rows.write_csv(tmp_path / "rows.csv", separator=";")
    scores = flow(Choice(source=InputPath(tmp_path / "rows.csv"), contract=contract))
    assert scores.part == "test"
    for metric, value in least.items():
        assert scores[metric] > value


def test_it_draws_without_findings() -> None:
    graph = flow.draw(Choice(source=InputPath("nowhere.csv")))
    assert [n.name for n in graph.nodes] == [
        "ingest", "model_data", "featurize", "split", "transform", "tune[linear]", "tune[boosting]", "select",
        "predict", "evaluate",
    ]  # fmt: skip
    assert graph.findings == ()
