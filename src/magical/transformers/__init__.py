"""Transformers that neither scikit-learn nor skrub has, or has without names that a person understands.

Each is an estimator of scikit-learn that can be cloned, pickled and stored by skops. They import
scikit-learn: features import them late, so that drawing stays light.
Door: this module.
"""

from magical.transformers.chained_imputer import ChainedImputer
from magical.transformers.column_scores import ColumnScores
from magical.transformers.count_encoder import CountEncoder
from magical.transformers.each_column import EachColumn
from magical.transformers.hash_encoder import HashEncoder
from magical.transformers.named_outputs import NamedOutputs
from magical.transformers.nearest_imputer import NearestImputer
from magical.transformers.polynomial_terms import PolynomialTerms
from magical.transformers.quantile_bins import QuantileBins
from magical.transformers.similar_columns import DropSimilarColumns

__all__ = [
    "ChainedImputer",
    "ColumnScores",
    "CountEncoder",
    "DropSimilarColumns",
    "EachColumn",
    "HashEncoder",
    "NamedOutputs",
    "NearestImputer",
    "PolynomialTerms",
    "QuantileBins",
]
