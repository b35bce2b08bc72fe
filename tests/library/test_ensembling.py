"""combine_models: weights from held-out predictions only, and an ensemble only where it wins."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from library.folded import Spy, SpyRegressor, cut, marked, remember
from magical.contracts.model import Candidate, Model
from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise
from magical.library import Boosting, Linear, Metric, select, tune
from magical.library.common_rows import CommonRows, find_common_rows
from magical.library.ensembling import choose_weights, combine_models, predict_cross_fitted
from magical.library.recipes import EnsembleRecipe, FitRecipe

ROWS = 400
RNG = np.random.default_rng(5)
TRUTH = RNG.normal(100, 10, ROWS)
NOISE = [RNG.normal(0, s, ROWS) for s in (4, 4, 4, 4)]


class Unfit(RegressorMixin, BaseEstimator):
    """A pipeline that nothing may ask: weights are chosen on held-out predictions alone."""

    feature_names_in_ = np.array(["rooms"])

    def predict(self, rows: object) -> object:
        raise AssertionError("asked for a prediction")

    predict_proba = transform = fit = predict


def model(name: str, guess: Any, truth: Any = None, **more: Any) -> Model:
    truth = TRUTH if truth is None else truth
    table = pl.DataFrame({"id": np.arange(len(truth)), "price": truth, "prediction": guess})
    recipe: Any = FitRecipe(Linear(name=name), None)  # type: ignore[arg-type]
    fields = {"chosen": Candidate(name, 9.0, "mae", {"alpha": 1}), "held_out": table, "recipe": recipe}
    schema = Schema("House", (Column("rooms", "int"),))
    return Model(Unfit(), "regression", "price", schema, **{**fields, **more})


def classifier(name: str, log_odds: Any, truth: Any) -> Model:
    chance = 1 / (1 + np.exp(-np.asarray(log_odds)))
    table = pl.DataFrame(
        {
            "row": np.arange(len(truth)),
            "bought": truth,
            "prediction": chance >= 0.5,
            "probability_False": 1 - chance,
            "probability_True": chance,
        }
    )
    return replace(model(name, TRUTH), task="binary", target="bought", classes=(False, True), held_out=table)


def numbers() -> list[Model]:
    """Three models whose errors have nothing in common, and one with ten times their errors."""
    guesses = [TRUTH + n for n in NOISE[:3]] + [TRUTH + 10 * NOISE[3]]
    return [model(n, g) for n, g in zip(("one", "two", "three", "bad"), guesses, strict=True)]


def test_an_ensemble_is_the_weighted_mean_of_its_members_with_all_as_candidates() -> None:
    models = numbers()
    best = combine_models(models)
    assert best.chosen is not None
    weights = dict(best.chosen.params)
    assert (best.chosen.name, best.chosen.metric, set(weights)) == (
        "ensemble",
        "rmse",
        {"one", "two", "three"},
    )
    assert sum(weights.values()) == pytest.approx(1)
    assert [c.name for c in best.candidates] == sorted(
        ("one", "two", "three", "bad"), key=lambda n: {c.name: c.score for c in best.candidates}[n]
    )
    guesses = {m.chosen.name: m.held_out["prediction"] for m in models}  # type: ignore[union-attr,index]
    mean = sum(weights[n] * guesses[n].to_numpy() for n in weights)
    assert best.held_out is not None
    assert best.held_out.columns == ["id", "price", "prediction"]
    # Each row with weights of other rows: near the mean, and what the score is of.
    assert np.abs(best.held_out["prediction"].to_numpy() - mean).mean() < 0.3
    gap = best.held_out["prediction"] - best.held_out["price"]
    assert best.chosen.score == pytest.approx((gap**2).mean() ** 0.5)  # type: ignore[operator]
    assert best.chosen.score < min(c.score for c in best.candidates)
    assert isinstance(best.recipe, EnsembleRecipe)
    assert (
        dict(zip((m.experiment.name for m in best.recipe.members), best.recipe.weights, strict=True))
        == weights
    )
    assert combine_models(models).chosen == best.chosen


def test_weights_minimise_the_loss_with_a_ridge_towards_equal_ones() -> None:
    """Against a grid of all weights: of numbers, and of probabilities."""
    truth = RNG.random(ROWS) < 1 / (1 + np.exp(-NOISE[0]))
    odds = [NOISE[0] + 2 * NOISE[1] / 4, NOISE[0] / 2 + NOISE[2] / 4, NOISE[0] * 0.6]
    cases = {
        "numbers": [
            model(f"m{i}", TRUTH + e) for i, e in enumerate((NOISE[0], NOISE[1] * 1.05, NOISE[2] * 1.09))
        ],
        "classes": [classifier(f"m{i}", o, truth) for i, o in enumerate(odds)],
    }
    grid = [np.array([a, b, 100 - a - b]) / 100 for a in range(101) for b in range(101 - a)]
    for name, models in cases.items():
        rows = find_common_rows(models)
        losses = np.array([rows.mean_loss(p) for p in rows.predicted])
        near = losses <= 1.1 * losses.min()
        unit = losses.min() if rows.task.kind == "regression" else None
        values = [_penalise(w, rows, near, unit) for w in grid if not w[~near].any()]
        allowed = [w for w in grid if not w[~near].any()]
        assert choose_weights(rows) == pytest.approx(allowed[int(np.argmin(values))], abs=0.02), name


def _penalise(weights: Any, rows: CommonRows, near: Any, unit: float | None) -> float:
    loss = rows.mean_loss(sum(w * p for w, p in zip(weights, rows.predicted, strict=True)))
    scaled = loss if unit is None else (loss / unit) ** 2 / 2
    return float(scaled + 40 / ROWS * ((weights[near] - 1 / near.sum()) ** 2).sum())


def test_small_weights_are_none_and_many_members_keep_theirs() -> None:
    truth, noise = np.tile(TRUTH, 20), np.tile(NOISE[0], 20)  # many rows: the ridge is weak
    rows = find_common_rows([model("a", truth + noise, truth), model("b", truth + 1.08 * noise, truth)])
    assert choose_weights(rows).tolist() == [1.0, 0.0]
    equal = [model(str(i), TRUTH + NOISE[i % 3]) for i in range(30)]
    assert np.count_nonzero(choose_weights(find_common_rows(equal))) == 30


def test_a_skewed_target_has_equal_weights() -> None:
    skewed = np.exp(RNG.normal(0, 1, ROWS))
    models = [model(n, skewed + e, skewed) for n, e in (("a", NOISE[0]), ("b", NOISE[1] * 1.05))]
    assert choose_weights(find_common_rows(models)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("guess", [TRUTH + NOISE[0], TRUTH + 1.0005 * NOISE[0], TRUTH + 3 * NOISE[1]])
def test_no_gain_or_hardly_one_is_not_worth_a_second_model(guess: Any) -> None:
    first = model("first", TRUTH + NOISE[0])
    best = combine_models([first, model("second", guess)])
    assert best.chosen is not None
    assert (best.chosen.name, best.recipe, [c.name for c in best.candidates]) == (
        "first",
        first.recipe,
        ["second"],
    )


def test_the_deciding_metric_can_refuse_what_the_loss_likes() -> None:
    models = numbers()
    assert combine_models(models, Metric("mae")).chosen.metric == "mae"  # type: ignore[union-attr]
    spread = Metric("spread", function=widest, greater_is_better=True)
    best = combine_models(models, spread)
    assert (best.chosen.name, best.chosen.score > 0) == ("bad", True)  # type: ignore[union-attr]


def widest(truth: Any, guess: Any) -> float:
    return float(guess.std())


def test_a_coarse_metric_that_ties_keeps_the_single_model() -> None:
    models = numbers()[:2]
    assert combine_models(models, Metric("same", function=constant)).chosen.name == "one"  # type: ignore[union-attr]


def constant(truth: Any, guess: Any) -> float:
    return 1.0


def test_rows_are_matched_by_id_and_only_those_of_all_models_count() -> None:
    one, two, three, _ = numbers()
    shuffled = replace(two, held_out=two.held_out.sample(fraction=1, shuffle=True, seed=1)[:300])  # type: ignore[union-attr]
    rows = find_common_rows([one, shuffled, three])
    kept = rows.table["id"].to_numpy()
    assert len(kept) == 300
    for found, noise in zip(rows.predicted, NOISE[:3], strict=True):
        assert np.array_equal(found, (TRUTH + noise)[kept])
    # The same rows in another order, or another model first: the same weights.
    weights = [
        dict(combine_models(m).chosen.params) for m in ([one, shuffled, three], [shuffled, three, one])
    ]  # type: ignore[union-attr]
    assert weights[0] == pytest.approx(weights[1], abs=1e-3)


def test_a_class_without_a_column_has_probability_0() -> None:
    truth = np.array(["a", "b", "c"] * 20)
    table = pl.DataFrame({"row": np.arange(60), "t": truth, "prediction": "a"})
    both = [
        replace(
            model("m", TRUTH),
            task="multiclass",
            target="t",
            classes=classes,
            held_out=table.with_columns(pl.lit(1 / len(classes)).alias(f"probability_{c}") for c in classes),
        )
        for classes in (("a", "b"), ("a", "b", "c"))
    ]
    rows = find_common_rows(both)
    assert rows.task.classes == ("a", "b", "c")
    assert [p[0].round(2).tolist() for p in rows.predicted] == [[0.5, 0.5, 0.0], [0.33, 0.33, 0.33]]
    assert combine_models(both).classes == ("a", "b", "c")


def bad_held_out() -> dict[str, tuple[Model, str]]:
    one = numbers()[0]
    table: pl.DataFrame = one.held_out  # type: ignore[assignment]
    wrong = table.with_columns(price=pl.when(pl.col("id") == 7).then(0.0).otherwise("price"))
    return {
        "none": (replace(one, held_out=None), "one has no held-out predictions"),
        "elsewhere": (
            replace(one, held_out=table.with_columns(pl.col("id") + 1000)),
            "no held-out row in common",
        ),
        "truth": (
            replace(one, held_out=wrong),
            "different truths for 1 held-out rows: price of id 7 is .* and 0.0",
        ),
        "twice": (replace(one, held_out=pl.concat([table, table[:1]])), "one has predicted .* twice: id 0"),
        "named": (replace(one, held_out=table.rename({"id": "row"})), "named by id, those of one by row"),
    }


@pytest.mark.parametrize("case", ["none", "elsewhere", "truth", "twice", "named"])
def test_rows_that_do_not_match_are_refused(case: str) -> None:
    other, message = bad_held_out()[case]
    with pytest.raises(BrokenPromise, match=message):
        combine_models([numbers()[1], other])


def test_names_that_occur_twice_get_a_number() -> None:
    models = [model("linear", TRUTH + n) for n in NOISE[:3]]
    best = combine_models(models)
    assert set(best.chosen.params) == {"linear", "linear 2", "linear 3"}  # type: ignore[union-attr]


def test_the_members_of_an_ensemble_become_members_themselves() -> None:
    one, two, three = (
        model(n, TRUTH + NOISE[3] + e / 2) for n, e in zip(("one", "two", "three"), NOISE[:3], strict=True)
    )
    inner = combine_models([one, two])
    best = combine_models([inner, three])
    assert isinstance(best.recipe, EnsembleRecipe)
    assert sorted(m.experiment.name for m in best.recipe.members) == ["one", "three", "two"]
    assert all(isinstance(m, FitRecipe) for m in best.recipe.members)
    assert sum(best.recipe.weights) == pytest.approx(1)


def test_models_without_a_recipe_join_no_model_that_can_be_fitted_again() -> None:
    one, two, three, _ = numbers()
    best = combine_models([one, two, replace(three, recipe=None)])
    assert set(best.chosen.params) == {"one", "two"}  # type: ignore[union-attr]
    alone = combine_models([replace(m, recipe=None) for m in (one, two, three)])
    assert (alone.chosen.name, alone.recipe) == ("ensemble", None)  # type: ignore[union-attr]


def test_a_model_of_a_quantile_is_averaged_with_none() -> None:
    one, two, three, _ = numbers()
    of_a_quantile = replace(one.recipe, experiment=Boosting(quantile=0.5))
    best = combine_models([replace(one, recipe=of_a_quantile), two, three])
    assert set(best.chosen.params) == {"two", "three"}  # type: ignore[union-attr]
    alone = combine_models([one, replace(two, recipe=of_a_quantile), three])  # the best one
    assert alone.chosen.name == "two"  # type: ignore[union-attr]


def test_an_ensemble_reads_the_columns_of_all_members_and_keeps_the_threshold() -> None:
    one, two, *_ = numbers()
    wider = Schema("House", (Column("size", "float"), Column("rooms", "int")))
    best = combine_models([replace(one, threshold=0.3), replace(two, schema=wider, threshold=0.3)])
    assert (sorted(best.features), best.threshold) == (["rooms", "size"], 0.3)


def test_the_score_of_an_ensemble_is_not_that_of_weights_that_saw_the_row() -> None:
    """Forty models of pure chance: weights that know the truth promise a gain that does not exist."""
    truth = RNG.normal(0, 1, 60)
    models = [model(str(i), RNG.normal(0, 0.05, 60), truth) for i in range(40)]
    rows = find_common_rows(models)
    optimistic = sum(w * p for w, p in zip(choose_weights(rows), rows.predicted, strict=True))
    honest = rows.score(predict_cross_fitted(rows))
    assert rows.score(optimistic) < honest
    best = combine_models(models)
    assert best.chosen is not None
    assert best.chosen.score in (pytest.approx(honest), min(rows.score(p) for p in rows.predicted))


SCORED: list[Any] = []


def remembered(truth: Any, chance: Any) -> float:
    """A log loss that remembers what it was given."""
    SCORED.append(chance)
    return -float(np.log(np.where(truth, chance, 1 - chance)).mean())


@pytest.mark.parametrize("name", ["", "_fold", "_time_fold"])
def test_nothing_chosen_or_weighted_reads_a_prediction_of_a_row_that_the_fit_had_seen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spies predict 1 for a row that they were fitted on; else 0.2 or 0.5, and a third of the rows is true."""
    first, second, _ = cut(marked(900, classes=True), name)
    levels: dict[str, Any] = {"low": 0.2, "high": 0.5}
    spies = [Spy(name=n, trials=1, search={"level": (level,)}) for n, level in levels.items()]
    models = [tune(first, second, remember(), spy) for spy in spies]
    monkeypatch.setattr(SpyRegressor, "predict", Unfit.predict)  # the fits see validation as unseen rows, too
    for metric in (None, Metric("remembered", function=remembered, greater_is_better=False)):
        SCORED.clear()
        best = select(models, metrics=() if metric is None else (metric,))
        assert best.chosen is not None
        assert set(best.chosen.params) == {"low", "high"}
        assert best.held_out is not None
        assert 0.2 < best.held_out["probability_True"].min() <= best.held_out["probability_True"].max() < 0.5  # type: ignore[operator]
        assert bool(SCORED) == (metric is not None)
        assert all(guess.max() <= 0.5 for guess in SCORED)


def test_a_part_is_judged_by_weights_that_did_not_see_its_truth() -> None:
    rows = find_common_rows(numbers()[:3])
    before = predict_cross_fitted(rows)
    part = np.random.default_rng(0).permutation(ROWS) % 5 == 2
    after = predict_cross_fitted(replace(rows, truth=np.where(part, rows.truth + 50, rows.truth)))
    assert np.array_equal(after[part], before[part])
    assert not np.allclose(after[~part], before[~part])
