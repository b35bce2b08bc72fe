"""Cleaning of rows: rules of the settings for `clean`, and the steps that drop duplicates and outliers.

A new kind of rule is a module here that subclasses `Cleaning`.
Door: this module.
"""

from magical.contracts.validation import Check
from magical.library.cleaning.cleaning_rule import Cleaning
from magical.library.cleaning.cleaning_steps import clean, leave_out
from magical.library.cleaning.comparison import Compare
from magical.library.cleaning.duplicates import drop_duplicates
from magical.library.cleaning.harmonise import Harmonise
from magical.library.cleaning.limits import Limits
from magical.library.cleaning.outliers import drop_outliers
from magical.library.cleaning.required_values import Require
from magical.library.cleaning.unit_conversion import Convert

__all__ = [
    "Check",
    "Cleaning",
    "Compare",
    "Convert",
    "Harmonise",
    "Limits",
    "Require",
    "clean",
    "drop_duplicates",
    "drop_outliers",
    "leave_out",
]
