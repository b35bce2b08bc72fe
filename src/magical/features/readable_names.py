"""Names that a person understands for the columns that transformers make, in the place of scikit-learn's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from magical.errors import shorten

__all__ = ["INDICATOR_PREFIX", "TargetMeanNames", "name_category", "name_outputs"]

INDICATOR_PREFIX = "missingindicator_"
"""What scikit-learn's imputers write before the name of a column."""

_RARE = "infrequent_sklearn"  # the category of scikit-learn's encoders for all rare ones


def name_category(feature: str, category: object) -> str:
    """Name the column of one category: ``OneHotEncoder(feature_name_combiner=name_category)``.

    Example:
        >>> [name_category("education", c) for c in ("Master", 3.0, float("nan"), "infrequent_sklearn")]
        ['education=Master', 'education=3', 'education is missing', 'education=(rare)']
    """
    if category is None or (isinstance(category, float) and math.isnan(category)):
        return f"{feature} is missing"
    if isinstance(category, float) and category.is_integer():
        category = int(category)
    return f"{feature}={'(rare)' if category == _RARE else shorten(category, 40)}"


@dataclass
class TargetMeanNames:
    """Names the columns of a TargetEncoder: for ``FunctionTransformer(feature_names_out=...)`` behind it.

    Not a function with ``functools.partial``: skops does not load one.

    Attributes:
        classes: more than two classes in their order, each of which has a column of its own; otherwise none.

    Example:
        >>> TargetMeanNames()(None, ["city"])
        ['city (target mean)']
        >>> TargetMeanNames(("low", "mid", "high"))(None, ["city_0", "city_1", "city_2"])
        ['city (share of low)', 'city (share of mid)', 'city (share of high)']
    """

    classes: tuple[object, ...] = ()

    def __call__(self, transformer: object, names: Iterable[str]) -> list[str]:
        """Name the columns; ``transformer`` is the FunctionTransformer, and not used."""
        if not self.classes:
            return [f"{name} (target mean)" for name in names]
        pairs = (name.rpartition("_") for name in names)
        return [f"{column} (share of {shorten(self.classes[int(i)], 40)})" for column, _, i in pairs]


def name_outputs(transformer: object, names: Iterable[str]) -> list[str]:
    """Name the columns of a ColumnTransformer: for ``FunctionTransformer(feature_names_out=...)`` behind it.

    The name of the block is dropped unless two columns would have equal names; an imputer's indicators are
    named in words. All names differ.

    Example:
        >>> name_outputs(None, ["numbers__income", "numbers__missingindicator_income"])
        ['income', 'income is missing']
        >>> name_outputs(None, ["scaled__income", "kept__income", "kept__age"])
        ['scaled__income', 'kept__income', 'age']
    """
    given = [str(name) for name in names]
    short = [_name_indicator(name.partition("__")[2] or name) for name in given]
    counts = Counter(short)
    return _number_duplicates([s if counts[s] == 1 else g for g, s in zip(given, short, strict=True)])


def _name_indicator(name: str) -> str:
    column = name.removeprefix(INDICATOR_PREFIX)
    return name if column == name else f"{column} is missing"


def _number_duplicates(names: list[str]) -> list[str]:
    """Add a number to names that occur again: two long categories may be equal where they are cut."""
    used: set[str] = set()
    for i, name in enumerate(names):
        number, unique = 1, name
        while unique in used:
            number += 1
            unique = f"{name} ({number})"
        used.add(unique)
        names[i] = unique
    return names
