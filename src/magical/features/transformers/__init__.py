"""Transformers that neither scikit-learn nor skrub has, or has without names that a person understands.

They import scikit-learn: features import them late, so that drawing stays light.
Door: this module.
"""

from magical.features.transformers.polynomial_terms import PolynomialTerms
from magical.features.transformers.quantile_bins import QuantileBins

__all__ = ["PolynomialTerms", "QuantileBins"]
