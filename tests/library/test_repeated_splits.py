"""The recipe of a model, judged over repeated splits."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from magical import Contract, Group, Id, Target, Time
from magical.errors import BrokenPromise, WiringError
from magical.events import current_sink
from magical.library import evaluate_repeatedly, linear, model_data, transform, tune
from magical.library.metrics.metric_settings import Metric
from magical.library.repeated_splits import corrected_interval


class Match(Contract):
    id: Id[int]
    a: float
    team: Group[int]
    won: Target[bool]


class Day(Contract):
    day: Time[int]
    x: float
    y: Target[float]


class Sink:
    """Collects what a body keeps."""

    name = "evaluate_repeatedly"

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def emit(self, event: object) -> None: ...

    def keep(self, name: str, value: object) -> None:
        self.kept[name] = value


def matches(first: int, rows: int) -> Any:
    rng = np.random.default_rng(first)
    a = rng.normal(size=rows)
    won = a + rng.normal(size=rows) > 0
    ids = np.arange(first, first + rows)
    return model_data(pl.DataFrame({"id": ids, "a": a, "team": ids // 5, "won": won}), Match)


def days(first: int, rows: int) -> Any:
    x = np.random.default_rng(first).normal(size=rows)
    return model_data(pl.DataFrame({"day": np.arange(first, first + rows), "x": x, "y": x * 2}), Day)


def test_equal_models_are_rejected_far_more_often_by_a_naive_interval() -> None:
    rng, rejected, sets, repeats, rows = np.random.default_rng(7), np.zeros(2), 300, 10, 60
    for _ in range(sets):
        # Two features that tell as much: the fits on either are equally good in truth.
        x = rng.normal(size=(rows, 2))
        y = x.sum(axis=1) + rng.normal(size=rows)
        gains = []
        for _ in range(repeats):
            order = rng.permutation(rows)
            fit, rest = order[12:], order[:12]
            slopes = (x[fit] * y[fit, None]).sum(axis=0) / (x[fit] ** 2).sum(axis=0)
            loss = ((y[rest, None] - x[rest] * slopes) ** 2).mean(axis=0)
            gains.append(loss[0] - loss[1])
        for place, ratio in enumerate((0.0, 0.25)):
            low, high = corrected_interval(np.array(gains), ratio)
            rejected[place] += low > 0 or high < 0
    naive, corrected = rejected / sets
    assert naive > 0.2
    assert corrected < 0.1


def test_a_model_is_fitted_again_on_each_split_with_its_groups_together() -> None:
    train, validation = matches(0, 150), matches(150, 50)
    model = tune(train, validation, transform(train), linear(trials=1))
    sink = Sink()
    token = current_sink.set(sink)  # type: ignore[arg-type]
    try:
        scores = evaluate_repeatedly.function(model, train, validation, (Metric("brier"),), 4)
    finally:
        current_sink.reset(token)
    assert (scores.part, scores.rows, scores.primary) == ("4 repeated splits", 200, "brier")
    assert scores.summary().endswith("200 rows in 4 repeated splits")
    score, kept = scores.metrics["roc_auc"], sink.kept["repeats"].filter(metric="roc_auc")
    assert kept["repeat"].to_list() == [0, 1, 2, 3]
    assert score.value == pytest.approx(kept["value"].mean())
    assert 0.7 < score.value < 0.95
    assert score.low < score.value < score.high
    again = evaluate_repeatedly(model, train, validation, metrics=(Metric("brier"),), repeats=4)
    assert again == scores


def test_what_cannot_be_judged_is_refused_with_a_reason() -> None:
    train, validation = days(0, 40), days(40, 20)
    model = tune(train, validation, transform(train), linear(trials=1))
    with pytest.raises(BrokenPromise, match="split by time: train ends at 39, validation begins at 40"):
        evaluate_repeatedly(model, train, validation)
    with pytest.raises(WiringError, match="at least 2 repeats"):
        evaluate_repeatedly(model, train, validation, repeats=1)
    with pytest.raises(BrokenPromise, match="evaluate_repeatedly was given a model that it cannot fit again"):
        evaluate_repeatedly(replace(model, recipe=None), train, train)
    mixed = evaluate_repeatedly(model, train, train, repeats=2)  # a split that is not by time
    assert mixed["r2"] == pytest.approx(1.0, abs=1e-3)
