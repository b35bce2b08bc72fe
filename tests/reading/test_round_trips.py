"""Round trips: a table that is written by any dialect is read back equal, or it is refused; never different."""

import csv
import datetime as dt
import io
import itertools
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from magical import Contract, InputPath
from magical.errors import MagicalError
from magical.library import Reading, ingest, model_data
from reading.case_reading import listening


class Row(Contract):
    number: int
    text: str | None
    count: int | None
    amount: float | None
    ok: bool | None
    day: dt.date | None


COLUMNS = ("number", "text", "count", "amount", "ok", "day")
Record = tuple[int, str | None, int | None, float | None, bool | None, dt.date | None]


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str = ","
    quoting: int = csv.QUOTE_MINIMAL
    encoding: str = "utf-8"
    line_end: str = "\n"
    decimal: str = "."
    thousands: str = ""
    places: int = 2
    words: tuple[str, str] = ("true", "false")

    def write(self, rows: Sequence[Record], order: Sequence[str] = COLUMNS) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(
            text, delimiter=self.delimiter, quoting=self.quoting, lineterminator=self.line_end
        )
        writer.writerow(order)
        places = [COLUMNS.index(name) for name in order]
        writer.writerows([self.as_text(row[i]) for i in places] for row in rows)
        return text.getvalue().encode(self.encoding)

    def as_text(self, value: Any) -> str:
        match value:
            case None:
                return ""
            case bool():
                return self.words[not value]
            case int():
                return f"{value:,}".replace(",", self.thousands)
            case float():
                whole, _, part = f"{value:,.{self.places}f}".partition(".")
                return whole.replace(",", self.thousands) + self.decimal + part
            case _:  # a machine with its own line ends has them in texts too
                return str(value).replace("\n", "\r" if self.line_end == "\r" else "\n")

    def stated(self) -> Reading:
        """Return all that an author can say of the file."""
        return Reading(
            header=1,
            skip_after_header=0,
            skip_footer=0,
            delimiter=self.delimiter,
            quote='"',
            encoding=self.encoding,
            decimal=self.decimal,
            thousands=self.thousands or None,
        )


WITHOUT_EXPLANATION = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # it takes minutes
MARKS = [(".", ""), (",", ""), (".", ","), (",", "."), (".", "'"), (",", " "), (".", " ")]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]
WORDS = [("true", "false"), ("yes", "no"), ("ja", "nein"), ("1", "0")]


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    decimal, thousands = draw(st.sampled_from(MARKS))
    return Dialect(
        delimiter=draw(st.sampled_from(",;\t|")),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        encoding=draw(st.sampled_from(ENCODINGS)),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        decimal=decimal,
        thousands=thousands,
        places=draw(st.integers(1, 4)),
        words=draw(st.sampled_from(WORDS)),
    )


WORDS_LIKE_OTHERS = [
    "Total",
    "# note",
    "Sum",
    "kg",
    "Smith, John",
    'say "no"',
    "it's",
    "a;b",
    "NA",
    "-",
    "sep=;",
    "12",
]
TEXTS = st.sampled_from(WORDS_LIKE_OTHERS) | st.text("ab ,;|\t\"'\n#-1.é東", max_size=12).filter(
    lambda t: not re.search(r"\d.*[.,]|[.,].*\d", t)  # texts that are numbers are evidence for other columns
)


def rows_of(places: int) -> st.SearchStrategy[list[Record]]:
    amounts = st.integers(-(10**7), 10**7).map(lambda n: n / 10**places)
    record = st.tuples(
        st.integers(0, 10**6),
        st.none() | TEXTS,
        st.none() | st.integers(-(10**6), 10**6),
        st.none() | amounts,
        st.none() | st.booleans(),
        st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)),
    )
    return st.lists(record, min_size=1, max_size=8)


def read_back(data: bytes, reading: Reading) -> tuple[list[Record], str]:
    """Return the rows that are read, and what is said on the way."""
    with tempfile.TemporaryDirectory() as folder, listening(Path(folder)) as run:
        path = Path(folder, "table.csv")
        path.write_bytes(data)
        rows = model_data(ingest(InputPath(path), reading), Row).select(COLUMNS).rows()
        return rows, "\n".join(run.lines)  # type: ignore[return-value]


def as_read(rows: Sequence[Record]) -> list[Record]:
    """Return the rows as a contract sees them: blanks around a text are no part of it, an empty text is missing."""
    stripped = pl.Series([r[1] for r in rows], dtype=pl.String).str.strip_chars().replace("", None)
    return [(r[0], text, *r[2:]) for r, text in zip(rows, stripped, strict=True)]  # type: ignore[misc]


@settings(
    max_examples=40, phases=WITHOUT_EXPLANATION, suppress_health_check=[HealthCheck.too_slow], deadline=None
)
@given(st.data(), dialects(), st.permutations(COLUMNS))
def test_what_is_written_is_read_back_or_refused(
    data: st.DataObject, dialect: Dialect, order: list[str]
) -> None:
    rows = data.draw(rows_of(dialect.places))
    try:
        found, said = read_back(dialect.write(rows, order), Reading())
    except MagicalError:
        return
    if "the last row is a total of those above" in said:  # by chance it is: it is left out, and said to be
        found.append(as_read(rows)[-1])
    assert found == as_read(rows), said


@settings(
    max_examples=40, phases=WITHOUT_EXPLANATION, suppress_health_check=[HealthCheck.too_slow], deadline=None
)
@given(st.data(), dialects(), st.permutations(COLUMNS))
def test_what_is_stated_is_never_refused(data: st.DataObject, dialect: Dialect, order: list[str]) -> None:
    rows = data.draw(rows_of(dialect.places))
    assert read_back(dialect.write(rows, order), dialect.stated())[0] == as_read(rows)


PLAIN: list[Record] = [
    (1, "Smith, John", 1_234_567, 1234.56, True, dt.date(2024, 3, 27)),
    (2, 'the "old" one', 12, -0.25, False, dt.date(2023, 12, 31)),
    (3, "first\nsecond", None, None, None, None),
    (4, "Łódź; 東京 | Köln", -45_678, 99999.0, True, dt.date(1999, 1, 1)),
    (5, None, 999, 3.75, False, dt.date(2024, 2, 29)),
]


@pytest.mark.parametrize("marks", MARKS, ids=str)
@pytest.mark.parametrize("delimiter", list(",;\t|"), ids=["comma", "semicolon", "tab", "pipe"])
def test_a_file_without_a_doubt_is_read_in_each_dialect(delimiter: str, marks: tuple[str, str]) -> None:
    for quoting, (encoding, line_end) in itertools.product(
        (csv.QUOTE_MINIMAL, csv.QUOTE_ALL), zip(ENCODINGS, ["\n", "\r\n", "\n", "\r\n", "\n"], strict=True)
    ):
        dialect = Dialect(delimiter, quoting, encoding, line_end, *marks)
        assert read_back(dialect.write(PLAIN), Reading())[0] == PLAIN, dialect
