"""Delimiters, quotes and line ends, and the files that the fast reader may read."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.reading.csv_dialect import (
    DELIMITERS,
    Dialect,
    detect_dialect,
    is_regular,
    read_records,
    unify_line_ends,
)
from projects import is_well_worded

fields = st.text(st.sampled_from('ab,;|\t"\n 1é'), max_size=6)
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(fields, min_size=width, max_size=width), min_size=1, max_size=6)
)


def written(rows: list[list[str]], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@given(rows=tables, delimiter=st.sampled_from(list(DELIMITERS)))
def test_what_a_writer_writes_is_regular_and_reads_back(rows: list[list[str]], delimiter: str) -> None:
    dialect = Dialect(written(rows, delimiter), delimiter)
    assert is_regular(dialect)
    assert read_records(dialect, "t.csv") == rows


@given(rows=tables, delimiter=st.sampled_from(list(DELIMITERS)), data=st.data())
def test_a_ragged_line_is_never_regular(rows: list[list[str]], delimiter: str, data: st.DataObject) -> None:
    ragged = [*rows, ["x"] * (len(rows[0]) + data.draw(st.sampled_from([-1, 1, 2])))]
    dialect = Dialect(written(ragged, delimiter), delimiter)
    assert not is_regular(dialect)
    with pytest.raises(InputError, match="fields, the header has"):
        read_records(dialect, "t.csv")


@given(st.sampled_from(list(DELIMITERS)))
def test_the_delimiter_is_found_among_texts_that_hold_others(delimiter: str) -> None:
    others = "".join(d for d in DELIMITERS if d != delimiter)
    rows = [["id", "words", "n"], ["1", f"a{others}b", "2"], ["2", "plain", "3"], ["3", others * 2, "4"]]
    assert detect_dialect(written(rows, delimiter), "t.csv").delimiter == delimiter


def test_only_the_head_of_a_long_file_is_looked_at() -> None:
    text = b"a;b\n" + b"1;2,5\n" * 50_000
    assert detect_dialect(text, "t.csv") == Dialect(text, ";")


@pytest.mark.parametrize(
    ("text", "delimiter", "quote", "remark"),
    [
        ("id,text,n\n1,'Smith, John',5\n2,'plain',6\n", ",", "'", "single quotes are read as quotes"),
        ("'id';'text'\n1;'a''b'\n", ";", "'", "single quotes are read as quotes"),
        ("id,text\n1,'t Hooft\n2,O'Brien\n3,rock 'n' roll\n", ",", '"', ""),
        ("id,text\n1,\"'a','b'\"\n2,'c'\n", ",", '"', ""),
        ("Stock list\nprinted today\nid;x\n1;2,5\n2;3,5\n", ";", '"', ""),
    ],
)
def test_quotes_and_delimiters_are_found_together(text: str, delimiter: str, quote: str, remark: str) -> None:
    dialect = detect_dialect(text.encode(), "t.csv")
    assert (dialect.delimiter, dialect.quote) == (delimiter, quote)
    assert remark in dialect.remark
    assert bool(remark) == bool(dialect.remark)


def test_what_the_author_names_wins() -> None:
    text = b"a:b;c\n1:'x';2\n3:'y';4\n"
    dialect = detect_dialect(text, "t.csv", ":", "")
    assert (dialect.delimiter, dialect.quote, dialect.remark) == (":", "", "")
    assert read_records(dialect, "t.csv") == [["a", "b;c"], ["1", "'x';2"], ["3", "'y';4"]]


def test_blanks_before_quotes_are_left_out_with_a_remark() -> None:
    dialect = detect_dialect(b'a, b, c\n1, "x, y", 2\n', "t.csv")
    assert "blanks between a delimiter and a text in quotes are left out" in dialect.remark
    assert read_records(dialect, "t.csv") == [["a", "b", "c"], ["1", "x, y", "2"]]


@pytest.mark.parametrize("text", ["price\n1.5\n2\n", '"first name"\n"Ada"\n', "n\n1\n\n2\n"])
def test_one_column_is_read_with_a_remark(text: str) -> None:
    dialect = detect_dialect(text.encode(), "t.csv")
    assert "read as one column" in dialect.remark


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n2\n3\n", "one column only: '1'"),
        ("<html>\n<p>no table</p>\n", "one column only: '<html>'"),
        ('{"a": 1}\n', "one column only"),
        ("a:b:c\n1:2:3\n", "parted by ':'"),
        ("first name\nAda Lovelace\nAlan Turing\n", "parted by ' '"),
    ],
)
def test_what_may_be_no_column_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        detect_dialect(text.encode(), "t.csv")
    assert is_well_worded(str(error.value))
    assert "Reading(delimiter=" in str(error.value)


def test_lines_are_counted_from_the_first_of_the_file() -> None:
    dialect = detect_dialect(b"\n\nsep=;\na;b\n1;2\n3\n", "t.csv")
    assert (dialect.text[:4], dialect.first_line) == (b"a;b\n", 4)
    with pytest.raises(InputError, match="line 6 has 1 fields"):
        read_records(dialect, "t.csv")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (b"a,b\r1,2\r", (b"a,b\n1,2\n", "CR")),
        (b"a,b\r\n1,2\r\n", (b"a,b\r\n1,2\r\n", "CRLF")),
        (b"a,b\r\n1,2\n", (b"a,b\r\n1,2\n", "mixed")),
        (b"a,b\r1,2\n3,4\r\n", (b"a,b\n1,2\n3,4\n", "mixed")),
        (b'a,b\r1,"x\ry"\r', (b'a,b\n1,"x\ny"\n', "CR")),
        (b'a,b\n1,"x\ry"\n', (b'a,b\n1,"x\ry"\n', "mixed")),
    ],
)
def test_line_ends_of_old_macs_become_line_feeds(text: bytes, right: tuple[bytes, str]) -> None:
    assert tuple(unify_line_ends(text)) == right


@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize(
    "rows",
    [
        ["Preis, netto;Menge", "1,50;2", "2,50;3"],
        ["Preis, netto;Preis, brutto", "1,50;2,50", "2,50;3,75"],
        ["Last, First;Town", "Doe, J;Bonn", "Roe, K;Rome"],
    ],
)
def test_a_comma_in_each_line_is_no_delimiter_beside_one(rows: list[str], mark: str) -> None:
    found = detect_dialect("\n".join(rows).replace(";", mark).encode(), "t.csv")
    assert found.delimiter == mark
    assert f"parted by a {DELIMITERS[mark]}; a comma" in found.remark


def test_another_delimiter_in_each_line_is_none_beside_many_commas() -> None:
    assert detect_dialect(b"a,b,x;y,c\n1,2,3;4,5\n6,7,8;9,0\n", "t.csv").delimiter == ","
