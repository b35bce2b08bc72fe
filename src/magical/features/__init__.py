"""Features, listed in the settings: computed row by row by ``featurize``, or fitted in the Pipeline.

A new kind of feature is a module here that subclasses `Feature` or `LearnedFeature`.
Door: this module.
"""

from magical.features.arithmetic import Arithmetic
from magical.features.binning import Bin
from magical.features.class_building import build_from_class, name_class
from magical.features.column_selectors import Columns, select_columns, to_tuple
from magical.features.crossing import Cross
from magical.features.date_parts import DateParts
from magical.features.encoding import Encode, make_one_hot, make_target_encoder
from magical.features.epoch_days import to_epoch_days
from magical.features.feature import Feature, LearnedFeature, PlanContext, Stage, with_features
from magical.features.feature_selection import Select
from magical.features.imputing import Impute
from magical.features.indicator import Indicator
from magical.features.logarithm import Log
from magical.features.number_range import limit_numbers
from magical.features.polynomial import Polynomial
from magical.features.readable_names import INDICATOR_PREFIX, TargetMeanNames, name_category, name_outputs
from magical.features.scaling import Scale
from magical.features.text_measures import Text
from magical.features.transformer import Transformer

__all__ = [
    "INDICATOR_PREFIX",
    "Arithmetic",
    "Bin",
    "Columns",
    "Cross",
    "DateParts",
    "Encode",
    "Feature",
    "Impute",
    "Indicator",
    "LearnedFeature",
    "Log",
    "PlanContext",
    "Polynomial",
    "Scale",
    "Select",
    "Stage",
    "TargetMeanNames",
    "Text",
    "Transformer",
    "build_from_class",
    "limit_numbers",
    "make_one_hot",
    "make_target_encoder",
    "name_category",
    "name_class",
    "name_outputs",
    "select_columns",
    "to_epoch_days",
    "to_tuple",
    "with_features",
]
