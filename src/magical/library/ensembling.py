"""The ensemble: several models as one, whose weights are chosen on held-out predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from magical.contracts.model import Model
from magical.library.common_rows import CommonRows
from magical.library.member_costs import WORST_RATIO
from magical.library.metrics.metric_settings import Metric
from magical.library.metrics.metrics import Array, compute_log_losses
from magical.library.model_ranking import TIE_TOLERANCE, Ranking, rank_models, to_loss
from magical.library.recipes import EnsembleRecipe
from magical.synthesis.stub_models import is_stub

__all__ = ["choose_weights", "combine_models", "combine_ranked", "is_skewed", "predict_cross_fitted"]

RIDGE_ROWS = 40.0  # the pull towards equal weights, as if so many rows asked for them
LEAST_WEIGHT = 0.05
LARGEST_SKEW = 1.2  # above it a few rows decide all weights of squared errors
# An ensemble is worth 0.4 % of the loss in the mean of seven tables. A quarter of that is little more than
# noise, and is not worth the time and the size of further models.
LEAST_GAIN = 0.001
JUDGED_PARTS = 5


def combine_models(models: Sequence[Model], metric: Metric | None = None) -> Model:
    """Combine models to the weighted mean of their predictions, if it is better than the best of them.

    Weights are chosen on the held-out rows that all members have. They minimise the log loss, or the squared
    error, whatever metric decides, since only these two make a mean of predictions a convex problem: by
    exponentiated gradient (Kivinen and Warmuth 1997), with a ridge of 40 / rows towards equal weights.
    Weights below 0.05 are set to 0. A member whose loss is more than 10 % above that of the best is left out
    before. For a number whose skew is above 1.2 the weights are equal. If the deciding metric has weights of
    rows, these losses have the same.

    The deciding metric says what is the best single model, and whether the ensemble replaces it: the
    ensemble must be better by this metric, and its loss lower by at least 0.1 %. Weights that are judged on
    the rows that they were chosen on promise more than they keep: on small tables by more than an ensemble is
    worth. So ``held_out`` of the ensemble is cross-fitted: each fifth of the rows is predicted with weights
    that were chosen on the others.

    Left out of an ensemble: models of quantiles, which squared errors do not judge, and models without a
    recipe if others have one, since the whole could not be fitted again.

    Args:
        models: with ``held_out``, of one task; a name that occurs twice gets a number.
        metric: the deciding metric; by default log loss for classes, root mean squared error for numbers.

    Returns:
        The ensemble, or the best model; in both cases ``chosen`` has the score on the common held-out rows,
        and ``candidates`` the others, best first. ``chosen.params`` of an ensemble are the weights by name,
        chosen on all rows.

    Raises:
        BrokenPromise: ``models`` is empty, they have no held-out row in common, different truths for one,
            or no score is finite.

    Example:
        >>> import polars as pl
        >>> from sklearn.dummy import DummyRegressor
        >>> from magical.contracts.model import Candidate
        >>> from magical.contracts.schema import Column, Schema
        >>> def make(name, predictions):
        ...     rows = {"row": [0, 1, 2, 3], "price": [1.0, 2.0, 3.0, 4.0], "prediction": predictions}
        ...     fitted = DummyRegressor().fit([[0]], predictions[:1])
        ...     return Model(
        ...         fitted,
        ...         "regression",
        ...         "price",
        ...         Schema("House", (Column("rooms", "int"),)),
        ...         chosen=Candidate(name, 0.0, "rmse"),
        ...         held_out=pl.DataFrame(rows),
        ...     )
        >>> both = combine_models([make("low", [0.0, 1, 2, 3]), make("high", [2.0, 3, 4, 5])])
        >>> both.chosen.name, both.chosen.score, dict(both.chosen.params)
        ('ensemble', 0.0, {'low': 0.5, 'high': 0.5})
    """
    ranking = rank_models(models, metric)
    return combine_ranked(ranking) or ranking.best


def combine_ranked(ranking: Ranking) -> Model | None:
    """Combine ranked models to an ensemble; return None where the best of them serves as well."""
    rows, best = ranking.rows, ranking.candidates[0]
    places = [i for i in range(len(ranking.models)) if _may_join(ranking, i)]
    joined = replace(rows, predicted=tuple(rows.predicted[i] for i in places))
    weights = choose_weights(joined)
    if np.count_nonzero(weights) < 2:
        return None
    honest = predict_cross_fitted(joined)
    score = joined.score(honest, ranking.models[0].threshold)
    if not _is_worth(rows, honest, (best.score, score)):
        return None
    kept = [(ranking.models[i], w) for i, w in zip(places, weights.tolist(), strict=True) if w > 0]
    shares = {ranking.candidates[i].name: w for i, w in zip(places, weights.tolist(), strict=True) if w > 0}
    ensemble = _build_ensemble([m for m, _ in kept], shares)
    return replace(
        ensemble,
        chosen=replace(best, name="ensemble", score=score, params=shares),
        candidates=(*ranking.candidates, *ranking.others),
        held_out=rows.fill(honest, ensemble.threshold),
    )


def choose_weights(rows: CommonRows) -> Array:
    """Choose the weight of each member, of a sum of 1; 0 for those that are left out.

    Example:
        >>> import polars as pl
        >>> from magical.library.prediction_task import Task
        >>> truth, far = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])
        >>> choose_weights(CommonRows(Task("regression", "t"), pl.DataFrame(), truth, (truth, far))).tolist()
        [1.0, 0.0]
    """
    losses = np.array([rows.mean_loss(p) for p in rows.predicted])
    weights = np.zeros(len(losses))
    near = np.flatnonzero(losses <= losses[np.isfinite(losses)].min(initial=np.inf) * WORST_RATIO)
    near = near[np.isfinite(losses[near])]
    if not len(near):
        return weights
    is_equal = rows.task.kind == "regression" and is_skewed(rows.truth)
    found = np.full(len(near), 1 / len(near)) if is_equal else _Problem.build(rows, near).solve()
    # With many members an equal weight is small itself: all of them would be left out.
    found = np.where(found < min(LEAST_WEIGHT, 0.5 / len(near)), 0.0, found)
    weights[near] = found / found.sum()
    return weights


@dataclass(frozen=True)
class _Problem:
    """The mean loss of a convex combination of members, with a ridge towards equal weights.

    Attributes:
        values: of shape (rows, members): the probability of the true class, or the error in units of the
            best member's root mean squared error: half its square is then minus the log-likelihood of a
            normal error, so that the ridge is as strong as with probabilities.
    """

    values: Array
    shares: Array
    is_regression: bool

    @classmethod
    def build(cls, rows: CommonRows, members: Array) -> _Problem:
        shares = rows.row_weights / len(rows.truth)
        predicted = [rows.predicted[i] for i in members]
        if rows.task.kind == "regression":
            errors = np.stack([p - rows.truth for p in predicted], axis=1)
            unit = min(rows.mean_loss(p) for p in predicted)
            return cls(errors / (unit or 1.0), shares, True)
        # By way of the losses, which treat a probability of 0 and an unknown class.
        losses = np.stack([compute_log_losses(p, rows.truth) for p in predicted], axis=1)
        return cls(np.exp(-losses), shares, False)

    def evaluate(self, weights: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        ridge, away = RIDGE_ROWS / len(self.shares), weights - 1 / len(weights)
        mean = self.values @ weights
        if self.is_regression:
            value, slope = 0.5 * float(self.shares @ mean**2), self.values.T @ (self.shares * mean)
        else:
            value, slope = -float(self.shares @ np.log(mean)), -(self.values.T @ (self.shares / mean))
        return value + ridge * float(away @ away), slope + 2 * ridge * away

    def solve(self) -> Array:
        """Find the weights by exponentiated gradient, with a step that grows while the value falls."""
        weights: Array = np.full(self.values.shape[1], 1 / self.values.shape[1])
        (value, slope), rate = self.evaluate(weights), 1.0
        for _ in range(1000):
            # No other weights are better by more than this.
            if float(weights @ slope - slope.min()) < 1e-7:
                break
            # The smallest slope is taken off, so that no exponent is above 0.
            tried = weights * np.exp(-rate * (slope - slope.min()))
            tried /= tried.sum()
            found = self.evaluate(tried)
            if found[0] <= value:
                weights, (value, slope), rate = tried, found, rate * 1.5
            else:
                rate /= 4
        return weights


def _may_join(ranking: Ranking, place: int) -> bool:
    """Return True if a model can be a member of an ensemble with the best one."""
    model, best = ranking.models[place], ranking.models[0]
    if (
        any(is_stub(m) or _predicts_quantile(m) for m in (model, best))
        or model.classes != ranking.rows.task.classes
    ):
        return False
    # A member gets its own columns of those of all members, by the names that scikit-learn remembers.
    known = all(hasattr(m.pipeline, "feature_names_in_") for m in (model, best))
    if model.features != best.features and not known:
        return False
    return model.recipe is not None or all(m.recipe is None for m in ranking.models)


def _predicts_quantile(model: Model) -> bool:
    experiment = getattr(model.recipe, "experiment", None)
    return getattr(experiment, "quantile", None) is not None


def is_skewed(numbers: Array) -> bool:
    """Return True if a few numbers are far above the others: if their skew is above 1.2.

    Example:
        >>> is_skewed(np.array([1.0, 2.0, 3.0])), is_skewed(np.array([1.0, 1.0, 1.0, 1.0, 9.0]))
        (False, True)
    """
    away = numbers - numbers.mean()
    deviation = float(np.sqrt(np.mean(away**2)))
    return deviation > 0 and float(np.mean((away / deviation) ** 3)) > LARGEST_SKEW


def _average(predicted: Sequence[Array], weights: Array) -> Array:
    mean: Array = sum(w * p for w, p in zip(weights, predicted, strict=True) if w > 0)
    return mean


def predict_cross_fitted(rows: CommonRows) -> Array:
    """Predict each part of the rows with weights that were chosen on the other parts."""
    size = len(rows.truth)
    # In an order that no column knows, and that is the same for the same rows.
    part = np.random.default_rng(0).permutation(size) % min(JUDGED_PARTS, size)
    guess = np.empty_like(rows.predicted[0])
    for number in np.unique(part):
        judged = np.flatnonzero(part == number)
        others = np.flatnonzero(part != number)
        weights = choose_weights(rows.take(others)) if len(others) else choose_weights(rows)
        guess[judged] = _average([p[judged] for p in rows.predicted], weights)
    return guess


def _is_worth(rows: CommonRows, guess: Array, scores: tuple[float, float]) -> bool:
    """Return True if an ensemble wins by the deciding metric, and its loss is lower by enough."""
    before, after = (to_loss(score, rows.metric) for score in scores)
    wins = before - after > TIE_TOLERANCE * abs(before)
    return wins and rows.mean_loss(guess) <= (1 - LEAST_GAIN) * rows.mean_loss(rows.predicted[0])


def _build_ensemble(models: Sequence[Model], shares: Mapping[str, float]) -> Model:
    """Build the ensemble of models, the best first; it has the threshold of this one."""
    from magical.estimators import mean_of_pipelines  # late: it imports scikit-learn

    weights, named = [*shares.values()], list(zip(shares, (m.pipeline for m in models), strict=True))
    columns = {column.name: column for m in reversed(models) for column in m.schema.columns}
    order = dict.fromkeys(name for m in models for name in m.features)
    return replace(
        models[0],
        pipeline=mean_of_pipelines(named, weights),
        schema=replace(models[0].schema, columns=tuple(columns[name] for name in order)),
        origin=tuple(dict.fromkeys(o for m in models for o in m.origin)),
        recipe=_join_recipes(models, weights),
    )


def _join_recipes(models: Sequence[Model], weights: Sequence[float]) -> EnsembleRecipe | None:
    """Join the recipes of members; those of an ensemble among them become members themselves."""
    recipes: list[tuple[Any, float]] = []
    for model, weight in zip(models, weights, strict=True):
        if model.recipe is None:
            return None
        if isinstance(model.recipe, EnsembleRecipe):
            inner = zip(model.recipe.members, model.recipe.weights, strict=True)
            total = sum(model.recipe.weights)
            recipes += [(member, weight * share / total) for member, share in inner]
        else:
            recipes.append((model.recipe, weight))
    return EnsembleRecipe(tuple(r for r, _ in recipes), tuple(w for _, w in recipes))
