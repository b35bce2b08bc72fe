"""Contracts as data: what they promise, compare, hand on and survive."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.contracts.schema import ROLES, Column, Rule, Schema, to_snake_case
from magical.errors import ContractError

DAY, NOON = dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 10, 15)


def reread(schema: Schema) -> Schema:
    return Schema.from_json(json.loads(json.dumps(schema.to_json())))


# --- JSON -----------------------------------------------------------------------------------------------------

BOUNDS = {
    "int": st.integers(),
    "float": st.floats(allow_nan=False) | st.integers(),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "time": st.times(),
}


@st.composite
def columns(draw: st.DrawFn) -> Column:
    kind = draw(st.sampled_from([*BOUNDS, "str", "bool", "list", "any"]))
    bounds: dict[str, Any] = {"pattern": draw(st.text()), "max_length": draw(st.integers(0, 99))}
    if kind in BOUNDS:
        bounds = draw(st.dictionaries(st.sampled_from(["ge", "gt", "le", "lt"]), BOUNDS[kind]))
    return Column(
        draw(st.text(min_size=1)),
        kind,
        nullable=draw(st.booleans()),
        role=draw(st.sampled_from(["", *ROLES])),
        parent=draw(st.sampled_from(["", "Shop"])),
        choices=draw(st.lists(st.text() | st.integers() | st.booleans(), max_size=3).map(tuple)),
        bounds=bounds,
        alias=draw(st.text(max_size=3)),
        format=draw(st.sampled_from(["", "%d.%m.%Y"])),
        inner="str" if kind == "list" else "",
    )


@settings(max_examples=40)
@given(st.lists(columns(), max_size=4, unique_by=lambda c: c.name), st.text())
def test_columns_survive_json(made: list[Column], name: str) -> None:
    schema = Schema(name, tuple(made), source="a.py:1")
    again = reread(schema)
    assert (again.name, again.columns, again.source) == (name, schema.columns, "")
    assert again.to_json() == schema.to_json()


def test_bounds_survive_json_with_their_types() -> None:
    bounds = {"int": {"ge": 0}, "float": {"gt": 0.5, "le": 10}, "date": {"ge": DAY}, "datetime": {"lt": NOON}}
    schema = Schema("S", tuple(Column(f"a {kind}", kind, bounds=b) for kind, b in bounds.items()))
    assert [dict(c.bounds) for c in reread(schema).columns] == list(bounds.values())
    digits = Column("s", "str", bounds={"pattern": "12", "max_length": 3})
    assert reread(Schema("S", (digits,))).column("s").bounds == {"pattern": "12", "max_length": 3}


def test_rules_are_in_the_json_by_name_and_do_not_come_back() -> None:
    schema = Schema("S", (Column("x", "int"),), (Rule("odd", list, lambda cls: None, "X is odd."),))
    assert schema.to_json() == {
        "contract": "S",
        "columns": [{"name": "x", "type": "int"}],
        "rules": ["odd"],
    }
    assert reread(schema).rules == ()


def test_what_no_step_sees_is_not_in_the_json_of_keys() -> None:
    plain = Column("x", "int")
    told = Column("x", "int", description="d", examples=(1,), parents=(Column("id", "int"),), sample="a.csv")
    assert told.to_json() == plain.to_json()


def test_what_pretended_values_depend_on_is_in_the_json_of_generation(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("x\n1\n")
    full = Column("x", "int", examples=(1, 2), parents=(Column("id", "int", role="id"),), sample=str(sample))
    data = full.generation_json()
    assert (data["examples"], data["parents"]) == (["1", "2"], [{"name": "id", "type": "int", "role": "id"}])
    assert Column("x", "int").generation_json() == Column("x", "int").to_json()
    sample.write_text("x\n2\n")
    assert full.generation_json()["sample"] != data["sample"]
    sample.unlink()
    assert "sample" not in full.generation_json()


# --- columns --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (Column("x", "int"), "int"),
        (Column("x", "float", nullable=True), "float | None"),
        (Column("x", "str", choices=("a", "b")), "Literal['a', 'b']"),
        (Column("x", "int", nullable=True, choices=(1,)), "Literal[1] | None"),
    ],
)
def test_a_type_reads_as_an_author_writes_it(column: Column, text: str) -> None:
    assert column.type_text == text


def test_a_type_of_many_choices_is_cut() -> None:
    text = Column("x", "int", choices=tuple(range(100))).type_text
    assert text.startswith("Literal[0, 1, 2, 3, 4, 5")
    assert "99" not in text


def test_which_columns_are_classes_to_a_model() -> None:
    classes = [Column("x", "bool"), Column("x", "str"), Column("x", "int", choices=(1, 2))]
    assert [c.is_class for c in classes] == [True, True, True]
    assert not any(Column("x", kind).is_class for kind in ("int", "float", "date", "any"))


MISFITS = {
    # what is there: (what is wanted, why it does not serve)
    "the same": (Column("x", "int"), Column("x", "int"), ""),
    "another type": (Column("x", "int"), Column("x", "str"), "x is int, not str"),
    "a whole number for a number": (Column("x", "int"), Column("x", "float"), "x is int, not float"),
    "null": (Column("x", "int", nullable=True), Column("x", "int"), "x may be null, but int is wanted"),
    "no null": (Column("x", "int"), Column("x", "int", nullable=True), ""),
    "anything wanted": (Column("x", "int"), Column("x", "any"), ""),
    "anything there": (Column("x", "any"), Column("x", "int"), ""),
    "no target": (Column("x", "int"), Column("x", "int", role="target"), "x is not a target"),
    "a target": (Column("x", "int", role="target"), Column("x", "int"), ""),
    "no id": (Column("x", "int"), Column("x", "int", role="id"), ""),
    "other bounds": (Column("x", "int"), Column("x", "int", bounds={"ge": 0}), ""),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_column_serves_structurally(name: str) -> None:
    have, wanted, why = MISFITS[name]
    assert have.find_mismatch(wanted) == why
    assert Schema("H", (have,)).find_mismatches(Schema("W", (wanted,))) == ([why] if why else [])


def test_a_missing_column_does_not_serve_and_a_further_one_does_not_matter() -> None:
    both, one = Schema("B", (Column("x", "int"), Column("y", "int"))), Schema("O", (Column("x", "int"),))
    assert one.find_mismatches(both) == ["y is missing"]
    assert both.find_mismatches(one) == []


STRICTER = {
    "the same": ({}, {}, False),
    "a bound": ({}, {"bounds": {"ge": 0}}, True),
    "the same bound": ({"bounds": {"ge": 0}}, {"bounds": {"ge": 0}}, False),
    "another bound": ({"bounds": {"ge": 0}}, {"bounds": {"ge": 1}}, True),
    "fewer bounds": ({"bounds": {"ge": 0, "le": 9}}, {"bounds": {"ge": 0}}, False),
    "choices": ({}, {"choices": ("a",)}, True),
    "fewer choices there": ({"choices": ("a",)}, {"choices": ("a", "b")}, False),
    "more choices there": ({"choices": ("a", "b")}, {"choices": ("a",)}, True),
    "an id": ({}, {"role": "id"}, True),
    "an id there": ({"role": "id"}, {"role": "id"}, False),
}


@pytest.mark.parametrize("name", STRICTER)
def test_what_only_the_wanted_contract_asks_for_is_noticed(name: str) -> None:
    have, wanted, stricter = STRICTER[name]
    one, other = (Schema("S", (Column("x", "str", **facts),)) for facts in (have, wanted))
    assert one.is_weaker_than(other) is stricter


def test_a_rule_counts_by_its_function_not_by_its_name() -> None:
    def positive(cls: Any) -> Any: ...

    def other(cls: Any) -> Any: ...

    def ruled(*functions: Any) -> Schema:
        return Schema("S", (Column("x", "int"),), tuple(Rule("positive", list, f) for f in functions))

    assert ruled().is_weaker_than(ruled(positive))
    assert not ruled(positive).is_weaker_than(ruled())
    assert not ruled(positive).is_weaker_than(ruled(positive))
    assert ruled(other).is_weaker_than(ruled(positive))


def test_roles_find_their_columns() -> None:
    roles = ["id", "target", "", "id", "group", ""]
    schema = Schema("S", tuple(Column(f"c{i}", "int", role=role) for i, role in enumerate(roles)))
    assert (schema.ids, schema.target) == (["c0", "c3"], "c1")
    assert [c.name for c in schema.features] == ["c2", "c5"]
    assert schema.names_with_role("group", "target") == ["c1", "c4"]
    assert (Schema("E", ()).ids, Schema("E", ()).target, Schema("E", ()).features) == ([], None, [])


def test_rules_stay_until_a_column_goes() -> None:
    rule = Rule("odd", list, lambda cls: None)
    schema = Schema("S", (Column("x", "int"), Column("y", "int")), (rule,), "a.py:1")
    assert schema.with_columns([]).rules == schema.without([], "T").rules == (rule,)
    assert schema.without([], "T").name == "T"
    assert schema.without(["y"]).rules == ()
    assert schema.without_constraints().rules == ()


def test_schemas_are_changed_by_making_others() -> None:
    schema = Schema("S", (Column("x", "int"), Column("y", "int")), (), "a.py:1")
    more = schema.with_columns([Column("y", "str"), Column("z", "int")], "T")
    assert (more.name, [str(c.type) for c in more.columns]) == ("T", ["int", "str", "int"])
    assert schema.without(["x"]).names == ["y"]
    assert schema.without([]).names == ["x", "y"]
    with pytest.raises(ContractError, match="S has no column 'xx'") as caught:
        schema.without(["xx"])
    assert "did you mean 'x'" in caught.value.hint
    with pytest.raises(ContractError, match="S has no column 'q'"):
        schema.column("q")


def test_a_body_sees_the_shape_of_a_table_and_not_its_bounds() -> None:
    one = Schema("S", (Column("x", "int", bounds={"ge": 0}, description="d", alias="X"),), (), "a.py:1")
    other = Schema("S", (Column("x", "int", bounds={"ge": 1}),))
    assert one.without_constraints() == other.without_constraints()
    assert one.without_constraints() != Schema("S", (Column("x", "str"),)).without_constraints()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        *[
            ("ID", "id"),
            ("Dt_Customer", "dt_customer"),
            ("Year_Birth", "year_birth"),
            ("MntWines", "mnt_wines"),
        ],
        *[
            ("HTTPServer2Go", "http_server2_go"),
            ("a b-c.d", "a_b_c_d"),
            (" x ", "x"),
            ("x", "x"),
            ("Ünder", "nder"),
        ],
        *[("Z_CostContact", "z_cost_contact"), ("age (years)", "age_years"), ("2024", "2024")],
    ],
)
def test_snake_case(name: str, wanted: str) -> None:
    assert to_snake_case(name) == wanted


@given(st.text())
def test_snake_case_twice_is_snake_case_once(name: str) -> None:
    once = to_snake_case(name)
    assert to_snake_case(once) == once
