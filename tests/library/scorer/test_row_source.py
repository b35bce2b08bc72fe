"""A version keeps how its rows are read: a row alone is read as among the rows of the run."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from magical import InputPath
from magical.errors import BrokenPromise
from magical.library import ingest
from magical.library.scorer.scorer import ScoredRows, Scorer
from magical.library.sources import Reading
from magical.project.project_context import ProjectContext
from memory_registry import MemoryRegistry
from projects import Small, leaving_no_trace, project

FLOW = """
from datetime import date
from typing import Literal

import polars as pl

from magical import Contract, Field, Frame, Id, InputPath, Model, Receipt, Settings, Target, step, workflow
from magical.library import (
    Reading, RegisterSettings, SplitSettings, evaluate, ingest, linear, model_data, predict, register, split, train,
    transform,
)


class Sale(Contract):
    id: Id[int]
    price: float = Field(alias="Preis")
    share: float
    visits: int
    day: date
    sold: Target[bool]


@step
def plain(sales: Frame[Sale]) -> Frame[Sale]:
    return {plain}


class SaleSettings(Settings):
    source: InputPath = InputPath("sales.csv")


@workflow
def sales(settings: SaleSettings) -> Receipt:
    raw = ingest(settings.source, Reading(nulls=("k. A.",)))
    typed = plain(model_data(raw, Sale))
    first, second, third = split(typed, SplitSettings())
    model = train(first, second, transform(first), linear())
    return register(model, evaluate(predict(model, third), third), RegisterSettings(min_class_rows=0))
"""

HEAD = "id;Preis;share;visits;day;sold\n"


def line(i: int) -> str:
    day = f"{1 + i % 28:02}/{1 + i % 12:02}/2024"
    return f"{i};{1 + i % 9}.498,{i % 10};{i % 50} %;3.{100 + i};{day};{'ja' if i % 3 else 'nein'}\n"


def make_project(root: Path, plain: str = "sales") -> Small:
    files = {"workflow.py": FLOW.format(plain=plain), "sales.csv": HEAD + "".join(map(line, range(90)))}
    return project(root, files)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> MemoryRegistry:
    return MemoryRegistry(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def small(registry: MemoryRegistry, tmp_path_factory: pytest.TempPathFactory) -> Small:
    made = make_project(tmp_path_factory.mktemp("sales"))
    with pytest.MonkeyPatch.context() as patch, leaving_no_trace():
        patch.setattr(ProjectContext, "registry", lambda *_: registry)
        assert made.run()["register"].details["alias"] == "champion"
    return made


@pytest.fixture(scope="module")
def scorer(small: Small, registry: MemoryRegistry) -> Scorer:
    champion = registry.champion("sales")
    assert champion is not None
    return Scorer.load(registry.folder(champion))


def score_alone(small: Small, scorer: Scorer, text: str) -> ScoredRows:
    """Read a csv file by the version's reading, and score it."""
    small.write("new.csv", HEAD + text)
    return scorer.score_rows(ingest(InputPath(small.root / "new.csv"), scorer.reading))


@pytest.mark.slow
def test_the_reading_of_the_workflow_is_part_of_the_version(scorer: Scorer) -> None:
    assert scorer.reading == Reading(nulls=("k. A.",))
    assert scorer.raw_rows.step == "magical.library.ingesting:ingest"
    assert scorer.raw_rows.refusal == ""


@pytest.mark.slow
def test_the_marks_that_the_run_settled_are_part_of_the_version(scorer: Scorer) -> None:
    marks = {
        c.name: (c.alias, c.decimal, c.thousands, c.unit, c.order, c.settled)
        for c in scorer.row_schema.columns
    }
    assert marks == {
        "id": ("", "", "", "", "", ""),
        "price": ("Preis", ",", ".", "", "", "source"),
        "share": ("", "", "", "%", "", "source"),
        "visits": ("", "", ".", "", "", "source"),
        "day": ("", "", "", "", "day", "source"),
    }


@pytest.mark.slow
def test_each_row_alone_is_read_as_the_run_read_it(small: Small, scorer: Scorer) -> None:
    typed = small.run("model_data")["model_data"].drop("sold")
    together = score_alone(small, scorer, "".join(map(line, range(90))))
    assert together.rejects.is_empty()
    assert together.typed.equals(typed)
    for i in (0, 3, 40):
        alone = score_alone(small, scorer, line(i))
        assert alone.typed.row(0) == typed.row(i)
        # BLAS adds the terms of one row in another order than those of many.
        assert_frame_equal(alone.predictions, together.predictions[i], rel_tol=1e-12)


@pytest.mark.slow
def test_a_row_of_an_export_with_other_marks_is_rejected_with_the_reason(
    small: Small, scorer: Scorer
) -> None:
    other = "7;1498.5;0.07;3,107;12/31/2024;\n"
    for text, row in ((other, 0), (line(1) + other + line(2), 1)):
        rejects = score_alone(small, scorer, text).rejects
        assert rejects.rows() == [
            (row, "price", "must be float (write it as in the run: decimal ',', thousands '.')", "9999.9"),
            (row, "share", "must be float (write it as in the run: unit '%')", "9.99"),
            (row, "visits", "must be int (write it as in the run: thousands '.')", "9,999"),
            (row, "day", "must be date (in the run the day came first)", "99/99/9999"),
        ]


@pytest.mark.slow
def test_without_steps_on_raw_rows_they_stay_as_they_are(scorer: Scorer) -> None:
    table = pl.DataFrame({"x": [1]})
    assert scorer.raw_rows.prepare(table).equals(table)
    with pytest.raises(BrokenPromise, match="as in the run: its rows come from 2 sources"):
        replace(scorer.raw_rows, refusal="its rows come from 2 sources (a and b)").prepare(table)
