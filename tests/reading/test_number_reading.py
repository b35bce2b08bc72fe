"""Numbers in texts: which marks are decimal and which between thousands, from all the evidence."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
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
        (["1.5"] * 10 + ["3,5", "1.498", "1,498"], [1.5] * 10 + [FAILED, 1.498, FAILED]),
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
        (["12A", "13A", "7k"], [FAILED, FAILED, 7]),
        (["36 months", "60 months"], [36, 60]),
        (["20.5 °C", "-3 °C"], [20.5, -3]),
        (["12 km/h", "3 km/h"], [12, 3]),
        (["12 kg", "3 g"], OPEN),
        (["$5", "€6"], OPEN),
        (["12 kg", "3 kg", "7"], [12, 3, FAILED]),
        (["12", "3", "4", "7 apples", "5 pears"], [12, 3, 4, FAILED, FAILED]),
        (["12 March", "5 pm", "1st", "0x1F", "12:30", "2020-01-31", "10-20"], [FAILED] * 7),
        (["inf", "-Infinity", "1e999", "nan", "NA", "-", ""], [FAILED] * 3 + [None] * 4),
        (["$", "%", "kg", ",", "'"], [FAILED] * 5),
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
        ({"decimal": "."}, ["1,5", "1.5"], [FAILED, 1.5]),
        ({"thousands": ","}, ["1,5", "1,498.5"], [FAILED, 1498.5]),
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


@pytest.mark.parametrize(
    ("texts", "kind", "remark"),
    [
        (
            ["249", "3,663"],
            "float",
            "x: '3,663' is read as 3663 (comma between thousands); as a decimal mark it would be 3.663",
        ),
        (
            ["1.000", "2.498"],
            "int",
            "x: '2.498' is read as 2498 (point between thousands); as a decimal mark it would be 2.498",
        ),
        (
            ["-1.498", "5000"],
            "float",
            "x: '-1.498' is read as -1.498 (point as decimal mark); between thousands it would be -1498",
        ),
        (["90%", "5%"], "float", "x: '90%' is read as 90 (percent); as a share it would be 0.9"),
        (["12k"], "int", "x: '12k' is read as 12 (without the unit k); as a multiple it would be 12000"),
        (
            ["(5.5)", "1"],
            "float",
            "x: '(5.5)' is read as -5.5 (brackets for a negative number); as a positive number it would be 5.5",
        ),
        (["5 k€"], "float", "x: '5 k€' is read as 5 (without the unit k€); as a multiple it would be 5000"),
        (["5 T€"], "float", "x: '5 T€' is read as 5 (without the unit T€); as a multiple it would be 5000"),
        (
            ["5 TEUR"],
            "int",
            "x: '5 TEUR' is read as 5 (without the unit TEUR); as a multiple it would be 5000",
        ),
        (
            ["1,5 Mio. EUR"],
            "float",
            "x: '1,5 Mio. EUR' is read as 1.5 (without the unit Mio. EUR); as a multiple it would be 1500000",
        ),
        (
            ["33.9 S"],
            "float",
            "x: '33.9 S' is read as 33.9 (without the unit S); on the other side it would be -33.9",
        ),
        (
            ["5.5 Dr"],
            "float",
            "x: '5.5 Dr' is read as 5.5 (without the unit Dr); on the other side it would be -5.5",
        ),
        (["5 t", "7 t"], "int", ""),
        (["$2,248.60", "$5"], "float", ""),
        (["1.5", "1.498", "2,500.5"], "float", ""),
        (["12 kg"], "float", ""),
        (["1234.5", "7"], "float", ""),
        (["1'498", "5.00-"], "float", ""),
    ],
)
def test_what_another_reader_could_dispute_is_remarked(texts: list[str], kind: str, remark: str) -> None:
    assert read(texts, kind).remark == remark


OTHERS: dict[str, dict[str, Any]] = {
    "commas": {"y": ["3,73", None, "-"]},
    "points": {"y": ["3.73"], "name": ["Bonn"]},
    "both": {"y": ["3,73"], "z": ["3.73"]},
    "late": {"y": ["7"] * 2000 + ["3,73"]},
    "none": {"y": ["373"], "z": ["1.498"], "name": ["a,5"], "n": [1.5]},
    "codes": {"y": ["01.2020", "11.2021"]},
    "dates": {"y": ["31.12.2020"], "z": ["10.0.0.1"]},
}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ("commas", [1498]),
        ("points", [1.498]),
        ("late", [1498]),
        ("both", OPEN),
        ("none", OPEN),
        ("codes", OPEN),
        ("dates", OPEN),
    ],
)
def test_other_columns_of_the_table_decide(others: str, expected: Any) -> None:
    height = max(map(len, OTHERS[others].values()))
    columns = {name: (texts * height)[:height] for name, texts in OTHERS[others].items()}
    evidence = TableEvidence(pl.DataFrame({"x": ["1.498"] * height, **columns}, strict=False))
    found = read(["1.498"], evidence=evidence)
    assert values(found) == expected
    assert (found.remark == "") is (expected is OPEN)


def test_evidence_against_each_other_is_a_conflict() -> None:
    points = TableEvidence(pl.DataFrame({"y": ["3.73"]}))
    commas = TableEvidence(pl.DataFrame({"y": ["3,73"]}))
    assert values(read(["1.498", "7"], evidence=points)) is OPEN
    assert values(read(["1.498", "7"], "int", evidence=points)) == [1498, 7]
    assert values(read(["1.498"], "int", evidence=points)) is OPEN
    assert values(read(["1.498", "5000"], "int", evidence=commas)) == [1498, 5000]
    assert values(read(["1.498", "2,345"], evidence=commas)) == [1498, 2.345]


def test_the_table_is_looked_at_only_for_an_open_column() -> None:
    class Untouched(TableEvidence):
        def decimal_mark(self, besides: str) -> str:
            raise AssertionError(besides)

    evidence = Untouched(pl.DataFrame())
    assert values(read(["1.5", "1.498"], evidence=evidence)) == [1.5, 1.498]
    assert values(read(["1,5", "1.498"], evidence=evidence)) == [1.5, 1498]
    assert values(read(["1.498"], decimal=".", evidence=evidence)) == [1.498]


def test_a_conflict_names_both_readings_and_the_marks_that_decide() -> None:
    found = read(["1,000", "1,234"])
    assert found.conflict == (
        "'1,234' is 1.234 if the comma is the decimal mark, and 1234 if it stands between thousands"
    )
    assert found.fixes == ('Decimal(",")', 'Thousands(",")')
    assert read(["12 kg", "3 g", "4 g"]).conflict == "'3 g' and '12 kg' have different units"
    assert read(["90%", "0.5"]).conflict == "'90%' is in percent, and '0.5' is not"


def test_a_column_is_not_changed_by_being_read() -> None:
    texts = pl.Series("x", ["$5", "1,5", None])
    cast(texts, Column("x", "float"))
    normalize_marks(texts, ",")
    assert texts.to_list() == ["$5", "1,5", None]


@pytest.mark.parametrize(
    ("marks", "texts", "expected"),
    [
        ((",", "."), ["1.498,5", "1,498", "1.498", "-7,5", "7"], ["1498.5", "1.4980", "1498", "-7.5", "7"]),
        ((",", None), ["1.498", "1 498,25", "1'498", "0,125"], ["1498", "1498.25", "1498", "0.1250"]),
        ((".", None), ["1.498", "1,498", "1,498.5"], ["1.4980", "1498", "1498.5"]),
        ((None, "."), ["1.498", "1,498"], ["1498", "1.4980"]),
        ((None, " "), ["1 498,5", "1,498", "1.498"], ["1498.5", "1.4980", "1.4980"]),
        ((",", None), ["1.498,50 €", "(1,5)", "-$2,5", "90,5 %", "CHF 1.000"],
         ["€1498.50", "-1.5", "$-2.5", "90.5 %", "CHF1000"]),
        ((",", None), ["1,5E+03"], ["1.5E+03"]),
        ((",", "."), ["31.12.2020", "Bonn, 3", "10.0.0.1", "1.2", "12:30", "", None, "inf", "3.5.2"],
         ["31.12.2020", "Bonn, 3", "10.0.0.1", "1.2", "12:30", "", None, "inf", "3.5.2"]),
        ((None, None), ["1,5", "1.498"], ["1,5", "1.498"]),
    ],
)  # fmt: skip
def test_stated_marks_are_rewritten_to_a_form_with_one_reading(
    marks: tuple[str | None, str | None], texts: list[str | None], expected: list[str | None]
) -> None:
    assert normalize_marks(pl.Series(texts), *marks).to_list() == expected


def test_columns_that_are_no_texts_have_no_marks() -> None:
    assert normalize_marks(pl.Series([1.5]), ",").to_list() == [1.5]


THOUSANDS_MARKS = {".": ["", ",", "'", " ", "_", "\u2009", "\u00a0"], ",": ["", ".", "'", " ", "_", "\u202f"]}
styles = st.sampled_from([(decimal, t) for decimal, marks in THOUSANDS_MARKS.items() for t in marks])
affixes = st.sampled_from([("", ""), ("$", ""), ("", " €"), ("CHF ", ""), ("", " kg"), ("", "%")])
numbers = st.lists(
    st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 4)).map(lambda t: (t[0] / 10 ** t[1], t[1])),
    min_size=1,
    max_size=6,
)


def write(number: float, digits: int, style: tuple[str, str], affix: tuple[str, str]) -> str:
    decimal, thousands = style
    text = f"{abs(number):,.{digits}f}".replace(",", "T").replace(".", decimal).replace("T", thousands)
    return f"{'-' if number < 0 else ''}{affix[0]}{text}{affix[1]}"


def mark_of(thousands: str) -> str:
    return " " if thousands.isspace() else thousands


@settings(max_examples=25)
@given(numbers, styles, affixes)
def test_numbers_of_each_style_read_back_by_the_stated_style(
    drawn: list[tuple[float, int]], style: tuple[str, str], affix: tuple[str, str]
) -> None:
    texts = [write(*number, style, affix) for number in drawn]
    right = [number for number, _ in drawn]
    marks = {"decimal": style[0], "thousands": mark_of(style[1])}
    assert values(read(texts, **marks)) == right
    assert [values(read([text], **marks))[0] for text in texts] == right
    plain = normalize_marks(pl.Series("x", texts), style[0], mark_of(style[1]) or None)
    assert values(cast(plain, Column("x", "float"))) == right


@given(numbers, st.integers(0, 4), styles, affixes)
def test_numbers_of_one_form_are_read_right_or_not_at_all(
    drawn: list[tuple[float, int]], digits: int, style: tuple[str, str], affix: tuple[str, str]
) -> None:
    right = [round(number, digits) for number, _ in drawn]
    found = read([write(number, digits, style, affix) for number in right])
    assert found.conflict or values(found) == right


@settings(max_examples=50)
@given(numbers, styles, affixes)
def test_numbers_of_several_lengths_are_never_read_wrong_in_silence(
    drawn: list[tuple[float, int]], style: tuple[str, str], affix: tuple[str, str]
) -> None:
    texts = [write(*number, style, affix) for number in drawn]
    found = read(texts)
    # A reading that is disputed can be another; it is never silent.
    disputed = any("mark" in note.how or "thousands" in note.how for note in found.notes if note.otherwise)
    if not found.conflict and not disputed:
        assert values(found) == [number for number, _ in drawn]


@settings(max_examples=40)
@given(st.lists(st.text(alphabet="0123456789.,' -+()$%ekg", max_size=9), max_size=6))
def test_no_text_breaks_the_reading(texts: list[str]) -> None:
    for kind in ("int", "float", "duration"):
        found = read(texts, kind)
        assert len(found.values) == len(texts)
        assert not (found.failed & found.values.is_not_null()).any()
