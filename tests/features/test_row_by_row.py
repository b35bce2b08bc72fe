"""Features that are computed row by row: a table gives what its rows give one at a time, and never fails."""

import datetime as dt
import json
import math
from collections.abc import Sequence
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from magical.contracts.dtypes import DTYPES
from magical.contracts.schema import Column, Schema
from magical.features import (
    Arithmetic,
    Bin,
    Cross,
    DateParts,
    Feature,
    Indicator,
    Log,
    Polynomial,
    Text,
    with_features,
)
from magical.features.date_parts import DatePart
from magical.features.text_measures import TextPart
from magical.settings import to_json

GRADES = ("A", "B x C", "")
SCHEMA = Schema(
    "Row",
    (
        Column("n", "int"),
        Column("m", "int", nullable=True),
        Column("x", "float"),
        Column("y", "float", nullable=True),
        Column("level", "int", choices=(1, 2, 3)),
        Column("flag", "bool", nullable=True),
        Column("city", "str"),
        Column("note", "str", nullable=True),
        Column("grade", "str", choices=GRADES),
        Column("on", "date"),
        Column("at", "datetime", nullable=True),
        Column("opens", "time", nullable=True),
    ),
)
CYCLES = ("quarter", "month", "week", "day", "weekday", "day_of_year")
FEATURES = [
    Log(["n", "m", "x", "y"]),
    Arithmetic("whole", "n + m * flag - 3"),
    Arithmetic("ratio", "(x - y) / m"),
    Arithmetic("third", "n / 3 - 1 / 3 + 7 / (n / 49)"),
    DateParts("at", get_args(DatePart)),
    DateParts("on"),
    DateParts(["on", "at"], CYCLES, cyclic=True),
    DateParts("opens", ("hour", "minute", "second")),
    DateParts("opens", ("hour", "minute", "second"), cyclic=True),
    Cross(["city", "note"]),
    Cross(["flag", "level", "grade"]),
    Cross(["grade", "x", "m"], edges={"x": [0.0], "m": [-1, 1]}),
    Polynomial(["m", "x"], degree=3),
    Polynomial(["x", "y", "n"], degree=3, interactions_only=True),
    Bin("type:number", edges=[-1e300, -0.5, 0, 1, 20000]),
    Text(["city", "note"], get_args(TextPart), buckets=3),
    Text("grade", (), buckets=7),
    Indicator("*"),
]
TEXTS = st.sampled_from(
    ["", " ", "don't", "İSTANBUL ǅ ß", "a\n\nb", "\x00", "١٢٣", "👩‍👩‍👧 ok", "é" * 10_000, "Word1 " * 2_000]
) | st.text(max_size=12)
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1])
REAL = st.floats() | st.sampled_from([0.0, -0.0, 20000.0, math.nan, math.inf, -math.inf])
DATES = st.dates() | st.sampled_from([dt.date.min, dt.date.max, dt.date(2024, 12, 30), dt.date(2021, 1, 3)])
MOMENTS = st.datetimes() | st.sampled_from([dt.datetime.min, dt.datetime.max])
VALUES = {
    "n": WHOLE,
    "m": WHOLE,
    "x": REAL,
    "y": REAL,
    "level": st.sampled_from((1, 2, 3)),
    "flag": st.booleans(),
    "city": TEXTS,
    "note": TEXTS,
    "grade": st.sampled_from(GRADES),
    "on": DATES,
    "at": MOMENTS,
    "opens": st.times(),
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {c.name: VALUES[c.name] | st.none() if c.nullable else VALUES[c.name] for c in SCHEMA.columns}
    ),
    max_size=5,
)


def to_table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={c.name: DTYPES[c.type] for c in SCHEMA.columns})


def compute(features: Sequence[Feature], table: pl.DataFrame) -> pl.DataFrame:
    """Compute all the features at once: a column that is wrong says by its name whose it is."""
    return table.with_columns(e for f in features for e in f.expressions(SCHEMA)).drop(SCHEMA.names)


def check(features: Sequence[Feature], rows: list[dict[str, Any]]) -> None:
    """Compute the features of a table, of its rows one at a time, and of no row; compare with ``adds``."""
    table = to_table(rows)
    made = compute(features, table)
    one_by_one = [compute(features, table.slice(i, 1)) for i in range(len(rows))]
    assert_frame_equal(made, pl.concat([compute(features, table.clear()), *one_by_one]), check_exact=True)
    declared = [c for f in features for c in f.adds(SCHEMA)]
    assert made.schema == {c.name: DTYPES[c.type] for c in declared}
    assert [c.name for c in declared if made[c.name].null_count() and not c.nullable] == []
    assert [
        c.name for c in declared if c.choices and not set(made[c.name].drop_nulls()) <= {*c.choices}
    ] == []


EXTREMES: list[dict[str, Any]] = [
    {"n": n, "m": m, "x": x, "y": y, "level": 1 + i, "flag": flag, "city": city, "note": note}
    | {"grade": GRADES[i], "on": on, "at": at, "opens": None if at is None else at.time()}
    for i, (n, m, x, y, flag, city, note, on, at) in enumerate(
        [
            (2**63 - 1, -(2**63), math.nan, math.inf, None, "é" * 10_000, "", dt.date.min, dt.datetime.min),
            (-(2**63), 0, -math.inf, math.nan, True, "", None, dt.date.max, dt.datetime.max),
            (5, None, -0.0, None, False, "don't 👩‍👩‍👧", "Word1 " * 2_000, dt.date(2021, 1, 3), None),
        ]
    )
]


@settings(max_examples=15)
@example(EXTREMES)
@given(ROWS)
def test_a_table_gives_what_its_rows_give_one_at_a_time(rows: list[dict[str, Any]]) -> None:
    check(FEATURES, rows)


def some_of(*names: str, min_size: int = 1) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=min_size, max_size=4, unique=True).map(tuple)


NUMBERS = some_of("n", "m", "x", "y", "level")
EDGES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9, unique=True).map(
    sorted
)
OPERATION = st.sampled_from(["+", "-", "*", "/"])
FORMULAS = st.recursive(
    st.sampled_from(["n", "m", "x", "y", "level", "flag", "3", "0.1", "0"]),
    lambda part: st.tuples(part, OPERATION, part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=9,
).filter(lambda formula: any(c in "nmxylf" for c in formula))
ANY_FEATURE = st.one_of(
    st.builds(Log, columns=NUMBERS),
    st.builds(Arithmetic, name=st.just("new"), expression=FORMULAS),
    st.builds(DateParts, columns=some_of("on", "at"), parts=some_of(*CYCLES, "year", "weekend")),
    st.builds(DateParts, columns=some_of("on", "at"), parts=some_of(*CYCLES), cyclic=st.just(True)),
    st.builds(
        DateParts,
        columns=some_of("at", "opens"),
        parts=some_of("hour", "minute", "second"),
        cyclic=st.booleans(),
    ),
    st.builds(Cross, columns=some_of("level", "flag", "city", "note", "grade", min_size=2)),
    st.builds(Cross, columns=st.just(("x", "m")), edges=st.fixed_dictionaries({"x": EDGES, "m": EDGES})),
    st.builds(Polynomial, columns=NUMBERS, degree=st.integers(2, 5)),
    st.builds(Polynomial, columns=some_of("x", "m", "y", min_size=2), interactions_only=st.just(True)),
    st.builds(Bin, columns=NUMBERS, edges=EDGES),
    st.builds(
        Text,
        columns=some_of("city", "note", "grade"),
        parts=some_of(*get_args(TextPart)),
        buckets=st.sampled_from([0, 2, 5, 64]),
    ),
    st.builds(Indicator, columns=some_of(*SCHEMA.names)),
)


@pytest.mark.slow
@settings(max_examples=100)
@given(ANY_FEATURE, ROWS)
def test_any_feature_gives_the_same_row_by_row(feature: Feature, rows: list[dict[str, Any]]) -> None:
    check([feature], rows)
    assert Feature.model_validate_json(json.dumps(to_json(feature))) == feature


@pytest.mark.parametrize("feature", FEATURES, ids=repr)
def test_each_survives_json_and_fits_the_table(feature: Feature) -> None:
    assert Feature.model_validate(to_json(feature)) == feature
    assert not feature.is_learned
    assert with_features(SCHEMA, [feature]).names[len(SCHEMA.columns) :]


def test_stored_forms_of_a_type_give_the_same() -> None:
    rows = [
        {"n": 7, "m": None, "x": 0.5, "y": None, "level": 2, "flag": True, "city": "Rome 1", "note": None}
        | {
            "grade": "A",
            "on": dt.date(2024, 2, 29),
            "at": dt.datetime(2020, 12, 31, 23, 59, 58),
            "opens": None,
        }
    ]
    table = to_table(rows)
    narrow = table.cast(
        {"n": pl.Int8, "m": pl.UInt16, "x": pl.Float32, "level": pl.UInt8, "city": pl.Categorical}
        | {"grade": pl.Enum(GRADES), "at": pl.Datetime("ms")}
    )
    assert_frame_equal(compute(FEATURES, narrow), compute(FEATURES, table), check_exact=True)
    nanoseconds = table.cast({"at": pl.Datetime("ns"), "note": pl.Categorical})
    assert_frame_equal(compute(FEATURES, nanoseconds), compute(FEATURES, table), check_exact=True)
