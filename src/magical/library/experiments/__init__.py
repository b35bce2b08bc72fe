"""Experiments, listed in the settings: each is an estimator to tune, with its parameters and search space.

A new kind is a module here that subclasses `Experiment`. The names in lower case are the same classes.
Door: this module.
"""

from magical.library.experiments.experiment import Experiment
from magical.library.experiments.gradient_boosting import Boosting, CatBoost, Histogram, XGBoost
from magical.library.experiments.imported_estimator import Estimator
from magical.library.experiments.simple_models import Dummy, Forest, Linear

boosting, xgboost, catboost, histogram = Boosting, XGBoost, CatBoost, Histogram
linear, forest, dummy, estimator = Linear, Forest, Dummy, Estimator

__all__ = [
    "Boosting",
    "CatBoost",
    "Dummy",
    "Estimator",
    "Experiment",
    "Forest",
    "Histogram",
    "Linear",
    "XGBoost",
    "boosting",
    "catboost",
    "dummy",
    "estimator",
    "forest",
    "histogram",
    "linear",
    "xgboost",
]
