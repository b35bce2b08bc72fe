"""Conversion between polars and pandas changes no value; values that have no type in the other are refused."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing.parametric import dataframes

from magical.contracts.pandas_tables import from_pandas, to_pandas
from magical.contracts.schema import Column, Schema
from magical.contracts.table_digest import table_digest
from magical.errors import BrokenPromise
from projects import is_well_worded

TYPES = [
    *(
        pl.Int8,
        pl.Int16,
        pl.Int32,
        pl.Int64,
        pl.UInt8,
        pl.UInt16,
        pl.UInt32,
        pl.UInt64,
        pl.Float32,
        pl.Float64,
    ),
    *(pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Time, pl.Null, pl.Decimal(10, 2)),
    *(pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("ns"), pl.Datetime("ms", "UTC")),
    *(pl.Datetime("us", "Europe/Vienna"), pl.Datetime("ns", "Asia/Tokyo"), pl.Categorical()),
    *(pl.Duration("ms"), pl.Duration("us"), pl.Duration("ns"), pl.Enum(["b", "a", ""])),
    *(pl.List(pl.Int64), pl.List(pl.String), pl.List(pl.Date), pl.Array(pl.Int8, 2)),
    *(pl.Struct({"a": pl.Int64, "b": pl.String}), pl.List(pl.Categorical())),
]
TABLES = dataframes(min_cols=1, max_cols=6, max_size=6, allowed_dtypes=TYPES, allow_null=True)


@settings(max_examples=50, deadline=None)
@given(TABLES)
def test_there_and_back_nothing_changes(table: pl.DataFrame) -> None:
    back = from_pandas(to_pandas(table))
    assert back.schema == table.schema
    assert table_digest(back) == table_digest(table)


SEEN = {
    "Int64": pl.Series([1, None]),
    "UInt8": pl.Series([1, None], dtype=pl.UInt8),
    "Float64": pl.Series([0.5, None]),
    "boolean": pl.Series([True, None]),
    "str": pl.Series(["a", None]),
    "category": pl.Series(["a", None], dtype=pl.Categorical()),
    "datetime64[s]": pl.Series([dt.date(2024, 1, 31), None]),
    "datetime64[us]": pl.Series([dt.datetime(2024, 1, 31), None]),
    "datetime64[ms, Europe/Vienna]": pl.Series([None], dtype=pl.Datetime("ms", "Europe/Vienna")),
    "timedelta64[us]": pl.Series([dt.timedelta(1), None]),
    "time64[ns][pyarrow]": pl.Series([dt.time(1), None]),
    "large_list<item: int64>[pyarrow]": pl.Series([[1, None], None]),
}


@pytest.mark.parametrize("dtype", SEEN)
@pytest.mark.parametrize("nulls", [True, False])
def test_the_type_that_is_seen_does_not_depend_on_what_is_missing(dtype: str, nulls: bool) -> None:
    series = SEEN[dtype] if nulls else SEEN[dtype].drop_nulls()
    assert str(to_pandas(series.to_frame("x"))["x"].dtype) == dtype


def test_missing_and_not_a_number_are_two_things() -> None:
    table = pl.DataFrame({"x": [float("nan"), None, 1.0]})
    assert to_pandas(table)["x"].isna().to_list() == [False, True, False]
    assert from_pandas(to_pandas(table))["x"].null_count() == 1


def test_what_pandas_code_writes_does_not_reach_the_polars_table() -> None:
    table = pl.DataFrame({"x": [1, 2], "s": ["a", "b"], "t": [dt.datetime(2024, 1, 1)] * 2, "f": [0.5, 1.5]})
    before, frame = table.clone(), to_pandas(table)
    frame.loc[0, "x"], frame.loc[0, "s"], frame.loc[0, "f"] = 7, "z", 7.5
    frame.loc[0, "t"] = pd.Timestamp("2025-01-01")
    assert table.equals(before)
    assert from_pandas(frame).row(0) == (7, "z", dt.datetime(2025, 1, 1), 7.5)


def test_the_index_is_fresh_and_is_dropped() -> None:
    frame = to_pandas(pl.DataFrame({"x": [3, 1, 2]}))
    assert frame.index.equals(pd.RangeIndex(3))
    assert from_pandas(frame.sort_values("x")[1:]).rows() == [(2,), (3,)]


MEANT = {
    # values, the promised type: what polars has
    "numpy's integers": (pd.Series([1, 2]), "", pl.Series([1, 2])),
    "NaN in numpy's floats": (pd.Series([1.5, np.nan]), "", pl.Series([1.5, None])),
    "integers that were joined": (pd.Series([1.0, np.nan]), "int", pl.Series([1, None])),
    "floats that are none": (pd.Series([1.5, np.nan]), "int", pl.Series([1.5, None])),
    "days": (
        pd.Series(pd.to_datetime(["2024-01-31", None])),
        "date",
        pl.Series([dt.date(2024, 1, 31), None]),
    ),
    "moments": (
        pd.Series(pd.to_datetime(["2024-01-31"])).astype("datetime64[s]"),
        "datetime",
        pl.Series([dt.datetime(2024, 1, 31)], dtype=pl.Datetime("ms")),
    ),
    "not days": (
        pd.Series(pd.to_datetime(["2024-01-31 10:00"])),
        "date",
        pl.Series([dt.datetime(2024, 1, 31, 10)]),
    ),
    "a fixed offset": (
        pd.Series(pd.to_datetime(["2024-01-31 10:00+02:00"])),
        "",
        pl.Series([dt.datetime(2024, 1, 31, 8)]).dt.replace_time_zone("UTC"),
    ),
    "nothing at all": (
        pd.Series([None, None], dtype=object),
        "str",
        pl.Series([None, None], dtype=pl.String),
    ),
    "objects of one type": (pd.Series([True, None], dtype=object), "", pl.Series([True, None])),
    "lists": (pd.Series([[1, 2], None]), "", pl.Series([[1, 2], None])),
    "numbers as categories": (pd.Series([1, 2, 1]).astype("category"), "", pl.Series([1, 2, 1])),
    "sparse": (pd.Series([1, 0]).astype("Sparse[int]"), "", pl.Series([1, 0])),
    "string": (pd.Series(["a", None], dtype="string"), "", pl.Series(["a", None])),
    "arrow": (pd.Series([1, None], dtype="int16[pyarrow]"), "", pl.Series([1, None], dtype=pl.Int16)),
}


@pytest.mark.parametrize("case", MEANT)
def test_what_pandas_code_makes_is_what_is_meant(case: str) -> None:
    values, promised, wanted = MEANT[case]
    schema = Schema("Row", (Column("x", promised, nullable=True),)) if promised else None
    given = from_pandas(pd.DataFrame({"x": values}), schema)["x"]
    assert given.dtype == wanted.dtype
    assert given.to_list() == wanted.to_list()


REFUSED: dict[str, tuple[Any, str, str]] = {
    "mixed": (pd.DataFrame({"x": [1, "a"]}, dtype=object), "column x holds mixed-integer values", "astype"),
    "objects": (pd.DataFrame({"x": [object()]}), "column x holds mixed values", "astype"),
    "periods": (pd.DataFrame({"x": pd.period_range("2024", periods=2, freq="M")}), "period[M]", "astype"),
    "intervals": (pd.DataFrame({"x": pd.cut(pd.Series([1, 2]), 2)}), "column x holds category", "astype"),
    "complex": (pd.DataFrame({"x": [1j]}), "column x holds complex128 values", "astype"),
    "large": (pd.DataFrame({"x": [2**70]}), "column x holds integer values", "astype"),
    "labels": (pd.DataFrame({"x": [1], 7: [2]}), "1 of 2 column names are no texts: 7", "columns.map(str)"),
    "levels": (pd.DataFrame({("a", "b"): [1]}), "no texts: ('a', 'b')", '"_".join'),
    "twice": (pd.DataFrame([[1, 2]], columns=["x", "x"]), "two columns have one name: x", "rename"),
    "index": (pd.DataFrame({"x": [1]}).set_index("x"), "x is in the index", "reset_index()"),
    "index levels": (
        pd.DataFrame({"x": [1], "y": [2]}).set_index(["y", "x"]),
        "x is in the",
        "reset_index()",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_polars_cannot_hold_is_said(case: str) -> None:
    table, text, hint = REFUSED[case]
    with pytest.raises(BrokenPromise) as caught:
        from_pandas(table, Schema("Row", (Column("x", "int"),)), label="made (workflow.py:1)")
    message = str(caught.value)
    assert message.startswith("made (workflow.py:1): ")
    assert text in message
    assert hint in message.splitlines()[-1]
    assert is_well_worded(message)


@pytest.mark.parametrize("dtype", [pl.Int128, pl.Object])
def test_what_pandas_cannot_hold_is_said(dtype: Any) -> None:
    with pytest.raises(BrokenPromise, match="pandas has no type for the column x") as caught:
        to_pandas(pl.DataFrame({"x": pl.Series([1], dtype=dtype)}))
    assert is_well_worded(str(caught.value))


def test_no_rows_and_no_columns() -> None:
    assert from_pandas(to_pandas(pl.DataFrame())).shape == (0, 0)
    assert to_pandas(pl.DataFrame(schema={"x": pl.Int64})).shape == (0, 1)
