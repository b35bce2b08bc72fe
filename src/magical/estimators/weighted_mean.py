"""WeightedMean: the weighted mean of the predictions of several fitted estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier

__all__ = ["WeightedMean", "mean_of"]

Array = np.ndarray[Any, Any]


class WeightedMean(BaseEstimator):
    """Predict the weighted mean of fitted estimators: of their probabilities, or of their numbers.

    The members are fitted before; ``fit`` changes nothing. Each gets the same rows: a member may be a whole
    Pipeline, or the mean of further estimators behind one preprocessing.

    Args:
        members: names and fitted estimators; all of them classifiers of the same classes, or regressors.
        weights: one for each member, of any positive sum.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> X = np.zeros((2, 1))
        >>> low, high = (DummyRegressor().fit(X, [v, v]) for v in (1.0, 4.0))
        >>> mean_of([("low", low), ("high", high)], [2, 1]).predict(X).tolist()
        [2.0, 2.0]
    """

    def __init__(self, members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> None:
        self.members = members
        self.weights = weights

    def fit(self, X: Any, y: Any = None) -> Self:
        """Do nothing: the members are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def named_members(self) -> dict[str, Any]:
        """The members by name."""
        return dict(self.members)

    def _mean(self, predicted: list[Any]) -> Array:
        weights = np.asarray(self.weights, dtype=np.float64)
        shares = weights / weights.sum()
        total: Array = sum(
            s * np.asarray(p, dtype=np.float64) for s, p in zip(shares, predicted, strict=True)
        )
        return total


class MeanClassifier(ClassifierMixin, WeightedMean):
    """The weighted mean of classifiers: see ``WeightedMean``."""

    @property
    def classes_(self) -> Array:
        """The classes of the members, in order."""
        classes: Array = self.members[0][1].classes_
        return classes

    def predict_proba(self, X: Any) -> Array:
        """Predict the mean probability of each class, of shape (rows, classes)."""
        return self._mean([member.predict_proba(X) for _, member in self.members])

    def predict(self, X: Any) -> Array:
        """Predict the class with the highest mean probability."""
        predicted: Array = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted


class MeanRegressor(RegressorMixin, WeightedMean):
    """The weighted mean of regressors: see ``WeightedMean``."""

    def predict(self, X: Any) -> Array:
        """Predict the mean number, of shape (rows,)."""
        return self._mean([member.predict(X) for _, member in self.members])


def mean_of(members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> WeightedMean:
    """Build the weighted mean of fitted classifiers, or of fitted regressors."""
    kind = MeanClassifier if is_classifier(members[0][1]) else MeanRegressor
    return kind(list(members), list(weights))
