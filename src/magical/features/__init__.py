"""Features, listed in the settings: computed row by row by ``featurize``, or fitted in the Pipeline.

A new kind of feature is a module here that subclasses `Feature` or `LearnedFeature`.
Door: this module.
"""

from magical.features.arithmetic import Arithmetic
from magical.features.binning import Bin
from magical.features.column_selectors import Columns, select_columns
from magical.features.crossing import Cross
from magical.features.date_parts import DateParts
from magical.features.feature import Feature, LearnedFeature, PlanContext, with_features
from magical.features.indicator import Indicator
from magical.features.logarithm import Log
from magical.features.polynomial import Polynomial
from magical.features.readable_names import TargetMeanNames, name_category, name_outputs
from magical.features.text_measures import Text

__all__ = [
    "Arithmetic",
    "Bin",
    "Columns",
    "Cross",
    "DateParts",
    "Feature",
    "Indicator",
    "LearnedFeature",
    "Log",
    "PlanContext",
    "Polynomial",
    "TargetMeanNames",
    "Text",
    "name_category",
    "name_outputs",
    "select_columns",
    "with_features",
]
