"""Encodings and delimiters, and the files that the fast reader may read."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.reading.csv_dialect import (
    DELIMITERS,
    Dialect,
    decode_csv,
    detect_dialect,
    is_regular,
    read_records,
)

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


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=2))
def test_utf8_and_utf16_decode_to_the_same(text: str) -> None:
    assert decode_csv(text.encode("utf-16"), "t.csv")[0] == text.encode("utf-16").decode("utf-16").encode()
    assert decode_csv(text.encode("utf-8-sig"), "t.csv")[0] == text.encode()
