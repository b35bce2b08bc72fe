"""The preprocessing of trees: numbers as they are, and categories as codes."""

import math
from typing import Any

from magical.contracts.promises import Pipeline
from magical.features import name_outputs
from magical.library.column_plan import build_pipeline

__all__ = ["CATEGORIES", "MAX_CODES", "find_categories", "prepare_for_trees"]

CATEGORIES = "categories"
"""The name of the block of codes."""

MAX_CODES = 254  # with a missing value as many as histogram boosting takes; rarer categories share one code

# The blocks that `transform` plans by default, of columns that no feature of the settings names.
_NUMBERS, _DATES, _CODED = ("numbers", "truths"), "dates", ("few", "many")
_INDICATORS = ("missing", "missing_dates")


def prepare_for_trees(preprocessing: Pipeline) -> Pipeline:
    """Replace the default blocks of a Pipeline of ``transform`` by what trees need; it stays unfitted.

    Trees split at any number, take missing values for what they are, and divide categories in two by
    themselves. So numbers, bools and dates are neither imputed nor scaled and get no columns that mark
    missing values; a category becomes a code, a missing or unknown one NaN. What learned features of the
    settings planned stays. A Pipeline of a project's own stays as it is, and so does one that selects
    columns: what selects takes no missing values.

    Example:
        >>> from sklearn.compose import ColumnTransformer
        >>> from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
        >>> columns = ColumnTransformer(
        ...     [("numbers", StandardScaler(), ["age"]), ("few", OneHotEncoder(), ["city"])]
        ... )
        >>> names = FunctionTransformer(feature_names_out=name_outputs)
        >>> prepared = prepare_for_trees(build_pipeline(("columns", columns), ("names", names)))
        >>> [name for name, *_ in prepared.named_steps["columns"].transformers]
        ['numbers', 'categories']
    """
    if not _is_planned(preprocessing):
        return preprocessing
    from sklearn.base import clone

    (name, columns), *others = clone(preprocessing).steps
    return build_pipeline(
        (name, columns.set_params(transformers=_swap_blocks(columns.transformers))), *others
    )


def find_categories(fitted: Pipeline) -> tuple[int, ...]:
    """Find the places of the codes of categories in what a fitted preprocessing makes; none if it makes none.

    Example:
        >>> from sklearn.preprocessing import StandardScaler
        >>> find_categories(build_pipeline(("scale", StandardScaler())))
        ()
    """
    from sklearn.preprocessing import FunctionTransformer

    places: list[int] = []
    for _, part in fitted.steps:
        if hasattr(part, "output_indices_"):
            # A project's own block of this name may be anything, such as a one-hot encoding.
            is_coded = _makes_codes(part.named_transformers_.get(CATEGORIES))
            block = part.output_indices_[CATEGORIES] if is_coded else slice(0, 0)
            places = list(range(block.start, block.stop))
        elif places and hasattr(part, "get_support"):
            kept = {int(old): new for new, old in enumerate(part.get_support(indices=True))}
            places = [kept[place] for place in places if place in kept]
        elif not isinstance(part, FunctionTransformer):  # of another step nothing is known
            places = []
    return tuple(places)


def _is_planned(preprocessing: Any) -> bool:
    """Return True for the Pipeline of ``transform`` without a step that selects columns."""
    steps = [step for _, step in getattr(preprocessing, "steps", ())]
    if len(steps) != 2 or not hasattr(steps[0], "transformers"):
        return False
    return getattr(steps[1], "feature_names_out", None) is name_outputs


def _makes_codes(encoder: Any) -> bool:
    unknown = getattr(encoder, "unknown_value", None)
    return isinstance(unknown, float) and math.isnan(unknown)


def _swap_blocks(blocks: list[tuple[str, Any, list[str]]]) -> list[tuple[str, Any, list[str]]]:
    """Replace the default blocks; those of one kind become one."""
    by_name = {name: list(columns) for name, _, columns in blocks}
    numbers = [c for name in _NUMBERS for c in by_name.get(name, ())]
    dates = by_name.get(_DATES, [])
    coded = [c for name in _CODED for c in by_name.get(name, ())]
    unimputed = {*numbers, *dates}
    swapped: list[tuple[str, Any, list[str]]] = []
    if numbers:
        swapped.append(("numbers", "passthrough", numbers))
    for name, transformer, columns in blocks:
        if name == _DATES:
            swapped.append((name, transformer.named_steps["days"], columns))
        elif name in _INDICATORS:  # of a column that a feature imputes, nothing else tells what was missing
            if rest := [c for c in columns if c not in unimputed]:
                swapped.append((name, transformer, rest))
        elif name not in (*_NUMBERS, *_CODED):
            swapped.append((name, transformer, columns))
    return [*swapped, (CATEGORIES, _make_encoder(), coded)] if coded else swapped


def _make_encoder() -> Any:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=math.nan,
        encoded_missing_value=math.nan,
        max_categories=MAX_CODES,
    )
