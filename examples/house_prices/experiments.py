"""What is tried, and what decides: errors are compared as shares of the price."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from magical.library import Boosting, Experiment, Linear


def relative_error(truth: Any, guess: Any) -> float:
    """Compute the mean error as a share of the price: 0.1 is 10 % too much, or too little."""
    return float(np.mean(np.abs(guess / truth - 1)))


def log_scale(estimator: Any) -> Any:
    """Wrap an estimator so that it learns the logarithm of the price, and still predicts dollars."""
    from sklearn.compose import TransformedTargetRegressor

    return TransformedTargetRegressor(estimator, func=np.log, inverse_func=np.exp)


class Median(Experiment):
    """The baseline: the median price of train, whatever the house."""

    trials: int = 1

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        from sklearn.dummy import DummyRegressor

        return DummyRegressor(strategy="median")


class LogLinear(Linear):
    """Ridge regression on the logarithmic scale: a further bathroom adds a share of the price."""

    name: str = "log_linear"

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        return log_scale(super().estimator(task, params))


class LogBoosting(Boosting):
    """Boosting on the logarithmic scale, with a fixed number of trees."""

    name: str = "log_boosting"
    rounds: int = 300

    def estimator(self, task: Any, params: Mapping[str, Any]) -> Any:
        return log_scale(super().estimator(task, params))

    def fit(self, estimator: Any, train: Any, validation: Any) -> Any:
        return estimator.fit(train.X, train.y)  # without early stopping, whose validation is in dollars
