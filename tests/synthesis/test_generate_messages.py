"""Error messages, in full, of promises for which no value can be generated."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import polars as pl
import pytest
from pydantic import BaseModel, field_validator

from magical import Contract, Field, Frame, Id, Parts, rule
from magical.contracts.contract import schema_of
from magical.contracts.promises import promise_of
from magical.contracts.schema import Column, Schema
from magical.errors import ContractError
from magical.synthesis.generate import (
    GenerateOptions,
    find_pretend_obstacle,
    generate,
    generate_table,
    pretend_error,
)
from projects import is_well_worded
from snapshots import check


class Stay(Contract):
    """Impossible in many ways; each test takes one column."""

    nothing: int = Field(ge=5, le=3)
    between: int = Field(gt=1, lt=2)
    days: dt.date = Field(gt=dt.date(2024, 1, 1), lt=dt.date(2024, 1, 2))
    shares: float = Field(gt=0, lt=0)
    tenths: float = Field(ge=0.11, le=0.19, multiple_of=0.1)
    short: str = Field(min_length=3, max_length=2)
    coded: str = Field(pattern=r"^\p{Lu}$")
    late: str = Field(pattern=r"^[a-z]{5}$", max_length=3)
    old: int = Field(le=120, examples=[40, 200])
    odd: int = Field(examples=["many"])
    missing: int | None = Field(examples=[None])
    chosen: Literal["a", "b"] = Field(examples=["c"])
    few: Annotated[Literal[1, 2], Field(ge=3)]
    listed: Id[list[int]]


FRACTION = Column("x", "int", bounds={"gt": 1.2, "lt": 1.8})


class Never(Contract):
    total: int
    net: int
    tax: int

    @rule
    def adds_up(cls) -> pl.Expr:
        """The total is net and tax."""
        return pl.col("total") == pl.col("net") + pl.col("tax")


class Broken(Contract):
    total: int

    @rule
    def same(cls) -> pl.Expr:
        return pl.col("totl") > 0


class Picky(BaseModel):
    code: str

    @field_validator("code")
    @classmethod
    def is_known(cls, value: str) -> str:
        if value != "X1":
            raise ValueError("there is no such code")
        return value


class Thing:
    pass


class Holder(BaseModel, arbitrary_types_allowed=True):
    thing: Thing


def column(name: str) -> Callable[[], Any]:
    schema = schema_of(Stay)
    only = schema.without([n for n in schema.names if n != name])
    return lambda: generate_table(only, GenerateOptions("seed"))


def value(hint: Any) -> Callable[[], Any]:
    return lambda: generate(promise_of(hint), GenerateOptions("seed"))


def refused() -> None:
    raise pretend_error("load (flow.py:3)", promise_of(Thing))


MESSAGES: dict[str, Callable[[], Any]] = {
    **{name: column(name) for name in Stay.model_fields},
    "fractions": lambda: generate_table(
        Schema("Row", (FRACTION,), source="flow.py:3"), GenerateOptions("seed")
    ),
    "rule": lambda: generate_table(schema_of(Never), GenerateOptions("seed", rows=200)),
    "rule of no column": lambda: generate_table(schema_of(Broken), GenerateOptions("seed")),
    "class": value(Thing),
    "anything": value(Any),
    "bare table": value(Frame),
    "bare parts": value(Parts),
    "list of classes": value(list[Thing]),
    "field": value(Holder),
    "validator": value(Picky),
    "number": value(Annotated[int, Field(ge=5, le=3)]),
    "step": refused,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_whole_text(name: str) -> None:
    with pytest.raises(ContractError) as caught:
        MESSAGES[name]()
    assert is_well_worded(str(caught.value))
    check("pretending", name, re.sub(r"test_generate_messages\.py:\d+", "FILE:LINE", str(caught.value)))


def test_what_cannot_be_made_up_is_known_before() -> None:
    assert find_pretend_obstacle(promise_of(Thing))
    assert find_pretend_obstacle(promise_of(tuple[int, Any]))
    assert not find_pretend_obstacle(promise_of(tuple[int, Frame[Never]]))
