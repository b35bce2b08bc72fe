"""Transformers that neither scikit-learn nor skrub has, or has without names that a person understands.

Each is an estimator of scikit-learn that can be cloned, pickled and stored by skops. They import
scikit-learn: features import them late, so that drawing stays light.
Door: this module.
"""

from magical.features.transformers.chained_imputer import ChainedImputer
from magical.features.transformers.column_scores import find_score_function
from magical.features.transformers.count_encoder import CountEncoder
from magical.features.transformers.each_column import EachColumn
from magical.features.transformers.hash_encoder import HashEncoder
from magical.features.transformers.named_outputs import NamedOutputs
from magical.features.transformers.nearest_imputer import NearestImputer
from magical.features.transformers.polynomial_terms import PolynomialTerms
from magical.features.transformers.quantile_bins import QuantileBins
from magical.features.transformers.similar_columns import DropSimilarColumns

__all__ = [
    "ChainedImputer",
    "CountEncoder",
    "DropSimilarColumns",
    "EachColumn",
    "HashEncoder",
    "NamedOutputs",
    "NearestImputer",
    "PolynomialTerms",
    "QuantileBins",
    "find_score_function",
]
