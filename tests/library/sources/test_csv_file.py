"""Csv files: the fast reader and the exact one give the same rows, and what was found is said."""

import bz2
import csv
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.library import Reading
from magical.library.sources.csv_file import read_csv
from magical.library.sources.reader import read_source
from magical.settings import InputPath


def rows(data: bytes, **said: str) -> list[tuple[str | None, ...]]:
    return read_csv(data, "a.csv", Reading(**said)).table.rows()


def test_what_was_found_is_in_the_facts() -> None:
    raw = read_csv(gzip.compress("a;b\r\n'x';Łódź\r\n'y';Kraków\r\n".encode("cp1250")), "a.csv", Reading())
    assert raw.table.rows() == [("x", "Łódź"), ("y", "Kraków")]
    assert {
        "encoding": "cp1250",
        "delimiter": "semicolon",
        "quote": "'",
        "line_ends": "CRLF",
        "compression": "gzip",
    }.items() <= raw.facts.items()
    assert "a.csv is unpacked: it is a gzip file, which its name does not say." in raw.remarks
    assert any("Windows-1250" in remark for remark in raw.remarks)
    assert any("single quotes" in remark for remark in raw.remarks)


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (b'a,b\n"",1\n2,""\n', [(None, "1"), ("2", None)]),
        (b'a,b\n"",1\n2,"x ""y"" "" z"\n5" x,\n', [(None, "1"), ("2", 'x "y" " z'), ('5" x', None)]),
        (b"a,b\n1,\n2,\n", [("1", None), ("2", None)]),
        (b"a,b\n1,\n\n2,\n", [("1", None), ("2", None)]),
        (b'a, b\n1, "x, y"\n2, z\n', [("1", "x, y"), ("2", "z")]),
        ("a§b\n1§2\n".encode(), [("1", "2")]),
        (b'a,b\n1,"x\ry"\n', [("1", "x\ry")]),
        (b'a,b\r1,"x"\n2,"y"\r\n', [("1", "x"), ("2", "y")]),
    ],
)
def test_both_readers_give_the_same(data: bytes, right: list[tuple[str | None, ...]]) -> None:
    assert rows(data, **({"delimiter": "§"} if "§".encode() in data else {})) == right


def test_no_quotes_if_the_author_says_so() -> None:
    assert rows(b'a|b\n1|"open\n2|""\n', quote="") == [("1", '"open'), ("2", '""')]


def test_a_named_delimiter_may_give_one_column() -> None:
    raw = read_csv(b"price\n1,5\n2,25\n", "a.csv", Reading(delimiter=";"))
    assert raw.table.rows() == [("1,5",), ("2,25",)]
    assert any("one column" in remark for remark in raw.remarks)


@pytest.mark.parametrize("at", [2, 40_000, 79_999])
@pytest.mark.parametrize("fault", ["1", "1,2,3,4", "1,2", '1,"2",'])
def test_a_line_with_another_number_of_fields_is_named_wherever_it_is(at: int, fault: str) -> None:
    lines = ["a,b,c", *(f"{i},x," for i in range(80_000))]
    lines[at - 1] = fault
    if fault == '1,"2",':
        assert read_csv("\n".join(lines).encode(), "a.csv", Reading()).table.height == 80_000
        return
    with pytest.raises(InputError, match=f"line {at:,} has {fault.count(',') + 1} fields, the header has 3"):
        read_csv("\n".join(lines).encode(), "a.csv", Reading())


def test_a_million_fields_are_read_as_polars_reads_them() -> None:
    table = pl.DataFrame({"a": range(100_000), "b": ["x, y", "plain"] * 50_000, "c": [None, "z"] * 50_000})
    data = table.write_csv().encode()
    assert read_csv(data, "a.csv", Reading()).table.equals(table.cast(pl.String))


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_a_name_that_tells_of_compression_needs_no_remark(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"data.csv{suffix}"
    path.write_bytes(compress("a\tb\n1\té\n".encode("utf-16")))
    raw = read_source(InputPath(path), Reading())
    assert (raw.table.rows(), raw.remarks) == ([("1", "é")], ())


texts = st.text(st.sampled_from('ab12,;|\t" \n\\éŁя.-:'), max_size=5)
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1, max_size=8)
)
LINES = {"header": 1, "skip_after_header": 0, "skip_footer": 0, "comment": "\x02"}


@given(
    rows=tables.filter(lambda rows: any(map(any, rows))),
    delimiter=st.sampled_from(",;|\t:"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    is_stated=st.booleans(),
)
def test_what_a_writer_writes_is_read_back_or_refused(
    rows: list[list[str]], delimiter: str, end: str, quoting: Any, encoding: str, is_stated: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([[f"name {i}" for i in range(len(rows[0]))], *rows])
    said = {"delimiter": delimiter, "quote": '"'} if is_stated else {}
    try:
        table = read_csv(text.getvalue().encode(encoding), "a.csv", Reading(**LINES, **said)).table
    except InputError:
        assert not is_stated
        return
    assert table.rows() == [tuple(t or None for t in row) for row in rows if any(row)]


def test_the_mark_of_dos_at_the_end_is_no_row() -> None:
    assert read_csv(b"a,b\r\n1,2\r\n\x1a", "a.csv", Reading()).table.rows() == [("1", "2")]


def test_a_long_text_is_read_one_by_one_too() -> None:
    text = "x" * 200_000
    assert read_csv(f'a,b\n1,say "{text}" now\n'.encode(), "a.csv", Reading()).table.rows() == [
        ("1", f'say "{text}" now')
    ]
    with pytest.raises(InputError, match="line 2 has a double quote that is never closed"):
        read_csv(f'a,b\n1,"{text}\n2,3\n'.encode(), "a.csv", Reading())
