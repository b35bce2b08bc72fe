"""Bad input for each feature: a clear error before any work, or the documented treatment."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from feature_examples import ONE_OF_EACH, Shopper, read_examples
from magical import Feature, Schema
from magical.contracts.contract import schema_of
from magical.contracts.promises import Promise, attach_promise
from magical.errors import BrokenPromise, MagicalError, WiringError
from magical.features import LearnedFeature, Transformer, with_features
from magical.library import featurize, linear, train, transform
from magical.synthesis.generate import GenerateOptions, generate_table

SCHEMA = schema_of(Shopper)
FEATURES = read_examples()
USUAL = generate_table(SCHEMA, GenerateOptions("bad input", 200, 0.2))

Change = Callable[[pl.DataFrame], pl.DataFrame]


def constant(table: pl.DataFrame) -> pl.DataFrame:
    """One value in each column but the target."""
    return table.with_columns(pl.all().exclude("id", "answers").first())


def all_null(table: pl.DataFrame) -> pl.DataFrame:
    """Nothing where null is allowed."""
    return table.with_columns(
        pl.lit(None, table.schema[c.name]).alias(c.name) for c in SCHEMA.columns if c.nullable
    )


def thousands_of_categories(table: pl.DataFrame) -> pl.DataFrame:
    """Each text is another one."""
    texts = [c.name for c in SCHEMA.columns if c.type == "str" and not c.choices]
    many = pl.concat([table] * 10).with_columns(pl.int_range(pl.len()).alias("id"))
    return many.with_columns(pl.format("{} {}", n, "id").alias(n) for n in texts)


def infinite(table: pl.DataFrame) -> pl.DataFrame:
    """Infinities in one half of the numbers."""
    half = pl.int_range(pl.len()) % 2 == 0
    return table.with_columns(
        pl.when(half).then(float("inf")).otherwise(c).alias(c) for c in ("income", "wines")
    )


def long_cells(table: pl.DataFrame) -> pl.DataFrame:
    """Texts of 10 kB."""
    return table.with_columns(pl.col("comment") + " word" * 2_000)


def few_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Fewer rows than columns."""
    return table.head(8).with_columns(answers=pl.int_range(pl.len()) % 2 == 0)


def one_row_a_class(table: pl.DataFrame) -> pl.DataFrame:
    """Two rows, of which each is the only one of its class."""
    return table.head(2).with_columns(answers=pl.int_range(pl.len()) == 0)


CHANGES: tuple[Change, ...] = (
    constant, all_null, thousands_of_categories, infinite, long_cells, few_rows, one_row_a_class,
)  # fmt: skip


def fit(table: pl.DataFrame, features: tuple[Feature, ...]) -> Any:
    """Add and fit features as a workflow does, and return what a model predicts of the same rows."""
    table = featurize(attach_promise(table, Promise("table", schema=SCHEMA)), features)
    model = train(table, table, transform(table, features), linear())
    return model.probabilities(table)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # a run logs the warnings of libraries
@pytest.mark.parametrize(
    "change", [c for c in CHANGES if c is not constant], ids=lambda change: change.__name__
)
def test_features_treat_a_bad_table(change: Change) -> None:
    assert np.isfinite(fit(change(USUAL), tuple(map(Feature.model_validate, ONE_OF_EACH)))).all()


def test_constants_alone_are_refused_in_words() -> None:
    with pytest.raises(BrokenPromise, match=r"could learn from; left out are \w+ \(one value only\), "):
        fit(constant(USUAL), ())


def as_lists(schema: Schema) -> Schema:
    """Turn all features into lists, which no feature reads."""
    columns = (c if c.role else replace(c, type="list", choices=()) for c in schema.columns)
    return Schema(schema.name, tuple(columns))


def draw(feature: Feature, schema: Schema) -> None:
    """Look the columns up as drawing does."""
    with_features(schema, [feature])
    if isinstance(feature, LearnedFeature):
        feature.find_columns(schema)


@pytest.mark.parametrize(
    "feature", [f for f in FEATURES if type(f).__name__ not in ("Select", "Indicator")], ids=repr
)
def test_a_column_of_another_type_is_refused_while_drawing(feature: Feature) -> None:
    with pytest.raises(WiringError) as caught:
        draw(feature, as_lists(SCHEMA))
    assert caught.value.hint


@pytest.mark.parametrize("feature", [f for f in FEATURES if "columns" in type(f).model_fields], ids=repr)
@pytest.mark.parametrize("columns", ["incme", "nothing_*", "type:numbr", "role:idd", "answers"])
def test_a_selector_of_nothing_is_refused_while_drawing(feature: Feature, columns: str) -> None:
    with pytest.raises((WiringError, ValidationError)) as caught:
        draw(type(feature).model_validate({**dict(feature), "columns": columns}), SCHEMA)
    if isinstance(caught.value, WiringError):
        assert caught.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "Lag", "columns": "income"},
        {"kind": "Log", "columns": []},
        {"kind": "Log", "columns": 3},
        {"kind": "Arithmetic", "name": "x", "expression": "income ** 2"},
        {"kind": "DateParts", "columns": "enrolled", "parts": ["moon"]},
        {"kind": "Cross", "columns": ["city", "age"], "edges": {"age": [3, 2]}},
        {"kind": "Polynomial", "columns": "age", "degree": 1},
        {"kind": "Bin", "columns": "age"},
        {"kind": "Bin", "columns": "age", "edges": [1], "quantiles": 3},
        {"kind": "Bin", "columns": "age", "edges": ["nan"]},
        {"kind": "Text", "columns": "comment", "buckets": -1},
        {"kind": "Impute", "columns": "age", "how": "guess"},
        {"kind": "Impute", "columns": "age", "how": "constant"},
        {"kind": "Scale", "columns": "age", "how": 3},
        {"kind": "Encode", "columns": "city", "how": "hash", "width": 0},
        {"kind": "Encode", "columns": "city", "how": "ordinal", "width": 5},
        {"kind": "Select"},
        {"kind": "Select", "k": 0},
        {"kind": "Select", "k": 3, "share": 0.5},
        {"kind": "Select", "share": 1.5},
        {"kind": "Transformer", "columns": "age", "uses": 3},
    ],
    ids=repr,
)
def test_an_impossible_parameter_is_refused_when_settings_are_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Feature.model_validate(wrong)


@pytest.mark.parametrize(
    ("uses", "params"),
    [
        ("sklearn.decomposition:PCAA", {}),
        ("no_such_package:PCA", {}),
        ("pathlib:Path", {}),
        ("sklearn.decomposition:PCA", {"components": 2}),
        ("sklearn.decomposition:PCA", {"n_components": "two"}),
    ],
)
def test_a_wrong_transformer_is_refused_while_drawing(uses: str, params: dict[str, Any]) -> None:
    with pytest.raises(MagicalError) as caught:
        draw(Transformer("age", uses=uses, params=params), SCHEMA)
    assert caught.value.hint
