"""Names of the columns that transformers make: understood, and each once."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from magical.features.readable_names import TargetMeanNames, name_category, name_outputs


def names_of(*blocks: tuple[str, object, list[str]], target: list[object]) -> list[str]:
    rows = pd.DataFrame(
        {
            "income": [1.0, np.nan, 3.0, 4.0] * 5,
            "city": ["Rome", "Oslo", np.nan, "Rome"] * 5,
            "grade": [1.0, 2.0, 2.0, 3.0] * 5,
        }
    )
    columns = ColumnTransformer(list(blocks), sparse_threshold=0.0)
    pipeline = make_pipeline(columns, FunctionTransformer(feature_names_out=name_outputs))
    fitted = clone(pipeline).fit(rows, np.array(target * 5))
    return [str(n) for n in fitted.get_feature_names_out()]


def test_names_are_words_without_the_names_of_blocks() -> None:
    impute = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(sparse_output=False, feature_name_combiner=name_category, min_frequency=6)
    mean = make_pipeline(
        TargetEncoder(target_type="binary"), FunctionTransformer(feature_names_out=TargetMeanNames())
    )
    names = names_of(
        ("numbers", impute, ["income"]),
        ("few", one_hot, ["city", "grade"]),
        ("many", mean, ["city"]),
        target=[0, 1, 0, 1],
    )
    assert names == [
        "income",
        "income is missing",
        "city=Rome",
        "city=(rare)",
        "grade=2",
        "grade=(rare)",
        "city (target mean)",
    ]


def test_the_means_of_several_classes_are_named_after_them() -> None:
    naming = FunctionTransformer(feature_names_out=TargetMeanNames(("a", "b_c", "d")))
    mean = make_pipeline(TargetEncoder(target_type="multiclass"), StandardScaler(), naming)
    assert names_of(("many", mean, ["city"]), target=[0, 1, 2, 2]) == [
        "city (share of a)",
        "city (share of b_c)",
        "city (share of d)",
    ]


def test_names_differ_though_columns_of_two_blocks_or_two_long_categories_are_equal() -> None:
    assert name_outputs(None, ["a__x", "b__x", "b__y"]) == ["a__x", "b__x", "y"]
    long = [name_category("note", "word " * 99 + end) for end in ("one", "two")]
    assert len({*name_outputs(None, [f"few__{n}" for n in long])}) == 2
