"""Rows and columns that a generated table takes over from the inputs of its step."""

import datetime as dt
from typing import Any, Literal

import polars as pl

from magical import Contract, Field, Id, Key, Target, Time, partition, rule
from magical.contracts.contract import schema_of
from magical.contracts.promises import Frame, Lazy, Parts, Promise, promise_of
from magical.contracts.validation import find_failures
from magical.synthesis.generate import GenerateOptions, generate_table


class Customer(Contract):
    id: Id[int]
    age: int = Field(ge=0, le=120)
    town: str | None
    joined: Time[dt.date]
    stays: Target[bool]


class Order(Contract):
    order: Id[int]
    customer: Key[Customer]
    amount: float = Field(ge=0)
    country: Literal["DE", "FR"]


CUSTOMERS = pl.DataFrame(
    {
        "id": [7, 3, 9, 5],
        "age": [30, 95, 41, 17],
        "town": ["Ulm", None, "Bonn", "Kiel"],
        "joined": [dt.date(2020, 1, d) for d in (1, 2, 3, 4)],
        "stays": [True, False, False, True],
    }
)
ORDERS = pl.DataFrame(
    {"order": [1, 2, 3], "customer": [9, 9, 3], "amount": [1.5, 2.5, 3.5], "country": ["DE", "DE", "FR"]}
)


def made(contract: type[Contract], *tables: tuple[Any, Any], rows: int = 20) -> pl.DataFrame:
    given = [(promise_of(Frame[c]) if isinstance(c, type) else c, table) for c, table in tables]
    out = generate_table(schema_of(contract), GenerateOptions("seed", rows=rows), inputs=given)
    assert find_failures(out, schema_of(contract)) == []
    return out


def test_rows_and_columns_come_from_the_input_with_the_same_id() -> None:
    class Household(Contract):
        id: Id[int]
        age: int
        town: str | None
        size: int = Field(ge=1, le=9)
        stays: Target[bool]

    out = made(Household, (Order, ORDERS), (Customer, CUSTOMERS))
    assert out.drop("size").equals(CUSTOMERS.select("id", "age", "town", "stays"))


def test_a_column_of_another_type_is_drawn() -> None:
    class Other(Contract):
        id: Id[int]
        age: str

    assert made(Other, (Customer, CUSTOMERS)).schema["age"] == pl.String


def test_without_an_input_of_the_same_id_rows_are_new() -> None:
    class Shop(Contract):
        shop: Id[int]
        town: str | None

    out = made(Shop, (Customer, CUSTOMERS))
    assert out["shop"].to_list() == list(range(1, 21))
    assert set(out["town"].drop_nulls()).isdisjoint({"Ulm", "Bonn", "Kiel"})


def test_without_an_id_rows_come_from_the_first_input_with_a_column_in_common() -> None:
    class Row(Contract):
        age: int
        new: float

    class New(Contract):
        new: float

    assert made(Row, (Order, ORDERS), (Customer, CUSTOMERS))["age"].to_list() == [30, 95, 41, 17]
    assert made(New, (Customer, CUSTOMERS)).height == 20


def test_an_aggregate_has_the_different_values_of_its_id() -> None:
    class Spender(Contract):
        customer: Id[int]
        amount: float

    out = made(Spender, (Order, ORDERS))
    assert out["customer"].to_list() == [9, 3]
    assert not set(out["amount"]) & set(ORDERS["amount"])


def test_rows_that_name_the_input_by_a_key_are_new() -> None:
    class Visit(Contract):
        id: Id[int]
        customer: Key[Customer]
        age: int

    out = made(Visit, (Customer, CUSTOMERS), rows=50)
    assert out["id"].to_list() == list(range(1, 51))
    assert set(out["customer"]) == {3, 5, 7, 9}


def test_columns_are_joined_by_the_key_that_names_their_row() -> None:
    class Rich(Contract):
        order: Id[int]
        amount: float
        age: int
        town: str | None

    out = made(Rich, (Order, ORDERS), (Customer, CUSTOMERS))
    assert out.rows() == [(1, 1.5, 41, "Bonn"), (2, 2.5, 41, "Bonn"), (3, 3.5, 95, None)]


def test_a_column_of_which_a_row_could_meet_several_is_drawn() -> None:
    class Total(Contract):
        id: Id[int]
        age: int
        amount: float

    out = made(Total, (Customer, CUSTOMERS), (Order, ORDERS))
    assert out["age"].to_list() == [30, 95, 41, 17]
    assert not set(out["amount"]) & set(ORDERS["amount"])


def test_two_tables_of_one_id_are_joined_and_gaps_are_drawn() -> None:
    class Scored(Contract):
        id: Id[int]
        score: int = Field(ge=1000, le=1009)

    class Both(Contract):
        id: Id[int]
        age: int
        score: int = Field(ge=1000, le=1009)

    scored = pl.DataFrame({"id": [9, 7], "score": [1001, 1002]})
    out = made(Both, (Customer, CUSTOMERS), (Scored, scored))
    assert out["score"].to_list()[0::2] == [1002, 1001]
    assert out["score"].null_count() == 0


def test_a_table_of_which_no_row_is_met_gives_nothing() -> None:
    class Weather(Contract):
        town: Id[str]
        day: Id[dt.date]
        rain: float = Field(ge=0, le=9)

    class Trip(Contract):
        number: Id[int]
        town: str
        day: dt.date

    class Wet(Trip):
        rain: float | None = Field(ge=0, le=9)

    trips = pl.DataFrame({"number": [1, 2, 3], "town": ["Ulm"] * 3, "day": [dt.date(2020, 1, 1)] * 3})
    weather = pl.DataFrame({"town": ["Ulm"], "day": [dt.date(2021, 1, 1)], "rain": [8.5]})
    assert made(Wet, (Trip, trips), (Weather, weather))["rain"].null_count() == 1
    met = weather.with_columns(day=dt.date(2020, 1, 1))
    assert made(Wet, (Trip, trips), (Weather, met))["rain"].to_list() == [8.5] * 3


def test_what_the_new_contract_forbids_is_drawn_anew_and_the_rest_stays() -> None:
    class Living(Contract):
        id: Id[int]
        age: int = Field(le=50)
        town: Literal["Ulm", "Bonn"]

    out = made(Living, (Customer, CUSTOMERS))
    assert out["id"].to_list() == [7, 3, 9, 5]
    assert out["age"].to_list()[0::2] == [30, 41]
    assert out["age"].to_list()[3] == 17
    assert out["town"].to_list()[0::2] == ["Ulm", "Bonn"]


def test_rows_whose_id_is_forbidden_are_left_out() -> None:
    class Late(Contract):
        id: Id[int] = Field(gt=4)
        age: int

    assert made(Late, (Customer, CUSTOMERS)).rows() == [(7, 30), (9, 41), (5, 17)]


def test_a_rule_on_what_is_carried_over_is_met() -> None:
    class Adult(Contract):
        id: Id[int]
        age: int = Field(ge=0, le=120)

        @rule
        def grown(cls) -> pl.Expr:
            return pl.col("age") >= 18

    assert made(Adult, (Customer, CUSTOMERS))["age"].to_list()[:3] == [30, 95, 41]


def test_stored_types_are_kept() -> None:
    class Kept(Contract):
        id: Id[int]
        age: int = Field(le=50)
        town: str | None

    narrow = CUSTOMERS.with_columns(pl.col("id", "age").cast(pl.Int16), pl.col("town").cast(pl.Categorical))
    out = made(Kept, (Customer, narrow))
    assert out.schema["id"] == pl.Int16
    assert out.schema["town"] == pl.Categorical


def test_lazy_and_raw_tables_and_parts_of_tuples_are_inputs_too() -> None:
    class Slim(Contract):
        id: Id[int]
        age: int

    expected = CUSTOMERS.select("id", "age")
    assert made(Slim, (promise_of(Lazy[Customer]), CUSTOMERS.lazy())).equals(expected)
    assert made(Slim, (Promise("table"), CUSTOMERS)).equals(expected)
    assert made(Slim, (promise_of(tuple[int, Frame[Customer]]), (1, CUSTOMERS))).equals(expected)


def test_the_folds_of_a_split_are_no_part_of_its_rows() -> None:
    class Slim(Contract):
        id: Id[int]
        age: int

    parts = partition(CUSTOMERS[[0, 1, 2]], ["train", "validation", "test"], folds=[0, 1, None])
    assert made(Slim, (promise_of(Parts[Customer]), parts)).equals(CUSTOMERS[:3].select("id", "age"))


def test_an_empty_input_gives_an_empty_table() -> None:
    class Slim(Contract):
        id: Id[int]
        age: int
        more: float
        new: Key[Customer]

    assert made(Slim, (Order, ORDERS.head(0)), rows=5).height == 5
    slim = type("Slim", (Contract,), {"__annotations__": {"id": Id[int], "x": float}, "__module__": __name__})
    assert made(slim, (Customer, CUSTOMERS.head(0))).height == 0
