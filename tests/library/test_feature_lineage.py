"""Where each feature of a fitted Pipeline comes from, and the names of what an estimator saw."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler

from library.conftest import Run
from magical import Contract, Target
from magical.contracts.schema import Column, Schema
from magical.features import (
    Arithmetic,
    Bin,
    Cross,
    Encode,
    Feature,
    Impute,
    Log,
    Polynomial,
    Select,
    Text,
    Transformer,
    name_category,
    name_outputs,
    with_features,
)
from magical.library import Experiment, boosting, featurize, linear, model_data, train, transform
from magical.library.feature_lineage import (
    TracedFeature,
    find_missing_columns,
    tabulate_features,
    trace_columns,
    trace_features,
)


class House(Contract):
    rooms: int | None
    street: str
    price: Target[float]


ROWS = pd.DataFrame(
    {"age": [1.0, 2.0, 4.0], "city": ["Rome", "Oslo", "Rome"], "city_size": [1.0, np.nan, 2.0]}
)
SCHEMA = Schema("Person", (Column("age", "int"), Column("city", "str"), Column("city_size", "float", True)))
CONTRACT = Schema("Customer", (Column("income", "float"), Column("age", "int"), Column("kids", "int")))


def trace(*steps: object) -> dict[str, tuple[str, ...]]:
    fitted = make_pipeline(*steps).fit(ROWS, [0, 1, 0])
    traced = trace_features(fitted, SCHEMA)
    assert [f.name for f in traced] == list(fitted.get_feature_names_out())
    return {f.name: f.columns for f in traced}


def columns(*blocks: tuple[object, object], **options: object) -> ColumnTransformer:
    return ColumnTransformer(
        [(f"b{i}", *block) for i, block in enumerate(blocks)], sparse_threshold=0.0, **options
    )


IMPUTE = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
ONE_HOT = OneHotEncoder(feature_name_combiner=name_category)
NAMES = FunctionTransformer(feature_names_out=name_outputs)


def test_each_feature_is_traced_to_its_own_column() -> None:
    blocks = columns((IMPUTE, ["age", "city_size"]), (ONE_HOT, ["city"]))
    assert trace(blocks, NAMES) == {
        "age": ("age",),
        "city_size": ("city_size",),
        "city_size is missing": ("city_size",),
        "city=Oslo": ("city",),
        "city=Rome": ("city",),
    }


def test_features_of_several_columns_are_traced_to_all_of_them() -> None:
    numbers = ["age", "city_size"]
    powers = make_pipeline(SimpleImputer(), PolynomialFeatures(include_bias=False))
    both = FeatureUnion([("powers", powers), ("pca", make_pipeline(SimpleImputer(), PCA(2)))])
    assert trace(columns((both, numbers))) == {
        "b0__powers__age": ("age",),
        "b0__powers__city_size": ("city_size",),
        "b0__powers__age^2": ("age",),
        "b0__powers__age city_size": ("age", "city_size"),
        "b0__powers__city_size^2": ("city_size",),
        "b0__pca__pca0": ("age", "city_size"),
        "b0__pca__pca1": ("age", "city_size"),
    }


def test_what_made_a_feature_is_told_from_the_first_to_the_last() -> None:
    features = (Log("income"),)
    rows = pd.DataFrame({"age": [1.0, 2.0], "log_income": [2.0, 1.0]})
    days = FunctionTransformer(to_days, feature_names_out="one-to-one")
    steps = FunctionTransformer(np.asarray, feature_names_out="one-to-one"), days, StandardScaler(), PCA(1)
    traced = trace_features(make_pipeline(*steps).fit(rows), with_features(CONTRACT, features), features)
    assert traced == [TracedFeature("pca0", ("age", "income"), ("Log", "to_days", "StandardScaler", "PCA"))]
    assert tabulate_features(traced).row(0) == ("pca0", "age, income", "Log, to_days, StandardScaler, PCA")


def to_days(values: object) -> object:
    return values


def test_what_selects_or_mixes_after_the_columns_is_traced_too() -> None:
    blocks = columns((IMPUTE, ["age", "city_size"]), (ONE_HOT, ["city"]))
    assert list(trace(blocks, NAMES, VarianceThreshold(0.3)).values()) == [
        ("age",),
        ("city_size",),
        ("city_size",),
    ]
    assert trace(blocks, NAMES, PCA(1)) == {"pca0": ("age", "city_size", "city")}


def test_columns_may_be_given_by_position_mask_slice_or_selector() -> None:
    for given in ([0, 2], [True, False, True], make_column_selector(dtype_include="number")):
        assert set(trace(columns((SimpleImputer(), given))).values()) == {("age",), ("city_size",)}
    assert trace(columns((ONE_HOT, slice(1, 2)), remainder="drop")) == {
        "b0__city=Oslo": ("city",),
        "b0__city=Rome": ("city",),
    }
    assert list(trace(columns((ONE_HOT, ["city"]), remainder="passthrough")).values())[2:] == [
        ("age",),
        ("city_size",),
    ]


def test_columns_added_row_by_row_are_traced_to_the_contract() -> None:
    features = (Log(("income", "age")), Arithmetic("per_head", "log_income / (kids + 1)"))
    table = with_features(CONTRACT, features)
    traced = trace_columns(table, features)
    assert {n: f.columns for n, f in traced.items()} == {
        "log_income": ("income",),
        "log_age": ("age",),
        "per_head": ("income", "kids"),
    }
    assert traced["per_head"].made_by == ("Log", "Arithmetic")


class Doubled(Feature):
    """Twice each of two columns, by one expression."""

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        return (Column("twice_income", "float"), Column("twice_kids", "int"))

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        return ((pl.col("income", "kids") * 2).name.prefix("twice_"),)


def test_what_one_expression_makes_of_several_columns_comes_from_all_of_them() -> None:
    traced = trace_columns(with_features(CONTRACT, [Doubled()]), [Doubled()])
    assert {n: f.columns for n, f in traced.items()} == {
        "twice_income": ("income", "kids"),
        "twice_kids": ("income", "kids"),
    }


def test_columns_are_traced_though_a_selector_would_select_what_was_added() -> None:
    features = (Log("type:number"),)
    traced = trace_columns(with_features(CONTRACT, features), features)
    assert sorted(traced) == ["log_age", "log_income", "log_kids"]


def test_columns_are_traced_to_columns_that_a_step_dropped_later() -> None:
    features = (Log("income"), Arithmetic("per_head", "log_income / (kids + 1)"))
    for dropped in (["income"], ["income", "log_income", "kids"]):
        table = with_features(CONTRACT, features).without(dropped)
        assert trace_columns(table, features)["per_head"].columns == ("income", "kids")
        assert find_missing_columns(table, features) == []


def test_columns_that_were_not_added_are_missing_but_not_those_of_a_selector() -> None:
    features = (Log("type:number"), Arithmetic("per_head", "log_income / (kids + 1)"))
    assert find_missing_columns(with_features(CONTRACT, features), features) == []
    assert find_missing_columns(CONTRACT, features) == ["log_income", "log_age", "log_kids", "per_head"]


@pytest.mark.parametrize(
    ("experiment", "names"),
    [
        (linear(), ["rooms", "rooms is missing", 'street=a"b{}[]:,', "street=x"]),
        (boosting(), ["rooms", "street"]),  # to trees a category is one column of codes
    ],
)
def test_a_model_has_the_names_of_what_its_estimator_saw(experiment: Experiment, names: list[str]) -> None:
    odd = 'a"b{}[]:,'  # LightGBM refuses such names
    raw = pl.DataFrame({"rooms": [*range(1, 40), None], "street": ["x", odd] * 20, "price": range(40)})
    table = model_data(raw, House)
    model = train(table, table, transform(table), experiment)
    assert (model.task, sorted(model.feature_names)) == ("regression", names)
    assert model.pipeline[-1].n_features_in_ == len(names)


def test_a_pipeline_without_names_has_no_trace() -> None:
    nameless = make_pipeline(FunctionTransformer(lambda rows: rows[["age"]])).fit(ROWS)
    assert trace_features(nameless, SCHEMA) == []


def test_three_thousand_columns_are_traced() -> None:
    names = [f"column_{i}" for i in range(3_000)]
    rows = pd.DataFrame(np.ones((20, 3_000)), columns=names)
    fitted = Pipeline([("columns", columns((IMPUTE, names))), ("names", NAMES)]).fit(rows)
    schema = Schema("Wide", tuple(Column(n, "float") for n in names))
    assert len(trace_features(fitted, schema)) == 3_000


class Shop(Contract):
    size: float | None
    rooms: int | None
    age: int
    same: int
    town: str | None
    street: str
    sold: Target[bool]


SHOPS = pl.DataFrame(
    {
        "size": [None if i % 7 == 0 else i % 31 for i in range(120)],
        "rooms": [None if i % 5 == 0 else i % 4 for i in range(120)],
        "age": [i * i % 37 for i in range(120)],
        "same": 1,
        "town": [None if i % 9 == 0 else "abc"[i % 3] for i in range(120)],
        "street": [f"street {i % 40}" for i in range(120)],
        "sold": [i % 3 == 0 for i in range(120)],
    }
)


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (Impute(("size", "rooms", "same"), "nearest"), {"size": "size", "rooms is missing": "rooms"}),
        (Encode(("town", "street"), "hash", width=4), {"town (bucket 3)": "town"}),
        (Encode("town", "count"), {"town (count)": "town", "street (target mean)": "street"}),
        (Cross(("town", "rooms"), edges={"rooms": (2,)}), {"town_x_rooms is missing": "town, rooms"}),
        (Polynomial(("size", "age"), after_scaling=True), {"size_x_age": "size, age", "age_squared": "age"}),
        (Bin(("age", "same"), quantiles=3), {"age_bin=below 10": "age"}),
        (Transformer(("size", "age"), uses="sklearn.decomposition:PCA", keep=True), {"pca0": "size, age"}),
        (Select(k=3), {}),
    ],
    ids=str,
)
def test_the_features_of_every_kind_have_names_and_sources(
    run: Run, feature: Feature, expected: dict[str, str]
) -> None:
    table = featurize(model_data(SHOPS, Shop), (feature,))
    transform(table, (feature,))
    sources = dict(run.kept["features"].select("feature", "from columns").rows())
    assert expected.items() <= sources.items()
    assert list(sources) == run.kept["transformed"].columns, "each once, in order"
    used = {column for text in sources.values() for column in text.split(", ")}
    assert used <= {"size", "rooms", "age", "town", "street"}


def test_the_columns_of_an_expression_with_several_are_traced_to_its_text() -> None:
    schema = Schema("Review", (Column("title", "str"), Column("comment", "str", nullable=True)))
    features = [Text(["title", "comment"], (), buckets=2)]
    featured = with_features(schema, features)
    assert {n: f.columns for n, f in trace_columns(featured, features).items()} == {
        "title_hash_0": ("title",),
        "title_hash_1": ("title",),
        "comment_hash_0": ("comment",),
        "comment_hash_1": ("comment",),
    }
    assert find_missing_columns(schema, features)[-1] == "comment_hash_1"
    dropped = Schema("Review", featured.columns[1:])
    assert trace_columns(dropped, features)["title_hash_1"].columns == ("title",)
