"""Thresholds: by costs, by a metric, chosen on held-out rows only."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from magical import Contract, Id, Target
from magical.contracts.contract import schema_of
from magical.errors import SettingsError, WiringError
from magical.library import Decision, Metric, linear, model_data, refit, select, train, transform
from magical.library.decision import choose_threshold


def drawn(count: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 3, count)
    return probability, rng.random(count) < probability


def test_calibrated_probabilities_get_the_threshold_of_the_costs() -> None:
    probability, positive = drawn(2000)
    costs = Decision(false_positive=1, false_negative=9)
    assert choose_threshold(costs, probability, positive) == 0.1


def test_uncalibrated_probabilities_get_the_cheapest_threshold_of_the_held_out_rows() -> None:
    probability, positive = drawn(5000)
    found = choose_threshold(Decision(false_positive=1, false_negative=4), probability**3, positive)
    assert found == pytest.approx(0.2**3, abs=0.01)


@pytest.mark.parametrize(("metric", "least", "most"), [("f1", 0.2, 0.35), ("accuracy", 0.35, 0.65)])
def test_a_metric_chooses_where_it_is_best(metric: str, least: float, most: float) -> None:
    probability, positive = drawn(20_000)
    assert least < choose_threshold(Decision(metric=metric), probability, positive) < most


def test_without_a_decision_or_rows_it_is_a_half() -> None:
    assert choose_threshold(Decision(), *drawn(50)) == 0.5
    assert choose_threshold(Decision(metric="f1"), np.array([]), np.array([], dtype=bool)) == 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"false_positive": 1}, "needs both"),
        ({"false_positive": 0, "false_negative": 0}, "above 0"),
        ({"false_positive": 1, "false_negative": 1, "metric": "f1"}, "not by both"),
        ({"metric": "roc_auc"}, "the same for every threshold"),
        ({"false_positive": -1, "false_negative": 1}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_decision_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((SettingsError, ValueError), match=message):
        Decision(**fields)


class Client(Contract):
    id: Id[int]
    income: float
    answer: Target[bool]


class Flat(Contract):
    id: Id[int]
    rooms: float
    price: Target[float]


def test_a_decision_needs_two_classes() -> None:
    with pytest.raises(WiringError, match="A decision is for two classes, and price is float"):
        Decision(metric="f1").check(schema_of(Flat))
    Decision(metric="f1").check(schema_of(Client))


def letters(truth: Any, picked: Any) -> float:
    return float(5 * (truth & picked).sum() - 2 * picked.sum())


def test_a_metric_of_the_settings_decides_if_it_gets_predicted_classes() -> None:
    profit = Metric("profit", function=letters, needs="prediction")
    decision = Decision(metric="profit")
    decision.check(schema_of(Client), (profit,))
    probability, positive = drawn(5000)
    assert 0.3 < choose_threshold(decision, probability, positive, (profit,)) < 0.5  # 2 / 5 is ideal
    for metrics, message in (
        ((), "'profit', which is no metric, nor one of the settings"),
        ((Metric("profit", function=letters),), "whose function gets probabilities"),
        ((Metric("profit", function=letters, needs="prediction", weights="income"),), "has weights"),
    ):
        with pytest.raises(WiringError, match=message):
            decision.check(schema_of(Client), metrics)


def test_select_sets_the_threshold_and_refit_keeps_it(run: Any) -> None:
    rng = np.random.default_rng(0)
    income = rng.normal(size=400)
    answer = rng.random(400) < 1 / (1 + np.exp(-2 * income - 1))
    table = model_data(pl.DataFrame({"id": range(400), "income": income, "answer": answer}), Client)
    fit, held_out = model_data(table[:300], Client), model_data(table[300:], Client)
    model = train(fit, held_out, transform(fit), linear())
    chosen = select([model], decision=Decision(false_positive=4, false_negative=1))
    assert chosen.threshold == pytest.approx(0.8)
    assert chosen.held_out is not None
    called = chosen.held_out["probability_True"] >= 0.8
    assert chosen.held_out["prediction"].to_list() == called.to_list()
    assert chosen.predict(held_out)["prediction"].sum() == called.sum()
    assert refit(chosen, fit, held_out).threshold == chosen.threshold
    scores = run.kept["candidate_scores"]
    assert scores.filter(metric="log_loss")["loss_to_best"].to_list() == [0.0]
    assert scores["candidate"].unique().to_list() == ["linear"]
