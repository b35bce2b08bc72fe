"""The summary of the comparison of models: ratios and aims."""

from dataclasses import replace

import pytest
from summary import Result, check_aims, compute_ratio, describe, to_json

# Each of two tables with errors of two seeds; AutoGluon has no model of the last.
ERRORS = {"magical": [0.9, 1.8, 0.8, 5.0], "AutoGluon": [1.0, 2.0, 1.0, None]}
SPLITS = [("flowers", 0), ("houses", 0), ("flowers", 1), ("houses", 1)]


def results() -> list[Result]:
    return [
        Result(table, seed, peer, error or 0.0, cpu=10.0, size=1.0, failure="" if error else "no memory")
        for peer, errors in ERRORS.items()
        for (table, seed), error in zip(SPLITS, errors, strict=True)
    ]


def test_a_ratio_is_the_mean_over_what_both_have() -> None:
    ratio = compute_ratio(results(), "magical", "AutoGluon", "error")
    assert ratio is not None
    assert (ratio.mean, ratio.count) == (pytest.approx((0.9 + 0.9 + 0.8) / 3), 3)
    assert ratio.by_seed == {0: pytest.approx(0.9), 1: pytest.approx(0.8)}
    assert compute_ratio(results(), "magical", "FLAML", "error") is None


def test_each_aim_is_met_missed_or_not_measured() -> None:
    aims = {aim.text: aim for aim in check_aims(results())}
    assert aims["error of magical ≤ 0.95 × AutoGluon"].met is True
    assert aims["CPU s of magical ≤ 0.5 × AutoGluon"].met is False
    assert aims["error of magical ≤ 0.95 × FLAML"].met is None


@pytest.mark.parametrize(("worse", "met"), [((3.0, 0.5), True), ((3.0, 1.5), False)])
def test_worse_than_plain_lightgbm_is_judged_by_table_over_the_seeds(
    worse: tuple[float, float], met: bool
) -> None:
    ours = [r for r in results() if r.peer == "magical" and r.table == "flowers"]
    compared = [replace(r, beside_plain=by) for r, by in zip(ours, worse, strict=True)]
    (aim,) = [aim for aim in check_aims(compared) if "standard errors" in aim.text]
    assert aim.met is met


def test_the_text_has_every_table_aim_and_failure() -> None:
    aims = list(check_aims(results()))
    text = "\n".join(describe(results(), aims))
    assert "seed 1 failed: no memory" in text
    assert "0.867 ± 0.071 (0.800 to 0.900)" in text
    assert all(aim.text in text for aim in aims)
    assert to_json(results(), aims)["ratios"]["AutoGluon"]["magical"]["error"]["count"] == 3
