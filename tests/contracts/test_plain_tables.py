"""Tables that no step made: a contract validates them, and plain calls of the library's steps take them."""

from datetime import date, datetime
from typing import Any, Literal

import pandas as pd
import polars as pl
import pytest

from magical import Contract, Field, Id, Target, contract_of, rule
from magical.errors import BrokenPromise, ContractError, MagicalError
from magical.features import Log
from magical.library import (
    SplitSettings,
    evaluate,
    featurize,
    leave_out,
    linear,
    predict,
    split,
    transform,
    tune,
)

ROWS = 120


class Member(Contract):
    """A member of a club."""

    id: Id[int]
    age: int = Field(ge=18)
    plan: Literal["basic", "gold"]
    income: float | None
    joined: date
    left: Target[bool]

    @rule
    def gold_is_earned(cls) -> pl.Expr:
        return (pl.col("plan") != "gold") | (pl.col("age") > 18)


TABLE = pl.DataFrame(
    {
        "id": range(ROWS),
        "age": [20 + i % 50 for i in range(ROWS)],
        "plan": ["gold" if i % 3 else "basic" for i in range(ROWS)],
        "income": [float(i * 7 % 100) if i else None for i in range(ROWS)],
        "joined": [date(2024, 1, 1 + i % 28) for i in range(ROWS)],
        "left": [i * 7 % 100 > 50 for i in range(ROWS)],
        "note": "kept",
    }
)


def test_a_validated_table_goes_through_the_steps_of_the_library() -> None:
    members = Member.validate(TABLE)
    assert members.equals(TABLE)
    assert contract_of(members).target == "left"
    features = (Log("income"),)
    train, validation, test = split(featurize(members, features), SplitSettings())
    preprocessing = transform(train, features)
    model = tune(train, validation, preprocessing, linear(trials=1))
    assert evaluate(predict(model, test), test).part == "test"
    for plain in (
        lambda: split(TABLE, SplitSettings()),
        lambda: featurize(TABLE, features),
        lambda: leave_out(TABLE, ("age",)),
        lambda: transform(TABLE, features),
        lambda: tune(TABLE, TABLE, preprocessing, linear(trials=1)),
        lambda: predict(model, TABLE),
        lambda: evaluate(predict(model, test), TABLE),
    ):
        with pytest.raises(MagicalError) as caught:
            plain()
        assert "Customer.validate(table)" in caught.value.hint


@pytest.mark.parametrize(
    "same",
    [
        TABLE.with_columns(age=pl.col("age").cast(pl.Int8), plan=pl.col("plan").cast(pl.Categorical)),
        TABLE.with_columns(age=pl.col("age").cast(float), joined=pl.col("joined").cast(pl.Datetime)),
        TABLE.lazy(),
        TABLE.select(reversed(TABLE.columns)),
        TABLE.to_pandas().assign(
            age=lambda t: t["age"].astype(float), joined=lambda t: pd.to_datetime(t["joined"])
        ),
        TABLE.to_dicts(),
    ],
)
def test_what_is_exactly_equal_is_converted(same: Any) -> None:
    found = Member.validate(same).select(TABLE.columns)
    assert found.drop("plan").equals(TABLE.drop("plan"))
    assert found["plan"].cast(str).to_list() == TABLE["plan"].to_list()


def test_the_table_that_is_given_stays_as_it_is() -> None:
    Member.validate(TABLE)
    with pytest.raises(ContractError):
        contract_of(TABLE)


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        (TABLE.drop("age"), "its columns differ:\n  age is missing", "by model_data(table, Member)"),
        (TABLE.rename({"income": "Income"}), "income is missing", "did you mean 'Income'"),
        (TABLE.with_columns(pl.col("age").cast(str)), "age must be int, and is str", "model_data(table, Member)"),
        (TABLE.with_columns(age=20.5), "age must be int, and is float", "cast it"),
        (TABLE.with_columns(joined=datetime(2024, 1, 1, 12)), "joined must be date, and is datetime", "cast it"),
        (TABLE.with_columns(age=3), "120 of 120 rows break it:\n  age must be >= 18, got 3 (rows 0, 1", "magical.filter(table, Member)"),
        (TABLE.with_columns(age=18), "gold_is_earned must hold", "magical.filter(table, Member)"),
        (pl.concat([TABLE, TABLE]), "240 of 240 rows break it:\n  id must be unique", "drop the rows that repeat id"),
        (TABLE.to_pandas().set_index("id"), "id is in the index", "table.reset_index()"),
        ({"age": 3}, "A table was expected, not dict", "polars or pandas"),
    ],
)  # fmt: skip
def test_a_table_that_breaks_the_contract(table: Any, message: str, hint: str) -> None:
    with pytest.raises(BrokenPromise) as caught:
        Member.validate(table)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert "step" not in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5


def test_the_base_class_has_nothing_to_validate() -> None:
    with pytest.raises(ContractError, match="Contract has no columns") as caught:
        Contract.validate(TABLE)
    assert "Customer.validate(table)" in caught.value.hint
    assert Member.model_validate(TABLE.row(1, named=True)).age == 21  # pydantic's own way for one row
