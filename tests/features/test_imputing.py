"""Impute: what fills a gap, what marks it, and what is refused."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from features.fitting import Visitor, fit, visitors
from magical.contracts.contract import schema_of
from magical.contracts.model import to_canonical_frame
from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import Encode, Impute, Scale
from magical.library import model_data

TABLE = visitors()
INCOME = TABLE["income"].drop_nulls()
SCHEMA = Schema(
    "Visitor",
    (
        Column("income", "float", nullable=True),
        Column("born", "date"),
        Column("city", "str"),
        Column("member", "bool"),
        Column("level", "int", choices=(1, 2, 3)),
        Column("mood", "str", choices=("sad", "glad")),
        Column("shop", "int", role="key"),
        Column("tags", "list"),
    ),
)


@pytest.mark.parametrize(
    ("how", "value", "expected"),
    [
        ("median", None, INCOME.median()),
        ("mean", None, INCOME.mean()),
        ("most_frequent", None, INCOME.mode().min()),
        ("constant", -7, -7.0),
    ],
)
def test_a_number_is_filled_by_what_is_asked(how: Any, value: Any, expected: float) -> None:
    fitted = fit(TABLE, Impute("income", how, value), Scale("income", "none"))
    gaps = TABLE["income"].is_null().to_numpy()
    assert fitted.out["income"][gaps].to_numpy() == pytest.approx(expected)
    assert fitted.out["income"][~gaps].tolist() == TABLE["income"].drop_nulls().to_list()
    assert fitted.out["income is missing"].tolist() == gaps.astype(float).tolist()


def test_the_nearest_rows_are_near_on_the_scale_of_each_column() -> None:
    # Income is as kids; age is a thousand times larger, and says nothing.
    rows = [{"income": i % 5 * 1e-3, "age": 1000 * (i % 7), "kids": i % 5} for i in range(140)]
    table = visitors(140).with_columns(pl.DataFrame(rows).with_columns(pl.col("income").cast(pl.Float64)))
    table = table.with_columns(income=pl.when(pl.col("id") != 11).then("income"))
    fitted = fit(
        model_data(table, Visitor), Impute(["income", "age", "kids"], "nearest"), Scale("income", "none")
    )
    assert fitted.out["income"][11] == pytest.approx(11 % 5 * 1e-3, abs=2e-6)


@pytest.mark.slow_except("nearest")
@pytest.mark.parametrize("how", ["nearest", "iterative"])
def test_the_others_fill_a_gap_better_than_the_median(how: Any) -> None:
    table = visitors().with_columns(age=pl.col("income").fill_null(50).cast(pl.Int64))
    hidden = table["income"].is_null().to_numpy() | (np.arange(len(table)) % 9 == 0)
    gapped = model_data(table.with_columns(income=pl.when(~pl.Series(hidden)).then("income")), Visitor)
    truth = table["income"].fill_null(50).to_numpy()[hidden]

    def miss(*features: Any) -> float:
        fitted = fit(gapped, *features, Scale("income", "none"))
        return float(np.abs(fitted.out["income"].to_numpy()[hidden] - truth).mean())

    assert miss(Impute(["income", "age"], how)) < 0.5 * miss()


@pytest.mark.slow_except("nearest")
@pytest.mark.parametrize("how", ["median", "most_frequent", "nearest", "iterative"])
def test_a_column_that_is_empty_in_a_fold_is_kept(how: Any) -> None:
    fitted = fit(TABLE, Impute(["income", "age"], how))
    fold = fitted.X.iloc[:50].assign(income=np.nan)
    values = fitted.pipeline.fit_transform(fold, fitted.y[:50])
    names = [str(n) for n in fitted.pipeline.get_feature_names_out()]
    assert values.shape == (50, len(names))
    assert names == list(fitted.out)
    assert np.isfinite(values).all()


def test_joint_imputers_read_all_their_columns_whatever_is_done_with_these_later() -> None:
    together = fit(TABLE, Impute(["income", "age"], "iterative"), Scale(["income", "age"], "none"))
    apart = fit(
        TABLE,
        Impute(["income", "age"], "iterative"),
        Scale("income", "none"),
        Scale("age", "minmax"),
    )
    assert apart.out["income"].tolist() == together.out["income"].tolist()


def test_categories_truths_and_dates_are_filled() -> None:
    city = fit(TABLE, Impute("city", "constant", "nowhere"))
    assert city.out["city=nowhere"].tolist() == city.out["city is missing"].tolist()
    assert city.out["city is missing"].sum() == TABLE["city"].null_count()
    often = fit(TABLE, Impute("city", "most_frequent", indicator=False))
    assert "city is missing" not in often.out
    member = fit(TABLE, Impute("member", "constant", True))
    assert member.out["member"][TABLE["member"].is_null().to_numpy()].unique().tolist() == [1.0]
    for day in (dt.date(1970, 1, 11), "1970-01-11", dt.datetime(1970, 1, 11)):
        born = fit(TABLE, Impute("born", "constant", day), Scale("born", "none"))
        assert born.out["born"][TABLE["born"].is_null().to_numpy()].unique().tolist() == [10.0]


def test_a_text_is_filled_before_it_is_encoded() -> None:
    fitted = fit(TABLE, Encode("city", "count"), Scale("city", "none"), Impute("city", "most_frequent"))
    counts = TABLE["city"].value_counts()["count"]
    gaps = TABLE["city"].is_null().to_numpy()
    assert set(fitted.out["city (count)"][gaps]) == {counts.drop_nulls().max() + gaps.sum()}


def test_an_infinite_number_is_missing() -> None:
    fitted = fit(TABLE)
    assert np.isnan(fitted.serve_changed(income=np.nan)["income"]).sum() == 0
    row = TABLE.head(2).with_columns(income=pl.Series([float("inf"), float("-inf")]))
    frame = to_canonical_frame(row, schema_of(Visitor))
    assert frame["income"].isna().all()
    assert fitted.serve(frame)["income is missing"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Impute("city"), "reads city, which must be int or float or duration or bool or date or datetime"),
        (Impute("born", "nearest"), "reads born, which must be int or float or duration or bool but is date"),
        (Impute("level", "mean"), "level, a closed set"),
        (Impute("income", "constant", "x"), "fills income, which is float | None, by 'x'"),
        (Impute("income", "constant", True), "fills income, which is float | None, by True"),
        (Impute("member", "constant", 1), "fills member, which is bool, by 1"),
        (Impute("city", "constant", 1), "fills city, which is str, by 1"),
        (Impute("mood", "constant", "angry"), "by 'angry'"),
        (Impute("born", "constant", "soon"), "fills born, which is date, by 'soon'"),
        (Impute("born", "constant", 20200101), "fills born, which is date, by 20200101"),
        (Impute("shop"), "reads shop, no feature of Visitor, but its key"),
        (Impute("tags", "most_frequent"), "tags, which must be"),
        (Impute("incom"), "reads incom, which Visitor does not have"),
    ],
)
def test_what_cannot_be_filled_is_refused_with_a_hint(feature: Impute, words: str) -> None:
    with pytest.raises(WiringError) as caught:
        feature.find_columns(SCHEMA)
    assert words in str(caught.value)
    assert caught.value.hint


def test_a_constant_has_a_value_and_nothing_else_has() -> None:
    for fields in ({"how": "constant"}, {"how": "median", "value": 3}):
        with pytest.raises(ValidationError, match="'constant' needs a value, and no other way has one"):
            Impute("income", **fields)
    assert Impute("income", "constant", 0).value == 0
    for value in (float("nan"), float("-inf")):
        with pytest.raises(ValidationError, match="would be missing itself; give a finite number"):
            Impute("income", "constant", value)
