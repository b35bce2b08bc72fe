"""Which of the first and last lines of a file are names, rows, or neither."""

import pytest

from magical.errors import InputError
from magical.reading.file_shape import (
    FileHead,
    FileLine,
    count_footers,
    count_unit_lines,
    describe_head,
    drop_comments,
    find_comment,
    find_header,
)


def lines(text: str) -> list[FileLine]:
    rows = [tuple(c.strip() for c in row.split(",")) if row else () for row in text.split("\n")]
    return [FileLine(i, ",".join(row), row) for i, row in enumerate(rows, 1)]


def head(text: str) -> FileHead:
    return describe_head(lines(text), "a.csv")


def test_the_width_and_the_kinds_are_those_of_the_later_lines() -> None:
    found = head("Stock\nby,Ann\nitem,day,n\nx,2024-01-01,5\n\ny,2024-01-02,\nz,2024-01-03,-")
    assert found.width == 3
    assert found.types == {1: "date"}
    assert head("a,b\nx,1.5\ny,$7\nz,(3)\nu,5%\nv,1'000").types == {1: "number"}
    assert head("a,b\nx,1 kg\ny,A7\nz,no").types == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a,b\n1,2\n3,4", 0),
        ("Stock\na,b\n1,2\n3,4", 1),
        ("Stock\n\nnew\na,b\n1,2\n3,4", 2),
        (",b\n1,2\n3,4", 0),
        ("a,,c\n1,2,3\n4,5,6", 0),
        ("a\n1\n2", 0),
        (
            "Data Source,Indicators,\nUpdated,2024-03-28,\nname,code,2019,2020,2021,\nx,X,5,9,7,\ny,Y,8,2020,9,",
            2,
        ),
        ("geo,2019,2020,2021\nA,12.3,11 p,:\nB,10.1,9.8,9.5 e\nC,:,8.8,7.7 b", 0),
        ("a,b", 0),
        ("", 0),
    ],
)
def test_the_header_is_the_first_whole_line_above_the_rows(text: str, place: int) -> None:
    assert find_header(head(text)).place == place


@pytest.mark.parametrize(
    "unit",
    ["kg", "m/s", "m/s^2", "kWh", "°C", "µg/m3", "1/min", "W·h", "k€", "Mio. EUR", "sq ft", "deg C", "[any]", "(s)",
     "#", "pcs", "Stk"],
)  # fmt: skip
def test_units_above_numbers_are_no_row(unit: str) -> None:
    assert count_unit_lines(head(f"a,b\n,{unit}\nx,5\ny,7")) == 1


@pytest.mark.parametrize("row", ["x,kg", "x,", ",5", "Ann,yes", ",unknown"])
def test_a_first_row_is_no_line_of_units(row: str) -> None:
    assert count_unit_lines(head(f"a,b\n{row}\ny,5\nz,7")) == 0


def test_units_above_texts_are_a_row() -> None:
    assert count_unit_lines(head("size,unit\nkg,m\ncm,s\nh,kg")) == 0


def test_a_second_line_of_names_is_refused() -> None:
    with pytest.raises(InputError, match="line 2 is no row either"):
        count_unit_lines(head("a,b,c\nday,low,high\nx,5,6\ny,7,8"))


@pytest.mark.parametrize(
    ("end", "count"),
    [
        ("(2 rows affected)", 1),
        ("2 rows selected.", 1),
        ("Source: WHO", 1),
        ("Quelle: Amt", 1),
        ("* estimated", 1),
        ("exported by Ann", 1),
        ("\nwithout Wales", 1),
        ("\nwithout Wales\nor Kent", 2),
        ("(2 rows)\n\nSource: WHO", 3),
        ("Ann", 0),  # cut off
        ("5", 0),
        ("\n5", 0),
        ("Source: WHO,5", 0),
    ],
)
def test_a_footer_is_worded_like_one_or_stands_apart(end: str, count: int) -> None:
    assert count_footers(lines(f"x,5\ny,7\n{end}"), 2) == count


def test_a_row_with_one_field_is_a_footer_only_by_its_words() -> None:
    assert count_footers(lines("x,5,6\nAnn,,"), 3) == 0
    assert count_footers(lines("x,5,6\nSource: WHO,,"), 3) == 1


@pytest.mark.parametrize(
    ("text", "prefix", "left"),
    [
        ("# c\na,b\n1,2", "#", 2),
        ("// c\n// d\na,b\n1,2", "//", 2),
        ("a,b\n1,2\n% c\n3,4", "%", 3),
        ("# c, d\na,b\n1,2\n3,4", "#", 3),
        ("#a,b\n1,2\n3,4", "", 3),
        ("# a,b\n1,2\n3,4", "", 3),
        ("## c\n#a,b\n1,2\n3,4", "#", 3),
        ("#,b\n#x,c\ny,d\nz,e", "", 4),
        ("#t,n\n#x,1\n#y,2", "", 3),
        ("t,n\n#x,1\n#y,2", "", 3),
        ("# hot\nt,n\n#x,1\n#y,2", "#", 3),
    ],
)
def test_comments_are_told_from_names_and_values(text: str, prefix: str, left: int) -> None:
    assert find_comment(head(text)) == prefix
    assert len(drop_comments(head(text), prefix or "#").lines) == left
