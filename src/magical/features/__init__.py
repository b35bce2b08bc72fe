"""Features, listed in the settings: computed row by row by ``featurize``, or fitted in the Pipeline.

A new kind of feature is a module here that subclasses `Feature` or `LearnedFeature`.
Door: this module.
"""

from magical.features.arithmetic import Arithmetic
from magical.features.column_selectors import Columns, select_columns
from magical.features.date_parts import DateParts
from magical.features.feature import Feature, LearnedFeature, PlanContext, with_features
from magical.features.logarithm import Log
from magical.features.readable_names import TargetMeanNames, name_category, name_outputs

__all__ = [
    "Arithmetic",
    "Columns",
    "DateParts",
    "Feature",
    "LearnedFeature",
    "Log",
    "PlanContext",
    "TargetMeanNames",
    "name_category",
    "name_outputs",
    "select_columns",
    "with_features",
]
