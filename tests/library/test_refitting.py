"""refit: the winner once more, on train and validation, with what its earlier fits have shown."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor

from library.folded import Remembers, Spy, SpyRegressor, cut, marked, remember
from library.tables import houses, people, pupils
from library.test_splitting import like
from magical import Model
from magical.errors import BrokenPromise
from magical.library import Boosting, Experiment, Linear, predict, refit, train, transform, tune
from magical.library.column_plan import build_pipeline
from magical.library.fitting import fit_rows
from magical.library.recipes import EnsembleRecipe
from magical.library.scorer.model_files import load_model, save_model
from magical.synthesis.stub_models import StubModel, pretending_run


def tuned(experiment: Any, *, name: str = "_fold") -> tuple[Model, list[pl.DataFrame]]:
    parts = cut(marked(), name)
    return tune(*parts[:2], remember(), experiment), parts


def test_it_sees_train_and_validation_and_keeps_what_was_learned_before() -> None:
    before, parts = tuned(Spy(trials=4))
    before = replace(before, threshold=0.3, candidates=(before.chosen,), origin=("made",))  # type: ignore[arg-type]
    after = refit(before, *parts[:2])
    assert [predict(after, part)["prediction"].max() for part in parts] == [
        1,
        1,
        after.recipe.params["level"],
    ]
    assert [predict(after, part)["prediction"].min() for part in parts[:2]] == [1, 1]
    for name in ("held_out", "chosen", "candidates", "threshold", "origin", "recipe", "schema"):
        assert getattr(after, name) is getattr(before, name)
    assert [name for name, _ in after.pipeline.steps] == ["columns", "estimator"]
    assert type(after.pipeline.named_steps["estimator"]) is SpyRegressor
    assert before.pipeline.named_steps["estimator"].seen_ == set(range(36))  # as it was


def test_rounds_are_the_mean_of_the_fits_that_stopped_early() -> None:
    before, parts = tuned(Spy(trials=1))
    assert before.recipe.rounds == 32
    assert refit(before, *parts[:2]).pipeline.named_steps["estimator"].rounds_ == 32
    table = people()
    first, second, _ = cut(table, "_fold")
    model = tune(first, second, transform(first), Boosting(trials=1, seeds=1, rounds=60, patience=3))
    booster = refit(model, first, second).pipeline.named_steps["estimator"]
    assert model.recipe.rounds < 55
    assert booster.n_estimators == round(model.recipe.rounds * 1.1)


def test_seeds_are_averaged_and_the_first_is_the_experiments() -> None:
    before, parts = tuned(Spy(trials=1, seed=5, seeds=3))
    after = refit(before, *parts[:2])
    mean = after.pipeline.named_steps["estimator"]
    assert [member.seed for _, member in mean.members] == [5, 6, 7]
    assert predict(after, parts[2])["prediction"].to_list() == [0.5] * 12


def test_the_scale_of_the_target_is_kept() -> None:
    table = houses()
    first, second, test = cut(table, "_fold")
    model = tune(first, second, transform(first), Linear(trials=1, target="sqrt"))
    after = refit(model, first, second)
    for one in (model, after):
        assert one.pipeline.named_steps["estimator"].scale == "sqrt"
        gap = predict(one, test)["prediction"] - test["price"]
        assert gap.abs().mean() < 60  # type: ignore[operator]
    assert not predict(after, test).equals(predict(model, test))


def test_members_with_equal_preprocessings_share_one_fit_and_keep_their_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, parts = tuned(Spy(trials=1, name="one"))
    search: Any = {"level": (0.2,)}
    two = tuned(Spy(trials=1, name="two", search=search))[0]
    both = replace(one, recipe=EnsembleRecipe((one.recipe, two.recipe), (3.0, 1.0)))
    fits: list[int] = []
    plain = Remembers.fit
    monkeypatch.setattr(Remembers, "fit", lambda self, X, y=None: (fits.append(len(X)), plain(self, X, y))[1])
    after = refit(both, *parts[:2])
    assert fits == [48]
    assert predict(after, parts[2])["prediction"].to_list() == pytest.approx([0.75 * 0.5 + 0.25 * 0.2] * 12)
    more = ColumnTransformer([("marks", Remembers(), ["mark"]), ("more", "passthrough", ["mark"])])
    other = replace(two.recipe, preprocessing=build_pipeline(("columns", more)))
    apart = refit(replace(one, recipe=EnsembleRecipe((one.recipe, other), (3.0, 1.0))), *parts[:2])
    assert fits == [48] * 3
    assert predict(apart, parts[2]).equals(predict(after, parts[2]))


class Wrapped(Spy):
    """Fits in a way of its own, and says nothing of ``refit``."""

    reads_validation: bool = False
    refit, count_rounds = Experiment.refit, Experiment.count_rounds

    def fit(self, estimator: Any, train: Any, validation: Any) -> Any:
        X, *_ = validation if self.reads_validation else train
        return TransformedTargetRegressor(fit_rows(estimator, train)).fit(train.X, train.y + 0 * len(X))


def test_an_own_fit_without_a_refit_is_made_again_or_refused_in_words() -> None:
    before, parts = tuned(Wrapped(trials=1))
    after = refit(before, *parts[:2]).pipeline.named_steps["estimator"]
    assert type(after) is TransformedTargetRegressor
    assert after.regressor_.seen_ == set(range(48))
    stopping, parts = tuned(Wrapped(trials=1, reads_validation=True))
    with pytest.raises(
        BrokenPromise, match=r"wrapped: fit reads validation(.|\n)*Hint: define refit"
    ) as error:
        refit(stopping, *parts[:2])
    assert len(error.value.lines) <= 2


def test_what_cannot_be_fitted_again_is_said() -> None:
    model, parts = tuned(Spy(trials=1))
    with pytest.raises(BrokenPromise, match="cannot fit again: it was not fitted by tune or train"):
        refit(replace(model, recipe=None), *parts[:2])
    with pytest.raises(BrokenPromise, match="spy failed: no luck"):
        refit(replace(model, failure="no luck"), *parts[:2])
    others = cut(people())
    with pytest.raises(
        BrokenPromise, match="regression model of price, and rows of another task: binary of bought"
    ):
        refit(model, *others[:2])


def test_what_is_registered_has_neither_rows_nor_a_recipe(tmp_path: Path) -> None:
    table = houses()
    first, second, test = cut(table, "_fold")
    model = refit(tune(first, second, transform(first), Linear(trials=1)), first, second)
    loaded = load_model(save_model(model, tmp_path), tmp_path, pickle.loads)
    assert (loaded.held_out, loaded.recipe) == (None, None)
    assert loaded.summary() == model.summary()
    assert loaded.summary().endswith("out of fold")
    assert predict(loaded, test).equals(predict(model, test))


def test_a_pretended_model_stays_as_it_is() -> None:
    model, parts = tuned(Spy(trials=1))
    stub = replace(model, pipeline=StubModel("seed", high=9.0), recipe=None, origin=("tune",))
    with pretending_run():
        assert refit(stub, *parts[:2]) is stub


def test_a_class_that_train_lacks_is_left_out() -> None:
    table = pupils()
    first, second, test = cut(table)
    first = like(first.filter(pl.col("mark") != "fair"), table)
    model = train(first, second, transform(first), Linear())
    assert refit(model, first, second).classes == ("poor", "good")
    assert np.isfinite(predict(refit(model, first, second), test)["probability_good"].to_numpy()).all()
