"""Features, listed in the settings: columns that ``featurize`` computes from other columns of the row.

A new kind of feature is a module here that subclasses `Feature`.
Door: this module.
"""

from magical.features.arithmetic import Arithmetic
from magical.features.date_parts import DateParts
from magical.features.feature import Feature, with_features
from magical.features.logarithm import Log

__all__ = ["Arithmetic", "DateParts", "Feature", "Log", "with_features"]
