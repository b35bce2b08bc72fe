"""The preprocessing of trees: which blocks it replaces, and what it leaves as it is."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from library.tables import people
from magical import Contract, Target
from magical.contracts.model import to_canonical_frame
from magical.contracts.promises import contract_of
from magical.features import Encode, Feature, Impute, Scale, Select
from magical.library import model_data, transform
from magical.library.feature_lineage import trace_features
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import infer_task, make_examples
from magical.library.tree_preprocessing import MAX_CODES, find_categories, prepare_for_trees


def fit_on_people(*features: Feature) -> tuple[Any, np.ndarray[Any, Any], list[str]]:
    """Prepare the Pipeline of these features, and fit it: it, what it makes, and the names."""
    table = people(200)
    prepared = prepare_for_trees(transform(table, features))
    rows = make_examples(table, infer_task(table), find_pipeline_inputs(prepared, contract_of(table)))
    made = prepared.fit_transform(rows.X, rows.y)
    return prepared, made, [str(n) for n in prepared.get_feature_names_out()]


def test_numbers_stay_and_categories_become_codes() -> None:
    fitted, made, names = fit_on_people()
    assert names == ["age", "income", "member", "born", "city", "grade"]
    assert find_categories(fitted) == (4, 5)
    table = people(200)
    assert np.array_equal(made[:, 1], table["income"].cast(pl.Float64).to_numpy(), equal_nan=True)
    assert np.isnan(made[:, 3]).sum() == table["born"].null_count() > 0
    assert {*made[~np.isnan(made[:, 4]), 4]} == {0, 1, 2}
    traced = {f.name: f.columns for f in trace_features(fitted, contract_of(table))}
    assert traced == {n: (n,) for n in names}


def test_an_unknown_or_missing_category_is_nan() -> None:
    fitted, _, names = fit_on_people()
    schema = find_pipeline_inputs(fitted, contract_of(people(9)))
    new = people(9).with_columns(city=pl.Series(["Lima", None, "Rome"] * 3))
    codes = fitted.transform(to_canonical_frame(new, schema))[:, names.index("city")]
    assert np.isnan(codes[:2]).all()
    assert codes[2] == 2


def test_what_features_planned_stays() -> None:
    fitted, made, names = fit_on_people(
        Impute("age", "mean"), Scale("income", "robust"), Encode("city", "one_hot")
    )
    assert "city=Rome" in names
    assert not np.isnan(made[:, [names.index("age"), names.index("income")]]).any()
    # Of age only its column tells what was missing.
    assert [n for n in names if "missing" in n] == ["city is missing", "age is missing", "income is missing"]
    assert [names[i] for i in find_categories(fitted)] == ["grade"]


@pytest.mark.parametrize("which", ["a project's own", "one that selects"])
def test_other_pipelines_stay_as_they_are(which: str) -> None:
    table = people(200)
    own = Pipeline([("columns", ColumnTransformer([("categories", OneHotEncoder(), ["grade"])]))])
    pipeline = own if which == "a project's own" else transform(table, (Select(k=3),))
    assert prepare_for_trees(pipeline) is pipeline
    rows = make_examples(table, infer_task(table), find_pipeline_inputs(pipeline, contract_of(table)))
    assert find_categories(clone(pipeline).fit(rows.X, rows.y)) == ()


def test_the_rarest_of_many_categories_share_a_code() -> None:
    class Visit(Contract):
        place: str
        count: int
        seen: Target[bool]

    places = [f"p{i}" for i in range(300) for _ in range(3 if i >= 47 else 2)]
    visits = model_data(
        pl.DataFrame(
            {"place": places, "count": range(len(places)), "seen": [i % 2 for i in range(len(places))]}
        ),
        Visit,
    )
    prepared = prepare_for_trees(transform(visits))
    rows = make_examples(visits, infer_task(visits), find_pipeline_inputs(prepared, contract_of(visits)))
    made = prepared.fit_transform(rows.X, rows.y)[:, 1]
    assert {*made} == {*range(MAX_CODES)}
    assert {*made[:94]} == {MAX_CODES - 1}  # p0 to p46 have the fewest rows
