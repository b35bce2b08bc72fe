"""What becomes of a value at a door: it is converted without loss, or its row is rejected with the reason."""

import datetime as dt
import decimal
import io
import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magical.contracts.model import to_canonical_frame
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import list_broken_rows
from magical.errors import BrokenPromise
from magical.library.scorer.row_conversion import convert_rows, state_offsets

REJECT = object()
NULL = None
D, M = dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 14, 30)
BERLIN = dt.timezone(dt.timedelta(hours=1))

BOOL, INT, FLOAT, TEXT = (Column("x", kind, nullable=True) for kind in ("bool", "int", "float", "str"))
DATE, MOMENT, TIME, SPAN = (
    Column("x", kind, nullable=True) for kind in ("date", "datetime", "time", "duration")
)
CLOSED = Column("x", "str", nullable=True, choices=("007", "1"))
TRUTHS = Column("x", "str", nullable=True, choices=("True", "False"))
ZONED = Column("x", "datetime", nullable=True, zone="Europe/Berlin")
COMMA = Column("x", "float", nullable=True, decimal=",", thousands=".")
POINT = Column("x", "int", nullable=True, thousands=",")
GERMAN = Column("x", "date", nullable=True, format="%d/%m/%Y")

# The value, the column that it is for, and what it becomes.
TABLE: list[tuple[Any, Column, Any]] = [
    (True, BOOL, True), (1, BOOL, True), (0.0, BOOL, False), (2, BOOL, REJECT), (0.5, BOOL, REJECT),
    ("true", BOOL, True), ("No", BOOL, False), ("ja", BOOL, True), ("perhaps", BOOL, REJECT), ("", BOOL, NULL),
    (None, BOOL, NULL), (math.nan, BOOL, NULL), (D, BOOL, REJECT), ([True], BOOL, REJECT), (b"1", BOOL, REJECT),
    (24, INT, 24), (24.0, INT, 24), (24.5, INT, REJECT), (True, INT, 1), ("24", INT, 24), ("24.0", INT, 24),
    (" -3 ", INT, -3), ("1e3", INT, 1000), ("1,5", INT, REJECT), ("1,500", INT, REJECT), ("1.5", INT, REJECT),
    ("9007199254740993", INT, 2**53 + 1), (float(2**53), INT, REJECT), (2**53 + 1, INT, 2**53 + 1),
    (2**64, INT, REJECT), (math.inf, INT, REJECT), ("n/a", INT, NULL), ("12 kg", INT, REJECT), ({}, INT, REJECT),
    (decimal.Decimal("24.0"), INT, 24), (decimal.Decimal("24.5"), INT, REJECT), (math.nan, INT, NULL),
    (D, INT, REJECT), (np.int16(7), INT, 7), ("1_000", INT, REJECT), ("0x1F", INT, REJECT),
    (1.5, FLOAT, 1.5), (3, FLOAT, 3.0), (2**53 + 1, FLOAT, REJECT), (2**53 + 2, FLOAT, float(2**53 + 2)),
    ("1.5", FLOAT, 1.5), ("1500", FLOAT, 1500.0), ("1.498", FLOAT, 1.498), ("-3", FLOAT, -3.0), ("1e3", FLOAT, 1000.0),
    ("1,5", FLOAT, REJECT), ("1.234,5", FLOAT, REJECT), ("inf", FLOAT, REJECT), (math.inf, FLOAT, REJECT),
    ("1e400", FLOAT, REJECT), ("NaN", FLOAT, NULL), (math.nan, FLOAT, NULL), (True, FLOAT, 1.0), ("$5", FLOAT, REJECT),
    ("9007199254740993", FLOAT, REJECT), (decimal.Decimal("0.1"), FLOAT, 0.1), (np.float32(0.5), FLOAT, 0.5),
    ("1.234,5", COMMA, 1234.5), ("1,5", COMMA, 1.5), ("1.498", COMMA, 1498.0), ("1,498", COMMA, 1.498),
    ("5 kg", COMMA, REJECT), ("1,5 €", COMMA, 1.5), (1.498, COMMA, 1.498), ("1,2,3", COMMA, REJECT),
    ("3,663", POINT, 3663), ("3663", POINT, 3663), ("3.663", POINT, REJECT),
    ("a", TEXT, "a"), ("007", TEXT, "007"), ("NA", TEXT, "NA"), ("null", TEXT, "null"), (" a ", TEXT, "a"), ("", TEXT, NULL),
    (7, TEXT, "7"), (24.0, TEXT, "24"), (math.nan, TEXT, NULL), (True, TEXT, REJECT), (D, TEXT, "2024-01-31"),
    (M, TEXT, REJECT), ({"a": 1}, TEXT, REJECT), (b"a", TEXT, REJECT), (["a"], TEXT, REJECT),
    ("\ud800", TEXT, REJECT), (np.bool_(True), BOOL, True),
    (dt.timedelta.max, SPAN, REJECT), (np.str_("a"), TEXT, "a"),

    (1, CLOSED, "1"), ("007", CLOSED, "007"), (True, TRUTHS, "True"),
    (D, DATE, D), ("2024-01-31", DATE, D), ("31.01.2024", DATE, D), ("31/01/2024", DATE, D), ("01/31/2024", DATE, D),
    ("03/04/2024", DATE, REJECT), ("03/03/2024", DATE, dt.date(2024, 3, 3)), ("2024-01-31T14:30", DATE, REJECT),
    ("2024-01-31 00:00:00", DATE, D), (dt.datetime(2024, 1, 31), DATE, D), (M, DATE, REJECT), (20240131, DATE, D),
    ("20240131", DATE, D), (7, DATE, REJECT), ("soon", DATE, REJECT), (True, DATE, REJECT), ("", DATE, NULL),
    ("03/04/2024", GERMAN, dt.date(2024, 4, 3)), ("2024-04-03", GERMAN, dt.date(2024, 4, 3)),
    (M, MOMENT, M), ("2024-01-31T14:30:00", MOMENT, M), ("2024-01-31T14:30:00Z", MOMENT, M),
    ("2024-01-31T15:30:00+01:00", MOMENT, M), (M.replace(tzinfo=dt.UTC), MOMENT, M),
    (dt.datetime(2024, 1, 31, 15, 30, tzinfo=BERLIN), MOMENT, M), (D, MOMENT, dt.datetime(2024, 1, 31)),
    ("2024-01-31T14:30:00.000000001", MOMENT, REJECT), ("14:30", MOMENT, REJECT), (1706711400, MOMENT, REJECT),
    (pd.NaT, MOMENT, NULL), ("03/04/2024 14:30", MOMENT, REJECT),
    ("2024-01-31T15:30:00", ZONED, M), ("2024-01-31T14:30:00Z", ZONED, M), ("2024-03-31T02:30:00", ZONED, REJECT),
    ("14:30", TIME, dt.time(14, 30)), (dt.time(14, 30), TIME, dt.time(14, 30)), (M, TIME, REJECT),
    (dt.timedelta(seconds=90), SPAN, dt.timedelta(seconds=90)), (90, SPAN, dt.timedelta(seconds=90)),
    ("1.5 h", SPAN, dt.timedelta(minutes=90)), ("90", SPAN, dt.timedelta(seconds=90)), ("1,5 h", SPAN, REJECT),
]  # fmt: skip
IDS = [f"{c.type}: {v!r}"[:50] for v, c, _ in TABLE]
GOOD: dict[str, Any] = {
    "bool": True,
    "int": 5,
    "float": 0.5,
    "str": "1",
    "date": D,
    "datetime": M,
    "time": dt.time(1),
    "duration": dt.timedelta(1),
}

DOORS: dict[str, Callable[[list[Any]], Any]] = {
    "records": lambda values: [{"x": v} for v in values],
    "lists": lambda values: {"x": values},
    "objects of pandas": lambda values: pd.DataFrame({"x": pd.Series(values, dtype=object)}),
    "pandas": lambda values: pd.DataFrame({"x": values}),
    "objects of polars": lambda values: pl.DataFrame({"x": pl.Series(values, dtype=pl.Object)}),
    "polars": lambda values: pl.DataFrame({"x": values}, strict=True),
    "arrow": lambda values: pa.table({"x": pa.array(values)}),
}


def schema(column: Column) -> Schema:
    return Schema("Row", (column,))


@pytest.mark.parametrize(("value", "column", "wanted"), TABLE, ids=IDS)
def test_a_value_has_one_meaning_at_each_door(value: Any, column: Column, wanted: Any) -> None:
    seen = []
    for door, build in DOORS.items():
        try:
            table = build([value])
        except (TypeError, ValueError, OverflowError, pa.ArrowException, pl.exceptions.PolarsError):
            continue  # such a table has no such value
        _check(table, [value], column, wanted)
        if door not in ("pandas", "polars", "arrow"):  # beside others a value has no type of its own there
            neighbours = [value, GOOD[column.type], "never", None]
            _check(build(neighbours), neighbours, column, wanted)
        seen.append(door)
    assert len(seen) >= 4


ODD = [
    (decimal.Decimal("1e30"), FLOAT),
    (decimal.Decimal("1e-30"), FLOAT),
    (dt.datetime(1, 1, 1, tzinfo=BERLIN), MOMENT),
    (pd.Timestamp(1), MOMENT),
]


@pytest.mark.parametrize(("value", "column"), ODD, ids=str)
def test_a_value_that_polars_cannot_hold_costs_its_row_only(value: Any, column: Column) -> None:
    values = [value, GOOD[column.type], "never", None]
    for door in ("records", "lists", "objects of pandas", "objects of polars"):
        _check(DOORS[door](values), values, column, REJECT)


def _check(table: Any, values: list[Any], column: Column, wanted: Any) -> None:
    try:
        done = convert_rows(table, schema(column))
    except BrokenPromise:
        assert wanted is REJECT
        assert not isinstance(table, list | dict), "only a column of a type may be refused at all"
        return
    found = done.typed["x"][0]
    rejected = 0 in done.rejects["row"]
    if wanted is REJECT:
        assert (found, rejected) == (None, True)
        assert done.rejects["rule"][0].startswith(f"must be {column.type_text}")
    else:
        assert (found, rejected) == (wanted, False)
        assert type(found) is type(wanted)
    if len(values) > 1:
        assert 1 not in done.rejects["row"]
        assert (2 in done.rejects["row"]) == (column.type != "str")


def test_rejects_name_row_column_rule_and_hide_the_value() -> None:
    columns = (Column("age", "int"), Column("name", "str"))
    done = convert_rows([{"age": "about 40", "name": "Ann"}, {"age": 3, "name": [1]}], Schema("Row", columns))
    assert done.rejects.rows() == [
        (0, "age", "must be int (write it as 24, or state its marks)", "xxxxx 99"),
        (1, "name", "must be str", "[9]"),
    ]
    assert done.typed.to_dict(as_series=False) == {"age": [None, 3], "name": ["Ann", None]}


@pytest.mark.parametrize("value", ["31.02.2019", 1714521600000])
def test_the_reason_says_how_a_date_is_written(value: Any) -> None:
    columns = (Column("sold", "date", format="%d.%m.%Y"), Column("born", "date"))
    done = convert_rows([{"sold": value, "born": value}], Schema("Row", columns))
    assert done.rejects["rule"].to_list() == [
        "must be date (write it as %d.%m.%Y, or as ISO 8601)",
        "must be date (write it as ISO 8601, such as 2024-01-31)",
    ]


def test_columns_are_found_by_alias_name_or_snake_case_and_others_are_ignored() -> None:
    columns = (Column("age", "int", alias="Alter"), Column("income", "float"), Column("note", "str", True))
    done = convert_rows([{"Alter": 1, "INCOME": 2, "more": object()}], Schema("Row", columns))
    assert done.typed.rows() == [(1, 2.0, None)]
    with pytest.raises(BrokenPromise, match=r"'INCOME', 'Income' could all be Row\.income"):
        convert_rows([{"Alter": 1, "INCOME": 2, "Income": 3}], Schema("Row", columns))
    with pytest.raises(BrokenPromise, match="missing: income") as caught:
        convert_rows(pl.DataFrame({"Alter": [1], "incom": [2.0]}), Schema("Row", columns))
    assert caught.value.hint == "did you mean 'incom'? There are: Alter, incom."


@pytest.mark.parametrize("what", ["text", 7, None, [1, 2], {"x": [1], "y": [1, 2]}, {"x": [1], "y": 2}])
def test_what_is_no_table_is_refused(what: Any) -> None:
    with pytest.raises(BrokenPromise, match="A table of rows"):
        convert_rows(what, schema(INT))


@pytest.mark.parametrize(
    "values", [pl.Series([[1]]), pl.Series([{"a": 1}]), pl.Series([b"1"]), pl.Series([D])], ids=str
)
def test_a_column_whose_type_has_no_conversion_is_refused_at_once(values: pl.Series) -> None:
    with pytest.raises(BrokenPromise, match="x must be float"):
        convert_rows(pl.DataFrame({"x": values}), schema(FLOAT))
    assert convert_rows(pl.DataFrame({"x": values.clear()}), schema(FLOAT)).typed["x"].dtype == pl.Float64


def test_categories_are_texts_and_small_types_are_wide() -> None:
    for values in (
        pl.Series(["1", None], dtype=pl.Categorical),
        pl.Series(["1", None], dtype=pl.Enum(["1"])),
        pd.Series(["1", None], dtype="category"),
    ):
        table = pd.DataFrame({"x": values}) if isinstance(values, pd.Series) else pl.DataFrame({"x": values})
        assert convert_rows(table, schema(CLOSED)).typed["x"].to_list() == ["1", None]
    small = pl.DataFrame({"x": pl.Series([2.0**24, 7.0], dtype=pl.Float32)})
    assert convert_rows(small, schema(INT)).typed["x"].to_list() == [None, 7]
    nanos = pl.DataFrame({"x": pl.Series([1, 1000]).cast(pl.Datetime("ns"))})
    assert convert_rows(nanos, schema(MOMENT)).rejects["row"].to_list() == [0]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "str": st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
    "date": st.dates(dt.date(1000, 1, 1)),
    "datetime": st.datetimes(dt.datetime(1000, 1, 1)),
}
ROWS = st.lists(
    st.fixed_dictionaries({kind: st.none() | values for kind, values in VALUES.items()}),
    min_size=1,
    max_size=4,
)
ALL = Schema("Row", tuple(Column(kind, kind, nullable=True) for kind in VALUES))
TYPED = {"bool": pl.Boolean, "int": pl.Int64, "float": pl.Float64, "str": pl.String, "date": pl.Date}
QUICK = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def _through_json(table: pl.DataFrame) -> Any:
    return json.loads(json.dumps(table.to_dicts(), default=lambda v: v.isoformat()))


def _through_csv(table: pl.DataFrame) -> Any:
    text = io.StringIO(table.write_csv())
    return pd.read_csv(text, dtype=str, keep_default_na=False, na_filter=False)


TRIPS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda table: table,
    "pandas": lambda table: table.to_pandas(use_pyarrow_extension_array=True),
    "arrow": lambda table: table.to_arrow(),
    "dictionaries": lambda table: table.to_dicts(),
    "lists": lambda table: table.to_dict(as_series=False),
    "JSON": _through_json,
    "csv": _through_csv,
}


@QUICK
@given(ROWS)
def test_typed_values_survive_every_door(rows: list[dict[str, Any]]) -> None:
    table = pl.DataFrame(rows, schema={**TYPED, "datetime": pl.Datetime("us")})
    for name, travel in TRIPS.items():
        done = convert_rows(travel(table), ALL)
        assert done.rejects.is_empty(), name
        assert done.typed.equals(table), name


ANY_VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.datetimes(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3), st.lists(st.integers(), max_size=2),
    st.integers().map(str), st.floats().map(repr), st.from_regex(r"[0-9]{1,3}[.,/-][0-9]{1,3}([.,/-][0-9]{1,4})?", fullmatch=True),
    st.datetimes().map(str), st.dates().map(str),
)  # fmt: skip


def _is_faithful(value: Any, found: Any, kind: str) -> bool:
    """Say by Python alone if a value means what was made of it."""
    if isinstance(value, str):
        text = value.strip()
        if kind == "str":
            return bool(found == (text or None))
        if kind == "float":
            return bool(found == float(text))
        if kind == "int":
            return decimal.Decimal(text) == found
        if kind == "bool":
            return text.lower() in (
                "1",
                "true",
                "t",
                "y",
                "yes",
                "1.0",
                "on",
                "j",
                "si",
                "0",
                "f",
                "n",
                "no",
                "0.0",
            )
        return str(found)[:4] in text  # a date has its year, the rest is for the tests of reading
    if kind == "str":
        if isinstance(value, float):  # polars writes 1e-6 where Python writes 1e-06
            return bool(float(found) == value)
        return bool(found == str(value))
    if kind == "float" and isinstance(value, decimal.Decimal):
        return bool(found == float(value))
    if kind in ("date", "datetime") and not isinstance(value, dt.date):
        return f"{found:%Y%m%d}" == str(int(value))
    if kind == "datetime" and not isinstance(value, dt.datetime):
        return bool(found == dt.datetime.combine(value, dt.time()))
    if kind == "date" and isinstance(value, dt.datetime):
        return bool(value == dt.datetime.combine(found, dt.time()))
    return bool(value == found)


MISSING = (
    "",
    "na",
    "n/a",
    "nan",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "–",
    "—",
    "?",
    ".",
    "..",
    ":",
    "#n/a",
    "\\n",
)


@QUICK
@given(st.lists(ANY_VALUE, min_size=1, max_size=5), st.sampled_from(list(VALUES)))
def test_no_value_is_changed_in_silence_and_none_changes_another(values: list[Any], kind: str) -> None:
    column = Column("x", kind, nullable=True)
    together = convert_rows({"x": values}, schema(column))
    for i, value in enumerate(values):
        alone = convert_rows({"x": [value]}, schema(column))
        found, rejected = alone.typed["x"][0], alone.rejects.height
        assert together.typed["x"][i] == found
        assert (i in together.rejects["row"]) == bool(rejected)
        if rejected:
            assert found is None
        elif found is None:
            is_nan = isinstance(value, float) and math.isnan(value)
            is_missing = isinstance(value, str) and (
                value.strip().lower() in MISSING if kind != "str" else not value.strip()
            )
            assert value is None or is_nan or is_missing
        else:
            assert _is_faithful(value, found, kind)


def test_typed_moments_of_a_zone_state_that_they_are_in_utc() -> None:
    typed = pl.DataFrame({"x": [dt.datetime(2024, 7, 1, 10)]}, schema={"x": pl.Datetime("us")})
    assert convert_rows(state_offsets(typed, schema(ZONED)), schema(ZONED)).typed.equals(typed)
    assert convert_rows(typed, schema(ZONED)).typed["x"][0] == dt.datetime(2024, 7, 1, 8)


def test_thousands_of_columns_are_converted_together() -> None:
    names = [f"x{i}" for i in range(300)]
    wide = Schema("Row", tuple(Column(n, "float", decimal="," if i % 2 else "") for i, n in enumerate(names)))
    row = {n: f"{i},5" if i % 2 else f"{i}.5" for i, n in enumerate(names)}
    done = convert_rows([row, {**row, "x7": "one", "x8": "two"}, row], wide)
    assert done.typed.row(0) == done.typed.row(2) == tuple(i + 0.5 for i in range(300))
    assert done.rejects.select("row", "column").rows() == [(1, "x7"), (1, "x8")]


def test_a_row_of_thousands_of_columns_costs_little() -> None:
    names = [f"x{i}" for i in range(3000)]
    wide = Schema("Row", tuple(Column(n, "float", bounds={"ge": 0}) for n in names))
    rows = [dict.fromkeys(names, 1.5)]
    began = time.process_time()
    typed = convert_rows(rows, wide).typed
    assert list_broken_rows(typed, wide).is_empty()
    assert to_canonical_frame(typed, wide).shape == (1, 3000)
    assert time.process_time() - began < 0.4  # about 0.12; 0.48 by a loop over columns


def test_texts_that_a_reading_calls_missing_are_null_whatever_stands_beside_them() -> None:
    for values in (["-", "7"], ["-", 7], [" - ", "7"]):
        done = convert_rows({"x": values}, Schema("Row", (INT,)), ("-",))
        assert (done.typed["x"].to_list(), done.rejects.height) == ([None, 7], 0)
    assert convert_rows({"x": ["-"]}, Schema("Row", (TEXT,)), ("-",)).typed["x"].to_list() == [None]
