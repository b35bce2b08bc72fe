"""Experiments, listed in the settings: each is an estimator to tune, with its parameters and search space.

A new kind is a module here that subclasses `Experiment`. The names in lower case are the same classes.
Door: this module.
"""

from magical.library.experiments.experiment import Experiment
from magical.library.experiments.gradient_boosting import Boosting
from magical.library.experiments.simple_models import Linear

linear = Linear
boosting = Boosting

__all__ = ["Boosting", "Experiment", "Linear", "boosting", "linear"]
