"""Property: a table generated from any contract passes its validation."""

import datetime as dt
from dataclasses import replace
from typing import Any, Literal

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magical import Contract, Field, Group, Id, Key, Target, Time
from magical.contracts.contract import schema_of
from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.contracts.validation import find_failures
from magical.errors import ContractError
from magical.synthesis.generate import GenerateOptions, generate_table


class Parent(Contract):
    id: Id[int]


class Visit(Contract):
    shop: Id[str]
    day: Id[dt.date]


def made(name: str, fields: dict[str, tuple[Any, Any]]) -> type[Contract]:
    """Build a contract from fields: each a hint, and a ``Field(...)`` or None."""
    body: dict[str, Any] = {
        "__module__": __name__,
        "__annotations__": {n: hint for n, (hint, _) in fields.items()},
    }
    return type(name, (Contract,), body | {n: field for n, (_, field) in fields.items() if field is not None})


TEMPORAL = {
    dt.date: st.dates(),
    dt.datetime: st.datetimes(),
    dt.time: st.times(),
    dt.timedelta: st.timedeltas(dt.timedelta(days=-(10**5)), dt.timedelta(days=10**5)),
}
NUMBERS = {
    int: st.integers(-(2**62), 2**62) | st.integers(-5, 50),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 50).map(float),
}
PATTERNS = [
    r"^[A-Z]{2}-\d{3}$",
    r"a|bc|[x-z]+",
    r"^\w+@\w+\.(com|org)$",
    r"\d",
    r"^(ab?){2,4}$",
    r"^[^a-z]{3}$",
]


@st.composite
def bounded(draw: st.DrawFn, hint: Any, values: Any) -> tuple[Any, Any]:
    low, high = sorted(draw(st.tuples(values, values)))
    bounds: dict[str, Any] = {}
    if draw(st.booleans()):
        bounds[draw(st.sampled_from(["ge", "gt"]))] = low
    if draw(st.booleans()):
        bounds[draw(st.sampled_from(["le", "lt"]))] = high
    if hint is int and draw(st.booleans()):
        bounds["multiple_of"] = draw(st.integers(1, 1000))
    if hint is dt.timedelta and draw(st.booleans()):
        bounds["multiple_of"] = dt.timedelta(seconds=draw(st.integers(1, 10**6)))
    return hint, Field(**bounds) if bounds else None


@st.composite
def sized(draw: st.DrawFn, hint: Any, most: int) -> tuple[Any, Any]:
    low, high = sorted(draw(st.tuples(st.integers(0, most), st.integers(0, most))))
    bounds = {"min_length": low} if draw(st.booleans()) else {}
    return hint, Field(**(bounds | ({"max_length": high} if draw(st.booleans()) else {})))


CHOICES = st.sampled_from([Literal["a", "b", "c"], Literal[1, 2, 3], Literal[True, False], Literal["only"]])
PLAIN: Any = st.one_of(
    *(bounded(hint, values) for hint, values in (TEMPORAL | NUMBERS).items()),
    sized(str, 30),
    st.sampled_from([(str, Field(pattern=p)) for p in PATTERNS]),
    st.tuples(CHOICES, st.none()),
    st.sampled_from([(bool, None), (Any, None), (float, Field(multiple_of=0.1, ge=-3, le=7.05))]),
    st.sampled_from([(int, Field(examples=[1, 1, 7])), (str, Field(examples=["q", "r"], max_length=1))]),
)
LISTS: Any = st.one_of(*(sized(list[t], 6) for t in (int, str, float, dt.date, Any)), sized(list, 6))  # type: ignore[valid-type]


@st.composite
def contracts(draw: st.DrawFn) -> type[Contract]:
    fields: dict[str, tuple[Any, Any]] = {}

    def add(name: str, column: tuple[Any, Any], role: Any = None) -> None:
        hint, field = column
        nullable = role is not Id and draw(st.booleans())
        hint = role[hint] if role is not None else hint
        fields[name] = ((hint | None) if nullable else hint, field)

    for i in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
        add(f"id{i}", draw(PLAIN), Id)
    for i, column in enumerate(draw(st.lists(st.one_of(PLAIN, PLAIN, LISTS), max_size=5))):
        add(f"x{i}", column)
    for name, role in (("time", Time), ("group", Group), ("target", Target)):
        if draw(st.booleans()):
            add(name, draw(PLAIN), role)
    keys = {"parent": Key[Parent], "shop": Key[Visit], "day": Key[Visit], "self": Key["Row"]}
    for name in draw(st.sets(st.sampled_from(sorted(keys)))):
        fields[name] = ((keys[name] | None) if draw(st.booleans()) else keys[name], None)
    if not fields:
        add("x", draw(PLAIN))
    return made("Row", fields)


def possible(schema: Schema, how: GenerateOptions, **more: Any) -> list[pl.DataFrame]:
    """Generate a table; no table if the bounds of a column allow no value."""
    try:
        return [generate_table(schema, how, **more)]
    except ContractError as error:
        if "cannot be pretended: no " not in str(error):
            raise
    return []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(contracts(), st.integers(0, 200), st.integers(0, 3), st.sampled_from([0.0, 0.05, 1.0]))
def test_what_pretending_makes_keeping_accepts(
    contract: type[Contract], rows: int, seed: int, nulls: float
) -> None:
    schema = schema_of(contract)
    how = GenerateOptions(str(seed), rows=rows, null_share=nulls)
    for table in possible(schema, how):
        assert_kept(table, schema, how)


def assert_kept(table: pl.DataFrame, schema: Schema, how: GenerateOptions) -> None:
    assert table.columns == schema.names
    assert find_failures(table, schema) == []
    assert table.height == how.rows if not schema.ids else table.height <= how.rows
    if how.null_share and table.height:
        assert all(table[c.name].null_count() for c in schema.columns if c.nullable)
    again = generate_table(schema, how, inputs=[(Promise("table", schema=schema), table)])
    assert find_failures(again, schema) == []
    assert again.equals(table)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(contracts(), contracts(), contracts(), st.integers(0, 100))
def test_whatever_the_inputs_are_the_contract_is_kept(
    one: type[Contract], other: type[Contract], wanted: type[Contract], rows: int
) -> None:
    inputs = []
    for number, contract in enumerate((one, other)):
        schema = replace(schema_of(contract), name=("Row", "Parent")[number])
        if table := possible(schema, GenerateOptions(str(number), rows=rows)):
            inputs.append((Promise("table", schema=schema), table[0]))
    schema = schema_of(wanted)
    parents = {"Visit": generate_table(schema_of(Visit), GenerateOptions("visits", rows=rows))}
    for table in possible(schema, GenerateOptions("seed", rows=rows), inputs=inputs, parents=parents):
        assert table.columns == schema.names
        assert find_failures(table, schema) == []
