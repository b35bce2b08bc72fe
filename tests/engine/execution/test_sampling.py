"""A run on few rows: real code, few rows, branded, and never registered."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from pydantic import BaseModel

import magical
from magical import Model
from magical.contracts.schema import Schema
from magical.engine.execution.sampling import brand_origin, sample_rows
from magical.errors import UsageError
from projects import IMPORTS, Small, command, flow, one, project

WORLD = """
from pathlib import Path
from magical import Receipt

class Row(Contract):
    x: int

@step
def source() -> Frame[Row]:
    return pl.DataFrame({"x": range(1000)})

@step
def other() -> Frame[Row]:
    return pl.DataFrame({"x": [1, 2]})

@step
def both(source: Frame[Row], other: Frame[Row]) -> Frame[Row]:
    return pl.concat([source, other])

@step
def height(table: Frame[Row]) -> int:
    return table.height

@step(writes="world")
def publish(height: int) -> Receipt:
    path = Path(__file__).with_name("world")
    path.write_text(path.read_text() + "x" if path.exists() else "x")
    return Receipt(True, "published")

@step
def after(receipt: Receipt) -> int:
    return 1

@workflow
def flow() -> tuple[int, int]:
    n = height(both(source(), other()))
    return n, after(publish(n))
"""


@pytest.fixture
def world(tmp_path: Path) -> Small:
    return one(tmp_path, WORLD)


def test_sources_give_few_rows_and_nothing_goes_to_the_world(world: Small) -> None:
    result = magical.load(world.root, sample=100).execute()
    assert set(result.executed) == {"source", "other", "both", "height"}
    assert result.left_out == {
        "publish": "it stands on other (sample), source (sample)",
        "after": "publish was left out",
    }
    assert result.state == "done"
    assert not (world.root / "world").exists()
    assert result.records["height"].origin == ("other (sample)", "source (sample)")


def test_rows_are_drawn_from_all_over_and_the_same_each_time(world: Small) -> None:
    table = magical.load(world.root, sample=100).run("source")["source"]
    assert table.height == 100
    assert table["x"].is_sorted()
    assert table["x"].max() > 900
    assert sample_rows(pl.DataFrame({"x": range(1000)}), 100).equals(table)


def test_a_sample_is_never_taken_for_the_real_thing(world: Small) -> None:
    sampled = magical.load(world.root, sample=10_000)  # all rows, and still a sample
    assert sampled.run("height").result == 1002
    run = world.run()
    assert set(run.executed) == {"source", "other", "both", "height", "publish", "after"}
    assert (world.root / "world").read_text() == "x"
    assert sampled.run("height").executed == []
    assert magical.load(world.root, sample=20).run("height").result == 22
    assert world.ran() == []


def test_the_plan_says_what_it_stands_on(world: Small) -> None:
    plans = magical.load(world.root, sample=5).plan()
    assert plans["source"].state == "to run"
    assert plans["source"].origin == ("source (sample)",)
    magical.load(world.root, sample=5).run("height")
    plans = magical.load(world.root, sample=5).plan()
    assert {n: p.state for n, p in plans.items()} == {
        "source": "fresh", "other": "fresh", "both": "fresh", "height": "fresh",
        "publish": "left out", "after": "left out",
    }  # fmt: skip


def test_the_command_says_it_plainly(world: Small) -> None:
    said = world.command("run", "--sample", "7")
    assert said.code == 0
    assert "publish was left out: it stands on other (sample), source (sample)." in said.out
    seen = world.command("inspect", "height", "--sample", "7").out
    assert "It is not real: it stands on other (sample), source (sample)." in seen
    assert "nothing had to run" in world.command("run", "--sample", "7").out
    assert world.command("inspect", "height").out.count("It is not real") == 1  # there is nothing else yet
    world.run()
    assert "not real" not in world.command("inspect", "height").out


def test_why_compares_like_with_like(world: Small) -> None:
    world.run()
    magical.load(world.root, sample=5).run("height")
    assert "it ran first" in world.why("height")
    assert "it is left out" in str(magical.load(world.root, sample=5).why("publish"))


@pytest.mark.parametrize("words", [("--sample", "-1"), ("--sample", "many"), ("--sample", "0.5")])
def test_a_wrong_sample_is_said(world: Small, words: tuple[str, str]) -> None:
    said = world.command("run", *words)
    assert said.code == 2
    assert "Hint:" in said.err


def test_a_step_in_a_process_of_its_own_takes_the_sample_too(world: Small) -> None:
    sampled = magical.load(world.root, sample=11)
    assert sampled.run("height", policy={"timeout": 60}).result == 13


def test_a_run_says_in_its_journal_that_it_is_a_sample(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.command("run", "--sample", "20")
    shown = json.loads(small.command("runs", "last", "--json").out)
    assert shown["sample"] == 20
    assert "sample of 20" in small.command("runs", "last").out
    with pytest.raises(UsageError):
        magical.load(small.root, sample=-3)


def test_models_and_scores_carry_the_brand(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + """
from magical.library import Score, Scores

@step
def rows() -> Frame:
    return pl.DataFrame({"x": [1, 2, 3]})

@step
def scored(rows: Frame) -> Scores:
    one = Score(value=0.8, low=0.7, high=0.9)
    return Scores(task="binary", target="y", part="test", rows=3, metrics={"roc_auc": one})

@workflow
def flow() -> Scores:
    return scored(rows())
"""
    )
    small = project(tmp_path, {"workflow.py": text})
    scores = magical.load(small.root, sample=2).run().result
    assert scores.origin == ("rows (sample)",)
    assert "\u0336" in str(scores)
    assert str(scores).startswith("not real: r\u0336")
    said = command("run", "--sample", "2", "--project", str(small.root)).out
    assert "r\u0336o\u0336c\u0336" in said
    assert "\u0336" not in str(small.run().result)


def test_what_a_project_calls_origin_is_its_own(tmp_path: Path) -> None:
    text = """
    from typing import NamedTuple
    from pydantic import BaseModel

    class Flight(BaseModel):
        origin: str

    class Two(NamedTuple):
        number: int
        flight: Flight

    @step
    def two() -> Two:
        return Two(2, Flight(origin="BER"))

    @step
    def flight(two: Two) -> Flight:
        return two.flight

    @workflow
    def flow() -> Flight:
        return flight(two())
    """
    assert magical.load(one(tmp_path, text).root, sample=3).run().result.origin == "BER"


@dataclass(frozen=True)
class Box:
    model: Any
    number: int = 1


class Pair(NamedTuple):
    model: Any
    number: int


class Record(BaseModel):
    model: Any
    number: int = 1


HOLDERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "nothing": (lambda model: model, lambda value: value),
    "a list": (lambda model: [1, model], lambda value: value[1]),
    "a named tuple": (lambda model: Pair(model, 1), lambda value: value.model),
    "a mapping": (lambda model: {"m": model, "n": 1}, lambda value: value["m"]),
    "a dataclass": (Box, lambda value: value.model),
    "a pydantic model": (lambda model: Record(model=model), lambda value: value.model),
    "several in one another": (lambda model: {"m": [Box((model,))]}, lambda value: value["m"][0].model[0]),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_brand_reaches_models_wherever_they_are(holder: str) -> None:
    put, take = HOLDERS[holder]
    value = put(Model("pipeline", "binary", "y", Schema("Row", ()), (False, True)))
    made = brand_origin(value, ("orders",))
    assert type(made) is type(value)
    assert take(made).origin == ("orders",)
    assert take(value).origin == ()


def test_what_holds_no_model_stays_the_object_that_it_is() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    for value in (ring, {"a": [1, 2]}, Box(pl.DataFrame()), Pair(None, 1), Record(model=None)):
        assert brand_origin(value, ("orders",)) is value
