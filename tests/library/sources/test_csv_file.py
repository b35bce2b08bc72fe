"""Csv files: the fast reader and the exact one give the same rows, and what was found is said."""

import gzip

import polars as pl
import pytest

from magical.errors import InputError
from magical.library import Reading
from magical.library.sources.csv_file import read_csv


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
