"""Weights of rows and classes, and scales of the target: they reach each fit, or are refused before any."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from library.folded import Spy, SpyRegressor, cut, marked, remember
from library.tables import houses, people, pupils
from library.test_splitting import like
from magical import Contract, Id, Target, Weight
from magical.contracts.promises import attached_promise
from magical.errors import BrokenPromise, WiringError
from magical.library import Linear, model_data, refit, transform, tune
from magical.library.fitting import present_rows
from magical.library.prediction_task import Examples

FITS: list[SpyRegressor] = []


class Noted(Spy):
    """Notes each estimator that it fits."""

    def fit(self, estimator: Any, train: Any, validation: Any) -> Any:
        assert (train.weight is None) == (validation.weight is None)
        FITS.append(super().fit(estimator, train, validation))
        return FITS[-1]


@pytest.mark.parametrize(("given", "wanted"), [("balanced", (0.75, 1.5)), ({"True": 5.0}, (1.0, 5.0))])
def test_weights_of_classes_reach_each_fit(given: Any, wanted: tuple[float, float]) -> None:
    FITS.clear()
    tune(*cut(marked(classes=True))[:2], remember(), Noted(trials=2, class_weight=given))
    assert len(FITS) == 2
    for fit in FITS:
        assert fit.weight_.tolist() == [wanted[y] for y in fit.y_]


class Weighted(Contract):
    """Rows that count more than once."""

    id: Id[int]
    mark: float
    count: Weight[int]
    bought: Target[bool]


def test_weights_of_rows_reach_each_fit_and_the_last_one() -> None:
    table = marked(classes=True).with_columns(count=pl.col("id") + 1)
    parts = cut(model_data(table, Weighted), "_fold")
    FITS.clear()
    model = tune(*parts[:2], remember(), Noted(trials=1))
    again = refit(model, *parts[:2]).pipeline.named_steps["estimator"]
    assert model.features == ["mark"]
    assert [len(fit.weight_) for fit in (*FITS, again)] == [32, 32, 32, 36, 48]
    for fit in (*FITS, again):
        assert sorted(fit.weight_) == [mark + 1 for mark in sorted(fit.seen_)]
    balanced = tune(*parts[:2], remember(), Noted(trials=1, class_weight="balanced")).pipeline[-1]
    sums = [balanced.weight_[balanced.y_ == y].sum() for y in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])


def test_weights_of_classes_and_rows_are_multiplied() -> None:
    rows = Examples(None, np.array([0, 1, 1, -1]), np.array([1.0, 2.0, 3.0, 4.0]))
    fitted = Examples(None, np.array([0, 0, 1]), np.array([2.0, 1.0, 1.0]))
    shown = present_rows(rows, None, "balanced", ("a", "b"), fitted)
    assert shown.weight is not None
    assert shown.weight.tolist() == pytest.approx([2 / 3, 4.0, 6.0, 4.0])
    unseen = present_rows(rows, None, None, ("a", "b"), fitted._replace(y=np.array([0, 0, 0])))
    assert unseen.y.tolist() == [0, -1, -1, -1]


def test_the_target_is_transformed_for_each_fit_and_for_early_stopping() -> None:
    shown = present_rows(
        Examples(None, np.array([1.0, 4.0])), "sqrt", None, (), Examples(None, np.array([1.0]))
    )
    assert shown.y.tolist() == [1.0, 2.0]
    FITS.clear()
    model = tune(*cut(marked())[:2], remember(), Noted(trials=1, target="log1p"))
    assert FITS[0].y_.tolist() == pytest.approx(np.log1p(range(36)).tolist())
    assert model.held_out is not None
    assert model.held_out["prediction"].to_list() == pytest.approx([np.expm1(0.5)] * 12)


@pytest.mark.parametrize(
    ("table", "experiment", "error", "text"),
    [
        (
            people,
            Linear(class_weight={"yes": 2.0}),
            WiringError,
            "'yes', which is no class(.|\n)*False, True",
        ),
        (people, Linear(class_weight={"True": 0.0}), WiringError, "class_weight of True is 0"),
        (pupils, Linear(target="log"), WiringError, "fits the log of mark, which has classes"),
        (houses, Linear(class_weight="balanced"), WiringError, "class_weight, and price is a number"),
        (
            lambda: houses().with_columns(price=-pl.col("price")),
            Linear(target="sqrt"),
            BrokenPromise,
            "linear fits the sqrt of price, and 1.. of 160 rows have less than 0, such as -",
        ),
        (
            marked,
            Spy(target="log"),
            BrokenPromise,
            "1 of 48 rows have 0 or less, such as 0(.|\n)*log1p takes 0",
        ),
    ],
)
def test_what_does_not_fit_the_target_is_refused_before_any_fit(
    table: Any, experiment: Any, error: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table()
    rows = rows if attached_promise(rows) else like(rows, houses())
    parts = cut(rows)[:2]
    preprocessing = transform(parts[0])
    monkeypatch.setattr(type(experiment), "fit", None)
    with pytest.raises(error, match=text):
        tune(*parts, preprocessing, experiment)
