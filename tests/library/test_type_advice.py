"""Advice on columns that cannot be cast: the narrowest type that reads every value exactly."""

from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.contracts.schema import Column
from magical.library.type_advice import find_type, suggest_type, write_hint
from magical.reading.casting import cast


def advice(values: list[Any] | pl.Series, kind: str, **facts: Any) -> str:
    source = values if isinstance(values, pl.Series) else pl.Series("x", values)
    return suggest_type(source, Column("x", kind, **facts), "Row")


READ = [
    ("int", ["7", "7.25"], "float"),
    ("int", [7.0, 7.25], "float"),
    ("int", ["1", "99999999999999999999"], "str"),
    ("int", pl.Series([1, 2**64 - 1], dtype=pl.UInt64), "str"),
    ("int", ["1", "1e300"], "float"),
    ("int", ["yes", "no", "1"], "bool"),
    ("int", ["2014-06-29", "2014-06-30"], "date"),
    ("int", ["A1", "A2", "A3"], "str"),
    ("float", ["A1", "2"], "str"),
    ("float", ["10:30", "11:00"], "time"),
    ("float", [date(2014, 6, 29)], "date"),
    ("bool", ["yes", "no", "maybe", "yes"], "Literal['yes', 'no', 'maybe']"),
    ("bool", ["0", "1", "2"], "int"),
    ("bool", [0.5, 1.0], "float"),
    ("bool", [f"word {i}" for i in range(20)], "str"),
    ("date", ["2014-06-29 12:30", "2014-06-30"], "datetime"),
    ("date", [datetime(2014, 6, 29, 12, 30)], "datetime"),
    ("date", ["29.06.14", "2014-06-30"], 'Annotated[date, Format("%d.%m.%y")]'),
    ("date", ["29/06/14", "01/07/14"], 'Annotated[date, Format("%d/%m/%y")]'),
    ("date", ["01/07/14", "02/07/14"], "str"),  # nothing says which of them is the month
    ("date", ["29.06.2014 12:30"], "datetime"),
    ("date", ["29.06.14 12:30"], 'Annotated[datetime, Format("%d.%m.%y %H:%M")]'),
    ("date", ["spring", "autumn"], "str"),
    ("date", ["1.5", "2.5"], "float"),
    ("datetime", ["29.06.14 12:30"], 'Annotated[datetime, Format("%d.%m.%y %H:%M")]'),
    ("datetime", ["12:30", "12:31"], "time"),
    ("time", ["2014-06-29 12:30"], "datetime"),
    ("duration", ["a lot"], "str"),
    ("duration", ["2014-06-29"], "date"),
]


@pytest.mark.parametrize(("kind", "values", "wanted"), READ)
def test_the_narrowest_type_that_reads_all(kind: str, values: Any, wanted: str) -> None:
    assert advice(values, kind) == f"write x: {wanted} in Row, which reads all values."


def test_nulls_and_roles_stay() -> None:
    assert "x: float | None in" in advice(["1", None, "1.5"], "int", nullable=True)
    assert "x: Id[str] in" in advice(["A1", "2", "3"], "int", role="id")
    assert "x: Target[Literal['yes', 'maybe']] in" in advice(["yes", "maybe", "yes"], "bool", role="target")
    assert 'x: Time[Annotated[date, Format("%d.%m.%y")]] in' in advice(["29.06.14"], "date", role="time")


def test_a_time_is_never_a_text() -> None:
    assert advice(["spring", "autumn"], "date", role="time").startswith("mend the source, or say how")


def test_a_key_gets_its_type_from_its_parent() -> None:
    said = advice(["A1", "2"], "int", role="key", parent="Customer")
    assert said == "mend the source, or give the id of Customer the type str, which reads all values."


def test_a_word_among_numbers_may_mean_that_a_value_is_missing() -> None:
    said = advice(["unknown", *map(str, range(20))], "int")
    assert said == (
        "if 'unknown' means missing, ingest(..., Reading(nulls=('unknown',))) and x: int | None; "
        "else x: str in Row reads all values."
    )
    said = advice(["unknown", "1", "2", "3"], "int", nullable=True)
    assert said.startswith("if 'unknown' means missing, ingest(..., Reading(nulls=('unknown',))); else")


def test_a_word_in_the_last_row_may_be_that_of_a_total() -> None:
    for role in ("", "id"):
        said = advice(["1", "2", "3", "Total"], "int", role=role)
        assert said.startswith(
            "if the last row is a total or a note, ingest(..., Reading(skip_footer=1)); else x: "
        )
    assert "skip_footer" not in advice(["1", "Total", "2", "3"], "int")


@pytest.mark.parametrize(
    ("values", "kind", "stated", "wanted"),
    [
        (["01 Mär 2024", "02 Mai 2024"], "date", {"format": "%d %b %Y"}, "date"),
        (["1.5", "2.25"], "float", {"thousands": "."}, "float"),
    ],
)
def test_a_mark_that_is_wrong_is_taken_off(values: list[str], kind: str, stated: Any, wanted: str) -> None:
    assert advice(values, kind, **stated) == f"write x: {wanted} in Row, which reads all values."


def test_an_id_is_never_missing() -> None:
    said = advice(["unknown", *map(str, range(20))], "int", role="id")
    assert said == "write x: Id[str] in Row, which reads all values."


def test_what_no_type_reads_says_what_null_would_lose() -> None:
    said = advice(pl.Series("x", [[1], [2]]), "int")
    assert said == "mend the source: no type reads all of it; x: int | None loses what is shown."


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        (Column("x", "duration", nullable=True), "timedelta | None"),
        (Column("x", "int", role="key", parent="Customer"), "Key[Customer]"),
        (Column("x", "int", role="key", parent="Customer", nullable=True), "Key[Customer] | None"),
        (Column("x", "str", choices=("a", "b"), role="group"), "Group[Literal['a', 'b']]"),
        (Column("x", "datetime", zone="UTC", format="%c"), 'Annotated[datetime, Format("%c"), Zone("UTC")]'),
    ],
)
def test_hints_are_what_an_author_writes(column: Column, hint: str) -> None:
    assert write_hint(column) == hint


CELLS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(-1e6, 1e6).map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.sampled_from(["yes", "no", "unknown", "10:30", "1,5", "1.234,5"]),
)


@given(
    st.lists(CELLS, min_size=1, max_size=6),
    st.sampled_from(["int", "float", "bool", "date", "datetime", "time"]),
)
def test_what_is_advised_reads_every_value(values: list[str], kind: str) -> None:
    source, column = pl.Series("x", values), Column("x", kind)
    if not cast(source, column).failed.any():
        return
    found = find_type(source, column)
    assert found is not None
    result = cast(source, found)
    assert not result.failed.any()
    assert not result.conflict
    if found.type == "float":
        assert all("e" in v.lower() or abs(t) <= 2**53 for v, t in zip(values, result.values, strict=True))


def test_typed_columns_are_advised_on_too() -> None:
    assert "x: time in" in advice([time(10, 30)], "int")
    assert "x: timedelta in" in advice([timedelta(1)], "date")


def test_local_times_that_exist_twice_are_not_read_as_texts() -> None:
    autumn = ["2014-10-26 02:30", "2014-10-26 12:00"]
    said = advice(autumn, "datetime", zone="Europe/Berlin")
    line = 'x: Annotated[datetime, Zone("Europe/Berlin", "earliest")]'
    assert said == f'take the first of the two: {line} in Row, or "latest".'
    spring = ["2014-03-30 02:30", "2014-03-30 12:00"]
    assert advice(spring, "datetime", zone="Europe/Berlin") == "mend the times of x in the source."
