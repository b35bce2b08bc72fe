"""Each rule of cleaning: what it changes and rejects, what it promises, and what is found before any work."""

import datetime as dt
import json
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from library.cleaning.trips import SCHEMA, trips
from magical.contracts.validation import find_failures
from magical.errors import WiringError
from magical.library import Cleaning, Compare, Convert, Harmonise, Limits, Require, clean
from magical.library.cleaning.cleaned_rows import narrow_schema
from magical.settings import to_json

NAN, INF = float("nan"), float("inf")
DAY = dt.date(2024, 1, 1)
NOON = dt.datetime(2023, 12, 31, 12)

CHANGES: dict[str, tuple[Cleaning, dict[str, list[Any]], list[Any]]] = {
    "limits reject": (
        Limits("fare", ge=0, le=9),
        {"fare": [0.0, 9.0, 9.1, -1.0, None, NAN, INF]},
        [0, 9, None],
    ),
    "limits are open": (Limits("seats", gt=0, lt=3), {"seats": [0, 1, 2, 3]}, [1, 2]),
    "limits null": (
        Limits("fare", ge=0, le=9, action="null"),
        {"fare": [9.0, 9.1, -1.0, None, NAN, INF]},
        [9, None, None, None, None, None],
    ),
    "limits clip": (
        Limits("fare", ge=0, le=9, action="clip"),
        {"fare": [9.0, 9.1, -1.0, None, NAN, INF]},
        [9, 9, 0, None, 9],
    ),
    "limits clip whole numbers": (Limits("seats", le=4.0, action="clip"), {"seats": [3, 2**60]}, [3, 4]),
    "limits of forty digits": (Limits("fare", le=10**40), {"fare": [1.0, 1e41]}, [1]),
    "limits of dates": (
        Limits("arrived", ge=DAY),
        {"arrived": [DAY, DAY - dt.timedelta(1), None]},
        [DAY, None],
    ),
    "limits clip dates": (
        Limits("arrived", le=DAY, action="clip"),
        {"arrived": [DAY + dt.timedelta(1), None]},
        [DAY, None],
    ),
    "limits of moments": (
        Limits("booked", lt=NOON),
        {"booked": [NOON, NOON - dt.timedelta(hours=1)]},
        [NOON - dt.timedelta(hours=1)],
    ),
    "require": (Require("fare"), {"fare": [1.0, None, NAN, INF]}, [1, INF]),
    "require a text": (Require("status"), {"status": ["", None]}, [""]),
    "compare dates": (
        Compare("left", "<=", "arrived"),
        {"arrived": [DAY, DAY - dt.timedelta(1), None], "left": [DAY] * 3},
        [DAY, None],
    ),
    "compare formulas": (
        Compare("tip + 1", "<", "fare * 2"),
        {"fare": [1.0, 1.1, None, NAN], "tip": [1.0] * 4},
        [1.1, None, NAN],
    ),
    "compare with a number": (
        Compare("fare / seats", "<=", 5),
        {"fare": [10.0, 12.0], "seats": [2, 2]},
        [10],
    ),
    "compare with forty digits": (Compare("seats", "<", 10**40), {"seats": [1]}, [1]),
    "compare a bool with a number": (
        Compare("child", "<", "seats"),
        {"child": [True, None], "seats": [1, 1]},
        [None],
    ),
    "compare texts": (Compare("city", "!=", "status"), {"city": ["a", "b"], "status": ["b", "b"]}, ["a"]),
    "convert all": (Convert("fare", factor=2, offset=-1), {"fare": [1.5, None, INF]}, [2, None, INF]),
    "convert beyond a limit": (
        Convert("fare", factor=0.01, gt=3),
        {"fare": [1.8, 180.0, None]},
        [1.8, 1.8, None],
    ),
    "convert units": (
        Convert("distance", units={"mi": 1.5, "km": 1}, by="unit"),
        {"distance": [2.0, 2.0, None, 2.0, 2.0], "unit": ["mi", "km", None, None, "ly"]},
        [3, 2, None],
    ),
    "convert units or null": (
        Convert("distance", units={"mi": 1.5, "km": 1}, by="unit", action="null"),
        {"distance": [2.0, 2.0, None, 2.0, 2.0], "unit": ["mi", "km", None, None, "ly"]},
        [3, 2, None, None, None],
    ),
    "harmonise blanks": (
        Harmonise("city"),
        {"city": [" New\u00a0 York\t", "e\u0301", "  "]},
        ["New York", "é"],
    ),
    "harmonise nothing": (Harmonise("city", strip=False), {"city": [" a  b "]}, [" a  b "]),
    "harmonise lower": (Harmonise("city", case="lower"), {"city": ["BONN", "Köln"]}, ["bonn", "köln"]),
    "harmonise title": (Harmonise("city", case="title"), {"city": ["new york"]}, ["New York"]),
    "harmonise accents": (
        Harmonise("city", case="upper", strip_accents=True),
        {"city": ["Köln", "Zürich"]},
        ["KOLN", "ZURICH"],
    ),
    "harmonise missing": (
        Harmonise("status", missing=["N/A", "-"]),
        {"status": ["n/a ", "-", "", "\u00a0", "na", None]},
        [None, None, None, None, "na", None],
    ),
    "harmonise missing where null is not allowed": (
        Harmonise("city", missing="-"),
        {"city": ["-", "a"]},
        ["a"],
    ),
    "harmonise by a map": (
        Harmonise("status", map={"alone": "Single", "Yolo": "Single"}, case="lower"),
        {"status": ["ALONE", " yolo", "single", "SINGLE", "Wed"]},
        ["Single", "Single", "Single", "Single", "wed"],
    ),
    "harmonise to a set": (
        Harmonise("status", to=["Master", "PhD"]),
        {"status": [" MASTER", "phd", "Mastre", None]},
        ["Master", "PhD", None],
    ),
    "harmonise to the nearest": (
        Harmonise("status", map={"dr": "PhD"}, to=["Master", "PhD", "Basic"], max_distance=2, action="keep"),
        {"status": ["Mastre", "mster", "maaster", "musty", "php", "dr", "no", "x" * 10_000]},
        ["Master", "Master", "Master", "musty", "PhD", "PhD", "no", "x" * 10_000],
    ),
    "harmonise to neither of two": (
        Harmonise("status", to=["north", "forth"], max_distance=1, action="null"),
        {"status": ["worth", "nort", "forth"]},
        [None, "north", "forth"],
    ),
    "harmonise to the contract's Literal": (
        Harmonise("size", max_distance=1),
        {"size": ["Small", "larg", "huge"]},
        ["small", "large"],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_rule_changes_and_rejects(case: str) -> None:
    rule, columns, expected = CHANGES[case]
    cleaned = clean(trips(**columns), (rule,))
    found = cleaned[next(iter(columns))]
    assert found.equals(pl.Series(found.name, expected, dtype=found.dtype), null_equal=True)


@pytest.mark.parametrize("case", CHANGES)
def test_rules_are_equal_after_json(case: str) -> None:
    rule = CHANGES[case][0]
    text = json.dumps(to_json(rule))
    assert TypeAdapter(Cleaning).validate_python(json.loads(text)) == rule
    assert eval(repr(rule), {**globals(), "datetime": dt}) == rule


def test_units_are_written_into_their_column() -> None:
    rule = Convert(["distance", "fare"], units={"mi": 1.5, "km": 1}, by="unit")
    cleaned = clean(trips(distance=[2.0, None], fare=[4.0, 4.0], unit=["mi", "mi"]), (rule,))
    assert cleaned.select("distance", "fare", "unit").rows() == [(3.0, 6.0, "km"), (None, 6.0, "km")]


NARROWED: list[tuple[Cleaning, str, dict[str, Any]]] = [
    (Limits("tip", gt=0, le=99), "tip", {"bounds": {"ge": 0, "gt": 0, "le": 99}}),
    (Limits("tip", ge=-5, lt=3), "tip", {"bounds": {"ge": 0, "lt": 3}}),
    (Require("status"), "status", {"nullable": False}),
    (Harmonise("status", to=["a", "b"]), "status", {"choices": ("a", "b"), "nullable": True}),
    (Harmonise("size", to=["small"]), "size", {"choices": ("small",)}),
    (Harmonise("status", to=["a", "b"], action="keep"), "status", {"choices": ()}),
    (Compare("left", "<", "arrived"), "left", {"bounds": {}}),
]


@pytest.mark.parametrize(("rule", "name", "expected"), NARROWED)
def test_the_contract_promises_what_a_rule_makes_sure(
    rule: Cleaning, name: str, expected: dict[str, Any]
) -> None:
    schema = narrow_schema(SCHEMA, [rule])
    assert {key: getattr(schema.by_name[name], key) for key in expected} == expected
    assert not schema.find_mismatches(SCHEMA)


@pytest.mark.parametrize("action", ["reject", "null"])
def test_a_unit_is_converted_once(action: Any) -> None:
    units: dict[str, Any] = {"units": {"mi": 1.5, "km": 1}, "by": "unit"}
    first = Convert("distance", action=action, **units)
    promised = narrow_schema(SCHEMA, [first])
    assert promised.by_name["unit"].type_text == "Literal['km'] | None"
    cleaned = clean(trips(distance=[2.0, 2.0, None, None], unit=["mi", "ly", "ly", None]), (first,))
    assert cleaned["unit"].to_list()[-2:] == ["km", None]
    assert not find_failures(cleaned, promised)
    # The column says km by then, so miles of another column would stay what they are.
    with pytest.raises(WiringError, match="all columns of one unit"):
        narrow_schema(SCHEMA, [first, Convert("fare", **units)])


CONVERTED: list[tuple[tuple[Cleaning, ...], dict[str, Any]]] = [
    ((Limits("tip", le=9), Convert("tip", factor=10)), {"ge": 0, "le": 90}),
    ((Limits("tip", gt=1, lt=9), Convert("tip", factor=10, offset=5)), {"ge": 15, "le": 95}),
    ((Limits("tip", le=9), Convert("tip", factor=-1)), {"ge": -9, "le": 0}),
    ((Limits("tip", le=9), Convert("tip", factor=0.5, gt=3)), {"ge": 0, "le": 9}),
    ((Limits("tip", le=9), Convert("tip", factor=2, gt=3)), {"ge": 0, "le": 18}),
    (
        (Limits("tip", le=9), Convert("tip", units={"mi": 2, "km": 1, "m": 0.5}, by="unit")),
        {"ge": 0, "le": 18},
    ),
    ((Convert("tip", factor=10), Limits("tip", le=9)), {"ge": 0, "le": 9}),
    ((Convert("tip", factor=1e308),), {"ge": 0}),
]


@pytest.mark.parametrize(("rules", "bounds"), CONVERTED)
def test_converted_values_are_within_the_bounds_that_are_promised_of_them(
    rules: tuple[Cleaning, ...], bounds: dict[str, Any]
) -> None:
    promised = narrow_schema(SCHEMA, rules)
    assert promised.by_name["tip"].bounds == bounds
    cleaned = clean(trips(tip=[0.0, 1.5, 4.0, 9.0, 90.0] * 3, unit=["mi", "km", "m"] * 5), rules)
    assert not cleaned.is_empty()
    assert not find_failures(cleaned, promised)


MISFITS: dict[str, tuple[Cleaning, str]] = {
    "no such column": (Limits("fair", ge=0), "did you mean 'fare'"),
    "no such pattern": (Require("mnt_*"), "has no such feature"),
    "the target": (Require("paid"), "the target of Trip, which no new row has"),
    "a text with limits": (Limits("city", ge=0), "must be int or float or date or datetime but is str"),
    "a date below a number": (Limits("left", ge=3), "ge = 3, and Trip has it as date"),
    "a date below a moment": (Limits("left", le=NOON), "has it as date"),
    "a moment below a date": (Limits("booked", le=DAY), "has it as datetime"),
    "a date in the place of a moment": (Limits("booked", ge="2024-01-01"), "write the time of day, too"),
    "no value that the contract allows": (Limits("tip", lt=0), "no value of tip"),
    "a limit out of the contract": (Limits("tip", le=-1, action="clip"), "no value of tip"),
    "more than any whole number": (Limits("seats", le=10**40, action="clip"), "has it as int"),
    "a half where all are whole": (Limits("seats", ge=0.5, action="clip"), "has it as int"),
    "null where it is not allowed": (Limits("tip", le=9, action="null"), "tip: float | None"),
    "a number to be harmonised": (Harmonise("fare"), "must be str but is float"),
    "nearest of nothing": (Harmonise("city", max_distance=1), r"to=\[...\]"),
    "an action for nothing": (Harmonise("status", action="null"), r"to=\[...\]"),
    "null for another text": (Harmonise("city", to=["a"], action="null"), "city: str | None"),
    "a map out of the Literal": (Harmonise("size", map={"tiny": "Tiny"}), "writes 'Tiny', and Trip has size"),
    "a set out of the Literal": (Harmonise("size", to=["small", "tiny"]), "writes 'tiny'"),
    "any text in a Literal": (Harmonise("size", action="keep"), "keeps any text"),
    "whole numbers converted": (Convert("seats", factor=0.5), "must be float but is int"),
    "units of a number": (Convert("fare", units={"a": 1}, by="seats"), "must be str but is int"),
    "units out of the Literal": (Convert("fare", units={"XL": 1}, by="size"), "has units 'XL'"),
    "null for an unknown unit": (
        Convert("tip", units={"km": 1}, by="unit", action="null"),
        "tip: float | None",
    ),
    "a date and a number": (Compare("left", "<", "fare"), "compares date with number"),
    "a date and a moment": (Compare("left", "<", "booked"), "compares date with datetime"),
    "a formula of dates": (Compare("left - arrived", "<", 3), "left, which must be int or float or bool"),
    "a formula of nothing": (Compare("fare + tips", "<", 3), "did you mean 'tip'"),
    "a formula of the target": (Compare("paid", "==", 1), "the target of Trip"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_the_table_is_found_while_drawing(case: str) -> None:
    rule, words = MISFITS[case]
    with pytest.raises(WiringError, match=words.replace("|", r"\|")) as caught:
        narrow_schema(SCHEMA, [rule])
    assert "Hint: " in str(caught.value)


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "no limit": ({"kind": "limits", "columns": "fare"}, "no limit is set"),
    "two lower limits": ({"kind": "limits", "columns": "fare", "ge": 1, "gt": 1}, "ge, gt are both set"),
    "an empty range": ({"kind": "limits", "columns": "fare", "ge": 1, "lt": 1}, "no value is within 1 and 1"),
    "mixed limits": ({"kind": "limits", "columns": "fare", "ge": 1, "le": "2024-01-01"}, "different types"),
    "infinity": ({"kind": "limits", "columns": "fare", "le": INF}, "le is inf, which is no limit"),
    "clip to an open limit": (
        {"kind": "limits", "columns": "fare", "gt": 0, "action": "clip"},
        "clip needs ge",
    ),
    "another action": ({"kind": "limits", "columns": "fare", "ge": 0, "action": "drop"}, "'reject', 'null'"),
    "no column": ({"kind": "require", "columns": []}, "at least 1 item"),
    "no such kind": ({"kind": "limit", "columns": "fare"}, "there is no Cleaning 'limit'"),
    "no such field": ({"kind": "limits", "columns": "fare", "min": 0}, "min"),
    "a map that chains": (
        {"kind": "harmonise", "columns": "a", "map": {"a": "b", "B": "c"}},
        "writes itself",
    ),
    "a map with two meanings": (
        {"kind": "harmonise", "columns": "a", "map": {"a": "b", "A ": "c"}},
        "two words",
    ),
    "a map to nothing": ({"kind": "harmonise", "columns": "a", "map": {"a": " "}}, "what is no value"),
    "a map to a missing word": (
        {"kind": "harmonise", "columns": "a", "map": {"a": "-"}, "missing": "-"},
        "what is no value",
    ),
    "a word with a spelling and without": (
        {"kind": "harmonise", "columns": "a", "map": {"a": "b"}, "missing": ["A "]},
        "what is no value",
    ),
    "a member that is no value": (
        {"kind": "harmonise", "columns": "a", "to": ["a", "-"], "missing": "-"},
        "what is no value",
    ),
    "a map out of the set": (
        {"kind": "harmonise", "columns": "a", "map": {"a": "b"}, "to": ["c"]},
        "not in `to`",
    ),
    "a set with two spellings": (
        {"kind": "harmonise", "columns": "a", "to": ["a", "A"]},
        "differ only in case",
    ),
    "units without a column": ({"kind": "convert", "columns": "a", "units": {"km": 1}}, "belong together"),
    "no factor at all": ({"kind": "convert", "columns": "a"}, "either a factor"),
    "a factor and units": (
        {"kind": "convert", "columns": "a", "factor": 2, "units": {"km": 1}, "by": "b"},
        "either a factor",
    ),
    "a factor of zero": ({"kind": "convert", "columns": "a", "factor": 0}, "0 is no factor"),
    "no common unit": ({"kind": "convert", "columns": "a", "units": {"mi": 2}, "by": "b"}, "must be 1"),
    "limits of units": (
        {"kind": "convert", "columns": "a", "units": {"km": 1}, "by": "b", "ge": 0},
        "with units leave it out",
    ),
    "an action without units": (
        {"kind": "convert", "columns": "a", "factor": 2, "action": "null"},
        "leave it out",
    ),
    "a formula that calls": ({"kind": "compare", "left": "abs(a)", "op": "<", "right": 3}, "has no place"),
    "no formula": ({"kind": "compare", "left": "a <", "op": "<", "right": 3}, "no formula"),
    "no such comparison": ({"kind": "compare", "left": "a", "op": "=", "right": 3}, "'<', '<='"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_right_is_found_when_the_settings_are_read(case: str) -> None:
    data, words = IMPOSSIBLE[case]
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(Cleaning).validate_python(data)


@pytest.mark.parametrize(
    "text", ["2023-12-31T13:00:00+01:00", "2023-12-31T12:00Z", "2023-12-31T12:00", "2023-12-31 12:00"]
)
def test_moments_are_in_utc_as_those_of_a_table(text: str) -> None:
    assert Limits("booked", lt=text).lt == NOON
    assert clean(trips(booked=[NOON]), (Limits("booked", lt=text),)).is_empty()


def test_midnight_is_a_moment_without_the_letter_between_date_and_time() -> None:
    assert Limits("booked", lt="2024-01-01 00:00:00").lt == dt.datetime(2024, 1, 1)


def test_rules_that_leave_no_value_are_found_while_drawing() -> None:
    with pytest.raises(WiringError, match=r"leaves no value of seats, .* say ge = 5"):
        narrow_schema(SCHEMA, [Limits("seats", ge=5), Limits("seats", le=4, action="clip")])


def test_a_rule_that_does_not_fit_is_the_same_error_outside_a_workflow() -> None:
    with pytest.raises(WiringError, match="compares str with number"):
        clean(trips(status=["a"]), (Compare("status", "<", 3),))


def test_what_is_no_moment_is_no_limit() -> None:
    with pytest.raises(ValidationError, match="Invalid isoformat"):
        Limits("booked", lt="noonT")


def test_a_rule_may_be_written_by_position_and_without_its_list() -> None:
    assert Compare("a", "<", "b") == Compare(left="a", op="<", right="b")
    assert (
        Require("fare")
        == Require(["fare"])
        == TypeAdapter(Cleaning).validate_python({"kind": "require", "columns": "fare"})
    )
    with pytest.raises(TypeError, match="Require takes columns, got 2 values"):
        Require("fare", "tip")  # type: ignore[call-arg]
