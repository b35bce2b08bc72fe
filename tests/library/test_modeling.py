"""model_data: finds, casts, counts, and fails with examples."""

import re
from datetime import date, datetime
from typing import Annotated, Literal

import polars as pl
import pytest

from library.conftest import Run
from magical import Contract, Decimal, Field, Format, Id, Target, Thousands, Weight, Zone, contract_of
from magical.contracts.contract import schema_of
from magical.contracts.validation import validate
from magical.errors import BrokenPromise, WiringError
from magical.library import model_data
from snapshots import check


class Customer(Contract):
    id: Id[int]
    income: float | None
    education: Literal["Basic", "PhD"]
    enrolled: date | None = Field(alias="Dt_Customer")
    response: Target[bool]


RAW = {
    "ID": ["1", "2"],
    "Income": ["10.5", ""],
    "Education": [" PhD", "Basic"],
    "Dt_Customer": ["2012-09-04", None],
    "Kids": ["02", "1"],
    "response": ["1", "0"],
}


def raw(**changes: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({**RAW, **changes})


def test_columns_are_found_typed_and_in_order() -> None:
    table = model_data(raw(), Customer)
    assert table.rows() == [
        (1, 10.5, "PhD", date(2012, 9, 4), True, "02"),
        (2, None, "Basic", None, False, "1"),
    ]
    assert table.columns == ["id", "income", "education", "enrolled", "response", "Kids"]


def test_the_table_knows_its_contract() -> None:
    assert contract_of(model_data(raw(), Customer)).target == "response"


def test_pandas_and_typed_columns_will_do() -> None:
    typed = pl.DataFrame(
        {"id": [1], "income": [1], "education": ["PhD"], "enrolled": [date(2012, 1, 1)], "response": [1]}
    )
    assert model_data(typed, Customer).equals(model_data(typed.to_pandas(), Customer))


def test_alias_goes_before_name_and_name_before_snake_case() -> None:
    class Row(Contract):
        size: int

    class Aliased(Contract):
        size: int = Field(alias="Big")

    assert model_data(pl.DataFrame({"size": [1], "Size": [2]}), Row).to_dicts() == [{"size": 1, "Size": 2}]
    assert model_data(pl.DataFrame({"SIZE": [2], "Big": [3]}), Aliased).to_dicts() == [{"size": 3, "SIZE": 2}]
    assert model_data(pl.DataFrame({"SIZE": [2]}), Aliased).to_dicts() == [{"size": 2}]


@pytest.mark.parametrize("columns", [["Size", "SIZE"], ["Big", "size"]])
def test_two_columns_that_could_be_meant_are_an_error(columns: list[str]) -> None:
    class Row(Contract):
        size: int = Field(alias="Big")

    with pytest.raises(BrokenPromise, match=r"'\w+', '\w+' could all be Row.size(.|\n)*Hint"):
        model_data(pl.DataFrame({c: [1] for c in columns}), Row)


def test_a_missing_column_is_named_with_the_nearest_and_with_all_there_are() -> None:
    table = raw().rename({"Income": "Incomes"})
    with pytest.raises(BrokenPromise) as error:
        model_data(table, Customer)
    text = str(error.value)
    assert "the source lacks income" in text
    assert "it has ID, Incomes, Education" in text
    assert "did you mean 'Incomes'" in text
    assert len(text.splitlines()) <= 5


def test_what_cannot_be_cast_is_null_counted_and_kept(run: Run) -> None:
    table = model_data(raw(Income=["lots", "more"]), Customer)
    assert table["income"].to_list() == [None, None]
    (row,) = run.kept["uncastable"].to_dicts()
    assert row == {
        "column": "income",
        "rule": "must be float | None",
        "count": 2,
        "values": "'lots', 'more'",
        "rows": "0, 1",
    }
    assert any(
        "2 values are null now: income must be float | None, got 'lots', 'more'" in w for w in run.warnings
    )


class Fare(Contract):
    fare: int | None
    day: date | None = None


def fares(bad: int, good: int, text: str = "7.25") -> pl.DataFrame:
    return pl.DataFrame({"fare": [text] * bad + ["7"] * good, "day": ["2014-06-29"] * (bad + good)})


def mass(*bad: object, **settings: float) -> str:
    with pytest.raises(BrokenPromise) as error:
        model_data(fares(*bad), Fare, **settings)  # type: ignore[arg-type]
    return re.sub(r"py:\d+", "py:LINE", str(error.value))


def test_a_mass_of_values_that_cannot_be_cast_is_an_error_though_null_is_allowed() -> None:
    check("casting", "a mass of nulls", mass(30, 70))
    check("casting", "a mass of one word", mass(30, 70, "unknown"))


@pytest.mark.parametrize("bad", [29, 57, 58])
def test_the_share_that_the_hint_names_is_enough(bad: int) -> None:
    """0.29 * 100 is less than 29."""
    assert f"max_uncastable=0.{bad} makes" in mass(bad, 100 - bad)
    assert model_data(fares(bad, 100 - bad), Fare, max_uncastable=bad / 100)["fare"].null_count() == bad


def test_a_small_share_becomes_null_and_so_do_two_of_two(run: Run) -> None:
    assert model_data(fares(5, 95), Fare)["fare"].null_count() == 5
    assert model_data(fares(2, 0), Fare)["fare"].null_count() == 2
    assert "3 of 3 values" in mass(3, 0)
    assert "6 of 100 values" in mass(6, 94)
    assert run.kept["uncastable"]["count"].to_list() == [2]


def test_the_share_is_a_setting() -> None:
    assert model_data(fares(30, 70), Fare, max_uncastable=0.3)["fare"].null_count() == 30
    assert "4 of 100 values" in mass(4, 96, max_uncastable=0.0)
    with pytest.raises(WiringError, match=r"max_uncastable is 30, which is no share"):
        model_data(fares(1, 1), Fare, max_uncastable=30)


def test_the_share_is_of_the_values_that_are_there() -> None:
    empty = pl.DataFrame({"fare": ["", "NA", None] * 1000, "day": [""] * 3000})
    table = pl.concat([fares(4, 16), empty])
    with pytest.raises(BrokenPromise, match="4 of 20 values of fare cannot be read"):
        model_data(table, Fare)


def test_the_worst_column_comes_first() -> None:
    table = fares(10, 20).with_columns(day=pl.Series(["29.06.14"] * 30))
    with pytest.raises(BrokenPromise) as error:
        model_data(table, Fare)
    check("casting", "a mass in two columns", re.sub(r"py:\d+", "py:LINE", str(error.value)))


def test_a_mass_of_nulls_in_a_column_that_is_all_missing_is_none() -> None:
    assert model_data(pl.DataFrame({"fare": [""] * 9, "day": [None] * 9}), Fare)["fare"].null_count() == 9


def test_nothing_is_kept_where_all_can_be_cast(run: Run) -> None:
    model_data(raw().with_columns(Income=10.5), Customer)
    assert run.kept == {}
    assert run.events == []


def test_what_the_texts_show_of_how_they_are_written_is_kept_for_new_rows(run: Run) -> None:
    class Sale(Contract):
        price: float
        share: float
        visits: int
        stated: Annotated[float, Decimal(",")]
        day: date
        plain: float
        cents: float
        whole: int

    columns = {
        "price": ["1.234,5", "7"],
        "share": ["12 %", "5 %"],
        "visits": ["3.663", "7"],
        "day": ["13/04/2024"] * 2,
    }
    model_data(
        pl.DataFrame(
            {**columns, "stated": ["1,5"] * 2, "plain": ["1.5"] * 2, "cents": ["7"] * 2, "whole": ["7"] * 2}
        ),
        Sale,
    )
    assert run.kept["settled"] == {
        "price": {"decimal": ",", "thousands": "."},
        "share": {"unit": "%"},
        "visits": {"thousands": "."},
        "day": {"order": "day"},
        "plain": {"decimal": "."},
        "cents": {"settled": "source"},
    }


@pytest.mark.parametrize("columns", [{}, {"Response": "1"}])
def test_rows_whose_target_is_not_known_are_typed_without_it(columns: dict[str, str]) -> None:
    table = raw().drop("response").with_columns(**{n: pl.lit(v) for n, v in columns.items()})
    typed = model_data(table, Customer, target=False)
    assert typed.columns == ["id", "income", "education", "enrolled", "Kids"]
    assert contract_of(typed).target is None


def test_rows_whose_target_is_not_known_need_no_weight() -> None:
    class Weighed(Customer):
        worth: Weight[float] = Field(alias="Worth")

    known = raw().with_columns(Worth=pl.lit("2.5"))
    assert model_data(known, Weighed)["worth"].to_list() == [2.5] * known.height
    for table in (known, known.drop("response", "Worth")):
        assert "worth" not in model_data(table, Weighed, target=False).columns
    with pytest.raises(BrokenPromise, match="the source lacks Worth"):
        model_data(raw(), Weighed)
    owed = model_data(known.with_columns(Worth=pl.lit("-1")), Weighed)
    with pytest.raises(BrokenPromise, match="worth must be >= 0, got -1"):
        validate(owed, schema_of(Weighed), label="rows")


def test_a_missing_target_is_an_error_that_names_the_way_for_new_rows() -> None:
    with pytest.raises(
        BrokenPromise, match=r"lacks response(.|\n)*model_data\(raw, Customer, target=False\)"
    ):
        model_data(raw().drop("response"), Customer)
    with pytest.raises(BrokenPromise) as error:
        model_data(raw().drop("response", "Income"), Customer)
    assert "target=False" not in str(error.value)


def test_where_null_is_forbidden_it_fails_with_examples_and_rows() -> None:
    many = pl.concat([raw(ID=["x", "2"])] * 20)
    with pytest.raises(BrokenPromise) as error:
        model_data(many, Customer)
    lines = str(error.value).splitlines()
    assert lines[0] == "model_data promised Frame[Customer], but 20 of 40 rows break it:"
    assert lines[1] == "  id must be int, got 'x' (rows 0, 2, 4, 6, 8)"
    assert lines[2].startswith("Hint: write id: Id[str] in Customer (test_modeling.py:")


def test_an_empty_field_where_null_is_forbidden() -> None:
    with pytest.raises(
        BrokenPromise, match=r"response must not be null \(row 1\)(.|\n)*Target\[bool \| None\]"
    ):
        model_data(raw(response=["1", ""]), Customer)


def test_many_broken_columns_stay_within_five_lines() -> None:
    with pytest.raises(BrokenPromise) as error:
        model_data(raw(ID=["x", "y"], response=["maybe", ""], Education=[None, None]), Customer)
    assert len(str(error.value).splitlines()) <= 5


class Day(Contract):
    day: date


class Moment(Contract):
    at: Annotated[datetime, Zone("Europe/Berlin")]


def days(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"day": texts})


def test_years_of_two_digits_are_read_only_by_a_format() -> None:
    class Formatted(Contract):
        day: Annotated[date, Format("%d.%m.%y")]

    table = days("29.06.14", "2014-06-30")
    with pytest.raises(BrokenPromise, match="a year of two digits needs a Format with %y") as error:
        model_data(table, Day)
    assert 'Annotated[date, Format("%d.%m.%y")]' in str(error.value)
    assert model_data(table, Formatted)["day"].to_list() == [date(2014, 6, 29), date(2014, 6, 30)]


def test_an_order_of_day_and_month_that_nothing_decides_is_an_error_with_both_readings() -> None:
    with pytest.raises(BrokenPromise, match="2014-06-05 with the day first and 2014-05-06") as error:
        model_data(days("05/06/2014", "07/08/2014"), Day)
    assert 'write day: Annotated[date, Format("%d/%m/%Y")] or day: Annotated[date' in str(error.value)
    with pytest.raises(BrokenPromise, match="'13/06/2014' and '07/13/2014' contradict each other"):
        model_data(days("05/06/2014", "13/06/2014", "07/13/2014"), Day)


def test_how_dates_are_read_is_remarked(run: Run) -> None:
    table = model_data(days("05/06/2014", "29/06/2014", "Jun 30, 2014"), Day)
    assert table["day"].to_list() == [date(2014, 6, 5), date(2014, 6, 29), date(2014, 6, 30)]
    (line,) = run.lines
    assert "'05/06/2014' is read as 2014-06-05 (the day first, as other values show)" in line
    assert "2 forms: 2 like '05/06/2014', 1 like 'Jun 30, 2014'" in line


def test_a_local_time_that_clocks_skip_or_repeat_is_refused_with_the_reason() -> None:
    with pytest.raises(BrokenPromise, match="'2023-03-26 02:30' does not exist in Europe/Berlin"):
        model_data(pl.DataFrame({"at": ["2023-03-26 02:30", "2023-07-01 12:00"]}), Moment)
    with pytest.raises(BrokenPromise, match="'2023-10-29 02:30' exists twice in Europe/Berlin"):
        model_data(pl.DataFrame({"at": ["2023-10-29 02:30", "2023-07-01 12:00"]}), Moment)
    table = model_data(pl.DataFrame({"at": ["2023-07-01 12:00", "2023-10-29T02:30:00+01:00"]}), Moment)
    assert table["at"].to_list() == [datetime(2023, 7, 1, 10), datetime(2023, 10, 29, 1, 30)]


def test_an_unknown_category_is_left_for_the_contract_to_refuse() -> None:
    assert model_data(raw(Education=["MBA", "PhD"]), Customer)["education"].to_list() == ["MBA", "PhD"]


def test_no_rows_are_a_table_too() -> None:
    table = model_data(raw().clear(), Customer)
    assert table.schema["enrolled"] == pl.Date
    assert table.is_empty()


def test_disputed_numbers_are_remarked_and_kept(run: Run) -> None:
    class Site(Contract):
        visits: int
        share: float
        price: float

    table = pl.DataFrame({"Visits": ["3,663", "249"], "share": ["90%", "5%"], "price": ["$2,248.60", "$7"]})
    assert model_data(table, Site).rows() == [(3663, 90.0, 2248.6), (249, 5.0, 7.0)]
    assert run.warnings == [
        "visits: '3,663' is read as 3663 (comma between thousands); as a decimal mark it would be 3.663",
        "share: '90%' is read as 90 (percent); as a share it would be 0.9",
    ]
    assert run.kept["readings"].rows() == [
        (
            "visits",
            "3,663",
            "3663",
            "3.663",
            "comma between thousands, all numbers without a comma are below 1000; the numbers are promised to be "
            "whole; other columns have a decimal point",
        ),
        ("share", "90%", "90", "0.9", "percent"),
    ]


def test_other_columns_decide_how_numbers_are_written() -> None:
    class Sale(Contract):
        umsatz: float

    table = pl.DataFrame({"Umsatz": ["8.804", "1.498"], "Quote": ["9,01", "9,86"]})
    assert model_data(table, Sale)["umsatz"].to_list() == [8804, 1498]


class Open(Contract):
    id: Id[int]
    price: Target[float | None]
    size: float


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            {"price": ["1.498", None]},
            [
                "  price: '1.498' is 1.498 if the point is the decimal mark, and 1498 if it stands between thousands",
                r"Hint: write price: Target\[Annotated\[float, Decimal\(\"\.\"\)\] \| None\] or "
                r"price: Target\[Annotated\[float, Thousands\(\"\.\"\)\] \| None\] in Open",
            ],
        ),
        (
            {"price": ["1,234", "x"], "size": ["2,345", "7,251"]},
            ["  price: '1,234' is", "  size: '2,345' is", "Hint: write price: "],
        ),
        (
            {"size": ["12 kg", "300 g"]},
            ["  size: '12 kg' and '300 g' have different units", "Hint: convert them to one in the source."],
        ),
    ],
)
def test_numbers_with_two_readings_are_refused_with_the_line_that_decides(
    columns: dict[str, list[str]], lines: list[str]
) -> None:
    table = pl.DataFrame({"id": ["1", "2"], "price": ["7", "2"], "size": ["7", "2"], **columns})
    with pytest.raises(BrokenPromise) as error:
        model_data(table, Open)
    found = str(error.value).splitlines()
    assert found[0] == "model_data promised Frame[Open], and nothing decides how its source is written:"
    for line, pattern in zip(found[1:], lines, strict=True):
        assert re.match(pattern, line), line


def test_what_the_contract_states_is_read_row_by_row_as_in_the_batch(run: Run) -> None:
    class Sale(Contract):
        umsatz: Annotated[float, Decimal(","), Thousands(".")]

    table = pl.DataFrame({"umsatz": ["1.498", "889", "1.498,5", "1,498"]})
    right = [1498, 889, 1498.5, 1.498]
    assert model_data(table, Sale)["umsatz"].to_list() == right
    assert [model_data(row, Sale)["umsatz"].item() for row in table.iter_slices(1)] == right
    assert run.warnings == []
    assert run.kept == {}
