"""TransformedTarget: a fitted regressor that learned a function of the target, and predicts the target."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

__all__ = ["TargetScale", "TransformedTarget", "scale_target"]

Array = np.ndarray[Any, Any]

TargetScale = Literal["log", "log1p", "sqrt"]
"""``log`` needs a target above 0, ``log1p`` and ``sqrt`` one of at least 0."""

_FORWARD = {"log": np.log, "log1p": np.log1p, "sqrt": np.sqrt}
_INVERSE = {"log": np.exp, "log1p": np.expm1, "sqrt": np.square}


def scale_target(y: Array, scale: TargetScale) -> Array:
    """Transform values of a target.

    Example:
        >>> scale_target(np.array([1.0, 4.0]), "sqrt").tolist()
        [1.0, 2.0]
    """
    scaled: Array = _FORWARD[scale](y)
    return scaled


class TransformedTarget(RegressorMixin, BaseEstimator):
    """Predict by a regressor that was fitted on a transformed target, on the scale of the target.

    scikit-learn's ``TransformedTargetRegressor`` fits by itself, which leaves no room for early stopping.

    Args:
        estimator: a regressor, fitted on ``scale_target(y, scale)``.
        scale: ``log``, ``log1p`` or ``sqrt``.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> X, y = np.zeros((2, 1)), np.array([1.0, 9.0])
        >>> fitted = DummyRegressor().fit(X, scale_target(y, "sqrt"))
        >>> TransformedTarget(fitted, "sqrt").predict(X).tolist()
        [4.0, 4.0]
    """

    def __init__(self, estimator: Any, scale: TargetScale) -> None:
        self.estimator = estimator
        self.scale = scale

    def fit(self, X: Any, y: Any = None) -> Self:
        """Do nothing: the regressor is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Array:
        """Predict on the scale of the target."""
        predicted = np.asarray(self.estimator.predict(X), dtype=np.float64)
        if self.scale == "sqrt":  # a square of less than 0 would rise again
            predicted = np.maximum(predicted, 0)
        values: Array = _INVERSE[self.scale](predicted)
        return values
