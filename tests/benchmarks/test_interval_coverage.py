"""The benchmark of intervals: what it takes for the truth is what many rows give, and its table marks misses."""

import numpy as np
import pytest
from interval_coverage import format_table, judge, make_sources, measure_coverage

from magical.library import evaluate


@pytest.mark.slow
def test_the_truth_is_what_many_rows_give_and_each_metric_is_counted() -> None:
    for source in make_sources():
        table, predictions = source.draw(np.random.default_rng(5), 10_000)
        found = judge(table, predictions)
        assert found == evaluate(predictions, table).metrics
        for name, score in found.items():
            assert abs(score.value - source.truth[name]) < score.high - score.low, (source.name, name)
    assert measure_coverage(source, 200, sets=2).keys() == {"rmse", "mae", "r2"}


def test_what_misses_the_aim_is_marked() -> None:
    table = format_table({("here", 200): {"rmse": 0.95, "mae": 0.9}})
    assert table.splitlines()[0] == "| | here, 200 rows |"
    assert table.splitlines()[2:] == ["| `rmse` | 95.0 % |", "| `mae` | **90.0 %** |"]
