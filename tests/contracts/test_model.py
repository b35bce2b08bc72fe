"""The model: one frozen object that gives pandas and polars rows the same numbers."""

import datetime as dt
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from magical.contracts.dtypes import DTYPES
from magical.contracts.model import Candidate, Model, to_canonical_frame
from magical.contracts.promises import promise_of
from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise

SCHEMA = Schema(
    "Person",
    (
        Column("age", "int", nullable=True),
        Column("income", "float", nullable=True),
        Column("member", "bool", nullable=True),
        Column("town", "str", nullable=True),
        Column("since", "date", nullable=True),
        Column("seen", "datetime", nullable=True),
        Column("took", "duration", nullable=True),
    ),
)
N = 60


def people() -> pl.DataFrame:
    """Rows with a null in every column."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "age": rng.integers(18, 90, N),
            "income": rng.normal(30_000, 9_000, N),
            "member": rng.random(N) > 0.5,
            "town": rng.choice(["Wien", "Graz", "Linz"], N),
            "since": [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, N)],
            "seen": [
                dt.datetime(2024, 1, 1) + dt.timedelta(minutes=int(m)) for m in rng.integers(0, 9000, N)
            ],
            "took": [dt.timedelta(seconds=int(s)) for s in rng.integers(0, 900, N)],
            "more": ["ignored"] * N,
        }
    )
    holes = [
        pl.when(pl.int_range(pl.len()) % 7 != i).then(pl.col(c)).alias(c) for i, c in enumerate(SCHEMA.names)
    ]
    return table.with_columns(holes)


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.apply(
        lambda c: c.astype("int64").where(c.notna(), np.nan) / 1e9 if c.dtype.kind == "M" else c
    )


def pipeline(estimator: Any) -> Any:
    """Impute, encode, fit; of scikit-learn's own parts."""
    prepared = make_column_transformer(
        (SimpleImputer(), ["age", "income", "member", "took"]),
        (make_pipeline(FunctionTransformer(numbers), SimpleImputer()), ["since", "seen"]),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
            ["town"],
        ),
    )
    return make_pipeline(prepared, StandardScaler(with_mean=False), estimator)


def fitted(task: str) -> Model:
    frame = to_canonical_frame(people(), SCHEMA)
    target = np.arange(N) % {"binary": 2, "multiclass": 3, "regression": N}[task]
    names = {"binary": (False, True), "multiclass": ("a", "b", "c"), "regression": ()}[task]
    estimator = Ridge() if task == "regression" else LogisticRegression(max_iter=2000)
    with np.errstate(all="ignore"):
        return Model(pipeline(estimator).fit(frame, target), task, "y", SCHEMA, names)


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def model(request: pytest.FixtureRequest) -> Model:
    return fitted(request.param)


def as_pandas(table: pl.DataFrame) -> pd.DataFrame:
    return table.to_pandas()


def as_nullable(table: pl.DataFrame) -> pd.DataFrame:
    return table.to_pandas().convert_dtypes()


def as_objects(table: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(table[c].to_list(), dtype=object) for c in table.columns})


def as_rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.to_dicts()


def as_lazy(table: pl.DataFrame) -> pl.LazyFrame:
    return table.lazy()


def as_narrow(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("age").cast(pl.UInt8), pl.col("town").cast(pl.Categorical))


def shuffled(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(reversed(table.columns))


@pytest.mark.parametrize("form", [as_pandas, as_nullable, as_objects, as_rows, as_lazy, as_narrow, shuffled])
def test_every_kind_of_table_gives_the_same_numbers(model: Model, form: Any) -> None:
    wanted = model.predict(people())
    assert model.predict(form(people())).equals(wanted)
    if form is not as_narrow:  # a category of one row alone
        one_by_one = pl.concat([model.predict(form(people()[i : i + 1])) for i in range(0, N, 7)])
        assert_frame_equal(one_by_one, wanted[::7], rel_tol=1e-9)


def test_an_infinite_or_huge_number_is_missing_to_a_model() -> None:
    x = [3e38, float("inf"), float("-inf"), float("nan"), None, 1e39, -1e308]
    table = pl.DataFrame({"x": x, "n": range(7)})
    schema = Schema("S", (Column("x", "float", nullable=True), Column("n", "int")))
    frame = to_canonical_frame(table, schema)
    assert frame["x"].isna().to_list() == [False, *[True] * 6]
    assert frame["n"].to_list() == [*range(7)]


@pytest.mark.parametrize("form", [as_pandas, as_objects, as_rows])
def test_the_canonical_frame_is_one(form: Any) -> None:
    wanted, got = to_canonical_frame(people(), SCHEMA), to_canonical_frame(form(people()), SCHEMA)
    pd.testing.assert_frame_equal(got, wanted)
    kinds = [str(t) for t in wanted.dtypes]
    assert kinds == ["float64", "float64", "float64", "object", "datetime64[us]", "datetime64[us]", "float64"]
    assert list(wanted.columns) == SCHEMA.names
    assert wanted.isna().sum().min() > 0


def test_what_a_prediction_looks_like(model: Model) -> None:
    predicted = model.predict(people())
    assert predicted.height == N
    if model.task == "regression":
        assert predicted.schema == {"prediction": pl.Float64}
        return
    chances = model.probabilities(people())
    assert predicted.columns == ["prediction", *(f"probability_{c}" for c in model.classes)]
    assert chances.shape == (N, len(model.classes))
    assert np.allclose(chances.sum(axis=1), 1)
    assert set(predicted["prediction"]) <= set(model.classes)
    best = [model.classes[i] for i in chances.argmax(axis=1)]
    assert predicted["prediction"].to_list() == best


def test_no_rows_give_no_predictions(model: Model) -> None:
    empty, one = model.predict(people().clear()), model.predict(people()[:1])
    assert empty.is_empty()
    assert empty.schema == one.schema
    assert model.predict(people().clear().to_pandas()).is_empty()


def test_the_threshold_decides() -> None:
    model = fitted("binary")
    chances = model.probabilities(people())[:, 1]
    for threshold in (0.0, 0.4, 1.01):
        strict = Model(**{**vars(model), "threshold": threshold})
        assert strict.predict(people())["prediction"].to_list() == list(chances >= threshold)


def test_a_regression_has_no_probabilities() -> None:
    with pytest.raises(BrokenPromise, match="predicts numbers, not classes"):
        fitted("regression").probabilities(people())


def test_a_missing_or_mistyped_feature_is_named(model: Model) -> None:
    with pytest.raises(BrokenPromise, match="missing: town"):
        model.predict(people().drop("town"))
    with pytest.raises(BrokenPromise, match="promised age: int"):
        model.predict(people().with_columns(age=pl.lit("old")))


def test_an_unseen_category_does_not_matter(model: Model) -> None:
    assert model.predict(people()[:3].with_columns(town=pl.lit("Nowhere"))).height == 3


def test_a_model_is_frozen_and_travels(model: Model) -> None:
    with pytest.raises(AttributeError):
        model.threshold = 0.1  # type: ignore[misc]
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(people()).equals(model.predict(people()))
    assert model.features == SCHEMA.names
    assert promise_of(Model).kind == "model"
    assert Candidate("linear", 0.7, "roc_auc").params == {}


def test_its_summary_is_struck_through_where_it_is_not_real(model: Model) -> None:
    chosen = replace(model, chosen=Candidate("linear", 0.28184, "log_loss"))
    assert chosen.summary() == "linear, log_loss 0.2818 on validation"
    sampled = replace(chosen, origin=("ingest (sample)",)).summary()
    assert sampled.startswith("not real: l\u0336")
    assert sampled.replace("\u0336", "") == f"not real: {chosen.summary()}"
    assert replace(model, chosen=None).summary() == f"{model.task} model of y"


@pytest.mark.parametrize("kind", ["str", "date", "datetime", "duration"])
def test_a_frame_may_be_without_any_number(kind: str) -> None:
    schema = Schema("Row", (Column("x", kind, nullable=True),))
    table = pl.DataFrame({"x": [None, None]}, schema={"x": DTYPES[kind]})
    assert to_canonical_frame(table, schema).shape == (2, 1)
    assert to_canonical_frame(table.clear(), schema).shape == (0, 1)


def test_the_names_of_what_the_estimator_saw_are_known() -> None:
    rows = pd.DataFrame({"age": [1.0, 2.0, 3.0], "town": ["Wien", "Graz", "Wien"]})
    schema = Schema("Person", (Column("age", "int"), Column("town", "str")))
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["town"]))
    names = ["standardscaler__age", "onehotencoder__town_Graz", "onehotencoder__town_Wien"]
    nameless = FunctionTransformer(lambda frame: frame[["age"]])
    for steps, expected in (([columns], names), ([nameless], []), ([], ["age"])):
        inputs = rows if steps else rows[["age"]]
        pipeline = make_pipeline(*steps, Ridge()).fit(inputs, [1.0, 2.0, 3.0])
        shown = schema if steps else Schema("Person", schema.columns[:1])
        assert Model(pipeline, "regression", "price", shown).feature_names == expected
