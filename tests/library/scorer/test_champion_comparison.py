"""Two models judged by their predictions: equal ones are seldom called better, better ones often."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from magical.contracts.schema import Column
from magical.library.metrics.metric_settings import Metric
from magical.library.scorer.champion_comparison import (
    ChampionComparison,
    ComparisonRules,
    NotComparable,
    judge_predictions,
)

PRICE, ANSWER = Column("y", "float", role="target"), Column("y", "bool", role="target")
PAIRS = 100


def predict_twice(rng: Any, rows: int, metric: str, noise: tuple[float, float] = (1.0, 1.0)) -> Any:
    """Return the predictions of two models with errors of these sizes, which half agree."""
    signal, shared = rng.normal(size=(2, rows))
    errors = [size * np.sqrt(0.5) * (shared + rng.normal(size=rows)) for size in noise]
    if metric == "rmse":
        return tuple(pl.DataFrame({"y": signal, "prediction": signal + error}) for error in errors)
    truth = signal + rng.normal(size=rows) > 0.5
    chances = [1 / (1 + np.exp(0.5 - signal - error)) for error in errors]
    return tuple(
        pl.DataFrame({"y": truth, "prediction": c > 0.5, "probability_False": 1 - c, "probability_True": c})
        for c in chances
    )


def judge(tables: Any, metric: str, margin: float = 0.0) -> ChampionComparison:
    target = PRICE if metric == "rmse" else ANSWER
    return judge_predictions(tables, target, ComparisonRules(Metric(metric), margin))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "rmse"])
def test_of_equal_models_at_most_one_of_twenty_replaces_the_champion(metric: str) -> None:
    rng = np.random.default_rng(5)
    better = sum(judge(predict_twice(rng, 80, metric), metric).verdict == "better" for _ in range(PAIRS))
    assert better <= 0.05 * PAIRS


@pytest.mark.slow
def test_rows_of_one_group_are_drawn_together_or_equal_models_would_replace_the_champion() -> None:
    rng, units = np.random.default_rng(7), np.repeat(np.arange(80), 5)
    apart, together = 0, 0
    for _ in range(PAIRS):
        # All five rows of a group have the same errors, so 400 rows tell no more than 80.
        tables = [t[units] for t in predict_twice(rng, 80, "rmse")]
        rules = ComparisonRules(Metric("rmse"))
        apart += judge_predictions(tables, PRICE, rules).verdict == "better"
        found = judge_predictions(tables, PRICE, rules, units=units)
        together += found.verdict == "better"
        assert found.units == 80
    assert apart > 0.1 * PAIRS
    assert together <= 0.05 * PAIRS


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "rmse"])
def test_a_clearly_better_model_replaces_the_champion_and_a_worse_one_never(metric: str) -> None:
    rng = np.random.default_rng(6)
    for _ in range(5):
        good, poor = predict_twice(rng, 300, metric, (0.3, 2.0))
        found = judge((good, poor), metric)
        assert found.verdict == "better"
        assert found.gain is not None
        assert found.gain > 0, "a gain is positive where the model is better, whichever way the metric goes"
        assert judge((poor, good), metric).verdict == "worse"


def test_the_same_predictions_are_equal_and_so_are_those_that_differ_by_rounding() -> None:
    one, _ = predict_twice(np.random.default_rng(1), 100, "rmse")
    rounded = one.with_columns(prediction=pl.col("y") + (pl.col("prediction") - pl.col("y")) * (1 - 1e-12))
    assert judge((one, one), "rmse").verdict == "equal"
    assert judge((one, one), "rmse").gain == 0
    assert judge((rounded, one), "rmse").verdict == "equal"


def test_a_gain_within_the_margin_is_equal() -> None:
    pair = predict_twice(np.random.default_rng(2), 300, "rmse", (0.5, 1.0))
    found = judge(pair, "rmse")
    assert found.low is not None
    assert judge(pair, "rmse", found.low - 0.001).verdict == "better"
    assert judge(pair, "rmse", found.low + 0.001).verdict == "equal"
    assert judge(pair[::-1], "rmse", found.low + 0.001).verdict == "equal"


def test_a_metric_that_is_undefined_on_the_rows_is_not_compared() -> None:
    pair = predict_twice(np.random.default_rng(3), 100, "roc_auc")
    with pytest.raises(NotComparable, match="roc_auc cannot be computed on these rows"):
        judge([table.filter("y") for table in pair], "roc_auc")
