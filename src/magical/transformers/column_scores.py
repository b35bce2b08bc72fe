"""Scores of columns, by which scikit-learn's ``SelectKBest`` and ``SelectPercentile`` choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["find_score_function"]

MAX_ROWS = 50_000  # a ranking of columns needs no more, and trees and neighbours are slow
Array = np.ndarray[Any, Any]


def find_score_function(by: str, is_regression: bool) -> Callable[[Any, Any], Array]:
    """Return the function that scores columns in this way, a function of a module, so that it can be stored.

    Example:
        >>> score = find_score_function("variance", is_regression=True)
        >>> score(np.array([[0.0, 5.0], [9.0, 5.0]]), None).tolist()
        [0.25, 0.0]
    """
    if by == "variance":
        return score_variance
    functions = {
        ("f", False): score_f_of_classes,
        ("f", True): score_f_of_number,
        ("mutual_info", False): score_information_on_classes,
        ("mutual_info", True): score_information_on_number,
        ("model", False): score_importance_for_classes,
        ("model", True): score_importance_for_number,
    }
    return functions[by, is_regression]


def score_variance(X: Any, y: Any = None) -> Array:
    """Compute the variance of each column, stretched from 0 to 1: the scale that it came on is no matter."""
    X = np.asarray(X, dtype=float)
    lowest, span = X.min(axis=0), np.ptp(X, axis=0)
    return np.asarray(((X - lowest) / np.where(span > 0, span, 1.0)).var(axis=0))


def score_f_of_classes(X: Any, y: Any) -> Array:
    """Compute the F statistic of the classes' means."""
    from sklearn.feature_selection import f_classif

    return _score_varying(lambda values: f_classif(values, y)[0], X)


def score_f_of_number(X: Any, y: Any) -> Array:
    """Compute the F statistic of a linear relation to the target."""
    from sklearn.feature_selection import f_regression

    return _score_varying(lambda values: f_regression(values, y)[0], X)


def score_information_on_classes(X: Any, y: Any) -> Array:
    """Estimate the information on the class."""
    from sklearn.feature_selection import mutual_info_classif

    X, y = _thin(X, y)
    return _score_varying(lambda values: mutual_info_classif(values, y, random_state=0), X)


def score_information_on_number(X: Any, y: Any) -> Array:
    """Estimate the information on the target."""
    from sklearn.feature_selection import mutual_info_regression

    X, y = _thin(X, y)
    return _score_varying(lambda values: mutual_info_regression(values, y, random_state=0), X)


def score_importance_for_classes(X: Any, y: Any) -> Array:
    """Compute the importance in extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesClassifier

    X, y = _thin(X, y)
    return np.asarray(ExtraTreesClassifier(random_state=0, min_samples_leaf=3).fit(X, y).feature_importances_)


def score_importance_for_number(X: Any, y: Any) -> Array:
    """Compute the importance in extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesRegressor

    X, y = _thin(X, y)
    return np.asarray(ExtraTreesRegressor(random_state=0, min_samples_leaf=3).fit(X, y).feature_importances_)


def _thin(X: Any, y: Any) -> tuple[Array, Array]:
    step = 1 + len(y) // MAX_ROWS
    return np.asarray(X)[::step], np.asarray(y)[::step]


def _score_varying(score: Callable[[Array], Array], X: Any) -> Array:
    """Score the columns that vary; the others, which divide by zero, have 0."""
    X = np.asarray(X, dtype=float)
    varies = np.ptp(X, axis=0) > 0
    scores = np.zeros(X.shape[1])
    if varies.any():
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # a column that tells the classes apart: infinite
            scores[varies] = np.nan_to_num(score(X[:, varies]))
    return scores
