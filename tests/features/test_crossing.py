"""Cross: a text of two or more categories."""

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import Bin, Cross, with_features

SCHEMA = Schema(
    "Customer",
    (
        Column("education", "str"),
        Column("status", "str", nullable=True),
        Column("member", "bool"),
        Column("level", "int", choices=(1, 2)),
        Column("income", "int"),
        Column("height", "float"),
        Column("enrolled", "date"),
    ),
)


def crossed(feature: Cross, **columns: list[Any]) -> list[str | None]:
    (series,) = pl.DataFrame(columns).select(feature.expressions(SCHEMA)).get_columns()
    (column,) = feature.adds(SCHEMA)
    assert (series.name, series.dtype) == (column.name, pl.String)
    return series.to_list()


def test_a_part_that_is_missing_makes_the_cross_missing() -> None:
    feature = Cross(["education", "status"])
    assert crossed(feature, education=["Master", "PhD"], status=["Single", None]) == ["Master x Single", None]
    assert feature.adds(SCHEMA) == (Column("education_x_status", "str", nullable=True),)


def test_bools_and_closed_whole_numbers_are_categories() -> None:
    feature = Cross(["member", "level", "education"])
    values = crossed(feature, member=[True, False], level=[1, 2], education=["PhD", ""])
    assert values == ["true x 1 x PhD", "false x 2 x "]
    assert feature.adds(SCHEMA) == (Column("member_x_level_x_education", "str"),)


def test_a_number_is_crossed_by_its_bins() -> None:
    feature = Cross(["education", "income"], edges={"income": [20000, 50000]})
    assert crossed(feature, education=["PhD"] * 2, income=[20000, 1]) == [
        "PhD x 20000 to 50000",
        "PhD x below 20000",
    ]
    earlier = [Bin("income", edges=[20000]), Cross(["income_bin", "education"])]
    assert with_features(SCHEMA, earlier).names[-1] == "income_bin_x_education"


def test_a_float_in_bins_may_be_nan() -> None:
    feature = Cross(["education", "height"], edges={"height": [1.5]})
    assert crossed(feature, education=["PhD"], height=[float("nan")]) == [None]
    assert feature.adds(SCHEMA)[0].nullable


@pytest.mark.parametrize(
    ("feature", "message", "hint"),
    [
        (
            Cross(["education", "income"]),
            "income is a number",
            "edges = {income = [...]}, or list a Bin before it",
        ),
        (Cross(["education"]), "crosses 2 to 5 columns, and has 1", "each"),
        (Cross("*"), "enrolled, which must be str or bool or int or float", '"!enrolled"'),
        (Cross(["*", "!enrolled"]), "2 to 5 columns, and has 6", "each pair"),
        (Cross(["education", "educatoin"]), "reads educatoin", "did you mean 'education'"),
        (Cross(["education", "status"], edges={"statsu": [1]}), "edges of statsu", "did you mean 'status'"),
        (
            Cross(["education", "level"], edges={"level": [1]}),
            "level, which is a category",
            "leave its edges out",
        ),
    ],
    ids=lambda x: repr(x)[:40],
)
def test_what_cannot_be_crossed_is_said_while_drawing(feature: Cross, message: str, hint: str) -> None:
    with pytest.raises(WiringError) as error:
        feature.adds(SCHEMA)
    assert message in str(error.value)
    assert hint in error.value.hint


def test_it_is_shown_as_it_is_written() -> None:
    assert repr(Cross(["a", "b"])) == "Cross(columns=('a', 'b'))"


@pytest.mark.parametrize("edges", [{"income": []}, {"income": [2, 1]}, {"income": ["inf"]}, {"income": 3}])
def test_impossible_edges_are_refused(edges: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="income"):
        Cross.model_validate({"columns": ["education", "income"], "edges": edges})


def test_the_parts_may_be_given_one_by_one() -> None:
    assert Cross("a", "b", edges={"b": [1]}) == Cross(["a", "b"], edges={"b": [1]})
    assert Cross("mnt_*") == Cross(columns="mnt_*")
