"""The digest of a table: equal for equal content, whatever its memory looks like; else different."""

import io
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from magical.contracts.table_digest import BLOCK_ROWS, table_digest

SCALARS = [
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    *(pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Time, pl.Null),
    *(pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("ns"), pl.Datetime("us", "Europe/Vienna")),
    *(pl.Duration("ms"), pl.Duration("us"), pl.Decimal(10, 2), pl.Categorical(), pl.Enum(["a", "b", ""])),
]
NESTED = [
    *(pl.List(pl.Int64), pl.List(pl.String), pl.List(pl.List(pl.Boolean)), pl.Array(pl.Int8, 2)),
    *(pl.Struct({"a": pl.Int64, "b": pl.String}), pl.List(pl.Struct({"a": pl.Float64}))),
]
TABLES = dataframes(min_cols=1, max_cols=3, max_size=5, allowed_dtypes=[*SCALARS, *NESTED], allow_null=True)
TINY = dataframes(
    cols=1,
    max_size=2,
    allow_null=True,
    allowed_dtypes=[pl.Boolean, pl.List(pl.Boolean), pl.Array(pl.Boolean, 2)],
)


def chunked(table: pl.DataFrame) -> pl.DataFrame:
    """The same rows, each in a chunk of its own."""
    rows = [table[i : i + 1] for i in range(table.height)]
    return pl.concat([table.clear(), *rows], rechunk=False)


def stored(table: pl.DataFrame) -> pl.DataFrame:
    """The same table, written and read."""
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return pl.read_parquet(io.BytesIO(buffer.getvalue()))


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_equal_tables_have_equal_digests(table: pl.DataFrame) -> None:
    digest = table_digest(table)
    assert table_digest(chunked(table)) == digest
    assert table_digest(pl.concat([table, table])[: table.height]) == digest
    assert table_digest(pl.concat([table, table])[table.height :]) == digest


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_a_stored_table_keeps_its_digest(table: pl.DataFrame) -> None:
    read = stored(table)
    assert read.schema == table.schema
    assert table_digest(read) == table_digest(table)


@settings(max_examples=75, deadline=None)
@given(TINY, TINY)
def test_different_tables_have_different_digests(one: pl.DataFrame, other: pl.DataFrame) -> None:
    other.columns = one.columns
    assume(one.schema != other.schema or not one.equals(other))
    assert table_digest(one) != table_digest(other)


DIFFERENT = {
    "null is not zero": ({"x": [None]}, {"x": [0]}, pl.Int64),
    "null is not an empty text": ({"x": [None]}, {"x": [""]}, pl.String),
    "null is not false": ({"x": [None]}, {"x": [False]}, pl.Boolean),
    "null is not an empty list": ({"x": [None]}, {"x": [[]]}, pl.List(pl.Int64)),
    "null is not a list of null": ({"x": [None]}, {"x": [[None]]}, pl.List(pl.Int64)),
    "null is not NaN": ({"x": [None]}, {"x": [float("nan")]}, pl.Float64),
    "where the nulls are": ({"x": [None, 1]}, {"x": [1, None]}, pl.Int64),
    "where texts end": ({"x": ["ab", "c"]}, {"x": ["a", "bc"]}, pl.String),
    "where lists end": ({"x": [[1, 2], [3]]}, {"x": [[1], [2, 3]]}, pl.List(pl.Int64)),
    "the order of rows": ({"x": [1, 2]}, {"x": [2, 1]}, pl.Int64),
    "the number of rows": ({"x": [None]}, {"x": [None, None]}, pl.Null),
    "a struct of null is not null": (
        {"x": [{"a": None}]},
        {"x": [None]},
        pl.Struct({"a": pl.Int64}),
    ),
    "a time zone's other hour": (
        {"x": [datetime(2024, 1, 1, 0)]},
        {"x": [datetime(2024, 1, 1, 1)]},
        pl.Datetime("us"),
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs(name: str) -> None:
    one, other, dtype = DIFFERENT[name]
    assert table_digest(pl.DataFrame(one, schema={"x": dtype})) != table_digest(
        pl.DataFrame(other, schema={"x": dtype})
    )


TYPES = {
    "widths": (pl.Int32, pl.Int64),
    "signs": (pl.Int64, pl.UInt64),
    "numbers": (pl.Int64, pl.Float64),
    "units": (pl.Duration("ms"), pl.Duration("us")),
    "texts and categories": (pl.String, pl.Categorical),
    "the values of an enum": (pl.Enum(["1"]), pl.Enum(["1", "2"])),
    "the order of an enum": (pl.Enum(["1", "2"]), pl.Enum(["2", "1"])),
    "nested ones": (pl.List(pl.Int8), pl.Array(pl.Int8, 1)),
}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("rows", [0, 1])
def test_types_count(name: str, rows: int) -> None:
    text = pl.DataFrame({"x": ["1"]}) if "enum" in name or "cat" in name else pl.DataFrame({"x": [1]})
    text = text if name != "nested ones" else pl.DataFrame({"x": [[1]]}, schema={"x": pl.List(pl.Int8)})
    one, other = (text.cast(t)[:rows] for t in TYPES[name])
    assert table_digest(one) != table_digest(other)


def test_names_and_their_order_count() -> None:
    table = pl.DataFrame({"a": [1], "b": [1]})
    assert table_digest(table) != table_digest(table.rename({"a": "c"}))
    assert table_digest(table) != table_digest(table.select("b", "a"))


def test_what_lies_beneath_a_null_does_not_count() -> None:
    valid = pa.py_buffer(b"\x05")  # rows 0 and 2
    arrays = [
        pa.Array.from_buffers(
            pa.int64(), 3, [valid, pa.py_buffer(bytes([1, *[0] * 7, b, *[0] * 7, 3, *[0] * 7]))]
        )
        for b in (0, 77)
    ]
    plain = pl.DataFrame({"x": [1, None, 3]})
    for array in arrays:
        table = pl.DataFrame({"x": pl.from_arrow(array)})
        assert table.equals(plain)
        assert table_digest(table) == table_digest(plain)


def test_what_lies_beneath_a_null_list_or_struct_does_not_count() -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3]), pa.array([7, 8, 9]), mask=pa.array([False, True]))
    structs = pa.StructArray.from_arrays([pa.array([7, 8])], names=["a"], mask=pa.array([False, True]))
    for array, values in ((lists, [[7], None]), (structs, [{"a": 7}, None])):
        table = pl.DataFrame({"x": pl.from_arrow(array)})
        assert table_digest(table) == table_digest(pl.DataFrame({"x": values}))


def test_the_codes_of_categories_do_not_count() -> None:
    one = pl.Series("x", ["u1", "u2", "u3"], dtype=pl.Categorical)
    other = pl.Series("x", ["u3", "u1", "u2"], dtype=pl.Categorical)[[1, 2, 0]]
    assert table_digest(one.to_frame()) == table_digest(other.to_frame())


def test_every_nan_is_one() -> None:
    import struct

    odd = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]
    assert table_digest(pl.DataFrame({"x": [odd]})) == table_digest(pl.DataFrame({"x": [float("nan")]}))


def test_blocks_do_not_show() -> None:
    table = pl.DataFrame({"x": pl.int_range(BLOCK_ROWS * 2 + 5, eager=True), "y": "a"})
    assert table_digest(table) == table_digest(
        pl.concat([table[:7], table[7:BLOCK_ROWS], table[BLOCK_ROWS:]])
    )
    assert table_digest(table) != table_digest(table[:-1])
    changed = table.with_columns(x=pl.when(pl.col("x") == BLOCK_ROWS + 1).then(0).otherwise("x"))
    assert table_digest(table) != table_digest(changed)


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    """A change here makes everybody's results stale: change KEY_FORMAT with it."""
    table = pl.DataFrame(
        {
            "i": [1, None, 3],
            "f": [0.5, float("nan"), None],
            "s": ["a", None, "ü"],
            "b": [True, None, False],
            "d": [date(2024, 1, 31), None, date(1, 1, 1)],
            "t": [datetime(2024, 1, 31, 10, 15), None, datetime(1969, 7, 20)],
            "c": [time(1), None, time(2)],
            "u": [timedelta(days=1), None, timedelta(seconds=-1)],
            "m": [Decimal("1.10"), None, Decimal("-2.00")],
            "l": [[1, None], None, []],
        }
    )
    assert table_digest(table) == "cedf7173f120bb4f6ce6e64e149530917a62bb76"


@given(st.lists(st.integers(-3, 3) | st.none(), max_size=6))
def test_the_order_of_rows_counts(values: list[int | None]) -> None:
    table = pl.DataFrame({"x": values}, schema={"x": pl.Int64})
    back = table.reverse()
    assert (table_digest(table) == table_digest(back)) == (values == values[::-1])
