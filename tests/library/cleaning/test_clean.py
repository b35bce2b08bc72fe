"""clean: rules one after the other, each row by itself, with a record of all that was done."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.cleaning.trips import DTYPES, SCHEMA, as_trips, trips
from library.conftest import Run
from magical import Contract, contract_of
from magical.contracts.promises import Promise, attach_promise
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import Check
from magical.errors import ContractError, WiringError
from magical.library import Cleaning, Compare, Convert, Harmonise, Limits, Require, clean, model_data
from magical.library.cleaning.cleaned_rows import narrow_schema
from projects import python

RULES = (
    Harmonise(["status", "city"], missing=["n/a", "-"], case="lower", strip_accents=True),
    Harmonise("status", map={"settled": "paid"}, to=["paid", "open", "lost"], max_distance=2, action="null"),
    Harmonise("unit", map={"miles": "mi"}),
    Convert("distance", units={"mi": 1.609344, "km": 1}, by="unit", action="null"),
    Convert("fare", factor=0.01, gt=1000),
    Limits("fare", ge=0, le=500, action="null"),
    Limits("tip", ge=0, le=50, action="clip"),
    Limits("seats", ge=1, le=8),
    Compare("left", "<=", "arrived"),
    Compare("tip / 2", "<=", "fare + 1"),
    Require("city"),
)

TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["paid", " PAID", "piad", "settled", "n/a", "-", "", "Öpen", "ope", "lost ", "İ", "ß", "ŉ"]
    ),
    st.text(max_size=8),
)
NUMBERS = st.one_of(
    st.none(), st.floats(-10, 2000), st.sampled_from([float("nan"), float("inf"), -0.0, 1e300])
)
DATES = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 5),
            "fare": NUMBERS,
            "tip": NUMBERS.map(lambda n: 0.0 if n is None else n),
            "seats": st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9),
            "child": st.none() | st.booleans(),
            "status": TEXTS,
            "city": TEXTS.map(lambda t: t or ""),
            "distance": NUMBERS,
            "unit": st.sampled_from(["mi", "km", " Miles", "ly", None]),
            "left": DATES,
            "arrived": st.none() | DATES,
            "booked": st.none(),
            "size": st.sampled_from(["small", "large"]),
            "paid": st.booleans(),
        }
    ),
    max_size=6,
)


@settings(max_examples=8)
@given(ROWS)
def test_a_table_is_cleaned_as_its_rows_one_at_a_time(rows: list[dict[str, Any]]) -> None:
    check_rows_alone(rows)


@pytest.mark.slow
@settings(max_examples=30)
@given(ROWS)
def test_any_table_is_cleaned_as_its_rows_one_at_a_time(rows: list[dict[str, Any]]) -> None:
    check_rows_alone(rows)


def check_rows_alone(rows: list[dict[str, Any]]) -> None:
    """Clean a table, its rows one at a time, and the clean table again."""
    table = pl.DataFrame(rows, schema=DTYPES)
    cleaned = clean(as_trips(table), RULES)
    alone = [clean(as_trips(table[i : i + 1]), RULES) for i in range(table.height)]
    assert pl.concat([cleaned.clear(), *alone]).equals(cleaned)
    # What is clean stays as it is: only a factor without a limit is no rule to be applied twice.
    assert clean(as_trips(cleaned), RULES).equals(cleaned)


@settings(max_examples=10)
@given(ROWS, st.permutations(RULES).filter(lambda rules: rules.index(RULES[2]) < rules.index(RULES[3])))
def test_each_row_is_kept_or_rejected_with_its_reason(
    rows: list[dict[str, Any]], rules: list[Cleaning]
) -> None:
    from magical.events import current_sink

    run = Run.__new__(Run)
    run.name, run.events, run.kept = "clean", [], {}
    token = current_sink.set(run)
    try:
        table = pl.DataFrame(rows, schema=DTYPES).with_row_index("place")
        cleaned = clean(as_trips(table), tuple(rules))
    finally:
        current_sink.reset(token)
    rejected = run.kept["rejected"]["row"].to_list() if "rejected" in run.kept else []
    assert sorted([*rejected, *cleaned["place"]]) == list(range(table.height))
    counts = run.kept["rules"]
    assert counts["rejected"].sum() == len(rejected)
    assert counts["changed"].sum() == (run.kept["changed"]["rows"].sum() if "changed" in run.kept else 0)


def test_what_was_done_is_kept_and_told_in_a_line(run: Run) -> None:
    rules = (Harmonise("status", map={"alone": "single"}), Limits("seats", le=8), Require("fare"))
    table = trips(
        status=["alone", "Alone\t", None, "single"], seats=[1, 99, 2, 3], fare=[1.0, None, None, 1.0]
    )
    assert clean(table, rules)["id"].to_list() == [1, 4]
    assert run.lines == [
        "2 of 4 rows rejected (1 because seats must be <= 8, 1 because fare must have a value), 2 values changed"
    ]
    assert run.kept["rejected"].rows(named=True) == [
        {"row": 1, "id": 2, "column": "seats", "value": "99", "reason": "must be <= 8", "rule": 2},
        {"row": 2, "id": 3, "column": "fare", "value": None, "reason": "must have a value", "rule": 3},
    ]
    assert run.kept["changed"].rows() == [
        ("status", "alone", "single", 1, 1),
        ("status", "'Alone\\t'", "single", 1, 1),
    ]
    assert run.kept["rules"].rows() == [
        (1, 2, 0, "Harmonise(columns='status', map={'alone': 'single'})"),
        (2, 0, 1, "Limits(columns='seats', le=8)"),
        (3, 0, 1, "Require(columns='fare')"),
    ]


def test_what_is_kept_is_of_bounded_size_with_room_for_each_rule(run: Run) -> None:
    height = 5000
    numbers = [float(n) for n in range(height)]
    table = trips(seats=list(range(height)), status=["X" * 10_000] * height, fare=numbers, tip=numbers)
    rules = (
        Limits("fare", le=0, action="clip"),
        Harmonise("status", case="lower"),
        Limits("seats", lt=4990),
        Limits("tip", le=-1),
    )
    clean(table, rules)
    assert run.kept["rules"].select("changed", "rejected").rows() == [
        (4999, 0),
        (5000, 0),
        (0, 10),
        (0, 4990),
    ]
    assert run.kept["rejected"]["rule"].value_counts(sort=True).rows() == [(4, 500), (3, 10)]
    assert run.kept["changed"]["rule"].value_counts(sort=True).rows() == [(1, 500), (2, 1)]
    assert max(run.kept["changed"]["to"].str.len_chars()) == 60
    assert run.warnings == ["5,000 of 5,000 rows are rejected, more than half of them."]


def test_no_rule_changes_nothing(run: Run) -> None:
    table = trips(fare=[1.0, None])
    assert clean(table, ()).equals(table)
    assert run.lines == ["0 of 2 rows rejected, 0 values changed"]


def test_a_rule_sees_what_the_rules_before_it_left() -> None:
    narrowed = Harmonise("status", to=["paid", "open"]), Limits("fare", le=9, action="null"), Require("fare")
    schema = narrow_schema(SCHEMA, narrowed)
    assert schema.by_name["fare"].type_text == "float"
    assert schema.by_name["status"].choices == ("paid", "open")
    with pytest.raises(WiringError, match="wants float"):
        narrow_schema(SCHEMA, (Require("fare"), Limits("fare", le=9, action="null")))
    assert contract_of(clean(trips(fare=[1.0]), narrowed)).by_name["fare"].nullable is False


HOSTILE: dict[str, dict[str, list[Any]]] = {
    "no rows": {"fare": []},
    "one row": {"fare": [1.0]},
    "all null": {"fare": [None] * 3, "status": [None] * 3, "distance": [None] * 3, "unit": [None] * 3},
    "constants": {"fare": [1.0] * 3},
    "no finite number": {"fare": [float("inf"), float("-inf"), float("nan")]},
    "cells of 10 kB": {"status": ["x" * 10_000, "é" * 10_000, " " * 10_000]},
    "10,000 categories": {"status": [f"kind {i}" for i in range(10_000)]},
    "mixed case and scripts": {"status": ["ǅ", "ΟΔΟΣ", "İstanbul", "ﬁne", "\u0000", "🦆", "٣"]},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_odd_tables_are_cleaned(case: str) -> None:
    table = trips(**HOSTILE[case])
    cleaned = clean(table, RULES)
    assert cleaned.schema == table.schema
    assert set(cleaned["id"]) <= set(table["id"])


@pytest.mark.slow
def test_rules_of_a_wide_table_are_applied_at_once() -> None:
    names = [f"x{i}" for i in range(1000)]
    wide = Schema("Wide", tuple(Column(n, "float", nullable=True) for n in names))
    table = pl.DataFrame({n: [1.0, -1.0, None] for n in names})
    rules = (
        Limits("x*", ge=0, action="null"),
        Limits("type:number", le=0.5, action="clip"),
        Limits("x*", ge=0),
    )
    cleaned = clean(attach_promise(table, Promise("table", schema=wide)), rules)
    assert cleaned.row(0)[:2] == (0.5, 0.5)


@pytest.mark.slow
def test_nothing_heavy_is_imported_to_draw_cleaning() -> None:
    line = "from magical.library import Harmonise, clean, drop_outliers; import sys"
    done = python("-c", f"{line}; print([m for m in ('sklearn', 'skrub', 'pandas') if m in sys.modules])")
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_types_of_a_table_stay() -> None:
    small = {
        "fare": pl.Float32,
        "seats": pl.UInt8,
        "status": pl.Categorical,
        "size": pl.Enum(["small", "large"]),
    }
    table = as_trips(trips(fare=[1.0, 600.0], seats=[3, 200]).cast(small))  # type: ignore[arg-type]
    cleaned = clean(table, (*RULES, Limits("seats", le=9, action="clip"), Harmonise("size")))
    assert (cleaned["fare"].dtype, cleaned["seats"].dtype) == (pl.Float32, pl.UInt8)
    assert cleaned["status"].dtype == pl.String
    assert cleaned["seats"].to_list() == [3]


def test_a_table_without_a_contract_is_refused() -> None:
    with pytest.raises(ContractError, match="promises nothing"):
        clean(pl.DataFrame({"fare": [1.0]}), (Require("fare"),))


class Swap(Cleaning):
    """A rule of a project: no letter twice."""

    columns: tuple[str, ...]

    def narrow(self, schema: Any) -> Any:
        self.read(schema, "str", names=self.columns)
        return schema

    def changes(self, schema: Any) -> Any:
        return [pl.col(c).str.reverse() for c in self.columns]

    def requirements(self, schema: Any) -> Any:
        return [Check("palindromes", "must not be", pl.lit(value=True))]


class Adding(Swap):
    """A rule that adds a column, which is none."""

    def changes(self, schema: Any) -> Any:
        return [pl.lit(1).alias("extra")]


class Person(Contract):
    name: str


def test_a_rule_of_a_project_is_a_kind_as_ours(run: Run) -> None:
    people = model_data(pl.DataFrame({"name": ["abc", "x"]}), Person)
    assert clean(people, (Swap(["name"]),))["name"].to_list() == ["cba", "x"]
    assert run.kept["changed"].rows() == [("name", "abc", "cba", 1, 1)]
    with pytest.raises(WiringError, match="changes extra, which Person does not have"):
        narrow_schema(contract_of(people), (Adding(["name"]),))
