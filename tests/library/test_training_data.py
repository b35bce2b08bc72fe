"""Held-out predictions: no score, no choice and no prediction comes from a row that the fit had seen."""

from typing import Any

import cloudpickle
import numpy as np
import polars as pl
import pytest

from library.folded import Remembers, Spy, cut, marked, remember
from library.tables import pupils
from library.test_splitting import like
from magical import Contract, Model, Target
from magical.errors import BrokenPromise
from magical.library import (
    Boosting,
    Linear,
    Metric,
    model_data,
    part_transformer,
    train,
    training_data,
    transform,
    tune,
)
from magical.library.training import Trainer
from magical.library.training_data import TrainingData

SCORED: list[np.ndarray[Any, Any]] = []


def spy_metric(truth: Any, guess: Any) -> float:
    SCORED.append(guess)
    return float(np.mean(guess))


METRICS = (Metric("spied", function=spy_metric, greater_is_better=False),)


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("name", ["", "_fold", "_time_fold"])
def test_no_score_and_no_held_out_prediction_comes_from_a_row_that_the_fit_had_seen(
    name: str, classes: bool
) -> None:
    parts = cut(marked(classes=classes), name)
    SCORED.clear()
    for fit in (tune, train):
        model: Model = fit(*parts[:2], remember(), Spy(), METRICS)
        assert model.held_out is not None
        guess = model.held_out["probability_True" if classes else "prediction"]
        assert guess.max() < 1  # type: ignore[operator]
        assert model.chosen is not None
        assert model.chosen.score == pytest.approx(guess.mean())
        assert model.chosen.scored == ("out of fold" if name else "on validation")
        seen = [model.pipeline.predict(part.to_pandas()) for part in parts]  # type: ignore[arg-type]
        assert [s.min() == 1 for s in seen[:1]] == [True]  # fitted on train, all of it, ...
        assert max(s.max() for s in seen[1:]) < 1  # ... and on nothing else
    assert SCORED
    assert all(guess.max() < 1 for guess in SCORED)


@pytest.mark.parametrize(("name", "first"), [("", 36), ("_fold", 0), ("_time_fold", 16)])
def test_held_out_has_each_row_once_in_the_order_of_the_rows(name: str, first: int) -> None:
    parts = cut(marked(), name)
    held_out = train(*parts[:2], remember(), Spy()).held_out
    assert held_out is not None
    assert held_out.columns == ["id", "price", "prediction"]
    assert held_out["id"].to_list() == list(range(first, 48))
    assert held_out["price"].to_list() == [float(i) for i in range(first, 48)]


def test_rows_without_an_id_have_their_number_and_metrics_their_weights() -> None:
    class Nameless(Contract):
        mark: float
        cost: float
        price: Target[float | None]

    raw = pl.DataFrame({"mark": range(20), "cost": range(1, 21), "price": [None, *range(1, 20)]})
    first, second, _ = cut(model_data(raw, Nameless), "_fold")
    model = train(first, second, remember(), Spy(), (Metric("mae", weights="cost"),))
    assert model.held_out is not None
    assert model.held_out.columns == ["row", "price", "prediction", "cost"]
    assert model.held_out["row"].to_list() == list(range(1, 16))
    assert model.held_out["cost"].to_list() == [float(i) for i in range(2, 17)]
    assert model.chosen is not None
    gap = (model.held_out["price"] - model.held_out["prediction"]).abs()
    assert model.chosen.score == pytest.approx(
        (gap * model.held_out["cost"]).sum() / model.held_out["cost"].sum()
    )


@pytest.mark.parametrize(
    "experiment", [Linear(trials=1), Boosting(trials=1, rounds=5)], ids=lambda e: str(e.name)
)
def test_a_class_that_a_fold_lacks_gets_no_chance_there(experiment: Any) -> None:
    table = pupils(120)
    first, second, _ = cut(table, "_fold")
    rare = (pl.col("mark") == "good") & (pl.col("_fold") > 0)
    first, second = (like(part.filter(~rare), table) for part in (first, second))
    held_out = train(first, second, transform(first), experiment).held_out
    assert held_out is not None
    chance = held_out.filter(pl.col("mark") == "good")["probability_good"]
    assert len(chance) > 0
    assert set(chance) == {0.0}


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of each fit of the preprocessing."""
    found: list[int] = []
    plain = Remembers.fit
    monkeypatch.setattr(
        Remembers, "fit", lambda self, X, y=None: (found.append(len(X)), plain(self, X, y))[1]
    )
    return found


def test_experiments_with_equal_preprocessings_share_its_fits(fits: list[int]) -> None:
    first, second, _ = cut(marked(), "_fold")
    data = TrainingData.prepare(first, second, remember())
    for experiment in (Spy(), Spy(name="other", seed=4)):
        trainer = Trainer.prepare(data, experiment)
        trainer.build_model(trainer.fit({"level": 0.5}))
    assert fits == [32, 32, 32, 36]  # three folds, and train


def test_little_is_remembered(fits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = cut(marked(), "_fold")
    roomy = tune(first, second, remember(), Spy())
    assert len(fits) == 4
    for module in (part_transformer, training_data):
        monkeypatch.setattr(module, "MAX_REMEMBERED_BYTES", 1)
    narrow = tune(first, second, remember(), Spy())
    assert len(fits) > 4 + 4  # more than once in each
    assert narrow.chosen == roomy.chosen
    assert narrow.held_out.equals(roomy.held_out)  # type: ignore[arg-type, union-attr]


def test_weights_that_are_none_are_refused_before_any_fit() -> None:
    first, second, _ = cut(marked(), "_fold")
    first = like(first.with_columns(w=pl.lit(-1)), first)
    second = like(second.with_columns(w=pl.lit(1)), second)
    with pytest.raises(BrokenPromise, match="weights of the metric mae are w, and 36 of 48 are -1"):
        tune(first, second, remember(), Spy(), (Metric("mae", weights="w"),))
    with pytest.raises(BrokenPromise, match=r"no column of these rows\.\nHint: did you mean 'w'\?"):
        tune(first, second, remember(), Spy(), (Metric("mae", weights="ww"),))


def test_a_stored_model_has_its_held_out_predictions_and_no_features() -> None:
    table = marked(50_000, classes=True)
    first, second, _ = cut(table, "_fold")
    model = train(first, second, transform(first), Linear())
    assert model.held_out is not None
    assert model.held_out.height == 40_000
    numbers = [d for n, d in model.held_out.schema.items() if n.startswith("probability_")]
    assert numbers == [pl.Float64] * 2
    assert len(cloudpickle.dumps(model)) < 40_000 * (8 + 1 + 1 + 8 + 8) + 50_000
