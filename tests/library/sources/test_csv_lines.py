"""Files with lines around their rows: what is found, what the author states, and what must stay as it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.library.sources.csv_file import read_csv
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reading_settings import Reading
from projects import is_well_worded

NOTHING_SAID = Reading()


def read(text: str, reading: Reading = NOTHING_SAID) -> RawTable:
    return read_csv(text.encode(), "data.csv", reading)


def written(table: str) -> list[tuple[str | None, ...]]:
    """Part a table with blanks between its fields and bars between its lines; a dot is an empty field."""
    return [tuple(None if c == "." else c for c in line.split()) for line in table.split("|")]


def lines(raw: RawTable) -> list[tuple[str | None, ...]]:
    return [tuple(raw.table.columns), *raw.table.rows()]


FOUND = {
    "a title with delimiters": ("Stock,,\na,b,c\nx,5,6\ny,7,8\n", "a b c|x 5 6|y 7 8", "line 2 has the names.*'Stock,,'"),
    "a title without": ("Stock\na,b\nx,5\ny,7\n", "a b|x 5|y 7", "line 2 has the names.*'Stock'"),
    "a title above texts": ("Towns,,\na,b,c\nx,y,z\nu,v,w\n", "a b c|x y z|u v w", "line 2 has the names.*'Towns,,'"),
    "a title with commas": ("Stock, new, all, 2024\na,b\nx,5\ny,7\nz,8\n", "a b|x 5|y 7|z 8", "line 2 has the names"),
    "several lines and a blank one": (
        "Stock\nprinted 2024-03-01\n\na,b\nx,5\ny,7\n",
        "a b|x 5|y 7",
        "line 4 has the names.*'Stock'.*'printed 2024-03-01'",
    ),
    "facts in fewer fields": ("By,Ann\nOn,2024-03-01\n\na,b,c\nx,5,6\ny,7,8\n", "a b c|x 5 6|y 7 8", "line 4 has the names"),
    "groups of columns": ("g,,h\nitem,wide,high\nx,5,6\ny,7,8\n", "item wide high|x 5 6|y 7 8", "line 2 has the names.*'g,,h'"),
    "units": ("a,b,c\n,kg,pcs\nx,5,6\ny,7,8\n", "a b c|x 5 6|y 7 8", "line 2 has units.*b: kg, c: pcs"),
    "units in brackets": ("a,b\n(s),[m/s]\n5,6\n7,8\n", "a b|5 6|7 8", r"line 2 has units.*a: \(s\), b: \[m/s\]"),
    "a percent sign": ("a,b\n,%\nx,5\ny,7\n", "a b|x 5|y 7", "line 2 has units.*b: %"),
    "a currency": ("a;b\n-;EUR\nx;5,5\ny;7,1\n", "a b|x 5,5|y 7,1", "line 2 has units.*b: EUR"),
    "units below a title": ("Stock,,\na,b,c\n,kg,pcs\nx,5,6\ny,7,8\n", "a b c|x 5 6|y 7 8", "line 3 has units"),
    "units below a name that is missing": (",b,c\n[-],kg,pcs\nx,5,6\ny,7,8\n", "unnamed_1 b c|x 5 6|y 7 8", "line 2 has units"),
    "dashes": ("a,b\n--,---\nx,5\ny,7\n", "a b|x 5|y 7", "line 2 has dashes only"),
    "a sum": ("a,b,c\nx,5,6\ny,7,8\nTotal,12,14\n", "a b c|x 5 6|y 7 8", "last row is a total.*Total, 12, 14"),
    "a sum in German": ("a;b\nx;1.005,5\ny;7,1\nSumme:;1.012,6\n", "a b|x 1.005,5|y 7,1", "last row is a total.*Summe"),
    "a rounded sum": ("a,b\nx,0.333\ny,0.333\nz,0.333\nSum,1.000\n", "a b|x 0.333|y 0.333|z 0.333", "total"),
    "a mean": ("a,b\nx,5\ny,8\nAverage,6.5\n", "a b|x 5|y 8", "last row is a total.*Average"),
    "a mean and a sum": ("a,b\nx,5\ny,8\nMean,6.5\nTotal,13\n", "a b|x 5|y 8", "last 2 rows are totals"),
    "a sum with a share that is none": ("a,b,c,d\nx,5,6,.1\ny,7,8,.4\nTotal,12,14,.3\n", "a b c d|x 5 6 .1|y 7 8 .4", "total"),
    "a sum behind an index": (",a,b\n0,x,5\n1,y,7\n2,Total,12\n", "unnamed_1 a b|0 x 5|1 y 7", "total.*Total, 12"),
    "a sum without a word": ("a,b,c\nx,5,6\ny,7,8\n,12,14\n", "a b c|x 5 6|y 7 8", "total.*12, 14"),
    "rows affected": ("a,b\nx,5\ny,7\n\n(2 rows affected)\n", "a b|x 5|y 7", r"at the end is no row: '\(2 rows"),
    "rows in set": ("a,b\nx,5\ny,7\n2 rows in set (0.01 sec)\n", "a b|x 5|y 7", "at the end is no row"),
    "a source": ("a,b,c\nx,5,6\ny,7,8\nSource: WHO, 2023\n", "a b c|x 5 6|y 7 8", "at the end is no row: 'Source"),
    "a padded source": ("a,b,c\nx,5,6\ny,7,8\nSource: WHO,,\n", "a b c|x 5 6|y 7 8", "at the end is no row"),
    "notes below a blank line": ("a,b\nx,5\ny,7\n\nwithout Wales\nor Kent\n", "a b|x 5|y 7", "2 lines at the end are no rows"),
    "a sum above a source": ("a,b\nx,5\ny,7\nTotal,12\n\nSource: WHO\n", "a b|x 5|y 7", "total"),
    "comments above": ("# made today\n# in kg\na,b\nx,5\ny,7\n", "a b|x 5|y 7", "2 lines beginning with '#'.*'# made today'"),
    "comments with delimiters": ("# a, b\nc,d\nx,5\ny,7\n", "c d|x 5|y 7", "1 line beginning with '#'"),
    "comments between": ("// made today\na,b\nx,5\n// second\ny,7\n", "a b|x 5|y 7", "2 lines beginning with '//'"),
    "comments in place of numbers": ("a,b\n5,1\n%6,2\n% new\n7,3\n8,4\n", "a b|5 1|7 3|8 4", "2 lines beginning with '%'"),
    "comments far below": (
        "a,b\n" + "5,6\n" * 60 + "# a note\n7,8\n",
        "a b|" + "5 6|" * 60 + "7 8",
        "1 line beginning with '#'.*'# a note'",
    ),
    "a comment above a header with a hash": ("## v4\n#a,b\n5,1\n7,3\n", "#a b|5 1|7 3", "1 line beginning with '#'"),
    "delimiters at all ends": ("a,b,\nx,5,\ny,7,\n", "a b|x 5|y 7", "last column is empty"),
    "several of them": ("a,b,,\nx,5,,\ny,7,,\n", "a b|x 5|y 7", "last 2 columns are empty"),
    "delimiters at the ends of rows": ("a,b\nx,5,\ny,7,\n", "a b|x 5|y 7", "lines end with a delimiter"),
    "a delimiter at the end of the header": ("a,b,\nx,5\ny,7\n", "a b|x 5|y 7", "header ends with a delimiter"),
    "the header again": ("a,b\nx,5\na,b\ny,7\na,b\n", "a b|x 5|y 7", "repeat the header are left out: 2"),
    "a column twice": ("a,b,a\n5,1,5\n7,3,7\n", "a b|5 1|7 3", "same values one is read: a"),
    "a name twice": ("a,b,a\n5,1,6\n7,3,8\n", "a b a_2|5 1 6|7 3 8", "column 3 is called a_2"),
    "a name twice and the new one, too": ("a,a_2,a\n5,1,6\n7,3,8\n", "a a_2 a_3|5 1 6|7 3 8", "column 3 is called a_3"),
    "no name": ("a,,c\nx,5,6\ny,7,8\n", "a unnamed_2 c|x 5 6|y 7 8", "column 2 has no name; it is called unnamed_2"),
    "the index of pandas": (",b\n0,x\n1,y\n", "unnamed_1 b|0 x|1 y", "counts the rows; it is called unnamed_1"),
    "years as names": ("a,2019,2020\nx,5,6\ny,7,8\n", "a 2019 2020|x 5 6|y 7 8", "are numbers: 2019, 2020"),
    "numbered columns": ("0,1,2\n5.1,3.5,9\n4.9,3.0,8\n", "0 1 2|5.1 3.5 9|4.9 3.0 8", "are numbers: 0, 1, 2"),
    "shares as names": ("a,5%,50%\nx,1,2\ny,3,5\n", "a 5% 50%|x 1 2|y 3 5", "are numbers: 5%, 50%"),
    "two numbers among names": ("150,4,a,b,c\n5.1,3.5,1,2,0\n4.9,3.1,2,2,1\n", "150 4 a b c|5.1 3.5 1 2 0|4.9 3.1 2 2 1", "are numbers: 150, 4"),
    "a row that is only called a sum": ("a,b\nx,5\ny,7\nTotal,9\n", "a b|x 5|y 7|Total 9", "'Total' and kept.*skip_footer=1"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_what_is_no_row_is_found_and_said(case: str) -> None:
    text, right, said = FOUND[case]
    raw = read(text)
    assert lines(raw) == written(right)
    assert any(re.search(said, remark) for remark in raw.remarks), raw.remarks


UNCHANGED = [
    "name town|Ann Rome|Bob Oslo",  # texts above texts
    "name town|Ann Rome",
    "a b|1 2",
    "a b|1 2|3 4",
    "a b|5 .|. 7",  # empty fields
    "a b c|. . 5|. 6 .|7 . .",
    "a b c|1 . .|2 3 .|3 . 4",
    "a b note|1 5 .|2 6 .|3 7 ok",
    "company staff|Shell 5|Total 7|Eni 9",  # a company
    "name staff|Total 5",
    "item price|note 5|book 6",  # words that footers begin with, in rows that are whole
    "item price|book 5|Source: 6",
    "id note|1 (below)|2 [old]",
    "tag n|#python 5|#go 3",  # hashtags and paths
    "#tag n|#python 5|#go 3",
    "#CHROM POS REF|1 100 A|2 200 C",
    "# n|1 5|2 6",
    "url n|//a.example.org 5|//b.example.org 6",
    "share n|%5 5|%6 6",
    "name age|Ann unknown|Bob 5|Cy 6",  # a first row with words in the place of numbers
    "name age|Ann n/a|Bob 5",
    "name age size|Ann unknown 5|Bob 5 6",
    "name age size|Ann ? ?|Bob 5 6",
    "name x y|Ann many many|Bob 5 6|Cy many 7",
    "RI Na Mg|1.5 13 4|1.6 14 3",  # names that look like something else
    "kg m s|1 2 3|4 5 6",
    "min max|1 5|2 6",
    "yes no|1 0|0 1",
    "mean sum|1 5|2 6",
    "source total|a 5|b 6",
    "p1 p2|50% 60%|70% 80%",
    "x 2a|1e5 2|3 4",
    "unit value|kg 5|km 6|m 7",  # units as values
    "value unit|5 kg|6 km",
    "sex age|M 5|F 6",
    "when what|2024-01-01 start|2024-02-01 stop",
    "id name|1 id|2 name",  # a name that comes again as a value
    "name vip|Ann vip|Bob .|Cy vip",
    "label a b|mean 1 2|median 3 4|sum 5 9",
    "day n|2024-01-01 5|2024-01-02 7|2024-01-03 12",  # a last row that is a sum, and has a day
    "a b c|x 5 6|y 7 8|. 13 15",  # a last row without a name that is no sum
]


@pytest.mark.parametrize("table", UNCHANGED)
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_usual_file_stays_as_it_is(table: str, mark: str) -> None:
    rows = written(table)
    text = "".join(mark.join(c or "" for c in row) + "\n" for row in rows)
    raw = read(text)
    assert lines(raw) == rows
    assert all("kept" in remark for remark in raw.remarks)


NAMES = ["name", "age", "kind", "total", "day", "kg", "m", "id", "rate %", "source", "#", "unit", "Sum"]
WORDS = [
    "Ann",
    "x",
    "kg",
    "%",
    "(note)",
    "#tag",
    "//u",
    "Source: x",
    "M",
    "a b",
    "n/a",
    "-",
    "EUR",
    "2 rows",
    "name",
]
FIELDS = [
    st.integers(-5, 2000).map(str),
    st.integers(0, 3).map(str),
    st.decimals(0, 99, places=2).map(str),
    st.dates().map(str),
    st.sampled_from(WORDS),
    st.integers(0, 999).map("id{}".format),
]
WHOLE_TABLES = st.lists(st.sampled_from(FIELDS), min_size=2, max_size=5).flatmap(
    lambda fields: st.tuples(
        st.lists(st.sampled_from(NAMES), min_size=len(fields), max_size=len(fields), unique=True),
        st.lists(st.tuples(*fields), min_size=1, max_size=60),
    )
)


@given(WHOLE_TABLES, st.sampled_from(",;\t"))
def test_a_table_alone_in_its_file_is_never_changed(
    table: tuple[list[str], list[tuple[str, ...]]], mark: str
) -> None:
    names, rows = table
    raw = read("".join(mark.join(row) + "\n" for row in (names, *rows)))
    assert lines(raw) == [tuple(names), *rows]


REFUSED = {
    "numbers above numbers": ("5,6\n7,8\n", ["line 1 looks like a row", "5,6", "Reading(header=0)", "header=1"]),
    "a row above rows": ("1,Ann,5.5\n2,Bob,6.5\n", ["line 1 looks like a row", "Reading(header=0)"]),
    "days above days": ("2024-01-01,x\n2024-01-02,y\n", ["line 1 looks like a row", "Reading(header=0)"]),
    "texts that come again": (
        "Ann,male,yes\nBob,male,no\nCy,female,yes\n",
        ["line 1 looks like a row", "male, yes come again", "Reading(header=0)"],
    ),
    "a year among names": ("2019,2\n5,6\n7,8\n", ["line 1 looks like a row"]),
    "names or a row": ("id,5,7.5\n1,6,8\n2,3,9\n", ["line 1 may have names or be a row"]),
    "a title or a name": ("Towns,\nname,town\nAnn,Rome\nBob,Oslo\n", ["not clear which line", "Towns,", "header=2"]),
    "a title above rows": ("Stock,,\nx,5,6\ny,7,8\n", ["not clear which line", "Reading(header=0)"]),
    "a comment or a header": ("# made, new\na,b\nx,y\nz,u\n", ["may be a comment", "Reading(header=1)", "header=2"]),
    "two lines of names": (
        "a,low,high\nx,min,max\ny,5,6\nz,7,8\n",
        ["line 1 has the names", "line 2 is no row", "skip_after_header=1", "Reading(header=2)"],
    ),
    "names below whole lines": (
        "By,Ann\nOn,2024-03-01\nday,n\n2024-03-01,5\n2024-03-02,6\n2024-03-03,7\n",
        ["line 3 is no row", "Reading(header=3)"],
    ),
    "an unknown line of units": ("a,b,c\n,xx,yy\nu,5,6\nv,7,8\n", ["line 2 is no row", "skip_after_header=1"]),
    "a file that is cut off": ("a,b\nx,5\ny\n", ["line 3 has 1 fields"]),
    "more fields than names": ("a,b\nx,5,6\ny,7,8\n", ["line 2 has 3 fields, the header has 2"]),
    "a short line below a title": ("Stock\na,b\nx,5\ny\nz,7\n", ["line 4 has 1 fields"]),
    "a short line below units and comments": ("# c\na,b\n,kg\nx,5\n# d\ny\nz,7\n", ["line 6 has 1 fields"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_clear_is_refused_with_its_lines_and_the_option(case: str) -> None:
    text, said = REFUSED[case]
    with pytest.raises(InputError) as error:
        read(text)
    message = str(error.value)
    assert [words for words in said if words not in message] == [], message
    assert is_well_worded(message), message


WHOLE = "Stock,,\nnew,,\n\na,b,c\n,kg,pcs\n#x,,\nx,5,-\ny,6,2\n#y,,\nTotal,11,2\n"

STATED = {
    "all": (WHOLE, Reading(header=4, skip_after_header=1, skip_footer=1, comment="#", nulls=("-",)), "a b c|x 5 .|y 6 2"),
    "no rows are skipped": (
        WHOLE,
        Reading(header=4, skip_after_header=0, skip_footer=0, comment="#"),
        "a b c|. kg pcs|x 5 -|y 6 2|Total 11 2",
    ),
    "a header that looks like a row": ("5,6\n7,8\n", Reading(header=1), "5 6|7 8"),
    "no header": ("5,6\n7,8\n", Reading(header=0), "column_1 column_2|5 6|7 8"),
    "no header, two lines above": (
        "T,\nU,\n5,6\n7,8\n",
        Reading(header=0, skip_after_header=2),
        "column_1 column_2|5 6|7 8",
    ),
    "a header below another": ("a,b\nc,d\n5,6\n", Reading(header=2), "c d|5 6"),
    "a header below blank lines": ("\n\na,b\n5,6\n", Reading(header=3), "a b|5 6"),
    "a header below the line of Excel": ("sep=;\na;b\n5;6\n", Reading(header=2), "a b|5 6"),
    "a footer without a line end": ("a,b\n5,6\n7,8", Reading(skip_footer=1), "a b|5 6"),
    "a footer above blank lines": ("a,b\n5,6\n7,8\n\n \n", Reading(skip_footer=1), "a b|5 6"),
    "windows line ends": ("T,\r\na,b\r\n,kg\r\nx,6\r\nz,8\r\n", Reading(header=2, skip_after_header=1, skip_footer=1), "a b|x 6"),
    "comments of two letters": ("a,b\n--5,6\n7,8\n", Reading(comment="--"), "a b|7 8"),
    "missing values with blanks": ("a,b\n5, n/a \n-,8\n", Reading(nulls=("n/a", "-")), "a b|5 .|. 8"),
    "a name that is missing elsewhere": ("a,-\n5,-\n-,8\n", Reading(nulls=("-",)), "a -|5 .|. 8"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATED)
def test_what_the_author_states_is_done_and_not_remarked(case: str) -> None:
    text, reading, right = STATED[case]
    raw = read(text, reading)
    assert lines(raw) == written(right)
    assert raw.remarks == ()


IMPOSSIBLE = [
    (Reading(header=4), ["has 3 lines", "header=4"]),
    (Reading(header=3), ["has 3 lines", "header=3", "no row is left"]),
    (Reading(skip_footer=9), ["has 3 lines", "skip_footer=9"]),
    (Reading(header=1, skip_after_header=1, skip_footer=1), ["has 3 lines", "skip_after_header=1, skip_footer=1"]),
    (Reading(header=0, skip_footer=3), ["has 3 lines", "skip_footer=3"]),
]  # fmt: skip


@pytest.mark.parametrize(("reading", "said"), IMPOSSIBLE)
def test_an_impossible_option_says_how_many_lines_there_are(reading: Reading, said: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read("a,b\n5,6\n7,8\n\n", reading)
    assert [words for words in said if words not in str(error.value)] == [], str(error.value)
    assert is_well_worded(str(error.value))


def test_a_file_of_which_no_line_is_left_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"has no rows: each of its lines is a comment, a footer or one to skip"
    ):
        read("#a,b\n#5,6\n7,8\n", Reading(comment="#", skip_footer=1))


def test_a_header_that_is_blank_is_refused() -> None:
    with pytest.raises(InputError, match="line 2, which header=2 names, is blank"):
        read("T\n\na,b\n5,6\n", Reading(header=2, delimiter=","))


def test_facts_are_for_programs() -> None:
    facts = read(WHOLE.replace("#x,,", "#x")).facts
    assert facts["header_line"] == "4"
    assert facts["units"] == "b: kg, c: pcs"
    assert facts["comment"] == "#"
    assert "Stock" in facts["lines_above"]


def test_lines_in_quotes_are_part_of_a_field() -> None:
    text = '# c\na,b\n5,"x\n# no comment\n\nSource: y"\n6,z\n# d\n7,"u\n(2 rows)"\n'
    assert read(text).table.rows() == [
        ("5", "x\n# no comment\n\nSource: y"),
        ("6", "z"),
        ("7", "u\n(2 rows)"),
    ]


def test_a_header_may_hold_a_line_end() -> None:
    raw = read('Stock\n"a\n(new)",b\n,kg\nx,5\ny,6\n')
    assert lines(raw) == [("a\n(new)", "b"), ("x", "5"), ("y", "6")]


def test_a_long_file_with_lines_around_is_read_whole() -> None:
    rows = [f"r{i},{i % 7},{i % 5}" for i in range(5_000)]
    total = f"Total,{sum(i % 7 for i in range(5_000))},{sum(i % 5 for i in range(5_000))}"
    raw = read("\n".join(["Stock", "a,b,c", ",kg,pcs", *rows, total, "", "Source: x"]))
    assert raw.table.height == 5_000
    assert len(raw.remarks) == 4
