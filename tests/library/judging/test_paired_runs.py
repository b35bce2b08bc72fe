"""Predictions of two runs for the same rows, compared row by row."""

import numpy as np
import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.library.judging.paired_runs import compare_judged, list_paired_metrics
from magical.library.metrics.metric_settings import Metric
from magical.library.scorer.champion_comparison import NotComparable

SCHEMA = Schema("Match", (Column("id", "int", role="id"), Column("won", "bool", role="target")))
METRICS = list_paired_metrics(Metric("log_loss"), "binary")


def judge(noise: float, rows: int = 200, seed: int = 1) -> pl.DataFrame:
    """Predict rows of a known truth, the worse the more noise."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=rows)
    won = signal + rng.normal(size=rows) / 2 > 0
    guess = 1 / (1 + np.exp(-2 * (signal + noise * np.random.default_rng(seed).normal(size=rows))))
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "won": won,
            "prediction": guess >= 0.5,
            "probability_False": 1 - guess,
            "probability_True": guess,
        }
    )


GOOD, BAD = judge(0.0), judge(3.0)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (BAD, GOOD, "better"),
        (GOOD, BAD, "worse"),
        (GOOD, GOOD.reverse(), "equal"),
        (judge(0.3), judge(0.3, seed=2), "cannot tell"),
    ],
)
def test_the_verdict(old: pl.DataFrame, new: pl.DataFrame, verdict: str) -> None:
    found = compare_judged((old, new), SCHEMA, METRICS)
    assert [g.metric for g in found.gains] == ["log_loss", "accuracy"]
    assert (found.gains[0].verdict, found.rows) == (verdict, 200)
    gain = found.gains[0]
    assert gain.low <= gain.gain <= gain.high
    assert abs(gain.gain - (gain.old - gain.new)) < 1e-12


def test_flips_are_counted_each_way_and_tested_exactly() -> None:
    new = GOOD.with_columns(
        prediction=pl.when(pl.col("id") < 3).then(~pl.col("prediction")).otherwise("prediction")
    )
    found = compare_judged((GOOD, new), SCHEMA, METRICS)
    flipped = GOOD.head(3)
    right = (flipped["prediction"] != flipped["won"]).sum()
    assert sum(f.rows for f in found.flips) == 3
    assert (sum(f.right for f in found.flips), sum(f.wrong for f in found.flips)) == (right, 3 - right)
    assert {i for f in found.flips for i in f.ids} == {"0", "1", "2"}
    assert found.p == pytest.approx({0: 0.25, 1: 1.0, 2: 1.0, 3: 0.25}[right])


def test_other_rows_are_refused_unless_the_common_ones_are_asked_for() -> None:
    old = BAD.filter(pl.col("id") >= 20)
    new = GOOD.head(190).with_columns(won=pl.col("won") ^ (pl.col("id") == 30))
    with pytest.raises(NotComparable) as refused:
        compare_judged((old, new), SCHEMA, METRICS)
    assert refused.value.lines[0] == (
        "the test rows differ: 10 only the first run judged, 20 only the second judged, 1 have another target, "
        "and 169 are the same"
    )
    assert "--common" in refused.value.hint
    found = compare_judged((old, new), SCHEMA, METRICS, common=True)
    assert (found.rows, found.only_old, found.only_new, found.other_target) == (169, 10, 20, 1)
    assert found.gains[0].verdict == "better"
    with pytest.raises(NotComparable, match="0 are the same"):
        compare_judged((old.head(5), new.head(5)), SCHEMA, METRICS, common=True)


def test_rows_without_an_id_are_told_by_their_places() -> None:
    schema = Schema("Match", SCHEMA.columns[1:])
    old, new = (t.rename({"id": "row"}) for t in (BAD, GOOD))
    assert compare_judged((old, new), schema, METRICS).gains[0].verdict == "better"
    with pytest.raises(NotComparable, match="without an Id the common rows cannot be told"):
        compare_judged((old, new.head(100)), schema, METRICS, common=True)


def test_other_classes_are_refused() -> None:
    with pytest.raises(NotComparable, match="other classes"):
        compare_judged((GOOD.drop("probability_True"), GOOD), SCHEMA, METRICS)


def test_rows_of_a_group_are_drawn_together() -> None:
    schema = Schema("Match", (*SCHEMA.columns, Column("team", "int", role="group")))
    old, new = (t.with_columns(team=pl.col("id") // 20) for t in (judge(1.0), GOOD))
    found = compare_judged((old, new), schema, METRICS)
    assert (found.units, found.p) == (10, None)
    assert found.gains[0].smallest != compare_judged((old, new), SCHEMA, METRICS).gains[0].smallest


def test_the_smallest_difference_seen_follows_the_spread_of_the_gain() -> None:
    schema = Schema("House", (Column("id", "int", role="id"), Column("price", "float", role="target")))
    rng, rows, gains, smallest = np.random.default_rng(3), 100, [], []
    for _ in range(30):
        truth, errors = rng.normal(size=rows), rng.normal(size=rows)
        old = pl.DataFrame({"id": np.arange(rows), "price": truth, "prediction": truth + errors})
        new = old.with_columns(prediction=truth + errors + rng.normal(size=rows) * 0.3)
        gain = compare_judged((old, new), schema, [Metric("rmse")]).gains[0]
        gains.append(gain.gain)
        smallest.append(gain.smallest)
    # Power .8 at 5 % is 2.8 standard errors; thirty gains tell their spread to about 13 %.
    assert np.mean(smallest) == pytest.approx(2.8 * np.std(gains), rel=0.3)
