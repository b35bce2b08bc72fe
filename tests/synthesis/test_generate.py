"""Generated tables: roles, joins of keys, targets that a model can learn, rules, the same on any machine."""

import datetime as dt
import decimal
import enum
import hashlib
import re
import time
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
import pytest
from pydantic import create_model

from magical import Contract, Field, Group, Id, Key, Target, Time, Weight, rule
from magical.contracts.contract import schema_of
from magical.contracts.promises import Frame, Parts, Promise, promise_of
from magical.contracts.schema import Schema
from magical.contracts.validation import find_failures
from magical.errors import ContractError
from magical.synthesis.generate import GenerateOptions, generate, generate_table
from magical.synthesis.strategies import pretence_json
from projects import python


class Shop(Contract):
    town: Id[Literal["Bonn", "Ulm"]]
    number: Id[int]
    size: float


class Customer(Contract):
    id: Id[int]
    age: int = Field(ge=18, le=90)
    income: float | None = Field(ge=0)
    town: Literal["Bonn", "Ulm", "Kiel"]
    enrolled: Time[dt.date]
    street: Group[str]
    response: Target[bool]


class Plain(Contract):
    x: float
    y: Target[bool]


class Order(Contract):
    id: Id[int]
    customer: Key[Customer]
    shop_number: Key[Shop]
    shop_town: Key[Shop]
    amount: float = Field(gt=0, le=100)


class Employee(Contract):
    id: Id[str]
    boss: Key["Employee"] | None


class Everything(Contract):
    """One column of each type."""

    id: Id[int]
    code: str = Field(pattern=r"^[A-Z]{2}-\d{3}(x|yy)?$")
    parent: Key[Customer]
    whole: int
    few: int = Field(ge=5, lt=50, multiple_of=5)
    number: float | None
    share: float = Field(gt=0, lt=1)
    tenth: float = Field(ge=0, multiple_of=0.1)
    text: str
    short: str | None = Field(min_length=2, max_length=4)
    truth: bool
    day: dt.date
    moment: Time[dt.datetime]
    clock: dt.time
    took: dt.timedelta
    tags: list[str]
    numbers: list[int] = Field(min_length=1, max_length=2)
    free: Any
    level: Literal[1, 2, 3]
    group: Group[str]
    liked: str = Field(examples=["red", "red", "blue"])
    response: Target[Literal["low", "mid", "high"]]


def table(contract: type[Contract], rows: int = 1000, seed: str = "seed", **more: Any) -> pl.DataFrame:
    nulls = more.pop("nulls", 0.05)
    made = generate_table(schema_of(contract), GenerateOptions(seed, rows=rows, null_share=nulls), **more)
    assert find_failures(made, schema_of(contract)) == []
    return made


def digest(made: pl.DataFrame) -> str:
    """Digest the values as text, and floats bit by bit."""
    rows = repr([[v.hex() if isinstance(v, float) else v for v in row] for row in made.rows()])
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


def test_the_same_on_every_machine() -> None:
    made = table(Everything, 300)
    assert digest(made) == "6658f9ab0161e589"
    assert made.row(0)[:5] == (1, "AV-856x", 59, 288670, 40)


def test_another_seed_gives_other_values_and_the_same_ids() -> None:
    one, other = table(Everything, 50), table(Everything, 50, seed="other")
    same = [n for n in one.columns if one[n].equals(other[n])]
    assert same == ["id"]


def test_a_further_column_moves_no_other() -> None:
    more = type("Customer", (Customer,), {"__annotations__": {"more": int}, "__module__": __name__})
    shorter = [n for n in table(Customer).columns if n != "response"]
    assert table(more).select(shorter).equals(table(Customer).select(shorter))


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
def test_few_rows_are_made_of_every_type(rows: int) -> None:
    assert table(Everything, rows).height == rows


def test_what_is_nullable_has_the_share_of_nulls_and_at_least_one() -> None:
    assert 20 < table(Customer)["income"].null_count() < 90
    assert table(Customer, 3, nulls=0.001)["income"].null_count() == 1
    assert table(Customer, nulls=0)["income"].null_count() == 0
    assert table(Customer, 5, nulls=1)["income"].null_count() == 5


def test_unbounded_columns_get_sensible_values() -> None:
    made = table(Everything)
    assert made["whole"].min() >= 0
    assert made["whole"].max() < 1_000_000
    assert abs(made["number"].mean()) < 0.2
    assert 0.8 < made["number"].std() < 1.2
    assert (made["day"].min().year, made["day"].max().year) == (2021, 2023)
    assert made["text"].n_unique() > 20
    assert table(Customer)["income"].max() <= 1000


def test_examples_are_drawn_as_often_as_they_are_written() -> None:
    assert table(Everything)["liked"].value_counts(sort=True).rows()[0][0] == "red"
    assert 0.6 < (table(Everything)["liked"] == "red").mean() < 0.73


def ids(hint: Any, field: Any, rows: int) -> list[Any]:
    body = {"__annotations__": {"id": Id[hint]}, "__module__": __name__, "id": field}
    return table(type("Row", (Contract,), body), rows)["id"].to_list()


IDS = {
    "numbers": (int, Field(), 3, [1, 2, 3]),
    "within bounds": (int, Field(ge=100), 2, [100, 101]),
    "below a bound": (int, Field(le=2), 3, [0, 1, 2]),
    "as many as there are": (int, Field(ge=5, lt=7), 9, [5, 6]),
    "multiples": (int, Field(multiple_of=10), 3, [10, 20, 30]),
    "texts": (str, Field(), 2, ["id-1", "id-2"]),
    "short texts": (str, Field(max_length=1), 3, ["a", "b", "c"]),
    "of one length": (str, Field(min_length=6, max_length=40), 1, ["id-001"]),
    "floats": (float, Field(gt=1), 2, [2.0, 3.0]),
    "floats between two": (float, Field(gt=0, lt=1e-323), 5, [5e-324]),
    "choices": (Literal["a", "b"], Field(), 3, ["a", "b"]),
    "truths": (bool, Field(), 3, [False, True]),
    "days": (dt.date, Field(), 2, [dt.date(2021, 1, 1), dt.date(2021, 1, 2)]),
    "moments": (
        dt.datetime,
        Field(ge=dt.datetime(2024, 1, 1)),
        2,
        [dt.datetime(2024, 1, 1, h) for h in (0, 1)],
    ),
    "examples": (str, Field(examples=["x", "y", "x"]), 3, ["x", "y"]),
}


@pytest.mark.parametrize("name", IDS)
def test_ids_count_from_one_within_their_bounds(name: str) -> None:
    hint, field, rows, expected = IDS[name]
    assert ids(hint, field, rows) == expected


def test_ids_match_a_pattern_and_are_unique() -> None:
    made = ids(str, Field(pattern=r"^C\d{3}$"), 400)
    assert len(set(made)) == 400
    assert len(ids(str, Field(pattern="^[ab]{2}$"), 400)) == 4


def test_a_composite_id_is_unique_as_a_whole() -> None:
    made = table(Shop, 100)
    assert made.height == 100
    assert made["town"].n_unique() == 2
    assert made["number"].max() == 50


def test_keys_join_their_parents() -> None:
    customers, shops = table(Customer, 200), table(Shop, 30)
    orders = table(Order, parents={"Customer": customers, "Shop": shops})
    assert orders.join(customers, left_on="customer", right_on="id").height == 1000
    assert (
        orders.join(shops, left_on=["shop_town", "shop_number"], right_on=["town", "number"]).height == 1000
    )
    few = table(Order, 100, parents={"Customer": customers, "Shop": shops})
    assert 1 < few["customer"].n_unique() < 100  # some have several, some none


def test_keys_without_a_parents_table_are_what_its_ids_would_be() -> None:
    orders = table(Order, 50)
    assert orders.join(table(Customer, 50), left_on="customer", right_on="id", how="anti").is_empty()
    shops = table(Shop, 50)
    assert orders.join(
        shops, left_on=["shop_town", "shop_number"], right_on=["town", "number"], how="anti"
    ).is_empty()


def test_a_key_of_an_input_and_of_the_table_itself() -> None:
    customers = table(Customer, 5).with_columns(id=pl.col("id") * 100)
    orders = table(Order, inputs=[(promise_of(Frame[Customer]), customers)])
    assert set(orders["customer"]) == set(customers["id"])
    staff = table(Employee)
    assert set(staff["boss"].drop_nulls()) <= set(staff["id"])


def test_without_parents_there_are_no_children() -> None:
    none = table(Customer, 0)
    assert table(Order, parents={"Customer": none}).height == 0
    assert table(Employee, 0).height == 0


def test_times_increase_and_groups_are_few() -> None:
    made = table(Customer)
    assert made["enrolled"].is_sorted()
    assert made["enrolled"].n_unique() > 500
    assert 20 < made["street"].n_unique() < 50


def learnt(made: pl.DataFrame, target: str, features: list[str]) -> float:
    """Return the share of the target's variance that a linear model explains."""
    columns = (
        made.select(features)
        .fill_null(strategy="mean")
        .to_dummies([f for f in features if made[f].dtype == pl.String])
    )
    x = np.column_stack([np.ones(made.height), columns.cast(pl.Float64).to_numpy()])
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1) + (x.std(0) == 0)
    y = made[target].cast(pl.Float64).to_numpy()
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(1 - left.var() / y.var())


def test_a_target_can_be_learnt() -> None:
    made = table(Customer)
    assert made["response"].sum() == 300
    assert learnt(made, "response", ["age", "income", "town"]) > 0.3
    shuffled = made.with_columns(pl.col("response").reverse())
    assert learnt(shuffled, "response", ["age", "income", "town"]) < 0.05


def test_a_target_is_drawn_for_features_that_are_there() -> None:
    class Featured(Contract):
        id: Id[int]
        age: int
        income: float | None
        wins: Target[float] = Field(ge=0, le=10)

    made = table(Customer)
    wanted = table(Featured, inputs=[(promise_of(Frame[Customer]), made)])
    assert wanted.select("id", "age", "income").equals(made.select("id", "age", "income"))
    assert learnt(wanted, "wins", ["age", "income"]) > 0.5
    assert wanted["wins"].max() - wanted["wins"].min() > 3


def test_classes_are_uneven_and_none_is_tiny() -> None:
    counts = table(Everything)["response"].value_counts()["count"].to_list()
    assert min(counts) > 150
    assert max(counts) > 1.4 * min(counts)


def test_examples_decide_the_balance_of_a_target() -> None:
    class Rare(Contract):
        x: float
        ill: Target[bool] = Field(examples=[True] + [False] * 9)

    assert table(Rare)["ill"].sum() == 100


def test_rows_that_break_a_rule_are_drawn_again() -> None:
    class Stay(Contract):
        id: Id[int]
        arrived: Time[dt.date]
        left: dt.date
        nights: int | None = Field(ge=0, le=400)
        guest: Key[Customer]
        paid: Target[bool]

        @rule
        def leaves_after_arriving(cls) -> pl.Expr:
            return pl.col("left") >= pl.col("arrived")

        @rule
        def paid_if_long(cls) -> pl.Expr:
            return pl.col("paid") | (pl.col("nights").fill_null(0) < 300)

    made = table(Stay)
    assert made["arrived"].is_sorted()
    assert 0.3 <= made["paid"].mean() < 0.6


def test_a_rule_that_one_in_a_hundred_meets_is_met() -> None:
    class Pair(Contract):
        a: int = Field(ge=0, le=99)
        b: int = Field(ge=0, le=99)

        @rule
        def equal(cls) -> pl.Expr:
            return pl.col("a") == pl.col("b")

    assert table(Pair)["a"].n_unique() > 90


def test_a_rule_across_rows_is_checked_at_the_end() -> None:
    class Row(Contract):
        x: int = Field(ge=0, le=5)

        @rule
        def grows(cls) -> pl.Expr:
            return pl.col("x").cum_sum() >= 0

    class Unique(Contract):
        x: int = Field(ge=0, le=5)

        @rule
        def unique(cls) -> pl.Expr:
            return pl.col("x").is_unique()

    table(Row)
    with pytest.raises(ContractError, match="its rule unique must hold"):
        table(Unique)


def test_an_impossible_rule_fails_fast() -> None:
    class Never(Contract):
        a: int
        b: int

        @rule
        def same(cls) -> pl.Expr:
            return pl.col("a") == pl.col("b")

    began = time.process_time()
    with pytest.raises(ContractError):
        table(Never)
    assert time.process_time() - began < 0.7


def test_splits_have_every_class_in_every_part() -> None:
    parts: Parts[Any] = generate(promise_of(Parts[Everything]), GenerateOptions("seed"))
    assert parts.assignment.columns == ["id", "part"]
    assert all(p["response"].n_unique() == 3 for p in parts)


def test_splits_are_of_60_20_and_20_percent() -> None:
    assert [p.height for p in generate(promise_of(Parts[Plain]), GenerateOptions("seed"))] == [600, 200, 200]


def test_groups_stay_together_in_a_split() -> None:
    parts: Parts[Any] = generate(promise_of(Parts[Customer]), GenerateOptions("seed"))
    assert all(p["response"].n_unique() == 2 for p in parts)
    streets = [set(p["street"]) for p in parts]
    assert not streets[0] & streets[2]
    assert not streets[1] & streets[2]


def test_a_split_of_an_input_has_its_rows() -> None:
    made = table(Customer, 50)
    parts = generate(
        promise_of(Parts[Customer]), GenerateOptions("seed"), inputs=[(promise_of(Frame[Customer]), made)]
    )
    assert pl.concat(parts).sort("id").equals(made)
    again = generate(
        promise_of(Parts[Customer]), GenerateOptions("other"), inputs=[(promise_of(Parts[Customer]), parts)]
    )
    assert again.assignment.sort("id").equals(parts.assignment)


def test_few_rows_are_still_split() -> None:
    parts = generate(promise_of(Parts[Customer]), GenerateOptions("seed", rows=20))
    assert all(p["response"].n_unique() == 2 for p in parts)
    with pytest.raises(ContractError, match="cannot be pretended from 1 row: The train part"):
        generate(promise_of(Parts[Customer]), GenerateOptions("seed", rows=1))


def test_tuples_and_lists_of_tables() -> None:
    one, other = generate(
        promise_of(tuple[Frame[Customer], Frame[Customer]]), GenerateOptions("seed", rows=5)
    )
    assert not one.equals(other)
    assert len(generate(promise_of(list[Frame[Customer]]), GenerateOptions("seed", rows=5))) == 3
    given = [(promise_of(list[Frame[Customer]]), [one, other.head(2)])]
    made = generate(promise_of(list[Frame[Customer]]), GenerateOptions("seed"), inputs=given)
    assert [m.height for m in made] == [5, 2]
    assert made[0].equals(one)


def test_choices_are_those_that_the_bounds_leave() -> None:
    class Row(Contract):
        x: Annotated[Literal[1, 2, 3], Field(ge=2)]

    assert set(table(Row)["x"]) == {2, 3}


def test_a_promise_of_none_gives_none() -> None:
    assert generate(promise_of(None), GenerateOptions("seed")) is None
    assert generate(Promise("receipt"), GenerateOptions("seed")) is None


def test_neither_kinds_nor_tables_need_what_is_heavy() -> None:
    light = "import sys, magical.synthesis.strategies; assert not {'polars', 'numpy', 'pandas'} & set(sys.modules)"
    assert python("-c", light).returncode == 0
    made = """
import sys
from magical.synthesis.generate import GenerateOptions, generate_table
from magical.contracts.schema import Column, Schema
columns = (Column("id", "int", role="id"), Column("x", "float", nullable=True), Column("y", "bool", role="target"))
assert generate_table(Schema("Row", columns), GenerateOptions("seed")).height == 1000
assert not {"pandas", "sklearn", "mlflow", "pyarrow"} & set(sys.modules)
"""
    done = python("-c", made)
    assert done.returncode == 0, done.stderr


def test_examples_move_no_real_steps_key() -> None:
    class With(Contract):
        x: int = Field(examples=[1, 2])

    schema = schema_of(With)
    without = Schema("With", (replace(schema.columns[0], examples=()),))
    assert schema.to_json() == without.to_json()
    assert schema.without_constraints() == without.without_constraints()
    assert schema.generation_json() != without.generation_json()
    assert pretence_json(promise_of(Frame[With])) != promise_of(Frame[With]).to_json()


@pytest.mark.parametrize(
    ("hint", "inner"), [(list[int], "int"), (list[dt.date], "date"), (list, ""), (list[list[int]], "list")]
)
def test_a_list_knows_what_it_holds(hint: Any, inner: str) -> None:
    class Row(Contract):
        x: hint

    assert schema_of(Row).columns[0].inner == inner
    assert table(Row).height == 1000


class Size(enum.Enum):
    SMALL = "s"
    BIG = "b"


ODD: dict[str, tuple[Any, Any]] = {
    "aware": (dt.datetime, Field(ge=dt.datetime(2024, 1, 1, tzinfo=dt.UTC), lt=dt.datetime(2024, 1, 2, tzinfo=dt.UTC))),
    "decimal bounds": (float, Field(gt=decimal.Decimal("0.1"), le=decimal.Decimal("0.2"))),
    "compiled pattern": (str, Field(pattern=re.compile("^[a-f]+$"))),
    "pattern anywhere": (str, Field(pattern="x[0-9]", min_length=6)),
    "dates as texts": (dt.date, Field(examples=["2024-02-29"])),
    "members": (Size, Field(examples=[Size.BIG])),
    "whole floats": (float, Field(examples=[1, 2])),
    "null among examples": (int | None, Field(examples=[None, 3])),
    "infinite": (float, Field(ge=float("-inf"), le=float("inf"))),
    "greatest": (int, Field(ge=2**63 - 1)),
    "least": (int, Field(le=-(2**63))),
    "all integers": (int, Field(ge=-(2**63), le=2**63 - 1)),
    "all floats": (float, Field(ge=-1.7e308, le=1.7e308)),
    "next to a float": (float, Field(gt=1.0, lt=1.0000000000000004)),
    "microseconds": (dt.datetime, Field(gt=dt.datetime(2024, 1, 1), lt=dt.datetime(2024, 1, 1, 0, 0, 0, 2))),
    "first day": (dt.date, Field(le=dt.date(1, 1, 1))),
    "last time": (dt.time, Field(ge=dt.time(23, 59, 59, 999999))),
    "a date for a datetime": (dt.datetime, Field(ge=dt.datetime(2024, 1, 1))),
    "negative durations": (dt.timedelta, Field(lt=dt.timedelta(0), ge=dt.timedelta(days=-2))),
    "no text": (str, Field(max_length=0)),
    "no member": (list[int], Field(max_length=0)),
    "long texts": (str, Field(min_length=100, max_length=101)),
}  # fmt: skip


@pytest.mark.parametrize("role", ["", "id", "target", "time", "group"])
@pytest.mark.parametrize("name", ODD)
def test_odd_bounds_are_kept(name: str, role: str) -> None:
    hint, field = ODD[name]
    if name == "no member" and role == "id":
        return
    roles = {"id": Id, "target": Target, "time": Time, "group": Group}
    hint = roles[role][hint] if role else hint
    body = {"__annotations__": {"other": float, "x": hint}, "__module__": __name__, "x": field}
    made = table(type("Row", (Contract,), body), 40)
    assert made.height == 40 if role != "id" else 1 <= made.height <= 40


@pytest.mark.parametrize("is_carried", [False, True])
def test_the_columns_of_a_table_are_listed_as_often_for_few_columns_as_for_many(
    monkeypatch: pytest.MonkeyPatch, is_carried: bool
) -> None:
    """To list them takes longer the more there are: once for each column is too often with thousands."""

    def count_lists(width: int) -> int:
        fields: dict[str, Any] = {f"x{i}": (float, Field(ge=0)) for i in range(width)}
        contract = create_model("Wide", __base__=Contract, id=(Id[int], ...), y=(Target[bool], ...), **fields)
        schema = schema_of(contract)
        given = pl.DataFrame(
            {"id": [1, 2], "x0": [-1.0, 2.0], **{f"x{i}": [1.0, 2.0] for i in range(2, width)}}
        )
        listed: list[str] = []

        def count(real: Any) -> property:
            return property(lambda self: (listed.append(""), real(self))[1])

        for kind, name in ((pl.DataFrame, "columns"), (pl.DataFrame, "schema"), (Schema, "target")):
            monkeypatch.setattr(kind, name, count(getattr(kind, name).fget))
        inputs = [(Promise("table", schema=schema), given)] if is_carried else []
        table = generate_table(schema, GenerateOptions("seed", rows=9), inputs=inputs)
        monkeypatch.undo()
        assert table.width == width + 2
        return len(listed)

    assert count_lists(40) == count_lists(10)


@pytest.mark.parametrize("hint", [int, float])
def test_weights_are_positive(hint: Any) -> None:
    contract = type("Weighed", (Contract,), {"__annotations__": {"id": Id[int], "worth": Weight[hint]}})
    made = table(contract, rows=3000)
    assert made["worth"].min() > 0  # type: ignore[operator]
    assert not find_failures(made, schema_of(contract))
