"""Boosting by XGBoost and CatBoost, which are extras: stopped early by validation, on one thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from magical.library.histogram_boosting import drop_unknown_classes

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["count_xgboost_rounds", "fit_catboost", "fit_xgboost", "make_catboost", "make_xgboost"]


def make_xgboost(
    task: TaskKind, params: Mapping[str, Any], *, patience: int, seed: int, quantile: float | None = None
) -> Any:
    """Make an unfitted XGBClassifier or XGBRegressor."""
    import xgboost

    kind = xgboost.XGBRegressor if task == "regression" else xgboost.XGBClassifier
    objective = {}
    if quantile is not None:
        objective = {"objective": "reg:quantileerror", "quantile_alpha": quantile}
    return kind(
        **params,
        **objective,
        early_stopping_rounds=patience,
        tree_method="hist",
        enable_categorical=True,
        random_state=seed,
        n_jobs=1,
    )


def fit_xgboost(estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
    """Fit a booster of ``make_xgboost``; without validation with all its rounds."""
    coded = set(train.categories)
    types = ["c" if i in coded else "q" for i in range(train.X.shape[1])]
    more: dict[str, Any] = {}
    if validation is None:
        estimator.set_params(early_stopping_rounds=None)
    else:
        judged = drop_unknown_classes(validation)
        weights = None if judged.weight is None else [judged.weight]
        more = {"eval_set": [(judged.X, judged.y)], "sample_weight_eval_set": weights, "verbose": False}
    estimator.set_params(feature_types=types if coded else None)
    return estimator.fit(train.X, train.y, sample_weight=train.weight, **more)


def count_xgboost_rounds(fitted: Any) -> int:
    """Return the number of trees (for each class) up to the best one."""
    best = getattr(fitted, "best_iteration", None) if fitted.early_stopping_rounds else None
    return int(fitted.get_booster().num_boosted_rounds() if best is None else best + 1)


def make_catboost(
    task: TaskKind, params: Mapping[str, Any], *, patience: int, seed: int, quantile: float | None = None
) -> Any:
    """Make an unfitted CodedCatBoostClassifier or CodedCatBoostRegressor."""
    from magical.estimators import CodedCatBoostClassifier, CodedCatBoostRegressor

    kind = CodedCatBoostRegressor if task == "regression" else CodedCatBoostClassifier
    return kind(**params, patience=patience, quantile=quantile, random_state=seed)


def fit_catboost(estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
    """Fit a booster of ``make_catboost``; without validation with all its rounds."""
    estimator.set_params(categories=train.categories)
    more: dict[str, Any] = {}
    if validation is not None:
        judged = drop_unknown_classes(validation)
        more = {"eval_set": (judged.X, judged.y), "eval_sample_weight": judged.weight}
    return estimator.fit(train.X, train.y, sample_weight=train.weight, **more)
