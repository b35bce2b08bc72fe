"""transform: which block each feature goes to, what is left out, and what is served with gaps and news."""

import datetime as dt
from typing import Literal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from library.conftest import Run
from library.tables import houses, people, pupils
from magical import Contract, Id, Target, contract_of
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise
from magical.features import Log, to_epoch_days
from magical.library import featurize, model_data, transform
from magical.library.pipeline_columns import find_pipeline_inputs
from magical.library.prediction_task import infer_task, make_examples


def blocks(pipeline: Pipeline) -> dict[str, list[str]]:
    return {name: columns for name, _, columns in pipeline.named_steps["columns"].transformers}


def fitted(table: pl.DataFrame) -> tuple[Pipeline, np.ndarray, Schema]:  # type: ignore[type-arg]
    pipeline = clone(transform(table))
    inputs = find_pipeline_inputs(pipeline, contract_of(table))
    X, y = make_examples(table, infer_task(table), inputs)
    return pipeline, np.asarray(pipeline.fit_transform(X, y)), inputs


def test_each_feature_goes_to_its_block() -> None:
    assert blocks(transform(people())) == {
        "numbers": ["age", "income"],
        "dates": ["born"],
        "truths": ["member"],
        "few": ["city", "grade"],
        "missing": ["age", "income", "member"],
        "missing_dates": ["born"],
    }


class Berth(Contract):
    id: Id[int]
    pclass: Literal[1, 2, 3] | None
    deck: Literal[tuple(range(100, 140))]  # type: ignore[valid-type]
    rooms: int
    saved: Target[bool]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_literal_of_numbers_is_a_category_whose_values_are_numbers(as_text: bool) -> None:
    raw = pl.DataFrame(
        {
            "id": range(240),
            "pclass": [[1, 2, 3, None][i % 4] for i in range(240)],
            "deck": [100 + i % 40 for i in range(240)],
            "rooms": [i % 5 for i in range(240)],
            "saved": [i % 3 == 0 for i in range(240)],
        }
    )
    table = model_data(raw.with_columns(pl.col("pclass", "deck").cast(pl.String)) if as_text else raw, Berth)
    assert (table["pclass"].dtype, table["deck"].dtype) == (pl.Int64, pl.Int64)
    assert blocks(transform(table)) == {"numbers": ["rooms"], "few": ["pclass"], "many": ["deck"]}
    pipeline, values, inputs = fitted(table)
    assert values.shape[1] == 1 + 4 + 1, "a column for each class and one for none"
    news = model_data(raw.with_columns(pclass=pl.lit(None, pl.Int64)), Berth)
    X, _ = make_examples(news, infer_task(table), inputs)
    assert np.isfinite(pipeline.transform(X)).all()


def test_what_has_a_role_or_no_contract_is_no_feature() -> None:
    table = people()
    pipeline = transform(table)
    used = {c for columns in blocks(pipeline).values() for c in columns}
    assert not used & {"id", "joined", "family", "bought"}


def test_constants_and_near_unique_texts_are_left_out_with_a_word(run: Run) -> None:
    transform(people())
    assert "left out: constant (one value only), name (300 different texts in 300 rows)" in run.lines


def test_texts_of_many_kinds_are_encoded_by_the_target() -> None:
    assert blocks(transform(pupils(rows=240)))["many"] == ["city"]


def test_it_is_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        check_is_fitted(transform(people()).named_steps["columns"])


@pytest.mark.parametrize("table", [people, pupils, houses])
def test_what_comes_out_are_finite_numbers(table: object) -> None:
    _, values, _ = fitted(table())  # type: ignore[operator]
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


def test_gaps_and_news_are_served() -> None:
    pipeline, _, inputs = fitted(pupils())
    from magical.contracts.model import to_canonical_frame

    rows = pl.DataFrame({"age": [None, 9], "city": ["nowhere", None]})
    assert np.isfinite(pipeline.transform(to_canonical_frame(rows, inputs))).all()
    pipeline, width, inputs = fitted(people())
    strange = pl.DataFrame(
        {
            "age": [None],
            "income": [None],
            "city": ["Paris"],
            "grade": [None],
            "member": [None],
            "born": [None],
        }
    )
    out = np.asarray(pipeline.transform(to_canonical_frame(strange, inputs)))
    assert out.shape == (1, width.shape[1])
    assert np.isfinite(out).all()


def test_what_is_kept_for_the_eye_has_names(run: Run) -> None:
    transform(people())
    shown = run.kept["transformed"]
    assert shown.height == 50
    assert {"age", "age is missing", "city=Rome", "born"} <= set(shown.columns)


def test_a_listed_feature_that_was_not_added_is_warned_of(run: Run) -> None:
    transform(people(), (Log("income"),))
    assert any("train lacks columns that the features add: log_income;" in w for w in run.warnings)


def test_no_feature_at_all_is_refused() -> None:
    class Row(Contract):
        id: Id[int]
        only: str
        y: Target[bool]

    rows = pl.DataFrame({"id": [1, 2], "only": ["a", "a"], "y": [True, False]})
    with pytest.raises(BrokenPromise, match="Row has no feature"):
        transform(model_data(rows, Row))


def test_the_inputs_are_what_the_columns_name_or_else_all_features() -> None:
    table = people()
    schema = contract_of(table)
    assert find_pipeline_inputs(transform(table), schema).names == [
        "age",
        "income",
        "city",
        "grade",
        "member",
        "born",
    ]
    other = Pipeline([("scale", StandardScaler())])
    assert find_pipeline_inputs(other, schema).names == [c.name for c in schema.features]


def test_days_count_from_1970() -> None:
    dates = pd.DataFrame({"a": pd.Series([dt.datetime(1970, 1, 2), None], dtype="datetime64[us]")})
    assert to_epoch_days(dates)["a"].tolist()[0] == 1.0
    assert np.isnan(to_epoch_days(dates)["a"].tolist()[1])


def test_where_each_feature_comes_from_is_kept(run: Run) -> None:
    table = featurize(people(), (Log("income"),))
    transform(table, (Log("income"),))
    rows = run.kept["features"].rows(named=True)
    assert [r["feature"] for r in rows] == run.kept["transformed"].columns
    assert {r["from columns"] for r in rows if "income" in r["feature"]} == {"income"}
    assert run.kept["left_out"]["column"].to_list() == ["constant", "name"]
