"""Dates with a comma in csv files of commas: quoted where the numbers of fields show it, else left alone."""

import pytest

from magical.library import Reading
from magical.library.sources.csv_file import read_csv
from magical.reading.date_commas import quote_comma_dates


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (b"id,day\n1,Mar 27, 2024\n", b'id,day\n1,"Mar 27, 2024"\n'),
        (
            b"day,n\r\nMarch 27, 2024,1\r\n2024-03-28,2\r\n",
            b'day,n\r\n"March 27, 2024",1\r\n2024-03-28,2\r\n',
        ),
        (b"a,b\nMar 27, 2024,Mar 28, 2024 10:00\n", b'a,b\n"Mar 27, 2024","Mar 28, 2024 10:00"\n'),
        (b'a,b\n"x, y",1\nMar 27, 2024,2\n', b'a,b\n"x, y",1\n"Mar 27, 2024",2\n'),
    ],
)
def test_dates_are_quoted_if_their_lines_have_a_field_too_many(text: bytes, quoted: bytes) -> None:
    found, remark = quote_comma_dates(text, "a.csv")
    assert found == quoted
    assert "27, 2024'" in remark


@pytest.mark.parametrize(
    "text",
    [
        b"id,day,year\n1,Mar 27, 2024\n",
        b'id,day\n1,"Mar 27, 2024"\n',
        b"id,day\n1,Mar 27, 2024\n2,Mar 28, 2024,5\n",
        b"id,day\n1,2024-03-27\n",
        b"",
    ],
)
def test_other_lines_are_left_as_they_are(text: bytes) -> None:
    assert quote_comma_dates(text, "a.csv") == (text, "")


def test_a_file_with_such_dates_is_read_with_a_remark() -> None:
    raw = read_csv(b"id,day,n\n1,Mar 27, 2024,4\n2,28.03.2024,3\n", "a.csv", Reading())
    assert raw.table.rows() == [("1", "Mar 27, 2024", "4"), ("2", "28.03.2024", "3")]
    assert "the comma in 'Mar 27, 2024' is taken as a part of the date" in raw.remarks[0]
