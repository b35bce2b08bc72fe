"""Bin: fixed edges are a closed set of texts, quantiles are fitted."""

import bisect
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magical.contracts.schema import Column, Schema
from magical.derived_names import name_bins
from magical.errors import WiringError
from magical.features import Bin, PlanContext

SCHEMA = Schema(
    "Customer", (Column("income", "int", nullable=True), Column("x", "float"), Column("city", "str"))
)
CONTEXT = PlanContext(task="binary", rows=100)


def bins(values: list[Any], edges: list[float]) -> list[str | None]:
    table = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    return table.select(Bin("x", edges=edges).expressions(SCHEMA)).to_series().to_list()


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6, unique=True),
    st.lists(st.floats(allow_nan=False) | st.none(), max_size=6),
)
def test_an_edge_belongs_to_the_bin_above_it(edges: list[float], values: list[float | None]) -> None:
    edges = sorted(edges)
    values += edges
    names = name_bins(edges)
    expected = [None if v is None else names[bisect.bisect_right(edges, v)] for v in values]
    assert bins(values, edges) == expected


def test_its_texts_are_a_closed_set() -> None:
    (column,) = Bin("income", edges=[20000, 50000.5]).adds(SCHEMA)
    assert (column.name, column.type, column.nullable) == ("income_bin", "str", True)
    assert column.choices == ("below 20000", "20000 to 50000.5", "50000.5 and above")


def test_a_float_may_be_nan_and_so_its_bin_may_be_null() -> None:
    assert bins([float("nan"), None], [0]) == [None, None]
    assert Bin("x", edges=[0]).adds(SCHEMA)[0].nullable


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "edges, such as .* or quantiles: just one"),
        ({"edges": []}, "just one"),
        ({"edges": [1], "quantiles": 4}, "just one"),
        ({"edges": [2, 1]}, "edges increase, and 1 comes after 2"),
        ({"edges": [1, 1]}, "edges increase, and 1 comes after 1"),
        ({"edges": [0, "inf"]}, "finite"),
        ({"edges": ["nan"]}, "finite"),
        ({"edges": ["low"]}, "valid number"),
        ({"quantiles": 1}, "at least 2 bins"),
        ({"quantiles": -3}, "greater than or equal"),
        ({"quantiles": 5000}, "less than or equal"),
        ({"edges": [1], "output": "ordinal"}, "output is for quantiles"),
        ({"quantiles": 4, "output": "text"}, "'one_hot' or 'ordinal'"),
        ({"columns": [], "edges": [1]}, "at least 1"),
    ],
)
def test_impossible_bins_are_refused_when_settings_are_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Bin.model_validate({"columns": "income", **fields})


def test_a_text_has_no_bins() -> None:
    for feature in (Bin("city", edges=[1]), Bin("city", quantiles=3)):
        with pytest.raises(WiringError, match="city, which must be int or float but is str"):
            feature.find_columns(SCHEMA)


def test_quantiles_add_no_column_to_the_table() -> None:
    feature = Bin("income", quantiles=4)
    assert feature.is_learned
    assert (feature.stage, feature.adds(SCHEMA), feature.expressions(SCHEMA)) == ("add", (), ())
    assert not Bin("income", edges=[1]).is_learned


def to_frame(values: list[float]) -> Any:
    import pandas as pd

    return pd.DataFrame({"income": values})


def fit(feature: Bin, values: list[float]) -> Any:
    from sklearn.base import clone

    return clone(feature.transformer(SCHEMA.columns[:1], CONTEXT)).fit(to_frame(values))


def test_quantiles_are_fitted_and_named_by_their_edges() -> None:
    fitted = fit(Bin("income", quantiles=4), [1, 2, 3, 4, 5, 6, 7, 8])
    names = [
        "income_bin=below 2.5",
        "income_bin=2.5 to 4.5",
        "income_bin=4.5 to 6.5",
        "income_bin=6.5 and above",
    ]
    assert fitted.get_feature_names_out().tolist() == names
    # Values beyond those of the fit belong to the outer bins.
    assert fitted.transform(to_frame([-99.0, 2.5, 99.0])).tolist() == [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 1],
    ]


def test_quantiles_may_be_one_column() -> None:
    fitted = fit(Bin("income", quantiles=4, output="ordinal"), [1, 2, 3, 4, 5, 6, 7, 8])
    assert fitted.get_feature_names_out().tolist() == ["income_bin"]
    assert fitted.transform(to_frame([0, 3, 9])).ravel().tolist() == [0, 1, 3]


def test_the_names_of_bins_have_six_digits_where_these_suffice() -> None:
    fitted = fit(Bin("income", quantiles=2), [12345.678912, 12345.678912 * 3])
    assert fitted.get_feature_names_out().tolist() == [
        "income_bin=below 24691.4",
        "income_bin=24691.4 and above",
    ]
    close = fit(Bin("income", quantiles=3), [1e6, 1e6 + 0.25, 1e6 + 0.5])
    assert close.get_feature_names_out().tolist()[1] == "income_bin=1000000.125 to 1000000.375"


def test_small_numbers_have_bins_as_well() -> None:
    values = [1e-9, 2e-9, 3e-9, 4e-9]
    fitted = fit(Bin("income", quantiles=2), values)
    assert fitted.get_feature_names_out().tolist() == [
        "income_bin=below 2.5e-09",
        "income_bin=2.5e-09 and above",
    ]
    assert fitted.transform(to_frame(values)).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


@pytest.mark.filterwarnings("ignore:Feature 0 is constant", "ignore:Bins whose width are too small")
@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([5.0] * 9, ["income_bin=all"]),
        ([5.0, 5.0 + 1e-12], ["income_bin=all"]),
        ([0.0] * 9 + [7.0, 8.0, 9.0], ["income_bin=below 7", "income_bin=7 and above"]),
    ],
)
def test_equal_quantiles_give_fewer_bins(values: list[float], names: list[str]) -> None:
    fitted = fit(Bin("income", quantiles=5), values)
    assert fitted.get_feature_names_out().shape == (fitted.transform(to_frame(values)).shape[1],)
    assert fitted.get_feature_names_out().tolist() == names
