"""Scale: the scale on which each column comes out."""

from typing import Any

import numpy as np
import pytest

from features.fitting import fit, list_blocks, visitors
from magical.errors import WiringError
from magical.features import Encode, Scale
from magical.library.preprocessing import plan_pipeline

TABLE = visitors()


def spread(values: Any) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {
        "mean": float(np.mean(values)),
        "sd": float(np.std(values)),
        "median": middle,
        "iqr": high - low,
        "min": float(np.min(values)),
        "max": float(np.max(values)),
    }


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("standard", {"mean": 0, "sd": 1}),
        ("robust", {"median": 0, "iqr": 1}),
        ("quantile", {"median": 0, "min": -5.2, "max": 5.2}),
        ("power", {"mean": 0, "sd": 1}),
        ("minmax", {"min": 0, "max": 1}),
        ("none", {"min": TABLE["income"].min(), "max": TABLE["income"].max()}),
    ],
)
def test_each_scale(how: Any, expected: dict[str, float]) -> None:
    fitted = fit(TABLE, Scale("income", how))
    found = spread(fitted.out["income"])
    assert {k: found[k] for k in expected} == pytest.approx(expected, abs=0.05)
    assert fitted.out["age"].std(ddof=0) == pytest.approx(1), "other columns have the scale of their type"


def test_dates_truths_and_encoded_categories_have_scales_too() -> None:
    born = fit(TABLE, Scale("born", "minmax")).out["born"]
    assert (born.min(), born.max()) == (0.0, 1.0)
    member = fit(TABLE, Scale("member")).out["member"]
    assert member.mean() == pytest.approx(0, abs=1e-9)
    assert set(fit(TABLE).out["member"]) == {0.0, 1.0}
    counts = fit(TABLE, Encode("city", "count"), Scale("city", "minmax")).out["city (count)"]
    assert (counts.min(), counts.max()) == (0.0, 1.0)


def test_what_marks_a_gap_is_not_scaled() -> None:
    fitted = fit(TABLE, Scale("*", "quantile"))
    assert set(fitted.out["income is missing"]) == {0.0, 1.0}


def test_columns_of_one_scale_share_a_block() -> None:
    plan = plan_pipeline(TABLE, [Scale(["income", "kids"], "robust")])
    blocks = list_blocks(plan)
    assert blocks["numbers_robust"] == ["income", "kids"]
    assert blocks["numbers"] == ["age"]


@pytest.mark.filterwarnings("ignore:n_quantiles")  # a note, no more; tune logs it
@pytest.mark.parametrize("how", ["standard", "robust", "quantile", "power", "minmax", "none"])
def test_one_row_and_constants_are_scaled(how: Any) -> None:
    # Constant in these rows only: a column that is constant in train is left out.
    fitted = fit(TABLE, Scale("type:number", how))
    for rows in (1, 3):
        few = fitted.pipeline.fit_transform(fitted.X.iloc[[0] * rows], fitted.y[[0] * rows])
        assert np.isfinite(few).all()


def test_what_is_no_feature_has_no_scale() -> None:
    with pytest.raises(WiringError, match="reads id, no feature of Visitor, but its id"):
        plan_pipeline(TABLE, [Scale("id")])
    with pytest.raises(WiringError, match="which Visitor does not have"):
        plan_pipeline(TABLE, [Scale("incomes")])
