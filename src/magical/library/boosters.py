"""Boosting that stops early: by LightGBM, or by histogram boosting where it cannot be loaded."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from magical.library.fitting import fit_rows

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["fit_early_stopping", "fit_rounds", "make_booster"]

_HISTOGRAM_PATIENCE = 20  # fewer than for LightGBM: histogram boosting also keeps later trees


@functools.cache
def _load_lightgbm() -> tuple[Any, str]:
    """Import LightGBM, and return it with an empty text; return None and the reason if that fails."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: the system lacks libgomp.so.1
        return None, str(error)
    return lightgbm, ""


def make_booster(task: TaskKind, params: Mapping[str, Any], patience: int, seed: int) -> Any:
    """Make an unfitted booster.

    Args:
        task: ``binary``, ``multiclass`` or ``regression``.
        params: as LightGBM's scikit-learn estimators name them.
        patience: the number of rounds without a better score on validation after which it stops; at most 20
            for histogram boosting.
        seed: the seed for the sampling of rows and columns.

    Example:
        >>> type(make_booster("regression", {"num_leaves": 8}, patience=10, seed=0)).__name__
        'LGBMRegressor'
    """
    lightgbm, reason = _load_lightgbm()
    if lightgbm is None:
        return _make_histogram_booster(task, params, min(patience, _HISTOGRAM_PATIENCE), seed, reason)
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    # One thread and fixed histograms: the order of adding, and so the model, would depend on the machine.
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
    """Fit a booster of ``make_booster``, stopped early by validation; ``patience`` is for LightGBM only."""
    # Rows of class -1, which train lacks, are omitted: boosters refuse them.
    usable = validation.y >= 0 if np.issubdtype(validation.y.dtype, np.integer) else slice(None)
    X, y = validation.X[usable], validation.y[usable]
    lightgbm, _ = _load_lightgbm()
    if lightgbm is None:
        return estimator.fit(train.X, train.y, X_val=X, y_val=y)
    stop = lightgbm.early_stopping(patience, verbose=False)
    return estimator.fit(train.X, train.y, eval_X=(X,), eval_y=(y,), callbacks=[stop])


def fit_rounds(estimator: Any, rows: Examples, rounds: int) -> Any:
    """Fit a booster of ``make_booster`` with so many trees (for each class), without early stopping."""
    name = "n_estimators" if "n_estimators" in estimator.get_params() else "max_iter"
    estimator.set_params(**{name: max(1, rounds)})
    if name == "max_iter":
        estimator.set_params(early_stopping=False)
    return fit_rows(estimator, rows)


def _make_histogram_booster(
    task: TaskKind, params: Mapping[str, Any], patience: int, seed: int, reason: str
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    warnings.warn(
        f"LightGBM cannot be loaded ({reason}): scikit-learn's boosting takes its place.", stacklevel=2
    )
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    sklearn_names = {
        "learning_rate": "learning_rate",
        "num_leaves": "max_leaf_nodes",
        "min_child_samples": "min_samples_leaf",
        "colsample_bytree": "max_features",
        "reg_lambda": "l2_regularization",
        "n_estimators": "max_iter",
    }
    renamed = {sklearn_names[k]: v for k, v in params.items() if k in sklearn_names}
    return kind(**renamed, early_stopping=True, n_iter_no_change=patience, scoring="loss", random_state=seed)
