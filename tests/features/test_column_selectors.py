"""Column selectors: names, patterns, types and roles, and what is left out."""

from typing import Any

import pytest
from pydantic import ValidationError

from magical import Settings
from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import (
    Arithmetic,
    Bin,
    Columns,
    Cross,
    Feature,
    Indicator,
    Log,
    Polynomial,
    select_columns,
    with_features,
)
from magical.settings import to_json

CUSTOMER = Schema(
    "Customer",
    (
        Column("id", "int", role="id"),
        Column("shop", "str", role="key", parent="Shop"),
        Column("seen", "date", role="time"),
        Column("family", "int", role="group"),
        Column("mnt_wines", "int"),
        Column("mnt_fish", "float", nullable=True),
        Column("level", "int", choices=(1, 2, 3)),
        Column("city", "str"),
        Column("member", "bool"),
        Column("enrolled", "datetime"),
        Column("opens", "time"),
        Column("tags", "list"),
        Column("response", "bool", role="target"),
    ),
)


class Choice(Settings):
    columns: Columns


def select(*selectors: str) -> list[str]:
    return [c.name for c in select_columns(selectors, CUSTOMER, "Log")]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        (["city", "mnt_wines"], ["city", "mnt_wines"]),
        (["id"], ["id"]),
        (["mnt_*"], ["mnt_wines", "mnt_fish"]),
        (["mnt_????"], ["mnt_fish"]),
        (["[cm]*y"], ["city"]),
        (["*", "!type:list", "!type:time"], ["mnt_wines", "mnt_fish", "level", "city", "member", "enrolled"]),
        (["type:number"], ["mnt_wines", "mnt_fish"]),
        (["type:category"], ["level", "city"]),
        (["type:moment"], ["enrolled"]),
        (["type:int"], ["mnt_wines", "level"]),
        (["type:float", "type:bool"], ["mnt_fish", "member"]),
        (["role:id"], ["id"]),
        (["role:key", "role:group", "role:time"], ["shop", "family", "seen"]),
        (["city", "type:category"], ["city", "level"]),
        (["city", "city"], ["city"]),
        (["!mnt_wines", "mnt_*"], ["mnt_fish"]),
        (["mnt_*", "!*_wines"], ["mnt_fish"]),
        (["type:number", "city", "!type:float"], ["mnt_wines", "city"]),
        (["city", "!response"], ["city"]),
        (["role:id", "city", "!role:id"], ["city"]),
        (["role:id", "role:key", "!*d"], ["shop"]),
        (["city", "!type:duration"], ["city"]),
    ],
)
def test_selectors_select(selectors: list[str], expected: list[str]) -> None:
    assert select(*selectors) == expected


@pytest.mark.parametrize(
    ("selectors", "message", "hint"),
    [
        (["cty"], "'Log' reads cty, which Customer does not have", "did you mean 'city'"),
        (["!cty", "city"], "reads cty", "did you mean 'city'"),
        (["mtn_*"], "reads mtn_*, and Customer has no such feature", "there are: mnt_wines, mnt_fish"),
        (["city", "!mtn_*"], "reads mtn_*", "there are: mnt_wines"),
        (["type:duration"], "reads type:duration, and Customer has no such feature", "There are"),
        (["type:date"], "reads type:date, and Customer has no such feature", "by name: seen."),
        (["fam*"], "reads fam*, and Customer has no such feature", "by name: family."),
        (["response"], "the target of Customer", "leave it out"),
        (["resp*"], "reads resp*, and Customer has no such feature", ""),
        (["city", "!city"], "names no column of Customer: city, !city", "before what ! leaves out"),
        (["!city"], "names no column of Customer: !city", "before what ! leaves out"),
        (["type:nubmer"], "'Log' has no selector type:nubmer.", "did you mean 'type:number'"),
        (["role:target"], "no selector role:target", ""),
        (["kind:int"], "no selector kind:int", "type:number, type:category"),
    ],
)
def test_what_selects_nothing_is_an_error(selectors: list[str], message: str, hint: str) -> None:
    with pytest.raises(WiringError) as error:
        select(*selectors)
    assert message in str(error.value)
    assert hint.casefold() in error.value.hint.casefold()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "at least 1"),
        ([""], "an empty text names no column"),
        (["!"], "an empty text names no column"),
        ("type:nubmer", "did you mean 'type:number'"),
        ("!role:grup", "did you mean 'role:group'"),
        ("role:target", "no selector role:target"),
        (":int", "an empty text"),
        (3, "valid tuple"),
    ],
)
def test_what_can_select_nothing_is_refused_when_settings_are_read(columns: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Choice(columns=columns)


def test_one_selector_may_stand_alone_also_in_the_json_schema() -> None:
    assert Choice(columns="mnt_*").columns == ("mnt_*",)  # type: ignore[arg-type]
    assert Choice.model_validate(to_json(Choice(columns=("a", "!b")))).columns == ("a", "!b")
    forms = Choice.model_json_schema()["properties"]["columns"]["anyOf"]
    assert [form["type"] for form in forms] == ["string", "array"]


def test_a_column_of_a_wrong_type_may_be_left_out() -> None:
    with pytest.raises(WiringError, match="enrolled, which must be int or float") as error:
        Log(["*", "!city", "!level", "!member"]).adds(CUSTOMER)
    assert error.value.hint == 'leave it out by "!enrolled".'
    with pytest.raises(WiringError) as error:
        Log("city").adds(CUSTOMER)
    assert error.value.hint.startswith("choose another column")


def test_thousands_of_columns_are_selected_and_added() -> None:
    texts = [Column(f"c{i}", "str") for i in range(500)]
    numbers = [Column(f"x{i}", "float") for i in range(2500)]
    features: list[Feature] = [
        *(Cross([f"c{i}", f"c{i + 1}"]) for i in range(100)),
        *(Arithmetic(f"sum{i}", f"x{i} + x{i + 1}") for i in range(100)),
        Log("x*"),
        Bin("x*", edges=[0, 1]),
        Indicator(["*", "!log_*", "!*_bin"]),
        Polynomial([f"x{i}" for i in range(100)]),
    ]
    schema = with_features(Schema("Wide", (*texts, *numbers)), features)
    assert len(schema.columns) == 3000 + 200 + 2500 + 2500 + 3200 + 5050


@pytest.mark.parametrize("selector", ["worth", "role:weight"])
def test_the_weight_is_never_selected(selector: str) -> None:
    schema = CUSTOMER.with_columns([Column("worth", "float", role="weight")])
    assert "worth" not in [c.name for c in select_columns(["type:number", "!worth"], schema, "Log")]
    with pytest.raises(
        WiringError, match=r"the weight of Customer, which no new row has|no selector role:weight"
    ):
        select_columns([selector], schema, "Log")
