"""LightGBM as an estimator that stops early, or histogram boosting where it cannot be loaded."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["fit_early_stopping", "make_booster"]

_HISTOGRAM_PATIENCE = (
    20  # rounds without a better score that end histogram boosting, which keeps the trees of all of them
)


@functools.cache
def _load() -> tuple[Any, str]:
    """Give LightGBM, or none and why it cannot be loaded: it needs the system's ``libgomp.so.1``."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        return None, str(error)
    return lightgbm, ""


def make_booster(task: TaskKind, params: Mapping[str, Any], patience: int, seed: int) -> Any:
    """Give an unfitted booster on one thread.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        params: as LightGBM's scikit-learn estimators name them.
        patience: rounds without a better score on validation that end it.
        seed: of the sampling of rows and columns.

    Example:
        >>> type(make_booster("regression", {"num_leaves": 8}, patience=10, seed=0)).__name__
        'LGBMRegressor'
    """
    lightgbm, why = _load()
    if lightgbm is None:
        return _make_histogram_booster(task, params, min(patience, _HISTOGRAM_PATIENCE), seed, why)
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    return kind(
        **params,
        subsample_freq=1,
        min_child_weight=1e-7,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )


def fit_early_stopping(estimator: Any, train: Examples, validation: Examples, patience: int) -> Any:
    """Fit a booster, and keep the trees up to the best score on validation.

    Args:
        estimator: from ``make_booster``.
        train: fitted on.
        validation: decides when to stop.
        patience: rounds without a better score that end it.
    """
    known = validation.y >= 0 if np.issubdtype(validation.y.dtype, np.integer) else slice(None)
    X, y = validation.X[known], validation.y[known]
    lightgbm, _ = _load()
    if lightgbm is None:
        return estimator.fit(train.X, train.y, X_val=X, y_val=y)
    stop = lightgbm.early_stopping(patience, verbose=False)
    return estimator.fit(train.X, train.y, eval_X=(X,), eval_y=(y,), callbacks=[stop])


def _make_histogram_booster(
    task: TaskKind, params: Mapping[str, Any], patience: int, seed: int, reason: str
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    warnings.warn(
        f"LightGBM cannot be loaded ({reason}): scikit-learn's boosting takes its place.", stacklevel=2
    )
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    named = {
        "learning_rate": "learning_rate",
        "num_leaves": "max_leaf_nodes",
        "min_child_samples": "min_samples_leaf",
        "colsample_bytree": "max_features",
        "reg_lambda": "l2_regularization",
        "n_estimators": "max_iter",
    }
    same = {named[k]: v for k, v in params.items() if k in named}
    return kind(**same, early_stopping=True, n_iter_no_change=patience, scoring="loss", random_state=seed)
