"""`magical fit`: one file becomes a scored and registered model, without a project to write."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import magical
from magical.errors import MagicalError
from magical.library import Scores
from magical.library.metrics.scores import Score
from magical.project.fit import FittedFile, prepare_fit
from magical.project.scaffold.project_options import ProjectOptions
from projects import Answer, command, is_well_worded, leaving_no_trace

ROWS = 160


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pl.DataFrame]:
    """Work in a folder that has one file only."""
    sold = [int(i * 7919 % 101 > 50) for i in range(ROWS)]
    table = pl.DataFrame(
        {
            "id": range(ROWS),
            "shop": [f"S{i % 3}" for i in range(ROWS)],
            "size": [sold[i] * 4 + i * 31 % 11 for i in range(ROWS)],
            "stars": [i % 5 + 1 for i in range(ROWS)],
            "sold": [None if i == 9 else y for i, y in enumerate(sold)],
        }
    )
    table.write_csv(tmp_path / "shop.csv")
    monkeypatch.chdir(tmp_path)
    with leaving_no_trace():
        yield table


def fit(*words: str) -> Answer:
    return command("fit", *words)


def test_a_file_becomes_a_model_that_is_found_again_scores_and_can_be_edited(
    tmp_path: Path, rows: pl.DataFrame
) -> None:
    said = fit("shop.csv", "--target", "sold", "--budget", "2s", "--json")
    assert said.code == 0, said
    assert (
        "sold, bool | None (0 and 1 are read as False and True; missing in 1 of 160 rows; these" in said.err
    )
    first = said.json
    assert first["version"] == {"name": "shop", "version": "1", "alias": "champion"}
    scores, baseline = (first[name]["metrics"]["roc_auc"]["value"] for name in ("scores", "baseline"))
    assert scores > baseline == 0.5
    assert sorted(p.name for p in tmp_path.iterdir()) == [".magical", "shop.csv"]
    root = tmp_path / ".magical" / "fit" / "shop"
    assert not (root / "data").exists()

    again = fit("shop.csv", "--target", "SOLD", "--budget", "2s").out
    assert again.startswith("Nothing had to run")
    assert "\nshop: roc_auc " in again
    assert "  registered: shop version 1, alias champion" in again
    assert first["score"] in again
    assert first["new"] in again

    rows.drop("sold").write_csv(tmp_path / "NEW.csv")
    scored = command(*shlex.split(first["score"])[1:])
    assert scored.code == 0, scored
    assert pl.read_csv(tmp_path / "predictions.csv").height == ROWS

    made = command(*shlex.split(first["new"])[1:])
    assert made.code == 0, made
    assert (tmp_path / "shop" / "contracts.py").read_text() == (root / "contracts.py").read_text()
    fitted, edited = ((folder / "workflow.py").read_text() for folder in (root, tmp_path / "shop"))
    assert fitted.replace("../../../shop.csv", "data/shop.csv") == edited

    prepare_fit("shop.csv", "sold", options=ProjectOptions(budget="2s", metric="accuracy"))
    states = {name: plan.state for name, plan in magical.load(root).plan().items()}
    assert {n for n, state in states.items() if state == "fresh"} >= {
        "ingest",
        "model_data",
        "clean",
        "split",
    }
    assert states["tune"] != "fresh"


@pytest.mark.parametrize(
    ("metric", "low", "high", "guess", "beats"),
    [
        ("roc_auc", 0.6, 0.8, 0.5, True),
        ("roc_auc", 0.45, 0.8, 0.5, False),
        ("log_loss", 0.3, 0.6, 0.7, True),
        ("log_loss", 0.3, 0.8, 0.7, False),
        ("log_loss", 0.8, 0.9, 0.7, False),
    ],
)
def test_a_model_beats_the_baseline_by_its_whole_interval(
    metric: str, low: float, high: float, guess: float, beats: bool
) -> None:
    nothing: Any = None
    fitted = FittedFile(nothing, nothing, nothing)
    for name, score in (("scores", (low, high)), ("baseline", (guess, guess))):
        found = {metric: Score(value=score[0], low=score[0], high=score[1])}
        vars(fitted)[name] = Scores(task="binary", target="y", part="test", rows=9, metrics=found)
    assert fitted.beats_baseline == beats


@pytest.mark.slow
def test_a_run_that_fails_names_the_files_by_their_path(tmp_path: Path, rows: pl.DataFrame) -> None:
    prepared = prepare_fit("shop.csv", "sold")
    rows.with_columns(stars=-pl.col("stars")).write_csv(tmp_path / "shop.csv")  # changed while it is fitted
    with pytest.raises(MagicalError) as caught:
        prepared.run()
    said = str(caught.value)
    assert "widen Shop in .magical/fit/shop/contracts.py:" in said
    assert is_well_worded(said), said


REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no file": (("shops.csv",), ("There is no file shops.csv", "did you mean 'shop.csv'?")),
    "elsewhere": (("https://h/x.csv",), ("is elsewhere", "download it")),
    "no target": ((), ("--target is missing",)),
    "a choice": (("--target", "stars"), ("Is stars a class or an amount?", "--task classes", "--task number")),
    "no budget": (("--target", "sold", "--budget", "3x"), ("--budget: '3x' is no budget", "60s, 5m or 1h")),
    "no such metric": (("--target", "sold", "--metric", "auc"), ("no metric 'auc'", "did you mean 'roc_auc'?")),
    "no name of a metric": (("--target", "sold", "--metric", "roc-auc"), ("'roc-auc' is no name", "such as roc_auc")),
    "another metric": (("--target", "sold", "--metric", "rmse"), ("rmse is for numbers, and sold is bool",)),
    "no time": (("--target", "sold", "--time", "size"), ("--time needs dates",)),
    "no such reading": (("--target", "sold", "decimals=,"), ("decimals", "did you mean 'decimal'?")),
    "no name": (("--target", "sold", "--name", "a b"), ("'a b' is no name", "add --name NAME.")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_call_is_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    words, wanted = REFUSED[case]
    answer = fit(*([] if case in ("no file", "elsewhere") else ["shop.csv"]), *words)
    assert answer.code == 2, answer
    assert [w for w in wanted if w not in answer.err] == [], answer.err
    assert is_well_worded(answer.err.strip()), answer.err
    assert [p.name for p in tmp_path.iterdir()] == ["shop.csv"]


def test_a_split_by_time_that_would_leave_one_class_is_refused(tmp_path: Path, rows: pl.DataFrame) -> None:
    late = rows.select(
        day=pl.date(2020, 1, 1) + pl.duration(days=pl.col("id")), size="size", sold=pl.col("id") > 140
    )
    late.write_csv(tmp_path / "late.csv")
    answer = fit("late.csv", "--target", "sold", "--time", "day")
    assert answer.code == 1
    assert "Split by day, all rows of the train part have one class: sold is False." in answer.err


def test_a_folder_of_the_name_that_fit_did_not_write_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / ".magical" / "fit" / "shop"
    root.mkdir(parents=True)
    (root / "mine.txt").write_text("mine")
    answer = fit("shop.csv", "--target", "sold")
    assert answer.code == 2
    assert ".magical/fit/shop is there, and magical fit did not write it." in answer.err
    assert [p.name for p in root.iterdir()] == ["mine.txt"]


def test_what_is_written_follows_the_options(tmp_path: Path) -> None:
    options = ProjectOptions(task="number", metric="mae", group="shop")
    made = prepare_fit("shop.csv", "stars", name="rated", options=options)
    text = (made.created.root / "workflow.py").read_text()
    assert 'metrics: tuple[Metric, ...] = (Metric("mae"),)' in text
    assert "All rows of one shop go to the same part." in text
    contracts = (made.created.root / "contracts.py").read_text()
    assert "shop: Group[str]" in contracts
    assert "stars: Target[float]" in contracts
    (tmp_path / "elsewhere").mkdir()
    absolute = prepare_fit(str(tmp_path / "shop.csv"), "stars", name="again", options=options)
    assert (absolute.created.root / "contracts.py").read_text() == contracts
