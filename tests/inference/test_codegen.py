"""Source of contracts: it can be imported, is within its width, and says what the schema says."""

import ast
import datetime as dt
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferences import described, living
from magical.contracts.contract import schema_of
from magical.contracts.schema import Column, Schema
from magical.inference.codegen import WIDTH, contract_source, module_source, quote_value
from magical.inference.infer import InferredSchema

PLACES = ("a place that is rather far away", "a place that is nearer", "a third place")


def fields(*columns: Column) -> list[str]:
    """The lines of the fields of a class."""
    source = contract_source(Schema("Row", columns)).splitlines()
    return [line.strip() for line in source[source.index("class Row(Contract):") + 3 :]]


def module(*schemas: Schema) -> str:
    return module_source(schemas, "What is promised.", {})


@given(st.text() | st.sampled_from(['"', "'", '"\'"', "\\", "a\nb", "\u2028", "\x1b"]))
def test_a_text_is_written_on_one_line_and_read_again(text: str) -> None:
    written = quote_value(text)
    assert ast.literal_eval(written) == text
    assert written.isprintable()


def test_quotes_are_those_that_need_fewer_escapes() -> None:
    assert quote_value('5" pipe') == "'5\" pipe'"
    assert quote_value("both ' and \"") == '"both \' and \\""'
    assert quote_value("tab\t") == '"tab\\t"'
    assert [quote_value(v) for v in (1.5, True, None)] == ["1.5", "True", "None"]


def test_fields_have_their_role_type_and_options() -> None:
    assert fields(
        Column("id", "int", role="id"),
        Column("shop", "str", True, role="key", parent="Shop"),
        Column("day", "date", True, role="time", format="%d.%m.%Y"),
        Column("seen", "datetime", zone="Europe/Berlin"),
        Column("at", "datetime", format="%d.%m.%Y %H:%M", zone="Europe/Berlin", zone_twice="latest"),
        Column("wait", "duration", bounds={"ge": 0}, alias="Wait (s)", description="how long"),
        Column("odd", "any"),
        Column("price", "float", True, role="target", decimal=",", thousands="."),
        Column("visits", "int", thousands="'"),
    ) == [
        "id: Id[int]",
        "shop: Key[Shop] | None",
        'day: Time[Annotated[date, Format("%d.%m.%Y")] | None]',
        'seen: Annotated[datetime, Zone("Europe/Berlin")]',
        'at: Annotated[datetime, Format("%d.%m.%Y %H:%M"), Zone("Europe/Berlin", twice="latest")]',
        'wait: timedelta = Field(ge=0, alias="Wait (s)", description="how long")',
        "odd: Any",
        'price: Target[Annotated[float, Decimal(","), Thousands(".")] | None]',
        'visits: Annotated[int, Thousands("\'")]',
    ]


def test_marks_of_numbers_are_imported() -> None:
    source = module(Schema("Row", (Column("x", "float", decimal=",", thousands="."),)))
    assert "from typing import Annotated\n" in source
    assert "from magical import Contract, Decimal, Thousands\n" in source


def test_a_column_called_date_does_not_hide_the_type() -> None:
    columns = Column("date", "date"), Column("moment", "datetime")
    assert fields(*columns) == ["date: dt.date", "moment: dt.datetime"]
    assert "import datetime as dt\n" in module(Schema("Row", columns))


BERLIN = dt.timezone(dt.timedelta(hours=1))


@pytest.mark.parametrize("name", ["x", "date"])
@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("date", dt.date(2024, 1, 31)),
        ("datetime", dt.datetime(2024, 1, 31, 12, 30)),
        ("datetime", dt.datetime(2024, 1, 31, 12, 30, tzinfo=BERLIN)),
        ("time", dt.time(23, 59)),
        ("duration", dt.timedelta(days=1, seconds=2)),
        ("float", math.inf),
    ],
)
def test_a_bound_of_any_type_is_read_again(kind: str, bound: Any, name: str) -> None:
    columns = Column("a", "date"), Column(name, kind, bounds={"le": bound})
    written = schema_of(living(InferredSchema("Row", columns)))
    assert written.column(name).bounds == {"le": bound}
    assert written.column("a").type == "date"


def test_a_module_with_a_bound_of_dates_imports_what_it_names() -> None:
    source = module(Schema("Row", (Column("day", "date", bounds={"ge": dt.date(2024, 1, 31)}),)))
    assert "import datetime as dt\n" in source
    assert "    day: dt.date = Field(ge=dt.date(2024, 1, 31))\n" in source


def test_long_choices_become_one_alias_above_the_class() -> None:
    columns = Column("home", "str", choices=PLACES), Column("work", "str", True, choices=PLACES)
    source = contract_source(Schema("Row", columns), taken=["Home"])
    assert source.startswith("Home2 = Literal[")
    assert "    home: Home2\n    work: Home2 | None\n" in source
    assert source.count("Literal[") == 1


def test_aliases_of_two_classes_differ() -> None:
    one, other = (Schema(n, (Column("home", "str", choices=PLACES[i:]),)) for i, n in enumerate(("A", "B")))
    longer = Schema("B", (Column("home", "str", choices=(*PLACES, "x")),))
    assert "home: Home2\n" in module(one, longer)
    assert "Home2" not in module(one, other)


def test_reasons_are_comments_and_what_is_left_out_is_named() -> None:
    reasons = {"x": "why " * 40 + "\nnot code", "y": "short"}
    schema = InferredSchema(
        "Row",
        (Column("x", "int"), Column("y", "int")),
        reasons=reasons,
        left_out={"Z\n1": "it is 3 in every row"},
    )
    source = contract_source(schema)
    assert "    y: int  # short\n" in source
    assert '    # "Z\\n1" is left out: it is 3 in every row.\n' in source
    assert "not code" in source
    assert max(map(len, source.splitlines())) <= WIDTH
    assert len(ast.parse(source).body[0].body) == 3  # type: ignore[attr-defined]


def test_a_class_without_columns() -> None:
    assert contract_source(Schema("Row", ()), "Nothing.") == (
        'class Row(Contract):\n    """Nothing."""\n\n    pass\n'
    )


def test_parents_stand_above_whatever_the_order() -> None:
    shop = Schema("Shop", (Column("id", "str", role="id"),))
    sale = Schema("Sale", (Column("shop_id", "str", role="key", parent="Shop"),))
    source = module_source([sale, shop], "What is promised.", {"Sale": "One sale."})
    assert source.index("class Shop") < source.index("class Sale")
    assert '"""One sale."""' in source
    assert '"""One row."""' in source
    assert "from magical import Contract, Id, Key\n" in source


@pytest.mark.parametrize("parents", [("B", "A"), ("A", "A")])
def test_a_cycle_of_references_is_written_all_the_same(parents: tuple[str, str]) -> None:
    schemas = [
        Schema(name, (Column("up", "int", role="key", parent=parent),))
        for name, parent in zip("AB", parents, strict=True)
    ]
    source = module(*schemas)
    assert (source.count("class A("), source.count("class B(")) == (1, 1)


def test_only_what_is_used_is_imported() -> None:
    assert module(Schema("Row", (Column("x", "int"),))).splitlines() == [
        '"""What is promised."""',
        "",
        "from magical import Contract",
        "",
        "",
        "class Row(Contract):",
        '    """One row."""',
        "",
        "    x: int",
    ]


BOUNDS: dict[str, Any] = {"int": {"ge": 0}, "float": {"gt": 0.5, "le": 9.5}, "str": {"max_length": 5}}
TYPES = ("int", "float", "str", "bool", "date", "datetime", "time", "duration")
PLAIN = st.builds(
    lambda kind, nullable, alias, words: Column(
        "x", kind, nullable, bounds=BOUNDS.get(kind, {}), alias=alias, description=words
    ),
    st.sampled_from(TYPES),
    st.booleans(),
    st.text(max_size=120),
    st.text(max_size=120),
)
CHOICES = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8, unique=True).map(
    lambda choices: Column("x", "str", choices=tuple(choices))
)


@settings(max_examples=15)
@given(st.lists(PLAIN | CHOICES, min_size=1, max_size=6))
def test_a_class_has_the_schema_that_it_is_written_for(columns: list[Column]) -> None:
    named = [replace(c, name=f"x{i}") for i, c in enumerate(columns)]
    written = schema_of(living(InferredSchema("Row", tuple(named))))
    assert list(map(described, written.columns)) == list(map(described, named))
