"""scikit-learn's histogram boosting, stopped early by validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from magical.library.prediction_task import Examples, TaskKind

__all__ = ["drop_unknown_classes", "fit_histogram", "make_histogram"]

_MAX_PATIENCE = 20  # fewer than for LightGBM: histogram boosting also keeps the trees after the best one


def make_histogram(
    task: TaskKind, params: Mapping[str, Any], *, patience: int, seed: int, quantile: float | None = None
) -> Any:
    """Make an unfitted HistGradientBoostingClassifier or HistGradientBoostingRegressor.

    Example:
        >>> type(make_histogram("binary", {"max_iter": 9}, patience=5, seed=0)).__name__
        'HistGradientBoostingClassifier'
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    loss = {} if quantile is None else {"loss": "quantile", "quantile": quantile}
    patience = min(patience, _MAX_PATIENCE)
    return kind(**params, **loss, n_iter_no_change=patience, scoring="loss", random_state=seed)


def fit_histogram(estimator: Any, train: Examples, validation: Examples | None = None) -> Any:
    """Fit histogram boosting; without validation with all its rounds."""
    more: dict[str, Any] = {}
    if validation is not None:
        judged = drop_unknown_classes(validation)
        more = {"X_val": judged.X, "y_val": judged.y, "sample_weight_val": judged.weight}
    estimator.set_params(
        early_stopping=validation is not None, categorical_features=list(train.categories) or None
    )
    return estimator.fit(_fill_empty_columns(train.X), train.y, sample_weight=train.weight, **more)


def _fill_empty_columns(X: Any) -> Any:
    """Fill columns without any value, which scikit-learn cannot bin: no tree splits at them then."""
    if not isinstance(X, np.ndarray) or not (empty := np.isnan(X).all(axis=0)).any():
        return X
    return np.where(empty, 0.0, X)


def drop_unknown_classes(rows: Examples) -> Examples:
    """Drop rows of class -1, which train lacks: boosters refuse them."""
    if not np.issubdtype(rows.y.dtype, np.integer) or (usable := rows.y >= 0).all():
        return rows
    weight = None if rows.weight is None else rows.weight[usable]
    return rows._replace(X=rows.X[usable], y=rows.y[usable], weight=weight)
