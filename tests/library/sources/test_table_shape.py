"""Totals, repeated headers and the names of columns, in tables of texts."""

import polars as pl
import pytest

from magical.library.sources.table_shape import drop_repeated_headers, drop_totals, name_columns


def texts(*rows: str) -> pl.DataFrame:
    """Make a table of rows with blanks between their fields; a dot is an empty field."""
    fields = [[None if c == "." else c for c in row.split()] for row in rows]
    return pl.DataFrame(fields, orient="row", schema=[f"c{i}" for i in range(len(fields[0]))])


@pytest.mark.parametrize(
    "row",
    ["Total 12 3", "SUM: 12 3", "Summe 12 3", "Grand-Total 12 3", "insgesamt 12 .", "Total 12 9", "Mean 6 1.5",
     "Average 6.0 1.5", "Total 12.00 3.0", ". 12 3", "Total - 3", "Итого 12 3"],
)  # fmt: skip
def test_a_row_of_sums_or_means_is_dropped(row: str) -> None:
    table, remarks = drop_totals(texts("x 5 1", "y 7 2", row.replace("Grand-Total", "Subtotal")), "a.csv")
    assert table.rows() == [("x", "5", "1"), ("y", "7", "2")]
    assert len(remarks) == 1


@pytest.mark.parametrize(
    ("row", "is_said"),
    [
        ("Total 13 4", True),
        ("Total 6 1.5", True),  # means are no totals
        ("Mean 12 3", True),
        ("Total 12 x", True),  # a total has no other words
        ("Total . .", True),
        ("Totals-Inc 12 3", False),
        ("z 12 3", False),
        (". 12 4", False),
        (". 12 .", False),
        ("Total,Inc 12 3", False),
    ],
)
def test_a_row_that_is_no_sum_stays(row: str, is_said: bool) -> None:
    rows = texts("x 5 1", "y 7 2", row)
    table, remarks = drop_totals(rows, "a.csv")
    assert table.equals(rows)
    assert bool(remarks) == is_said


def test_a_word_of_the_column_is_no_total() -> None:
    rows = texts("Total 5 1", "y 7 2", "Total 12 3")
    assert drop_totals(rows, "a.csv")[0].equals(rows)


def test_a_table_of_one_row_has_no_total() -> None:
    assert drop_totals(texts("Total 5"), "a.csv")[0].height == 1


def test_marks_of_thousands_are_read_as_they_are_in_the_column() -> None:
    for rows in (["x 1.500,25", "y 2.000", "Total 3.500,25"], ["x 1,500.25", "y 2,000", "Total 3,500.25"]):
        assert drop_totals(texts(*rows), "a.csv")[0].height == 2
    assert drop_totals(texts("x $1'500", "y $2'000", "Total $3'500"), "a.csv")[0].height == 2


def test_values_that_are_no_numbers_are_no_part_of_a_sum() -> None:
    assert drop_totals(texts("x 5", "y n/a", "z .", "u 7", "Total 12"), "a.csv")[0].height == 4


def test_only_whole_headers_are_dropped() -> None:
    rows, remarks = drop_repeated_headers(texts("a b", "a c", "1 2", "a b"), ["a", "b"], "d.csv")
    assert rows.rows() == [("a", "c"), ("1", "2")]
    assert remarks == ["d.csv: lines that repeat the header are left out: 2."]


def test_a_header_with_blank_names_is_found_again() -> None:
    assert drop_repeated_headers(texts(". b", "1 2"), [None, "b"], "d.csv")[0].rows() == [("1", "2")]


def test_names_are_unique_and_never_blank() -> None:
    table, remarks = name_columns(
        texts("1 2 3 4 5", "5 6 7 8 9"), [" a ", "a", None, "unnamed_3", " "], "d.csv"
    )
    assert table.columns == ["a", "a_2", "unnamed_4", "unnamed_3", "unnamed_5"]
    assert len(remarks) == 2


def test_an_empty_column_with_a_name_stays() -> None:
    assert name_columns(texts("1 .", "2 ."), ["a", "b"], "d.csv")[0].columns == ["a", "b"]
    assert name_columns(texts(". 1", ". 2"), ["", "b"], "d.csv")[0].columns == ["unnamed_1", "b"]


def test_a_total_may_say_of_what() -> None:
    rows = pl.DataFrame({"a": ["x", "y", "Total: Account"], "n": ["5", "7", "12"], "q": ["1%", "2%", "1.5%"]})
    assert drop_totals(rows, "a.csv")[0].height == 2


def test_sums_in_a_row_without_a_word_are_said_where_the_others_are_none() -> None:
    rows = texts("x 5 1:02", "y 7 3:04", "z 8 1:01", ". 20 2:07")
    table, remarks = drop_totals(rows, "a.csv")
    assert table.height == 4
    assert "skip_footer=1" in remarks[0]
    assert drop_totals(texts("x 5 1:02", "y 7 3:04", ". 7 2:07"), "a.csv")[1] == []
