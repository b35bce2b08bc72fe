"""A constant and a linear model beside every score."""

from typing import Any, Literal

import numpy as np
import polars as pl
import pytest

from magical import Contract, Group, Id, Target
from magical.library import EvaluateSettings, Metric, evaluate, model_data
from magical.library.metrics.bootstrap import number_units


class Client(Contract):
    id: Id[int]
    income: float | None
    town: str
    answer: Target[Literal["no", "yes"]]


class Flat(Contract):
    id: Id[int]
    rooms: float
    price: Target[float]


def clients(count: int = 300, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    income = rng.normal(size=count)
    truth = rng.random(count) < 1 / (1 + np.exp(-3 * income))
    columns = {
        "id": np.arange(count) + 1000 * seed,
        "income": income,
        "town": rng.choice(["a", "b"], count),
        "answer": np.where(truth, "yes", "no"),
    }
    return model_data(pl.DataFrame(columns), Client)


def guess(table: pl.DataFrame, weight: float) -> pl.DataFrame:
    chance = 1 / (1 + np.exp(-weight * table["income"].to_numpy()))
    return pl.DataFrame(
        {"id": table["id"], "prediction": np.where(chance >= 0.5, "yes", "no")}
        | {"probability_no": 1 - chance, "probability_yes": chance}
    )


def test_a_model_stands_beside_a_constant_and_a_linear_model() -> None:
    test = clients(seed=1)
    scores = evaluate(guess(test, 3.0), test, clients())
    assert list(scores.baselines) == ["constant", "linear"]
    assert scores.baselines["constant"]["roc_auc"].value == 0.5
    assert scores.baselines["linear"]["roc_auc"].value == pytest.approx(scores["roc_auc"], abs=0.01)
    assert scores.summary().endswith(
        "; constant 0.500, linear " + str(scores.baselines["linear"]["roc_auc"]).partition(" ")[0]
    )


def test_the_constant_is_that_of_train_if_there_is_one() -> None:
    train, test = clients(), clients(seed=1)
    share = (train["answer"] == "yes").mean()
    with_train = evaluate(guess(test, 3.0), test, train).baselines["constant"]["brier"].value
    assert with_train == pytest.approx((((test["answer"] == "yes") - share) ** 2).mean())
    alone = evaluate(guess(test, 3.0), test).baselines
    assert list(alone) == ["constant"]
    assert alone["constant"]["brier"].value <= with_train


def test_the_constant_of_numbers_is_the_mean_and_for_absolute_errors_the_median() -> None:
    rows = {"id": [1, 2, 3, 4, 5], "rooms": [1.0] * 5, "price": [1.0, 1.0, 2.0, 2.0, 49.0]}
    table = model_data(pl.DataFrame(rows), Flat)
    predictions = table.select("id", prediction="price")
    constant = evaluate(predictions, table).baselines["constant"]
    prices = np.array(rows["price"])
    assert constant["rmse"].value == pytest.approx(prices.std())
    assert constant["mae"].value == pytest.approx(np.abs(prices - 2.0).mean())


def test_a_metric_by_weights_is_not_compared_with_a_baseline_without_them(run: Any) -> None:
    test = clients(seed=1).with_columns(worth=pl.Series(np.arange(300) % 7))
    test = model_data(test, Client)
    listed = (Metric("roc_auc"), Metric("log_loss", weights="worth"))
    scores = evaluate(guess(test, 3.0), test, clients(), listed)
    assert "log_loss" in scores.metrics
    assert all("log_loss" not in baseline for baseline in scores.baselines.values())
    assert "log_loss" not in set(run.kept["baselines"]["metric"])
    weighted = evaluate(guess(test, 3.0), test, clients(), listed[::-1])
    assert all("log_loss" in baseline for baseline in weighted.baselines.values())


def test_the_gain_over_a_baseline_is_paired(run: Any) -> None:
    test = clients(seed=1)
    evaluate(guess(test, 3.0), test, clients())
    table = run.kept["baselines"]
    linear = table.filter(baseline="linear", metric="log_loss").row(0, named=True)
    # The two models are nearly the same, so their difference varies far less than either of them.
    assert linear["gain_high"] - linear["gain_low"] < (linear["high"] - linear["low"]) / 2
    constant = table.filter(baseline="constant", metric="log_loss").row(0, named=True)
    assert constant["gain_low"] > 0


def test_a_baseline_that_cannot_be_fitted_is_a_warning(run: Any) -> None:
    test = clients(seed=1)
    train = clients().with_columns(answer=pl.lit("no"))
    scores = evaluate(guess(test, 3.0), test, model_data(train, Client))
    assert list(scores.baselines) == ["constant"]
    assert any("the baseline linear cannot be judged" in e.text for e in run.events)


def test_rows_of_one_group_are_drawn_together() -> None:
    class Visit(Contract):
        id: Id[int]
        patient: Group[str]
        price: Target[float]

    base = np.random.default_rng(0).normal(size=40)
    columns = {"id": range(400), "patient": [f"p{i // 10}" for i in range(400)], "price": np.repeat(base, 10)}
    table = model_data(pl.DataFrame(columns), Visit)
    predictions = table.select("id", prediction=pl.lit(0.0))
    grouped = evaluate(predictions, table).metrics["mae"]
    alone = evaluate(predictions, model_data(pl.DataFrame(columns), Flatter)).metrics["mae"]
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


class Flatter(Contract):
    id: Id[int]
    price: Target[float]


def test_a_row_without_a_group_is_its_own() -> None:
    from magical.contracts.schema import Column, Schema

    schema = Schema("Visit", (Column("patient", "str", True, role="group"),))
    units = number_units(pl.DataFrame({"patient": ["a", None, "a", None]}), schema)
    assert units is not None
    assert len({*units.tolist()}) == 3
    assert units[0] == units[2]


def test_the_part_that_is_named_is_that_of_the_scores() -> None:
    test = clients(seed=1)
    assert evaluate(guess(test, 1.0), test, how=EvaluateSettings(part="holdout")).part == "holdout"
