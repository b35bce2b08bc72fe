"""Contracts as authors write them, and the schemas that are read from them."""

import datetime as dt
import enum
import re
from typing import Annotated, Any, Literal, Optional, Union

import annotated_types as at
import polars as pl
import pytest
from pydantic import BaseModel, PositiveInt, conint, constr, create_model
from typing_extensions import TypeAliasType

from magical import (
    Contract,
    Decimal,
    Field,
    Format,
    Group,
    Id,
    Key,
    Settings,
    Target,
    Thousands,
    Time,
    Weight,
    Zone,
    rule,
)
from magical.contracts.contract import schema_of, source_location
from magical.contracts.schema import Column
from magical.contracts.validation import find_failures
from magical.errors import ContractError


class Size(enum.Enum):
    SMALL = "s"
    BIG = "b"


Age = TypeAliasType("Age", Annotated[int, Field(ge=0, le=120)])


class Shop(Contract):
    id: Id[str]


class Visit(Contract):
    shop: Id[str]
    day: Id[dt.date]


class Base(Contract):
    id: Id[int]

    @rule
    def positive(cls) -> pl.Expr:
        """Ids are positive."""
        return pl.col("id") > 0


class Rich(Base):
    """One of everything."""

    shop: Key[Shop]
    visit: Key[Visit]
    later: Key["Later"]  # noqa: F821
    seen: Time[dt.datetime]
    town: Group[str]
    response: Target[bool]
    age: Age
    number: float
    name: str | None
    old: Optional[str]  # noqa: UP045
    older: Union[None, int]  # noqa: UP007, RUF036
    born: Annotated[dt.date, Format("%d-%m-%Y")] = Field(alias="Dt_Birth", description="when")
    at: dt.time
    moved: Annotated[dt.datetime, Zone("Europe/Berlin", twice="latest")] | None
    took: dt.timedelta
    choice: Literal["a", "b"]
    digit: Literal[1, 2] | None
    size: Size
    tags: list[str]
    pair: tuple[int, int]
    free: Any
    count: PositiveInt
    conned: conint(ge=3)  # type: ignore[valid-type]
    lettered: constr(pattern="^a", min_length=1, max_length=4)  # type: ignore[valid-type]
    ranged: Annotated[float, at.Interval(gt=0, le=1)]
    sized: Annotated[str, at.Len(2, 3)]
    income: float | None = Field(default=None, ge=0)
    id_of_none: Annotated[int | None, at.Ge(1)]
    even: int = Field(multiple_of=2)

    def method(self) -> int:
        return 3


COLUMNS = {
    "id": Column("id", "int", role="id"),
    "shop": Column("shop", "str", role="key", parent="Shop"),
    "visit": Column("visit", "any", role="key", parent="Visit"),
    "later": Column("later", "any", role="key", parent="Later"),
    "seen": Column("seen", "datetime", role="time"),
    "town": Column("town", "str", role="group"),
    "response": Column("response", "bool", role="target"),
    "age": Column("age", "int", bounds={"ge": 0, "le": 120}),
    "number": Column("number", "float"),
    "name": Column("name", "str", nullable=True),
    "old": Column("old", "str", nullable=True),
    "older": Column("older", "int", nullable=True),
    "born": Column("born", "date", alias="Dt_Birth", format="%d-%m-%Y", description="when"),
    "at": Column("at", "time"),
    "moved": Column("moved", "datetime", nullable=True, zone="Europe/Berlin", zone_twice="latest"),
    "took": Column("took", "duration"),
    "choice": Column("choice", "str", choices=("a", "b")),
    "digit": Column("digit", "int", nullable=True, choices=(1, 2)),
    "size": Column("size", "str", choices=("s", "b")),
    "tags": Column("tags", "list", inner="str"),
    "pair": Column("pair", "list", inner="int"),
    "free": Column("free", "any"),
    "count": Column("count", "int", bounds={"gt": 0}),
    "conned": Column("conned", "int", bounds={"ge": 3}),
    "lettered": Column("lettered", "str", bounds={"pattern": "^a", "min_length": 1, "max_length": 4}),
    "ranged": Column("ranged", "float", bounds={"gt": 0, "le": 1}),
    "sized": Column("sized", "str", bounds={"min_length": 2, "max_length": 3}),
    "income": Column("income", "float", nullable=True, bounds={"ge": 0}),
    "id_of_none": Column("id_of_none", "int", nullable=True, bounds={"ge": 1}),
    "even": Column("even", "int", bounds={"multiple_of": 2}),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_field_is_read_as_a_column(name: str) -> None:
    assert schema_of(Rich).column(name) == COLUMNS[name]


def test_columns_come_in_order_with_those_of_the_base_first() -> None:
    assert schema_of(Rich).names == list(COLUMNS)


def test_roles_are_listed() -> None:
    schema = schema_of(Rich)
    assert (schema.ids, schema.target) == (["id"], "response")
    assert schema.names_with_role("key", "time") == ["shop", "visit", "later", "seen"]
    assert schema_of(Visit).ids == ["shop", "day"]
    assert schema_of(Shop).target is None
    roles = {"id", "shop", "visit", "later", "seen", "town", "response"}
    assert [c.name for c in schema.features] == [n for n in COLUMNS if n not in roles]


def test_rules_are_inherited_and_described_by_their_docstring() -> None:
    (found,) = schema_of(Rich).rules
    assert (found.name, found.text) == ("positive", "Ids are positive")
    assert isinstance(found.expression(), pl.Expr)


def test_a_rule_of_a_subclass_takes_the_place_of_its_base_s() -> None:
    class Other(Base):
        @rule
        def positive(cls) -> pl.Expr:
            return pl.col("id") > 10

    (found,) = schema_of(Other).rules
    assert found.text == "positive"
    assert str(found.expression()) == str(pl.col("id") > 10)


def test_any_pydantic_model_can_be_a_contract() -> None:
    class Plain(BaseModel):
        x: int

    class Given(Settings):
        x: int

    assert schema_of(Plain).names == schema_of(Given).names == ["x"]


def test_the_place_of_a_contract_is_known() -> None:
    assert re.fullmatch(r"test_contract.py:\d+", schema_of(Rich).source)
    assert re.fullmatch(r"test_contract.py:\d+", source_location(Rich.method))
    assert source_location(int) == ""


UNSUPPORTED: list[Any] = [
    *[complex, bytes, dict, dict[str, int], set, object, int | str, int | str | None, type[int]],
    *[Literal["a", 1], Literal[None], Literal[b"a"], Shop],
]


@pytest.mark.parametrize("hint", UNSUPPORTED, ids=str)
def test_a_type_that_no_column_has_is_refused(hint: Any) -> None:
    contract = type("Odd", (Contract,), {"__annotations__": {"x": hint}})
    with pytest.raises(ContractError, match=r"Odd.x has the type .*, which no column has") as caught:
        schema_of(contract)
    assert "Literal[...]" in caught.value.hint


@pytest.mark.parametrize("role", [Target, Time, Group, Weight])
def test_a_role_is_given_once(role: Any) -> None:
    hints = {"x": role[int], "y": role[int]}
    with pytest.raises(ContractError, match=r"Odd has 2 \w+ columns: x, y"):
        schema_of(type("Odd", (Contract,), {"__annotations__": hints}))


def test_a_weight_is_a_number_of_at_least_0_and_no_feature() -> None:
    class Row(Contract):
        id: Id[int]
        x: float
        worth: Weight[float]

    schema = schema_of(Row)
    assert schema.names_with_role("weight") == ["worth"]
    assert [c.name for c in schema.features] == ["x"]
    rows = pl.DataFrame({"id": [1, 2, 3], "x": 0.5, "worth": [0.0, -1.0, None]})
    said = [str(f) for f in find_failures(rows, schema)]
    assert said == ["worth must not be null (row 2)", "worth must be >= 0, got -1.0 (row 1)"]
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Row(id=1, x=1, worth=-1)


@pytest.mark.parametrize("hint", [str, bool, float | None, Literal[1, 2]])
def test_what_is_no_weight_is_refused(hint: Any) -> None:
    with pytest.raises(ContractError, match=r"Odd\.x is .*, and a weight is a number") as caught:
        schema_of(type("Odd", (Contract,), {"__annotations__": {"x": Weight[hint]}}))
    assert "x: Weight[float]" in caught.value.hint


def test_a_column_has_one_role() -> None:
    with pytest.raises(ContractError, match=r"Odd\.x has 2 roles: id, target"):
        schema_of(type("Odd", (Contract,), {"__annotations__": {"x": Target[Id[int]]}}))


def test_a_contract_is_also_a_value() -> None:
    assert Shop(id="a") == Shop.model_validate_json('{"id": "a", "more": 3}')
    with pytest.raises(ValueError, match="frozen"):
        Shop(id="a").id = "b"  # type: ignore[misc]


def test_an_alias_is_optional_when_a_value_is_made() -> None:
    class Born(Contract):
        day: dt.date = Field(alias="Dt_Birth")

    assert Born(day=dt.date(2024, 1, 31)) == Born.model_validate({"Dt_Birth": "2024-01-31"})


def test_words_that_only_people_read_do_not_count() -> None:
    class One(Contract):
        x: int = Field(description="one")

    class Other(Contract):
        x: int = Field(description="other", title="X")

    assert schema_of(One).to_json()["columns"] == schema_of(Other).to_json()["columns"]


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Annotated[dt.datetime, Zone("Europe/Berln")], "Zone.'Europe/Berln'., which is unknown"),
        (Annotated[dt.datetime, Zone("../etc/passwd")], "which is unknown"),
        (Annotated[dt.datetime, Zone("UTC", twice="both")], "twice='both'"),  # type: ignore[arg-type]
        (Annotated[dt.date, Zone("UTC")], "has a Zone, and the type date"),
    ],
)
def test_a_zone_must_be_known_and_on_a_moment(hint: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        schema_of(create_model("Row", __base__=Contract, at=(hint, ...)))


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (
            Annotated[float, Decimal("x")],
            r"Odd.x has Decimal\('x'\), which is no mark.*\n?Hint: use one of '\.', ','",
        ),
        (Annotated[float, Decimal("'")], r"Odd.x has Decimal\(\"'\"\), which is no mark"),
        (Annotated[int, Thousands("..")], r"Odd.x has Thousands\('..'\), which is no mark"),
        (
            Annotated[float, Decimal(","), Thousands(",")],
            r"Decimal\(','\) and Thousands\(','\), the same mark",
        ),
        (Annotated[str, Decimal(",")], r"Odd.x is str, and has Decimal\(','\)"),
        (Annotated[dt.date | None, Thousands(".")], r"Odd.x is date, and has Thousands\('.'\)"),
        (Literal["1", "2"] | Annotated[str, Decimal(",")], r"Odd.x"),
    ],
)
def test_a_mark_that_numbers_cannot_have_is_refused(hint: Any, text: str) -> None:
    contract = type("Odd", (Contract,), {"__annotations__": {"x": hint}, "__module__": __name__})
    with pytest.raises(ContractError, match=text) as error:
        schema_of(contract)
    assert "Hint: " in str(error.value)


def test_marks_of_numbers_are_in_the_schema() -> None:
    class Sale(Contract):
        price: Annotated[float, Decimal(","), Thousands(".")] | None
        count: Target[Annotated[Literal[1000, 2000], Thousands(" ")]]
        took: Annotated[dt.timedelta, Decimal(",")]

    columns = schema_of(Sale).columns
    assert [(c.decimal, c.thousands) for c in columns] == [(",", "."), ("", " "), (",", "")]


def test_the_source_of_a_contract_is_read_once_for_all_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def count(definition: Any) -> tuple[list[str], int]:
        read.append(definition)
        return [], 7

    monkeypatch.setattr("magical.contracts.contract_fields.read_definition", count)
    fields: dict[str, Any] = {f"x{i}": (float, ...) for i in range(50)}
    wide = create_model("Wide", __base__=Contract, __module__=__name__, **fields)
    assert schema_of(wide).source == "test_contract.py:7"
    assert read == [wide]


def test_the_choices_of_a_role_keep_their_order_whatever_other_contracts_have() -> None:
    # Python takes Literals of the same values for equal, and returns the first one that a process has made.
    class One(Contract):
        y: Target[Literal["no", "yes"]]

    class Other(Contract):
        y: Target[Literal["yes", "no"]]

    assert [schema_of(c).column("y").choices for c in (One, Other)] == [("no", "yes"), ("yes", "no")]
