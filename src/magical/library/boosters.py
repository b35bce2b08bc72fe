"""Boosting by LightGBM that stops early, or by histogram boosting where LightGBM cannot be loaded."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from magical.library.histogram_boosting import drop_unknown_classes, fit_histogram, make_histogram

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["fit_booster", "make_booster"]

# LightGBM's names of the parameters that histogram boosting has, too.
_HISTOGRAM_NAMES = {
    "learning_rate": "learning_rate",
    "num_leaves": "max_leaf_nodes",
    "min_child_samples": "min_samples_leaf",
    "colsample_bytree": "max_features",
    "reg_lambda": "l2_regularization",
    "n_estimators": "max_iter",
}


@functools.cache
def _load_lightgbm() -> tuple[Any, str]:
    """Import LightGBM, and return it with an empty text; return None and the reason if that fails."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: the system lacks libgomp.so.1
        return None, str(error)
    return lightgbm, ""


def make_booster(
    task: TaskKind, params: Mapping[str, Any], *, patience: int, seed: int, quantile: float | None = None
) -> Any:
    """Make an unfitted booster.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        params: as LightGBM's scikit-learn estimators name them.
        patience: the number of rounds without a better score on validation after which it stops; at most 20
            for histogram boosting.
        seed: the seed for the sampling of rows and columns.
        quantile: the quantile of a number to predict; None for its mean.

    Example:
        >>> type(make_booster("regression", {"num_leaves": 8}, patience=10, seed=0)).__name__
        'LGBMRegressor'
    """
    lightgbm, reason = _load_lightgbm()
    if lightgbm is None:
        warnings.warn(
            f"LightGBM cannot be loaded ({reason}): scikit-learn's boosting takes its place.", stacklevel=2
        )
        renamed = {_HISTOGRAM_NAMES[k]: v for k, v in params.items() if k in _HISTOGRAM_NAMES}
        return make_histogram(task, renamed, patience=patience, seed=seed, quantile=quantile)
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    objective = {} if quantile is None else {"objective": "quantile", "alpha": quantile}
    # One thread and fixed histograms: the order of adding, and so the model, would depend on the machine.
    return kind(
        **params,
        **objective,
        subsample_freq=1,
        min_child_weight=1e-7,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )


def fit_booster(estimator: Any, train: Examples, validation: Examples | None, patience: int) -> Any:
    """Fit a booster of ``make_booster``; without validation with all its rounds.

    ``patience`` is for LightGBM only.
    """
    if "n_estimators" not in estimator.get_params():
        return fit_histogram(estimator, train, validation)
    more: dict[str, Any] = {}
    if validation is not None:
        judged = drop_unknown_classes(validation)
        more = {
            "eval_X": (judged.X,),
            "eval_y": (judged.y,),
            "eval_sample_weight": None if judged.weight is None else [judged.weight],
            "callbacks": [_load_lightgbm()[0].early_stopping(patience, verbose=False)],
        }
    coded = list(train.categories) or "auto"
    return estimator.fit(train.X, train.y, sample_weight=train.weight, categorical_feature=coded, **more)
