"""Polynomial: the products of scikit-learn, row by row or after scaling."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import PlanContext, Polynomial

SCHEMA = Schema(
    "Customer",
    (Column("a", "float"), Column("b", "int", nullable=True), Column("c", "float"), Column("t", "str")),
)
WIDE = Schema("Wide", tuple(Column(f"x{i}", "float") for i in range(3000)))
CONTEXT = PlanContext(task="binary", rows=100)


def test_names_say_what_is_multiplied() -> None:
    assert [c.name for c in Polynomial(["a", "b"], degree=3).adds(SCHEMA)] == [
        "a_squared", "a_x_b", "b_squared", "a_pow3", "a_squared_x_b", "a_x_b_squared", "b_pow3",
    ]  # fmt: skip
    interactions = Polynomial("type:number", degree=3, interactions_only=True).adds(SCHEMA)
    assert [c.name for c in interactions] == ["a_x_b", "a_x_c", "b_x_c", "a_x_b_x_c"]
    assert [c.type_text for c in interactions] == ["float | None", "float", "float | None", "float | None"]


@given(
    st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 3), min_size=1, max_size=4),
    st.integers(2, 5),
    st.booleans(),
)
def test_it_agrees_with_scikit_learn(
    rows: list[tuple[float, ...]], degree: int, interactions_only: bool
) -> None:
    table = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    feature = Polynomial(["a", "b", "c"], degree, interactions_only)
    made = table.select(feature.expressions(SCHEMA))
    learned = Polynomial(["a", "b", "c"], degree, interactions_only, after_scaling=True)
    fitted = learned.transformer(SCHEMA.columns[:3], CONTEXT)
    expected = fitted.fit_transform(table.to_numpy())
    assert fitted.get_feature_names_out(["a", "b", "c"]).tolist() == made.columns
    assert made.to_numpy() == pytest.approx(expected, rel=1e-12)


def test_after_scaling_it_adds_no_column_to_the_table() -> None:
    feature = Polynomial("a", after_scaling=True)
    assert feature.is_learned
    assert (feature.stage, feature.adds(SCHEMA), feature.expressions(SCHEMA)) == ("add", (), ())
    assert not Polynomial("a").is_learned


@pytest.mark.parametrize("after_scaling", [False, True])
@pytest.mark.parametrize(
    ("fields", "schema", "message"),
    [
        ({"columns": "*", "degree": 3}, WIDE, "would add 4,509,002,500 columns; a feature may add 10,000"),
        ({"columns": "*", "degree": 2, "interactions_only": True}, WIDE, "would add 4,498,500 columns"),
        ({"columns": "a", "interactions_only": True}, SCHEMA, "multiplies different columns, and has a only"),
        ({"columns": ["a", "t"]}, SCHEMA, "t, which must be int or float but is str"),
        ({"columns": ["a", "d"]}, SCHEMA, "reads d, which Customer does not have"),
    ],
)
def test_what_cannot_be_multiplied_is_said_while_drawing(
    fields: dict[str, object], schema: Schema, message: str, after_scaling: bool
) -> None:
    feature = Polynomial.model_validate({**fields, "after_scaling": after_scaling})
    with pytest.raises(WiringError) as error:
        feature.find_columns(schema)
    assert message in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize("degree", [1, 6, 2.5, "high"])
def test_an_impossible_degree_is_refused(degree: object) -> None:
    with pytest.raises(ValidationError, match="degree"):
        Polynomial.model_validate({"columns": "a", "degree": degree})
