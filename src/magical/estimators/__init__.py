"""Estimators and transformers that scikit-learn and skrub lack, or that have no readable names there.

Each can be cloned, pickled and stored by skops. They import scikit-learn: features and experiments import
them late, so that drawing stays light.
Door: this module.
"""

from magical.estimators.chained_imputer import ChainedImputer
from magical.estimators.coded_catboost import CodedCatBoostClassifier, CodedCatBoostRegressor
from magical.estimators.column_scores import ColumnScores
from magical.estimators.count_encoder import CountEncoder
from magical.estimators.each_column import EachColumn
from magical.estimators.hash_encoder import HashEncoder
from magical.estimators.named_outputs import NamedOutputs
from magical.estimators.nearest_imputer import NearestImputer
from magical.estimators.number_crosses import NumberCrosses
from magical.estimators.polynomial_terms import PolynomialTerms
from magical.estimators.quantile_bins import QuantileBins
from magical.estimators.similar_columns import DropSimilarColumns
from magical.estimators.transformed_target import TransformedTarget, scale_target
from magical.estimators.weighted_mean import WeightedMean, mean_of, mean_of_pipelines

__all__ = [
    "ChainedImputer",
    "CodedCatBoostClassifier",
    "CodedCatBoostRegressor",
    "ColumnScores",
    "CountEncoder",
    "DropSimilarColumns",
    "EachColumn",
    "HashEncoder",
    "NamedOutputs",
    "NearestImputer",
    "NumberCrosses",
    "PolynomialTerms",
    "QuantileBins",
    "TransformedTarget",
    "WeightedMean",
    "mean_of",
    "mean_of_pipelines",
    "scale_target",
]
