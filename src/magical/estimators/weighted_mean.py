"""WeightedMean: the weighted mean of the predictions of several fitted estimators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.pipeline import Pipeline

__all__ = ["WeightedMean", "mean_of", "mean_of_pipelines"]

Array = np.ndarray[Any, Any]


class WeightedMean(BaseEstimator):
    """Predict the weighted mean of fitted estimators: of their probabilities, or of their numbers.

    The members are fitted before; ``fit`` changes nothing. Each gets the same rows, and of a frame the
    columns that it was fitted on: a member may be a whole Pipeline, or the mean of further estimators behind
    one preprocessing.

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

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the members and weights; if ``deep``, also the parameters of the members."""
        params: dict[str, Any] = super().get_params(deep=False)
        for name, member in self.members if deep else ():
            params[f"members__{name}"] = member
            inner = member.get_params() if hasattr(member, "get_params") else {}
            params |= {f"members__{name}__{key}": value for key, value in inner.items()}
        return params

    def fit(self, X: Any, y: Any = None) -> Self:
        """Do nothing: the members are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def named_members(self) -> dict[str, Any]:
        """The members by name."""
        return dict(self.members)

    def _mean(self, predict: Callable[[Any, Any], Any], X: Any) -> Array:
        weights = np.asarray(self.weights, dtype=np.float64)
        shares = weights / weights.sum()
        total: Array = sum(
            share * np.asarray(predict(member, _select_columns(member, X)), dtype=np.float64)
            for share, (_, member) in zip(shares, self.members, strict=True)
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
        return self._mean(lambda member, rows: member.predict_proba(rows), X)

    def predict(self, X: Any) -> Array:
        """Predict the class with the highest mean probability."""
        predicted: Array = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted


class MeanRegressor(RegressorMixin, WeightedMean):
    """The weighted mean of regressors: see ``WeightedMean``."""

    def predict(self, X: Any) -> Array:
        """Predict the mean number, of shape (rows,)."""
        return self._mean(lambda member, rows: member.predict(rows), X)


def mean_of(members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> WeightedMean:
    """Build the weighted mean of fitted classifiers, or of fitted regressors."""
    kind = MeanClassifier if is_classifier(members[0][1]) else MeanRegressor
    return kind(list(members), list(weights))


def mean_of_pipelines(members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> Any:
    """Build the weighted mean of fitted Pipelines; those with equal fitted preprocessing share one.

    Returns:
        One Pipeline if all members share their preprocessing, else the mean of Pipelines.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> X = np.array([[1.0], [3.0]])
        >>> fitted = [
        ...     make_pipeline(StandardScaler(), DummyRegressor(constant=c)).fit(X, X[:, 0]) for c in (1, 2)
        ... ]
        >>> [name for name, _ in mean_of_pipelines([("one", fitted[0]), ("two", fitted[1])], [1, 1]).steps]
        ['standardscaler', 'estimator']
    """
    groups: dict[Any, list[int]] = {}
    for place, (_, pipeline) in enumerate(members):
        groups.setdefault(_digest_preprocessing(pipeline), []).append(place)
    shared = [_share_preprocessing([members[i] for i in g], [weights[i] for i in g]) for g in groups.values()]
    if len(shared) == 1:
        return shared[0][1]
    return mean_of(shared, [sum(weights[i] for i in g) for g in groups.values()])


def _share_preprocessing(members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> tuple[str, Any]:
    """Put the mean of the estimators of several Pipelines behind the preprocessing of the first."""
    if len(members) == 1:
        return members[0]
    estimators = [(name, pipeline.steps[-1][1]) for name, pipeline in members]
    steps = [*members[0][1].steps[:-1], ("estimator", mean_of(estimators, weights))]
    return ", ".join(name for name, _ in members), Pipeline(steps)


def _digest_preprocessing(pipeline: Any) -> Any:
    """Return a value that is equal for equal fitted preprocessings."""
    steps = getattr(pipeline, "steps", [])
    if len(steps) < 2:
        return id(pipeline)
    try:
        return joblib.hash([step for _, step in steps[:-1]])
    except Exception:  # a project's own transformer that cannot be pickled: shared only if it is one object
        return tuple(id(step) for _, step in steps[:-1])


def _select_columns(member: Any, X: Any) -> Any:
    """Select the columns of a frame that a member was fitted on."""
    names = getattr(member, "feature_names_in_", None)
    if names is None or not hasattr(X, "columns") or list(X.columns) == list(names):
        return X
    return X[list(names)]
