"""Models of an earlier run are compared by what they predict on validation, whatever their bytes are."""

import json
from pathlib import Path

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.project.reproduce.model_sample import find_model_samples
from projects import Small, project
from recorded import clone, levels, record

MODELS = '''\
import os

import polars as pl

from magical import Contract, Frame, Id, Model, Settings, Target, step, workflow
from magical.library import SplitSettings, linear, predict, split, train, transform


class Row(Contract):
    id: Id[int]
    x: float
    y: Target[float]


class S(Settings):
    split: SplitSettings = SplitSettings(validation=0.2, test=0.2, seed=7, folds=1)


@step
def rows() -> Frame[Row]:
    table = pl.DataFrame({"id": range(200)}).with_columns(x=(pl.col("id") * 7919 % 101).cast(float))
    return table.with_columns(y=pl.col("x") * 2 + pl.col("id") % 3)


@step(random=True)
def shifted(model: Model) -> Model:
    """Shift a model; the step takes no validation part, and no consumer takes one beside it."""
    shift = float(os.environ.get("SHIFT", "0"))
    estimator = model.pipeline[-1]
    inner = getattr(estimator, "regressor_", estimator)
    inner.intercept_ = inner.intercept_ + shift
    return model


@workflow
def models(s: S) -> object:
    learn, validation, test = split(rows(), s.split)
    model = shifted(train(learn, validation, transform(learn), linear()))
    return predict(model, test)
'''


@pytest.fixture
def modelled(tmp_path: Path) -> Small:
    small = project(tmp_path / "a", {"workflow.py": MODELS})
    small.run()
    return small


@pytest.mark.slow
def test_a_model_is_compared_by_its_predictions(
    modelled: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = record(modelled, tmp_path / "record.json")
    other = clone(modelled, tmp_path / "b")
    said = other.command("reproduce", str(exported))
    assert (said.code, said.out) == (0, "models: 6 steps: 6 agree to the last bit.\n")
    monkeypatch.setenv("SHIFT", "1e-9")
    answer = other.command("reproduce", str(exported), "--json")
    assert answer.code == 0
    assert levels(answer)["shifted"] == "nearly"
    monkeypatch.setenv("SHIFT", "0.5")
    answer = other.command("reproduce", str(exported))
    assert answer.code == 1
    text = "shifted differs: its predictions for the validation part of split: prediction differs by its sums"
    assert text in answer.out
    assert "It is random, as it says." in answer.out


def table(content: str) -> Artifact:
    return Artifact("table", content, "blob")


def made(name: str, result: Artifact, **inputs: str) -> Record:
    parts = {f"input:{n}": text for n, text in inputs.items()}
    return Record(f"k{name}", name, f"workflow:{name}", parts, result)


PARTS = Artifact(
    "group", "parts", items={n: table(n.upper()) for n in ("train", "validation", "test", "assignment")}
)


def model(name: str) -> Artifact:
    return Artifact("object", f"key:k{name}", "blob")


def judge(*records: Record) -> dict[str, tuple[str, str]]:
    """Return, for each model, the name and content of its sample."""
    found = find_model_samples({r.node: r for r in records})
    return {name: (text, artifact.content) for name, (text, artifact) in found.items()}


def test_the_rows_are_the_validation_part_that_the_step_sees() -> None:
    split = made("split", PARTS, table="ALL")
    other = made("other", Artifact("group", "o", items={**PARTS.items, "validation": table("V2")}), table="B")
    fit = made("fit", model("fit"), train="TRAIN", validation="VALIDATION")
    assert judge(other, split, fit) == {"fit": ("the validation part of split", "VALIDATION")}


def test_or_that_a_follower_sees_beside_it() -> None:
    split = made("split", PARTS, table="ALL")
    later = made("later", Artifact("group", "o", items={**PARTS.items, "validation": table("V2")}), table="B")
    fit = made("fit", model("fit"), train="TRAIN")
    select = made("select", model("select"), models="[key:kfit, key:kmore]", validation="VALIDATION")
    assert judge(split, later, fit, select)["fit"] == ("the validation part of split", "VALIDATION")


def test_or_that_of_the_last_split_before_it() -> None:
    split = made("split", PARTS, table="ALL")
    fit = made("fit", model("fit"), train="TRAIN")
    better = made("better", model("better"), model="key:kfit")
    assert judge(split, fit, better)["better"] == ("the validation part of split", "VALIDATION")


def test_or_a_table_that_a_follower_is_given_with_it() -> None:
    rows = made("rows", table("ROWS"))
    fit = made("fit", model("fit"), customers="ELSEWHERE")
    scored = made("scored", table("SCORED"), model="key:kfit", rows="ROWS")
    assert judge(rows, fit, scored) == {"fit": ("what rows gave", "ROWS")}
    assert judge(rows, fit) == {}


def test_a_model_without_rows_to_predict_is_not_compared(tmp_path: Path) -> None:
    body = """\
from magical import Model, step, workflow


@step
def fitted() -> Model:
    from magical.contracts.schema import Schema

    return Model(None, "regression", "y", Schema("S", ()))


@workflow
def alone() -> Model:
    return fitted()
"""
    small = project(tmp_path / "a", {"workflow.py": body})
    small.run()
    answer = small.command("reproduce", "last")
    assert answer.code == 1
    assert "fitted not compared: there is no table to predict.\n" in answer.out
    assert answer.out.endswith("alone: 1 step: 1 not compared.\n")


SCORED = """\
import os
import time

import polars as pl

from magical import Contract, Frame, Id, Model, step, workflow
from magical.contracts.schema import Schema


class Row(Contract):
    id: Id[int]


class Two:
    def predict(self, rows):
        return rows.select(prediction=pl.col("id") * 2.0)


@step
def fitted() -> Model:
    return Model(Two(), "regression", "y", Schema("S", ()))


@step(writes="world")
def told(fitted: Model, none: Frame[Row]) -> int:
    return none.height


@step
def none() -> Frame[Row]:
    return pl.DataFrame({"id": pl.Series([], dtype=pl.Int64)})


@step
def some() -> Frame[Row]:
    return pl.DataFrame({"id": [1, 2, 3]})


@step
def more() -> Frame[Row]:
    return pl.DataFrame({"id": [1, 2, 3, 4]})


@step
def slow(fitted: Model, some: Frame[Row]) -> int:
    time.sleep(float(os.environ.get("SLOW", "0")))
    return some.height


@step
def quick(fitted: Model, more: Frame[Row]) -> int:
    return more.height


@workflow
def scored() -> tuple[int, int]:
    model = fitted()
    told(model, none())
    return slow(model, some()), quick(model, more())
"""


def test_what_a_model_predicts_depends_neither_on_who_was_quicker_nor_on_who_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = project(tmp_path / "a", {"workflow.py": SCORED})
    monkeypatch.setenv("SLOW", "0.3")
    small.run()
    monkeypatch.setenv("SLOW", "0")
    exported = record(small, tmp_path / "record.json")
    assert json.loads(exported.read_text())["steps"]["fitted"]["result"]["on"] == "what some gave"
    monkeypatch.setenv("SLOW", "0.3")
    assert small.command("reproduce", str(exported)).out.startswith(
        "scored: 7 steps: 6 agree to the last bit, 1 left"
    )
