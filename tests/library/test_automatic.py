"""auto: which members take part, what becomes of one that fails, budgets, and repeats."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from library.conftest import Run
from library.tables import houses, people
from magical import Contract, Id, Model, Parts, Target
from magical.errors import BrokenPromise, WiringError
from magical.events import Progress
from magical.library import (
    Auto,
    Experiment,
    SplitSettings,
    auto,
    linear,
    model_data,
    refit,
    select,
    split,
    train,
    transform,
    tune,
)
from magical.library.automatic import list_members
from magical.settings import to_json

BOTH = ["xgboost", "catboost"]


def parts(table: pl.DataFrame, folds: int = 1) -> Parts[Any]:
    return split(table, SplitSettings(kind="random", seed=1, folds=folds))


def tuned(table: pl.DataFrame, experiment: Experiment, folds: int = 1) -> Model:
    p = parts(table, folds)
    return tune(p.train, p.validation, transform(p.train), experiment)


@pytest.mark.parametrize(
    ("task", "rows", "may_log", "installed", "names"),
    [
        (
            "binary",
            9_999,
            False,
            BOTH,
            "linear boosting_extra_trees_small xgboost_small catboost_small boosting_small "
            "boosting_extra_trees",
        ),
        ("binary", 10_000, False, BOTH, "linear boosting_wide boosting_mid xgboost_mid catboost_mid"),
        ("multiclass", 10_000, False, [], "linear boosting_wide boosting_mid"),
        ("regression", 9_999, False, [], "linear boosting_extra_trees_small boosting_mid"),
        (
            "regression",
            9_999,
            True,
            ["xgboost"],
            "linear boosting_extra_trees_small boosting_mid_log boosting_mid boosting_extra_trees_small_log "
            "xgboost_small_log xgboost_small",
        ),
        ("regression", 10_000, False, ["catboost"], "linear boosting_mid_crosses boosting_mid catboost_mid"),
    ],
)
def test_members_and_their_order(
    task: Any, rows: int, may_log: bool, installed: list[str], names: str
) -> None:
    found = list_members(task, rows, may_log=may_log, installed=installed)
    assert [m.name for m in found] == names.split()


def test_settings_give_a_budget_or_a_number_of_members() -> None:
    family = TypeAdapter[Experiment](Experiment)
    for written, budget in [({"budget": "60s"}, 60.0), ({"trials": 3}, None), ({}, 60.0)]:
        read = family.validate_python({"kind": "Auto", **written})
        assert isinstance(read, Auto)
        assert read.budget == budget
        assert family.validate_python(to_json(read)) == read
    with pytest.raises(ValidationError, match="no parameters that a search could name"):
        auto(search={"C": (1.0, 2.0)})
    with pytest.raises(ValidationError, match="is no budget of time"):
        auto(budget="soon")


def test_a_number_of_members_gives_the_same_model_again_with_all_members_as_candidates(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("magical.library.automatic.has_package", lambda name: False)
    first, second = (tuned(people(), auto(trials=2)) for _ in range(2))
    assert first.held_out is not None
    assert second.held_out is not None
    assert first.held_out.equals(second.held_out)
    assert np.array_equal(first.probabilities(people()), second.probabilities(people()))
    named = {c.name for c in first.candidates} | {first.chosen.name if first.chosen else ""}
    assert named >= {"linear", "boosting_extra_trees_small"}
    table = run.kept["members"]
    assert table["member"].to_list() == ["linear", "boosting_extra_trees_small"]
    assert table["outcome"].unique().to_list() == ["fitted"]
    assert table["weight"].sum() == pytest.approx(1.0)
    assert [line for line in run.lines if "without XGBoost, CatBoost" in line]


def test_a_member_that_fails_is_said_and_left_out(run: Run) -> None:
    table = people().with_columns(pl.lit(None, pl.Float64).alias("income"))
    p = parts(people())
    # Of the project's own: NaN stays, which a linear model refuses, and boosting takes.
    columns = ColumnTransformer([("numbers", "passthrough", ["age", "income"])])
    model = tune(p.train, p.validation, Pipeline([("columns", columns)]), auto(trials=2))
    assert model.chosen is not None
    assert model.chosen.name == "boosting_extra_trees_small"
    assert table.height
    assert "failed: " in run.kept["members"]["outcome"][0]
    assert any("NaN" in line for line in run.warnings)


def test_if_all_members_fail_so_does_the_experiment() -> None:
    p = parts(people())
    columns = ColumnTransformer([("numbers", "passthrough", ["age", "income"])])
    model = tune(p.train, p.validation, Pipeline([("columns", columns)]), auto(trials=1))
    assert model.failure.startswith("all members failed: ")
    assert model.chosen is not None
    assert model.chosen.name == "auto"


def test_a_budget_that_is_too_small_for_any_member_is_refused_with_what_the_cheapest_needs() -> None:
    with pytest.raises(BrokenPromise, match=r"linear is the cheapest, and needs about 0\.06 s") as error:
        tuned(people(), auto(budget=0.001))
    assert "a budget of 0.001 s is too small for any member on 249 rows" in str(error.value)


def test_members_beyond_the_budget_are_not_started(run: Run) -> None:
    model = tuned(houses(), auto(budget=0.3))
    assert model.held_out is not None
    table = run.kept["members"]
    assert table["outcome"][0] == "fitted"
    assert table["outcome"][-1].startswith("not started: needs ")
    told = [e for e in run.events if isinstance(e, Progress)]
    assert (told[0].done, told[0].text) == (0, "linear, 0.3 s left")
    assert told[1].text.startswith("boosting_extra_trees_small, best rmse ")


class Plot(Contract):
    """A number to predict that depends on the quotient of two numbers."""

    id: Id[int]
    width: float
    depth: float | None
    street: str
    price: Target[float]


def plots(rows: int = 240) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    width, depth = rng.uniform(1, 9, (2, rows))
    columns = {"id": range(rows), "width": width, "depth": depth, "street": "a", "price": width / depth}
    return model_data(pl.DataFrame(columns), Plot)


def test_large_tables_of_numbers_have_members_with_crosses_and_later_ones_if_these_helped(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("magical.library.automatic.SMALL_ROWS", 100)
    monkeypatch.setattr("magical.library.automatic.has_package", lambda name: name == "xgboost")
    p = parts(plots())
    model = tune(p.train, p.validation, transform(p.train), auto(seeds=1))
    table = run.kept["members"]
    assert table["member"].to_list() == [
        "linear",
        "boosting_mid_crosses",
        "boosting_mid",
        "boosting_mid_log",
        "xgboost_mid_crosses",
    ]
    assert table["rmse"][1] < table["rmse"][2]
    final = refit(model, p.train, p.validation)
    gaps = p.test.with_columns(depth=pl.when(pl.col("id") % 2 == 0).then("depth"))
    assert final.predict(gaps)["prediction"].is_finite().all()


def test_it_is_tuned_and_not_trained() -> None:
    p = parts(people())
    with pytest.raises(WiringError, match="cannot be trained once"):
        train(p.train, p.validation, transform(p.train), auto())


def test_time_that_is_left_is_spent_on_a_search_around_the_best_boosting(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("magical.library.automatic.SEARCH_TRIALS", 2)
    model = tuned(houses(), auto(budget="10m", trials=2))
    table = run.kept["members"]
    assert table["member"].to_list()[2] == "boosting_extra_trees_small_searched"
    assert run.kept["trials"].height == 2
    assert table["rmse"][2] <= table["rmse"][1]
    # One that found nothing better than the member, which is its first trial, would count this one twice.
    named = {c.name for c in (model.chosen, *model.candidates) if c}
    assert ("boosting_extra_trees_small_searched" in named) == (table["outcome"][2] == "searched")


def test_select_compares_it_with_other_experiments_and_names_all_its_members() -> None:
    p = parts(people())
    planned = transform(p.train)
    own = tune(p.train, p.validation, planned, auto(trials=2))
    other = tune(p.train, p.validation, planned, linear(name="other", trials=1))
    assert own.chosen is not None
    for best in (select([own]), select([own, other])):
        assert best.chosen is not None
        named = {best.chosen.name, *(c.name for c in best.candidates)}
        assert named >= {own.chosen.name, *(c.name for c in own.candidates)}
    assert "other" in named
