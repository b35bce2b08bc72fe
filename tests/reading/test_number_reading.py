"""Numbers in texts: which marks are decimal and which between thousands, from all the evidence."""

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.contracts.schema import Column
from magical.reading.casting import CastResult, cast
from magical.reading.number_reading import TableEvidence, normalize_marks

FAILED = object()
OPEN = object()


def read(texts: list[str | None], kind: str = "float", evidence: Any = None, **marks: str) -> CastResult:
    return cast(pl.Series("x", texts, dtype=pl.String), Column("x", kind, **marks), evidence)


def values(found: CastResult) -> Any:
    if found.conflict:
        return OPEN
    return [FAILED if f else v for v, f in zip(found.values.to_list(), found.failed.to_list(), strict=True)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        # Two marks in one value: the last is the decimal mark.
        (["1.234,5", "1.498"], [1234.5, 1498]),
        (["1,234.5", "1,498"], [1234.5, 1498]),
        (["1 234,5", "1,498"], [1234.5, 1.498]),
        (["1'234.5", "1.498"], [1234.5, 1.498]),
        (["1.234.567,89"], [1234567.89]),
        (["12,34,567.5"], [1234567.5]),
        # The same mark twice stands between thousands.
        (["1.234.567", "1.498"], [1234567, 1498]),
        (["1,234,567", "1,498"], [1234567, 1498]),
        (["12,34,567", "5,000"], [1234567, 5000]),
        (["1.2.3", "5"], [FAILED, 5]),
        (["1,23", "1,234,5"], [1.23, FAILED]),
        # Other than three digits after a single mark, a leading 0, or more than three digits before it.
        (["1,5", "1,498"], [1.5, 1.498]),
        (["1.5", "1.498"], [1.5, 1.498]),
        (["0.125", "1.498"], [0.125, 1.498]),
        (["0,125", "1,498"], [0.125, 1.498]),
        (["1234.567", "1.498"], [1234.567, 1.498]),
        (["1234,567", "1,498"], [1234.567, 1.498]),
        ([".500", "1.498"], [0.5, 1.498]),
        ([",500", "1,498"], [0.5, 1.498]),
        (["1.498e3", "1.498"], [1498, 1.498]),
        (["1,5E+03", "1,498"], [1500, 1.498]),
        # Marks that are never decimal.
        (["69'425", "7"], [69425, 7]),
        (["69\u2019425"], [69425]),
        (["69 425", "1 234 567"], [69425, 1234567]),
        (["69\u00a0425", "69\u202f425", "69\u2009425"], [69425] * 3),
        (["69_425"], [69425]),
        (["69'42", "6 94"], [FAILED, FAILED]),
        (["1'234 567"], [FAILED]),
        # All the marked values look like thousands: the others decide.
        (["3,663", "249"], [3663, 249]),
        (["1.498", "889", "12"], [1498, 889, 12]),
        (["1.498", "1500"], [1.498, 1500]),
        (["1,498", "12000"], [1.498, 12000]),
        (["1.498", "1 500"], [1.498, 1500]),
        (["-1.498", "889"], [-1498, 889]),
        # Nothing decides.
        (["1.498"], OPEN),
        (["1,234", "2,345"], OPEN),
        (["1.498", "2,345", "17"], OPEN),
        (["1.498", None], OPEN),
        (["1.498 kg"], OPEN),
        # A contradiction: the values of the minority, and those that could be either, cannot be read.
        (["1.5", "2.5", "3,5", "1,234"], [1.5, 2.5, FAILED, FAILED]),
        (["1,5", "2,25", "1,234.5", "7"], [1.5, 2.25, FAILED, 7]),
        (["1,5", "1,234.5", "7"], [FAILED, FAILED, 7]),
    ],
)  # fmt: skip
def test_the_column_decides(texts: list[str | None], expected: Any) -> None:
    assert values(read(texts)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["$2,248.60", "$167.35"], [2248.6, 167.35]),
        (["US$5", "R$ 6", "7"], OPEN),
        (["€ 1.234,56", "12,00 €", "-€3,5", "€ -4", "- 5,25 €"], [1234.56, 12, -3.5, -4, -5.25]),
        (["£5", "5"], [5, 5]),
        (["CHF 1'234.50", "7.25 CHF"], [1234.5, 7.25]),
        (["1 234 kr", "kr. 5"], [1234, 5]),
        (["5,5 zł", "6,25 zł"], [5.5, 6.25]),
        (["₹12,34,567", "₹5,000"], [1234567, 5000]),
        (["Rs. 500", "Rs. 1,250.5"], [500, 1250.5]),
        (["¥500", "500 JPY"], OPEN),
        (["90%", "12.5 %", "-3%"], [90, 12.5, -3]),
        (["90%", "5%", "0"], [90, 5, 0]),
        (["90%", "5%", "0.5"], OPEN),
        (["(83.01)", "48.61"], [-83.01, 48.61]),
        (["($5.00)", "$(6.50)", "(7)"], [-5, -6.5, -7]),
        (["(-5)", "(5", "5)", "--5", "5-6", "5.-"], [FAILED] * 6),
        (["5.00-", "\u22126.5", "\u20137", "+8"], [-5, -6.5, -7, 8]),
        (["1e5", "1E-2", "-1.5e+3"], [1e5, 0.01, -1500]),
        (["12 kg", "3.5 kg", "1,234.5 kg"], [12, 3.5, 1234.5]),
        (["12kg", "3kg"], [12, 3]),
        (["36 months", "60 months"], [36, 60]),
        (["20.5 °C", "-3 °C"], [20.5, -3]),
        (["12 km/h", "3 km/h"], [12, 3]),
        (["12 kg", "3 g"], OPEN),
        (["$5", "€6"], OPEN),
        (["12 kg", "3 kg", "7"], [12, 3, FAILED]),
        (["12", "3", "4", "7 apples", "5 pears"], [12, 3, 4, FAILED, FAILED]),
        (["12 March", "5 pm", "1st", "0x1F", "12:30", "2020-01-31", "10-20"], [FAILED] * 7),
        (["inf", "-Infinity", "1e999", "nan", "NA", "-", ""], [FAILED] * 3 + [None] * 4),
        (["$", "%", "kg", ".", ",", "'"], [FAILED] * 6),
    ],
)  # fmt: skip
def test_what_stands_around_a_number_is_left_out(texts: list[str | None], expected: Any) -> None:
    assert values(read(texts)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1.498", "889"], [1498, 889]),
        (["1.498"], [1498]),
        (["1,498", "2,000"], [1498, 2000]),
        (["1.000", "2.000"], OPEN),
        (["1.498", "5000"], OPEN),
        (["1.498", "2,345"], OPEN),
        (["12.0", "1,234.00"], [12, 1234]),
        (["12,0", "1.234,00"], [12, 1234]),
        (["12.5", "3"], [FAILED, 3]),
        (["$1,234", "$5"], [1234, 5]),
        (["1e3", "1.5e1"], [1000, 15]),
        (["9007199254740993", "9,007,199,254,740,993", "9007199254740993.0"], [2**53 + 1] * 3),
        (["9 007 199 254 740 993", "-9 007 199 254 740 993"], [2**53 + 1, -(2**53) - 1]),
        (["9007199254740992.5", "9.007199254740993e15", "99999999999999999999"], [FAILED] * 3),
        (["1_000"], [1000]),
    ],
)  # fmt: skip
def test_int_leaves_one_reading(texts: list[str | None], expected: Any) -> None:
    assert values(read(texts, "int")) == expected


@pytest.mark.parametrize(
    ("marks", "texts", "expected"),
    [
        ({"decimal": "."}, ["1.498", "889"], [1.498, 889]),
        ({"decimal": "."}, ["1,498"], [1498]),
        ({"decimal": ","}, ["1.498"], [1498]),
        ({"decimal": ","}, ["1,498", "1 498"], [1.498, 1498]),
        ({"thousands": "."}, ["1.498", "1500"], [1498, 1500]),
        ({"thousands": ","}, ["1,498", "1.498"], [1498, 1.498]),
        ({"thousands": "'"}, ["1'498", "1.498", "1,498"], [1498, 1.498, 1.498]),
        ({"decimal": ",", "thousands": "."}, ["1.498,5", "1,498", "1.498"], [1498.5, 1.498, 1498]),
        ({"decimal": ".", "thousands": " "}, ["1 498", "1.498", "1,498"], [1498, 1.498, FAILED]),
        # Plain texts that have one reading only, such as `ingest` writes them by the same marks.
        ({"decimal": ","}, ["1498.5", "1.4980"], [1498.5, 1.498]),
    ],
)  # fmt: skip
def test_what_the_contract_states_wins_in_the_batch_and_row_by_row(
    marks: dict[str, str], texts: list[str], expected: list[Any]
) -> None:
    assert values(read(texts, **marks)) == expected
    assert [values(read([text], **marks))[0] for text in texts] == expected
    assert read(texts, **marks).remark == ""
