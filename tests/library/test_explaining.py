"""A run tells the importance of raw columns: shuffled rows pass the steps of the project again."""

import random

import pytest

from magical.brand import mark_not_real
from magical.library.explaining import Explanation
from projects import Small

WORKFLOW = """
from datetime import date

import polars as pl
from magical import Contract, Frame, Id, InputPath, Model, Settings, Target, Time, step, workflow
from magical.library import SplitSettings, explain, ingest, linear, model_data, select, split, train, transform


class VisitSettings(Settings):
    source: InputPath = InputPath("visits.csv")


class Visit(Contract):
    id: Id[int]
    spent: float
    visits: int
    low: float
    high: float
    day: Time[date]
    note: str
    target: Target[float]


class Derived(Visit):
    each: float
    month: int
    early: bool
    width: float


@step
def derive(visits: Frame[Visit]) -> Frame[Derived]:
    if (visits["low"] > visits["high"]).any():
        raise ValueError("low above high")
    return visits.with_columns(
        each=pl.col("spent") / pl.col("visits"){centre},
        month=pl.col("day").dt.month().cast(pl.Int64),
        early=pl.col("id") < 200,
        width=pl.col("high") - pl.col("low"),
    )


@step(promises=lambda table: table.without(["spent", "visits", "low", "high", "note"]))
def leave(table: Frame[Derived]) -> Frame:
    return table.drop("spent", "visits", "low", "high", "note")


@workflow
def visits(s: VisitSettings):
    rows = leave(derive(model_data(ingest(s.source), Visit)))
    first, second, test = split(rows, SplitSettings(kind="random", validation=0.3, test=0.1))
    model = select([train(first, second, transform(first), linear())])
    return explain(model, second)
"""


def write_visits(small: Small, centre: str = "") -> None:
    chance = random.Random(3)
    lines = ["id,spent,visits,low,high,day,note,target"]
    for number in range(600):
        spent, visits = chance.uniform(10, 100), chance.randint(1, 9)
        low = chance.uniform(0, 1)
        high = low + chance.expovariate(0.5)
        month = chance.randint(1, 12)
        target = spent / visits / 20 + 3 * (number < 200) + month / 3 + chance.gauss(0, 0.1)
        day = f"2024-{month:02}-{chance.randint(1, 28):02}"
        lines.append(f"{number},{spent:.3f},{visits},{low:.3f},{high:.3f},{day},n{number},{target:.4f}")
    small.write("visits.csv", "\n".join(lines))
    small.write("workflow.py", WORKFLOW.replace("{centre}", centre))
    small.write("pyproject.toml", "[tool.magical]\n")


def test_raw_columns_are_judged_through_the_steps_of_the_project(small: Small) -> None:
    """A ratio of two columns, a leaked id, the month of a date, a step that raises, a column left out."""
    write_visits(small)
    run = small.run()
    found: Explanation = run["explain"]
    assert found.level == "raw", found.reason
    assert repr(found).startswith("<explanation: ")
    assert set(found.used) == {"id", "day", "visits", "spent"}
    assert found.unused == ("note",)
    assert set(found.failed) == {"low", "high"}
    assert "low above high" in found.failed["low"]
    assert found.part == "validation"
    assert found.summary().startswith("rmse 0.0929, with shuffled id 1.9, day ")
    assert found.summary().endswith(f"; {found.rows} validation rows")


@pytest.mark.slow
def test_rows_that_hang_on_others_are_explained_by_features(small: Small) -> None:
    write_visits(small, centre=' - (pl.col("spent") / pl.col("visits")).mean()')
    found: Explanation = small.run()["explain"]
    assert found.level == "feature"
    assert "get another prediction" in found.reason
    assert set(found.used) >= {"each", "early"}
    assert found.unused == ()


def test_a_pretended_model_is_not_explained(small: Small) -> None:
    write_visits(small)
    small.edit("workflow.py", "@workflow", "@step\ndef fit(train: Frame) -> Model: ...\n\n\n@workflow")
    small.edit("workflow.py", "select([train(first, second, transform(first), linear())])", "fit(first)")
    small.edit("workflow.py", 'raise ValueError("low above high")', "pass")
    found: Explanation = small.load().pretend()["explain"]
    assert found.reason == "the model is pretended"
    assert str(found) == mark_not_real("not explained: the model is pretended")
