"""Encode: each way of encoding; values that are new, and null; what leaks nothing."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from sklearn.utils import murmurhash3_32

from features.fitting import Bidder, Fitted, Rater, Visitor, fit, visitors
from magical.errors import WiringError
from magical.features import Encode, Feature, Scale
from magical.library import model_data
from magical.library.preprocessing import plan_pipeline

TABLE = visitors()
CITY = TABLE["city"]


def encode(how: Any, column: str = "city", **more: Any) -> Fitted:
    return fit(TABLE, Encode(column, how, **more), Scale(column, "none"))


def cells(frame: Any, prefix: str) -> list[float]:
    return [float(v) for n, v in frame.iloc[0].items() if str(n).startswith(prefix)]


def test_one_hot_has_a_column_for_each_value_and_counts_a_new_one_as_rare() -> None:
    fitted = encode("one_hot", "kids")
    assert [n for n in fitted.out if n.startswith("kids")] == ["kids=0", "kids=1", "kids=2", "kids=3"]
    assert cells(fitted.serve_changed(kids=9.0), "kids") == [0, 0, 0, 0], "no value is rare"
    rare = visitors().with_columns(city=pl.Series(["Rome", "Oslo"] * 99 + ["Ulm", "Bonn"]))
    rare = model_data(rare, Visitor)
    fitted = fit(rare, Encode("city"))
    assert cells(fitted.serve_changed(city="Paris"), "city=(rare)") == [1]
    assert cells(fitted.serve_changed(city="Ulm"), "city=(rare)") == [1]


def test_one_hot_is_at_most_so_wide() -> None:
    many = model_data(
        visitors(1000).with_columns(city=pl.Series([f"c{i % 40}" for i in range(1000)])), Visitor
    )
    one_per_value = [n for n in fit(many, Encode("city", width=7)).out if n.startswith("city")]
    assert len(one_per_value) == 7
    assert len([n for n in fit(many, Encode("city")).out if n.startswith("city")]) == 40


def test_ordinal_keeps_the_order_of_a_closed_set_of_texts() -> None:
    fitted = encode("ordinal", "grade")
    order = {"low": 0.0, "middle": 1.0, "high": 2.0, None: -1.0}
    assert fitted.out["grade"].tolist() == [order[v] for v in TABLE["grade"]]
    levels = encode("ordinal", "level").out["level"]
    assert levels.tolist() == (TABLE["level"] - 1).cast(pl.Float64).to_list()


def test_ordinal_sorts_an_open_set_and_serves_news_as_minus_one() -> None:
    fitted = encode("ordinal")
    assert fitted.serve_changed(city="Paris")["city"][0] == -1
    assert fitted.serve_changed(city=np.nan)["city"][0] == -1
    assert [fitted.serve_changed(city=c)["city"][0] for c in ("Bonn", "Oslo", "Rome")] == [0, 1, 2]


def test_target_means_of_rows_that_are_fitted_on_do_not_contain_their_own_target() -> None:
    # A category of one row: its own target must not be its encoding.
    lone = model_data(TABLE.with_columns(city=pl.Series([f"town {i}" for i in range(200)])), Visitor)
    fitted = fit(lone, Encode("city", "target"), Scale("city", "none"))
    own = fitted.out["city (target mean)"]
    assert own.nunique() <= 5, "the mean of the other folds, whatever the row's own target"
    again = fitted.pipeline.transform(fitted.X)
    assert not np.allclose(again, fitted.out.to_numpy()), "fit_transform is not fit and transform"


def test_target_means_of_a_row_do_not_move_with_its_own_target() -> None:
    bids = visitors(contract=Bidder)
    other = model_data(
        bids.with_columns(bought=pl.when(pl.col("id") != 0).then("bought").otherwise(1e6)), Bidder
    )
    first, second = (fit(t, Encode("city", "target"), Scale("city", "none")) for t in (bids, other))
    name = "city (target mean)"
    assert first.out[name][0] == second.out[name][0]
    same_city = (bids["city"] == bids["city"][0]).fill_null(False).to_numpy()
    assert (first.out[name] != second.out[name])[same_city].any(), "it moves others of the same city"


def test_target_means_of_news_are_the_overall_mean() -> None:
    fitted = encode("target")
    assert fitted.serve_changed(city="Paris")["city (target mean)"][0] == pytest.approx(fitted.y.mean())
    classes = fit(visitors(contract=Rater), Encode("city", "target"))
    names = [n for n in classes.out if n.startswith("city")]
    assert names == ["city (share of a)", "city (share of b)", "city (share of c)"]


def test_counts_are_of_train_null_is_a_value_and_news_are_0() -> None:
    fitted = encode("count")
    for city in ("Rome", "Ulm"):
        assert fitted.serve_changed(city=city)["city (count)"][0] == (CITY == city).sum()
    assert fitted.serve_changed(city=np.nan)["city (count)"][0] == CITY.null_count()
    assert fitted.serve_changed(city="Paris")["city (count)"][0] == 0
    assert (
        encode("count", "level").serve_changed(level=2.0)["level (count)"][0] == (TABLE["level"] == 2).sum()
    )


def test_hashes_are_of_the_text_and_null_has_no_bucket() -> None:
    fitted = encode("hash", width=8)
    for city in ("Rome", "Paris", "Zürich"):
        row = cells(fitted.serve_changed(city=city), "city (bucket")
        assert row.index(1.0) == murmurhash3_32(city, positive=True) % 8
        assert sum(row) == 1
    assert cells(fitted.serve_changed(city=np.nan), "city (bucket") == [0.0] * 8
    kids = cells(encode("hash", "kids").serve_changed(kids=3.0), "kids (bucket")
    assert kids.index(1.0) == murmurhash3_32("3", positive=True) % 16, "a whole number, with nulls or without"


@pytest.mark.slow_except("string")
@pytest.mark.parametrize("how", ["string", "minhash", "gap"])
def test_texts_are_encoded_by_their_parts_and_null_is_the_same_everywhere(how: Any) -> None:
    fitted = encode(how, "comment", width=5)
    names = [n for n in fitted.out if n.startswith("comment")]
    assert len(names) == 5
    news = [
        fitted.serve_changed(comment=c)[names].to_numpy() for c in ("boats and trees", "boat tree", "zzz")
    ]
    assert np.isfinite(news).all()
    assert not np.allclose(news[1], news[2])
    null = fitted.serve_changed(comment=np.nan)[names].to_numpy()
    gaps = TABLE["comment"].is_null().to_numpy()
    assert np.allclose(fitted.out[names].to_numpy()[gaps], null)


@pytest.mark.slow_except("string")
@pytest.mark.parametrize("how", ["string", "minhash", "gap"])
@pytest.mark.parametrize(
    "texts", [[None] * 6, ["", " ", None, "", "", ""], ["one text", None, None, None, None, None]]
)
def test_a_fold_with_hardly_any_text_is_encoded(how: Any, texts: list[str | None]) -> None:
    fitted = encode(how, "comment")
    few = fitted.X.iloc[:6].assign(comment=texts)
    assert np.isfinite(fitted.pipeline.fit_transform(few, fitted.y[:6])).all()
    assert len(fitted.pipeline.get_feature_names_out()) == fitted.pipeline.transform(few).shape[1]


def test_single_letters_have_no_topics() -> None:
    letters = pl.Series(["a", "b", None, "c"] * (len(TABLE) // 4))
    table = model_data(TABLE.with_columns(city=letters), Visitor)
    out = fit(table, Encode("city", "gap")).out
    assert not out["city"].any()


def test_dates_have_parts_and_a_missing_one_is_imputed() -> None:
    fitted = fit(TABLE, Encode("born", "datetime"), Scale("born", "none"))
    names = ["born_year", "born_month", "born_day", "born_total_seconds"]
    assert [n for n in fitted.out if n.startswith("born_")] == names
    row = fitted.serve_changed(born=dt.datetime(2001, 2, 3))
    assert row[names[:3]].to_numpy().tolist() == [[2001, 2, 3]]
    missing = fitted.serve_changed(born=None)
    assert missing["born_year"][0] == TABLE["born"].dt.year().median()
    assert missing["born is missing"][0] == 1


def test_a_text_that_hardly_repeats_is_used_if_it_is_encoded() -> None:
    assert not [n for n in fit(TABLE).out if n.startswith("comment")]
    assert [n for n in encode("hash", "comment").out if n.startswith("comment")]


@pytest.mark.slow_except("count")
@pytest.mark.parametrize("how", ["one_hot", "ordinal", "target", "count", "hash", "string", "minhash", "gap"])
def test_one_row_is_encoded_as_it_is_in_a_table(how: Any) -> None:
    column = "comment" if how in ("string", "minhash", "gap") else "city"
    fitted = encode(how, column)
    whole = fitted.pipeline.transform(fitted.X)
    single = np.vstack([fitted.pipeline.transform(fitted.X.iloc[i : i + 1]) for i in range(6)])
    assert whole[:6].tolist() == single.tolist()


@pytest.mark.slow_except("hash")
@pytest.mark.parametrize("how", ["one_hot", "ordinal", "target", "count", "hash"])
def test_ten_thousand_categories_are_encoded(how: Any) -> None:
    rows = 12_000
    many = visitors(rows).with_columns(city=pl.Series([f"town {i % 10_000}" for i in range(rows)]))
    fitted = fit(model_data(many, Visitor), Encode("city", how))
    assert len([n for n in fitted.out if n.startswith("city")]) <= 100
    assert np.isfinite(fitted.out.to_numpy()).all()


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Encode("income"), "reads income, which must be str or int or bool but is float"),
        (Encode("kids", "string"), "reads kids, which must be str but is int"),
        (Encode("city", "datetime"), "reads city, which must be date or datetime but is str"),
        (Encode("cities"), "reads cities, which Visitor does not have"),
        (Encode("bought", "target"), "reads bought, the target"),
    ],
)
def test_what_cannot_be_encoded_is_refused_before_any_work(feature: Feature, words: str) -> None:
    with pytest.raises(WiringError) as caught:
        plan_pipeline(TABLE, [feature])
    assert words in str(caught.value)
    assert caught.value.hint


def test_only_some_ways_have_a_width() -> None:
    with pytest.raises(ValidationError, match="'count' has no width"):
        Encode("city", "count", width=3)
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        Encode("city", "hash", width=1)
