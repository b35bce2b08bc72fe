"""Transformers of our own, for what neither scikit-learn nor skrub has; settings make them when a body runs.

Each is an estimator of scikit-learn that can be cloned, pickled and stored by skops, and names its columns.
Door: this module.
"""

from magical.features.transformers.column_scores import find_score_function
from magical.features.transformers.count_encoder import CountEncoder
from magical.features.transformers.each_column import EachColumn
from magical.features.transformers.hash_encoder import HashEncoder
from magical.features.transformers.named_outputs import NamedOutputs
from magical.features.transformers.nearest_imputer import NearestImputer
from magical.features.transformers.similar_columns import DropSimilarColumns

__all__ = [
    "CountEncoder",
    "DropSimilarColumns",
    "EachColumn",
    "HashEncoder",
    "NamedOutputs",
    "NearestImputer",
    "find_score_function",
]
