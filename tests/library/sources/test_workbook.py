"""read_workbook: one sheet, by name, with the types of its cells."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from magical.errors import InputError
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading
from magical.library.sources.workbook import read_workbook
from projects import is_well_worded

Rows = list[list[Any]]
REPORT: Rows = [
    ["Report of 2024"], [], ["id", "day", "price"], ["", "", "EUR"],
    ["007", dt.date(2024, 1, 2), 1.5], [], ["008", dt.date(2024, 1, 3), 2], ["Total", None, 3.5],
]  # fmt: skip


def workbook(**sheets: Rows) -> bytes:
    """Write sheets of rows; empty texts are empty cells."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                for j, cell in enumerate(row):
                    if isinstance(cell, dt.date):
                        sheet.write_datetime(i, j, cell, moment if isinstance(cell, dt.datetime) else day)
                    elif cell not in (None, ""):
                        sheet.write(i, j, cell)
    return file.getvalue()


def read(data: bytes, **options: Any) -> RawTable:
    return read_workbook(data, "a.xlsx", Reading(**options))


def test_cells_keep_their_types() -> None:
    moment = dt.datetime(2024, 1, 2, 3, 4)
    rows: Rows = [
        ["id", "n", "x", "day", "at", "ok"],
        ["007", 1, 1.5, dt.date(2024, 1, 2), moment, True],
        ["008", 2, 2, dt.date(2024, 1, 3), moment, False],
    ]
    raw = read(workbook(one=rows))
    assert raw.table.columns == rows[0]
    assert raw.table.rows() == [tuple(rows[1]), tuple(rows[2])]
    types = [pl.String, pl.Int64, pl.Float64, pl.Date, pl.Datetime, pl.Boolean]
    assert [dtype.base_type() for dtype in raw.table.dtypes] == types
    assert raw.remarks == ()


def test_a_sheet_is_named_or_it_is_the_first_with_a_remark() -> None:
    data = workbook(**{"2023": [["a"], [1]], "2024": [["a"], [2]]})
    raw = read(data)
    assert raw.table.rows() == [(1,)]
    assert raw.remarks == ("a.xlsx: the first sheet, '2023', is read, not 2024.",)
    assert read(data, sheet="2024").table.rows() == [(2,)]
    with pytest.raises(InputError, match="has no sheet '2042'") as error:
        read(data, sheet="2042")
    assert "did you mean '2024'? There are: 2023, 2024." in str(error.value)


def test_rows_around_the_table_are_in_doubt_until_they_are_said() -> None:
    data = workbook(report=REPORT)
    with pytest.raises(InputError) as error:
        read(data)
    assert "has 'Report of 2024'; row 3 has 'id', 'day', 'price'" in str(error.value)
    assert "Reading(header=3)" in str(error.value)
    assert is_well_worded(str(error.value))
    raw = read(data, header=3, skip_after_header=1, skip_footer=1)
    assert raw.table.rows() == [("007", dt.date(2024, 1, 2), 1.5), ("008", dt.date(2024, 1, 3), 2.0)]
    assert raw.remarks == ("a.xlsx: 1 rows without any value are left out.",)


def test_a_sheet_may_begin_below_and_have_no_names() -> None:
    assert read(workbook(a=[[], [], ["a", "b"], [1, 2]])).table.rows(named=True) == [{"a": 1, "b": 2}]
    table = read(workbook(a=[[1, "x"], [2, "y"]]), header=0).table
    assert table.rows(named=True) == [{"column_1": 1, "column_2": "x"}, {"column_1": 2, "column_2": "y"}]
    assert read(workbook(a=[["", "b"], ["x", 1], ["y", 2]]), header=1).table.columns == ["unnamed_1", "b"]


def test_a_header_may_be_far_below() -> None:
    rows: Rows = [[f"note {i}"] for i in range(70)]
    assert read(workbook(a=[*rows, ["a", "b"], [1, 2]]), header=71).table.rows() == [(1, 2)]


def test_a_text_among_numbers_is_said() -> None:
    raw = read(workbook(a=[["n"], [1], [2], [3], [4], [5], ["Total"]]))
    assert raw.table["n"].to_list() == ["1", "2", "3", "4", "5", "Total"]
    assert raw.remarks == ("a.xlsx: n has 1 text among numbers, such as 'Total'; it is read as text.",)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (workbook(a=[]), {}, "The sheet 'a' of a.xlsx is empty"),
        (workbook(a=[], b=[["x"], [1]]), {}, "Reading(sheet='b')"),
        (workbook(a=[["x", "y", "x"], [1, 2, 3]]), {}, "two columns of one name: x"),
        (workbook(a=[["x"], [1]]), {"header": 9}, "Row 9 of the sheet 'a' of a.xlsx is empty"),
        (workbook(a=[["x"], [1]])[:2000], {}, "cannot be read as a workbook"),
        (workbook(a=[["x"], [1]])[:-40], {}, "cannot be read as a workbook"),
        (b"PK\x03\x04 and no more", {}, "cannot be read as a workbook"),
        (b"a,b\n1,2\n", {}, "cannot be read as a workbook"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        read(data, **options)
    assert said in str(error.value)
    assert is_well_worded(str(error.value))


def test_a_path_is_read_like_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook(a=[["x"], [1]]))
    assert read_workbook(tmp_path / "a.xlsx", "a.xlsx", Reading()).table.rows() == [(1,)]
