"""Inferred contracts of real and odd tables: the right columns, and the table itself is valid under them."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferences import DATA, check_kept, infer, kind, living, sample
from magical import InputPath
from magical.contracts.contract import schema_of
from magical.contracts.schema import to_snake_case
from magical.contracts.validation import find_failures
from magical.errors import BrokenPromise, InputError, UsageError
from magical.inference.codegen import module_source
from magical.inference.column_stats import ColumnStats, TypedTable
from magical.inference.infer import GivenRoles, infer_contract, infer_contracts
from magical.inference.name_vocabulary import class_name
from magical.inference.role_inference import rank_targets
from magical.inference.text_types import infer_text_types
from magical.library import ingest, model_data
from projects import is_well_worded, python

# Each file: its target; what each column must be found to be (role, type, number of categories, ? where a value may be
# missing); and the columns that must be left out.
EXPECTED: dict[str, tuple[str, str, list[str]]] = {
    "telco_churn.parquet": (
        "Churn",
        """
        gender: str[2]
        senior_citizen: bool
        partner: bool
        dependents: bool
        tenure: int
        phone_service: bool
        multiple_lines: str[3]
        internet_service: str[3]
        online_security: str[3]
        online_backup: str[3]
        device_protection: str[3]
        tech_support: str[3]
        streaming_tv: str[3]
        streaming_movies: str[3]
        contract: str[3]
        paperless_billing: bool
        payment_method: str[4]
        monthly_charges: float
        total_charges: float?
        churn: target bool
        """,
        [],
    ),
    "adult.parquet": (
        "income",
        """
        age: int
        workclass: str[8]?
        fnlwgt: int
        education: str[16]
        education_num: int
        marital_status: str[7]
        occupation: str[14]?
        relationship: str[6]
        race: str[5]
        sex: str[2]
        capital_gain: int
        capital_loss: int
        hours_per_week: int
        native_country: str?
        income: target bool
        """,
        [],
    ),
    "california.parquet": (
        "median_house_value",
        """
        longitude: float
        latitude: float
        housing_median_age: float
        total_rooms: float
        total_bedrooms: float?
        population: float
        households: float
        median_income: float
        median_house_value: target float
        ocean_proximity: str[5]
        """,
        [],
    ),
    "kc_house.parquet": (
        "price",
        """
        price: target float
        bedrooms: int
        bathrooms: float
        sqft_living: int
        sqft_lot: int
        floors: float
        waterfront: bool
        view: int
        condition: int
        grade: int
        sqft_above: int
        sqft_basement: int
        yr_built: int
        yr_renovated: int
        zipcode: str
        lat: float
        long: float
        sqft_living15: int
        sqft_lot15: int
        """,
        [],
    ),
    "metro_traffic.parquet": (
        "traffic_volume",
        """
        holiday: str[12]
        temp: float
        rain_1h: float
        snow_1h: float
        clouds_all: int
        weather_main: str[11]
        weather_description: str
        date_time: time datetime
        traffic_volume: target int
        """,
        [],
    ),
    "marketing_campaign.csv": (
        "Response",
        """
        id: id int
        year_birth: int
        education: str[5]
        marital_status: str[8]
        income: int?
        kidhome: int
        teenhome: int
        dt_customer: time date
        recency: int
        mnt_wines: int
        mnt_fruits: int
        mnt_meat_products: int
        mnt_fish_products: int
        mnt_sweet_products: int
        mnt_gold_prods: int
        num_deals_purchases: int
        num_web_purchases: int
        num_catalog_purchases: int
        num_store_purchases: int
        num_web_visits_month: int
        accepted_cmp3: bool
        accepted_cmp4: bool
        accepted_cmp5: bool
        accepted_cmp1: bool
        accepted_cmp2: bool
        complain: bool
        response: target bool
        """,
        ["Z_CostContact", "Z_Revenue"],
    ),
}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("file", EXPECTED)
def test_each_column_is_found_to_be_what_it_is(file: str) -> None:
    target, columns, left_out = EXPECTED[file]
    schema = infer(sample(file), target)
    assert [f"{c.name}: {kind(c)}" for c in schema.columns] == lines(columns)
    assert list(schema.left_out) == left_out


@pytest.mark.parametrize("file", EXPECTED)
def test_what_is_inferred_of_a_file_the_file_keeps(file: str) -> None:
    raw = sample(file)
    check_kept(raw, infer(raw, EXPECTED[file][0]))


RELATED = {
    "Airline": ("carrier: id str", ["name"]),
    "Airport": (
        "faa: id str; lat: float; lon: float; alt: int; tz: int; dst: str[3]; tzone: str[9]?",
        ["name"],
    ),
    "Plane": (
        "tailnum: id str; year: int?; type: str[3]; manufacturer: str; model: str; engines: int; seats: int; "
        "speed: int?; engine: str[6]",
        [],
    ),
    "Weather": (
        "origin: key(Airport) str; month: int[12]; day: int; hour: int; temp: float?; dewp: float?; humid: float?; "
        "wind_dir: int?; wind_speed: float?; wind_gust: float?; precip: float; pressure: float?; visib: float; "
        "time_hour: time datetime",
        ["year"],
    ),
    "Flight": (
        "month: int[12]; day: int; dep_time: int?; sched_dep_time: int; dep_delay: int?; arr_time: int?; "
        "sched_arr_time: int; arr_delay: int?; carrier: key(Airline) str; flight: str; tailnum: key(Plane) str?; "
        "origin: key(Airport) str; dest: key(Airport) str; air_time: int?; distance: int; hour: int; minute: int; "
        "time_hour: time datetime",
        ["year"],
    ),
    "Cdnow": ("customer_id: group str; date: time date; quantity: int; spend: float", []),
}


def related() -> dict[str, TypedTable]:
    files = {p.stem: p for p in sorted(DATA.glob("rel_*.parquet"))}
    tables = {s.removeprefix("rel_").removeprefix("nyc_"): p for s, p in files.items()}
    return {class_name(n): infer_text_types(ingest(InputPath(p))) for n, p in tables.items()}


def test_the_keys_of_related_tables_are_found() -> None:
    found = infer_contracts(related())
    assert set(found) == set(RELATED)
    for name, (columns, left_out) in RELATED.items():
        assert "; ".join(f"{c.name}: {kind(c)}" for c in found[name].columns) == columns
        assert list(found[name].left_out) == left_out


@pytest.mark.slow
@pytest.mark.parametrize("name", RELATED)
def test_related_classes_live_and_their_tables_keep_them(name: str) -> None:
    found = infer_contracts(related())
    others = [schema for other, schema in found.items() if other != name]
    contract = living(found[name], *others)
    table = model_data(related()[name].raw, contract)
    assert find_failures(table, schema_of(contract)) == []
    keys = {c.name: c.parent for c in schema_of(contract).columns if c.role == "key"}
    assert keys == {c.name: c.parent for c in found[name].columns if c.role == "key"}


def test_a_key_whose_ids_are_not_all_there_says_so() -> None:
    flight = infer_contracts(related())["Flight"]
    assert "an id of Plane, but for " in flight.reasons["tailnum"]
    assert flight.reasons["carrier"] == "each value is an id of Airline"


def test_rows_that_follow_each_other_are_told_from_rows_that_have_a_date() -> None:
    assert infer(sample("metro_traffic.parquet"), "traffic_volume").in_order
    assert not infer(sample("marketing_campaign.csv"), "Response").in_order


# --- one column at a time ---------------------------------------------------------------------------------------------

N = 60


def texts(*values: object) -> list[str | None]:
    """A column of N texts that goes through some values again and again."""
    some = [None if v is None else str(v) for v in values]
    return [some[i % len(some)] for i in range(N)]


def numbered(pattern: str, start: int = 0) -> list[str]:
    return [pattern.format(i) for i in range(start, start + N)]


# A name and its values, and what it is to be; in a table that has an id and a number beside.
COLUMNS: dict[str, tuple[str, list[Any], str]] = {
    "0 and 1": ("flag", texts(0, 1), "bool"),
    "0 and 1 of a count": ("num_kids", texts(0, 1), "int"),
    "yes and no": ("smoker", texts("yes", "no", "yes"), "bool"),
    "Y, N and none": ("member", texts("Y", "N", None), "bool?"),
    "t and f": ("bruises", texts("t", "f"), "bool"),
    "letters that are no opposites": ("odd", texts("y", "f"), "str[2]"),
    "only yes": ("asked", texts("yes", None), "str[1]?"),
    "decimal commas": ("price", numbered("{},5"), "float"),
    "numbers with blanks for none": ("charge", texts(" 1.5 ", " ", "2"), "float?"),
    "numbers with n/a": ("charge", texts("1", "n/a", "2"), "int?"),
    "zip codes": ("zipcode", texts(98001, 98002, 98178), "int[3]"),
    "many zip codes": ("zip_code", [str(98000 + i % 30) for i in range(N)], "str"),
    "leading zeros": ("place", texts("01067", "10115", "80331"), "str[3]"),
    "a store's number": ("Store", texts(1, 2, 17), "int[3]"),
    "codes with n/a for none": ("agent_id", texts("1", "n/a", "2"), "int[2]?"),
    "a month": ("month", texts(*range(1, 7)), "int[12]"),
    "a weekday from 1": ("DayOfWeek", texts(*range(1, 8)), "int[7]"),
    "a weekday from 0": ("weekday", texts(*range(7)), "int[7]"),
    "visits a month": ("NumVisitsMonth", texts(*range(1, 7)), "int"),
    "a year": ("yr_built", texts(1955, 1987, 2001), "int"),
    "a number in order": ("education_num", texts(*range(1, 17)), "int"),
    "a rating": ("condition", texts(1, 2, 3, 4, 5), "int"),
    "a status code": ("status_code", texts(200, 404, 500), "int[3]"),
    "a subject's number": ("Subject", texts(*range(1, 11)), "int[10]"),
    "a class of passengers": ("Pclass", texts(1, 2, 3), "int[3]"),
    "a class of passengers, some missing": (
        "pclass",
        [None, *(float(1 + i % 3) for i in range(N - 1))],
        "int[3]?",
    ),
    "an hour": ("hour", texts(*range(24)), "int"),
    "a kind in words": ("weather", texts("rain", "sun", "snow"), "str[3]"),
    "rare kinds in words": ("job", ["clerk"] * (N - 4) + ["a", "b", "c", "d"], "str"),
    "an ISO date": ("born", texts("1980-01-31", "1999-12-01"), "date"),
    "a date with dots": ("born", texts("31.01.1980", "01.12.1999"), "date"),
    "a date as Americans write it": ("born", texts("1/31/1980", "12/1/1999"), "date"),
    "a moment with a clock": ("updated", texts("31/01/2020 14:30", "01/12/2020 08:00"), "datetime"),
    "a moment of ISO": ("updated", texts("2020-01-31T14:30:00Z", "2020-01-31T14:30:05Z"), "datetime"),
    "a day in digits": ("birth_date", texts(19800131, 19991201), "date"),
    "digits that are no day": ("amount", texts(19800131, 19991201), "int"),
    "dates in several formats": ("day", texts("2020-01-31", "30.01.2020", "1/29/2020"), "time date"),
    "numbers and words": ("size", texts("12", "12.5", "large"), "str[3]"),
    "whole numbers as floats": ("seats", [float(i % 7) for i in range(N)], "float"),
    "whole numbers as floats, some missing": ("seats", [None, *(float(i % 7) for i in range(N - 1))], "int?"),
    "NaN": ("speed", [float("nan"), *(i / 7 for i in range(N - 1))], "float?"),
    "a measurement that happens to be unique": ("lat", [i / 7 for i in range(N)], "float"),
    "an amount that happens to be unique": ("spent", [i * 37 + 5 for i in range(N)], "int"),
}
GONE: dict[str, tuple[str, list[Any], str]] = {
    "one value": ("version", texts("3"), "it is 3 in every row"),
    "nothing": ("notes", texts(None), "there is no value in any row"),
    "empty texts": ("notes", texts(""), "there is no value in any row"),
    "descriptions": ("comment", numbered("guest {} was pleased"), "a text that hardly repeats"),
    "names": ("name", numbered("Smith, Mr. {}"), "a text that hardly repeats"),
    "a second id": ("order_id", numbered("{}", 5000)[::-1], "a number that names something"),
    "tickets": ("ticket_no", numbered("{}", 77000)[::-1], "a number that names something"),
    "telephones": ("reach", numbered("49301234{:04}")[::-1], "a number that names something"),
    "long numbers": ("account", numbered("1234567890123456{:04}"), "a text that hardly repeats"),
    "running numbers under any name": ("seq", numbered("{}", 4000)[::-1], "a number that names something"),
    "numbers of nearly as many kinds as rows": (
        "supplier",
        [7 * (i % 55) for i in range(N)],
        "a number that names something",
    ),
    "an account that hardly repeats": (
        "account",
        [31 * (i // 60 + i % 40) for i in range(N)],
        "it names somebody",
    ),
    "clients of which most have one row": (
        "client",
        [5, 5, 5, *(17 * i for i in range(9, 66))],
        "it names somebody",
    ),
    "an index": ("Unnamed: 0", texts(*range(30)), "it counts rows"),
    "lists": ("tags", [[1]] * N, "a List, which no feature is made of"),
}


def beside(name: str, values: list[Any]) -> pl.DataFrame:
    column = pl.Series(name, values, strict=False)
    return pl.DataFrame(
        {"id": range(1, N + 1), "x": [i % 13 - 6.5 for i in range(N)], name: column, "n": [3, 4] * 30}
    )


@pytest.mark.parametrize("case", COLUMNS)
def test_one_column(case: str) -> None:
    name, values, wanted = COLUMNS[case]
    raw = beside(name, values)
    schema = infer(raw)
    assert [kind(c) for c in schema.columns] == ["id int", "float", wanted, "int"], schema
    check_kept(raw, schema)


@pytest.mark.parametrize("case", GONE)
def test_one_column_that_is_left_out(case: str) -> None:
    name, values, why = GONE[case]
    raw = beside(name, values)
    schema = infer(raw)
    assert [c.name for c in schema.columns] == ["id", "x", "n"]
    assert schema.left_out[name].startswith(why)
    check_kept(raw, schema)


BOUNDS = {
    "count": ([0, 5, 9], {"ge": 0}),
    "temperature": ([3, 5, 9], {}),
    "change": ([-1, 5, 9], {}),
    "age": ([17, 40, 90], {"ge": 0, "le": 130}),
    "house_age": ([17, 40, 90], {"ge": 0}),
    "hour": ([1, 5, 9], {"ge": 0, "le": 23}),
    "hours_per_week": ([1, 5, 40], {"ge": 0, "le": 168}),
    "humidity": ([1, 5, 90], {"ge": 0, "le": 100}),
    "humidity_2": ([1, 5, 200], {"ge": 0}),
    "share": ([0.25, 0.5, 0.75], {"ge": 0, "le": 1}),
    "year_birth": ([1893, 1950, 2004], {"ge": 1850, "le": 2100}),
    "yr_renovated": ([0, 1950, 2004], {"ge": 0, "le": 2100}),
    "long": ([-122.5, 3.5, 9.5], {"ge": -180, "le": 180}),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_hold_for_the_next_month_as_well(name: str) -> None:
    values, bounds = BOUNDS[name]
    assert dict(infer(pl.DataFrame({name: values * 20})).column(name).bounds) == bounds


# --- roles ------------------------------------------------------------------------------------------------------------


def ids(**columns: Any) -> list[str]:
    return infer(pl.DataFrame(columns)).ids


def test_ids() -> None:
    half = [i / 7 for i in range(N)]
    assert ids(x=half, ID=numbered("{}", 7)) == ["id"]
    assert ids(customerID=numbered("{:04}-AB"), x=half) == ["customer_id"]
    assert ids(RowNumber=range(1, N + 1), CustomerId=numbered("{}", 15_000)[::-1], x=half) == ["customer_id"]
    assert ids(faa=numbered("K{:02}"), name=numbered("Airport {}")) == ["faa"]
    assert ids(instant=range(1, N + 1), x=half) == ["instant"]
    assert ids(uuid=numbered("{:08x}-0000-4000-8000-000000000000"), x=half) == ["uuid"]
    assert ids(account=numbered("1234567890123456{:04}"), x=half) == ["account"]
    assert ids(x=half, abbrev=numbered("K{:02}")) == ["abbrev"]
    assert ids(x=half, population=[i * 37 + 5 for i in range(N)]) == []
    assert ids(name=numbered("Smith, Mr. {}"), x=half) == []
    assert ids(id=[1, 1, *range(2, N)], x=half) == []
    assert ids(id=[None, *range(1, N)], x=half) == []


WHO = [
    "account", "Account No", "acct_number", "client", "Client(e)", "cliente", "codice_cliente", "member", "memberNumber",
    "customer", "customer_ref", "user", "utente", "patient", "paziente", "Kunde", "Kundennummer", "Kunden-Nr", "kundennr",
    "Mitglied", "Mitgliedsnummer", "usuario", "socio", "adherent", "abonné", "employee", "Mitarbeiter", "bank_account",
]  # fmt: skip


@pytest.mark.parametrize("name", WHO)
@pytest.mark.parametrize("kind_", ["running", "drawn", "texts"])
def test_unique_numbers_of_somebody_are_the_id(name: str, kind_: str) -> None:
    numbers = (
        [4000 + i for i in range(N)] if kind_ == "running" else [(i * 7919) % 9973 + 9 for i in range(N)]
    )
    values = [f"{name[0].lower()}-{n}" for n in numbers] if kind_ == "texts" else numbers
    raw = pl.DataFrame({"x": [i % 7 / 2 for i in range(N)], name: values, "left": [0, 1] * 30})
    schema = infer(raw, "left")
    assert [c.role for c in schema.columns] == ["", "id", "target"], schema
    check_kept(raw, schema)


@pytest.mark.parametrize("name", ["member_age", "people_per_household", "customer_rating", "account_balance"])
def test_what_is_measured_of_somebody_is_no_id(name: str) -> None:
    raw = pl.DataFrame({"x": [i % 7 / 2 for i in range(N)], name: [i * 37 + 5 for i in range(N)]})
    assert infer(raw).column(to_snake_case(name)).role == ""


def test_running_numbers_are_no_category() -> None:
    raw = pl.DataFrame({"account": range(4000, 4200), "plan": ["S", "M"] * 100, "months": [3, 9, 40, 7] * 50})
    schema = infer(raw.with_columns(left=pl.Series([0, 1] * 100)), "left")
    assert [kind(c) for c in schema.columns] == ["id int", "str[2]", "int", "target bool"]


def test_a_second_running_number_is_left_out() -> None:
    raw = pl.DataFrame({"customer": range(70, 70 + N), "seq": range(900, 900 + N), "x": [0.5, 1.5] * 30})
    schema = infer(raw)
    assert schema.ids == ["customer"]
    assert schema.left_out["seq"].startswith("a number that names something")


def test_an_entity_and_a_period_are_an_id_together() -> None:
    panel = {
        "country": [c for c in "ABCDEF" for _ in range(10)],
        "year": list(range(2000, 2010)) * 6,
        "gdp": [1, 2] * 30,
    }
    assert ids(**panel) == ["country", "year"]
    assert ids(country=panel["country"], year=panel["year"]) == []
    assert ids(**{**panel, "year": [2000, 2000, *range(2002, 2010)] * 6}) == []


DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(N)]


def times(**columns: Any) -> list[str]:
    return infer(pl.DataFrame(columns)).names_with_role("time")


def test_times() -> None:
    late = [d + dt.timedelta(days=400) for d in DAYS[::-1]]
    assert times(date=DAYS, x=[1, 2] * 30) == ["date"]
    assert times(due_date=late, order_date=DAYS[::-1]) == ["order_date"]
    assert times(dropoff_datetime=late, pickup_datetime=DAYS[::-1]) == ["pickup_datetime"]
    assert times(birth_date=DAYS, x=[1, 2] * 30) == []
    assert times(expiry_date=late[::-1][::2] + late[::2], x=[1, 2] * 30) == []
    assert times(visited=[None] * 10 + DAYS[10:], x=[1, 2] * 30) == []
    assert times(year=[2000 + i % 9 for i in range(N)], x=[1, 2] * 30) == []


def test_groups() -> None:
    many = {"x": [i / 7 for i in range(N * 4)], "patient_id": [f"P{i // 4}" for i in range(N * 4)]}
    assert infer(pl.DataFrame(many)).names_with_role("group") == ["patient_id"]
    again = {"x": [i / 7 for i in range(N * 4)], "id": [i // 4 for i in range(N * 4)]}
    assert infer(pl.DataFrame(again)).names_with_role("group") == ["id"]
    few = {"x": [i / 7 for i in range(N)], "patient_id": texts("P1", "P2", "P3")}
    assert infer(pl.DataFrame(few)).names_with_role("group") == []
    hardly = {"x": [i / 7 for i in range(N)], "patient_id": [f"P{i * 2 // 3}" for i in range(N)]}
    assert infer(pl.DataFrame(hardly)).names_with_role("group") == [], "1.5 rows each"
    single = {"x": [i / 7 for i in range(N)], "patient_id": [f"P{max(i - 30, 0)}" for i in range(N)]}
    assert infer(pl.DataFrame(single)).names_with_role("group") == [], "most have one row"
    ages = {"x": [i / 7 for i in range(N * 4)], "patient_age": [i // 4 for i in range(N * 4)]}
    assert infer(pl.DataFrame(ages)).names_with_role("group") == []


# --- targets ----------------------------------------------------------------------------------------------------------

TARGETS: dict[str, tuple[list[Any], str]] = {
    "0 and 1": ([0, 1], "bool"),
    "0.0 and 1.0": ([0.0, 1.0], "bool"),
    "yes and no": (["yes", "no"], "bool"),
    "1 and 2": ([1, 2], "int"),
    "few whole numbers": ([3, 4, 5, 6], "int"),
    "many whole numbers": (list(range(30)), "int"),
    "amounts": ([1.5, 2.5, 9.0], "float"),
    "words": (["low", "high", "<=50K"], "str[3]"),
    "with gaps": ([1.5, None, 9.0], "float?"),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets(case: str) -> None:
    values, wanted = TARGETS[case]
    raw = pl.DataFrame({"x": range(N), "result": [values[i % len(values)] for i in range(N)]})
    schema = infer(raw, "result")
    assert kind(schema.column("result")) == f"target {wanted}"
    check_kept(raw, schema)


def test_the_roles_that_an_author_gives_replace_those_that_are_inferred() -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(N)]
    raw = pl.DataFrame(
        {
            "order_id": range(N),
            "customer_id": [i % 25 for i in range(N)],
            "placed": days,
            "paid": [d + dt.timedelta(3) for d in days],
            "rooms": [i % 3 + 1 for i in range(N)],
        }
    )
    inferred = {c.name: c.role for c in infer(raw, "rooms").columns}
    assert inferred == {
        "order_id": "id",
        "customer_id": "group",
        "placed": "time",
        "paid": "",
        "rooms": "target",
    }
    schema = infer(raw, GivenRoles("rooms", "classes", time="paid", group="order_id"))
    assert {c.name: c.role for c in schema.columns} == {
        "order_id": "group", "customer_id": "", "placed": "", "paid": "time", "rooms": "target",
    }  # fmt: skip
    assert schema.column("rooms").choices == (1, 2, 3)
    assert schema.in_order
    check_kept(raw, schema)


BAD_TARGETS: dict[str, tuple[list[Any], str]] = {
    "no value": ([None], "The target result has no value in any of 60 rows."),
    "one value": (["a"], "The target result is 'a' in all 60 rows that have one"),
    "a date": (DAYS, "The target result is a date, which cannot be predicted."),
    "descriptions": (
        numbered("text {}"),
        "The target result has 60 different texts in 60 rows, such as 'text 0'",
    ),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_targets_that_cannot_be_predicted(case: str) -> None:
    values, message = BAD_TARGETS[case]
    raw = pl.DataFrame({"x": range(N), "result": [values[i % len(values)] for i in range(N)]})
    with pytest.raises(BrokenPromise) as error:
        infer(raw, "result")
    assert str(error.value).startswith(message)
    assert is_well_worded(str(error.value))


def test_a_target_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="did you mean 'Response'"):
        infer_contract(sample("marketing_campaign.csv"), "Row", "response")


@pytest.mark.parametrize("file", EXPECTED)
def test_the_target_is_among_the_likeliest(file: str) -> None:
    table = infer_text_types(sample(file)).table
    assert EXPECTED[file][0] in rank_targets([ColumnStats(c) for c in table.get_columns()])[:5]


# --- odd tables -------------------------------------------------------------------------------------------------------

NAMES = [
    "class", "Class", "größe", "1st floor", "a b", "a_b", "A-B", "json", "copy", "int", "date", "_x", "__", "价格",
    "select", "model_config", "register", "x" * 80, "lambda", "Field", "None", "True", "é", 'say "hi"', "it's", "a\\b",
    "tab\there", "Literal", "self", "schema", "id", "dt", "model_fields", "naïve", "%", "$x", "{y}",
]  # fmt: skip


def test_odd_names() -> None:
    raw = pl.DataFrame({name: [i / 7 + n for i in range(N)] for n, name in enumerate(NAMES)})
    schema = infer(raw)
    assert len(schema.columns) == len(NAMES)
    assert all(c.name.isidentifier() and c.name.isascii() for c in schema.columns)
    check_kept(raw, schema)


def test_odd_categories() -> None:
    odd = ['say "hi"', "it's", "both ' and \"", "a\\b", "tab\there", "é", "价格", "{x}", "$y", "#", '"""']
    raw = pl.DataFrame({"kind": odd * 6, "x": range(66)})
    schema = infer(raw)
    assert set(schema.column("kind").choices) == set(odd)
    check_kept(raw, schema)


@pytest.mark.slow
def test_what_is_written_is_formatted_whatever_the_names(tmp_path: Path) -> None:
    frames = [pl.DataFrame({name: [i / 7 + n for i in range(N)] for n, name in enumerate(NAMES)})]
    for width in (40, 75, 90, 95, 100, 105, 110, 150):
        columns = {
            "x" * width: [1.5, None] * 30,
            "y" * width: ["a" * width, "b" * width] * 30,
            "z " * width: DAYS,
        }
        frames.append(pl.DataFrame(columns))
    for count in range(2, 21):
        kinds = [f"a kind of thing {i % count}" for i in range(count * 6)]
        frames.append(pl.DataFrame({"Thing in kind": kinds, "other": [*kinds[1:], None]}))
    for number, raw in enumerate(frames):
        source = module_source([infer(raw)], "What is promised.", {})
        (tmp_path / f"contracts_{number}.py").write_text(source, encoding="utf-8")
    done = python(
        "-m", "ruff", "format", "--check", "--no-cache", "--config", "line-length=110", str(tmp_path)
    )
    assert done.returncode == 0, done.stdout


def test_a_column_called_date_does_not_hide_the_type() -> None:
    raw = pl.DataFrame(
        {"Date": DAYS, "date_time": [dt.datetime(2020, 1, 1, i % 24) for i in range(N)], "bool": [0, 1] * 30}
    )
    check_kept(raw, infer(raw))


def test_a_column_without_a_name_is_left_out() -> None:
    raw = pl.DataFrame({"x": [1.5, 2.5]}).with_columns(pl.Series("", [1, 2]))
    assert dict(infer(raw).left_out) == {"": "it has no name"}


@pytest.mark.slow
def test_a_wide_table() -> None:
    raw = pl.DataFrame({f"sensor {i}": [i + 0.5, i + 0.25] for i in range(600)})
    schema = infer(raw)
    assert len(schema.columns) == 600
    check_kept(raw, schema)


def test_one_row() -> None:
    raw = pl.DataFrame({"a": ["1"], "b": ["x"]})
    schema = infer(raw)
    assert [kind(c) for c in schema.columns] == ["int", "str"]
    check_kept(raw, schema)


TYPED: dict[str, tuple[pl.Series, str]] = {
    "whole numbers beyond 64 bits": (pl.Series([2**63 + i // 2 for i in range(N)], dtype=pl.UInt64), "str"),
    "categories": (pl.Series(["a", "b"] * 30, dtype=pl.Categorical), "str[2]"),
    "decimals": (pl.Series([1.5, 2.25] * 30).cast(pl.Decimal(10, 2)), "float"),
    "midnights": (pl.Series([dt.datetime(1999, 1, 1), dt.datetime(1999, 1, 2)] * 30), "date"),
    "midnights of Berlin": (
        pl.Series([dt.datetime(1999, 1, 1), dt.datetime(1999, 1, 2)] * 30).dt.replace_time_zone(
            "Europe/Berlin"
        ),
        "datetime",
    ),
    "durations": (pl.Series([dt.timedelta(hours=1), dt.timedelta(hours=5)] * 30), "duration"),
    "truths": (pl.Series([True, False, None] * 20), "bool?"),
}


@pytest.mark.parametrize("case", TYPED)
def test_typed_columns(case: str) -> None:
    values, wanted = TYPED[case]
    raw = beside("born", [0] * N).with_columns(values.alias("born"))
    schema = infer(raw)
    assert kind(schema.column("born")) == wanted
    check_kept(raw, schema)


def test_a_csv_in_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("Größe;Straße\n1,5;Nürnberg\n2,5;Köln\n".encode("latin-1"))
    raw = ingest(InputPath(path))
    schema = infer(raw)
    assert [(c.name, c.alias, c.type) for c in schema.columns] == [
        ("groesse", "Größe", "float"),
        ("strasse", "Straße", "str"),
    ]
    check_kept(raw, schema)


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("a,b\n", "no rows"), ("1,2\n3,4\n", "no line")]
)
def test_files_that_hold_no_table(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        ingest(InputPath(path))


def test_the_reader_is_told_what_is_a_guess() -> None:
    raw = pl.DataFrame(
        {"day": ["01/02/2020", "03/04/2020"] * 30, "size": ["1.5"] * 59 + ["lots"], "x": range(N)}
    )
    schema = infer(raw)
    assert "'01/02/2020' is 2020-02-01 with the day first and 2020-01-02" in schema.reasons["day"]
    assert "numbers but for 1 of 60 values: 'lots'" in schema.reasons["size"]


# --- what is inferred is kept -------------------------------------------------------------------------------------------

MISSING = st.sampled_from([None, "", " ", "n/a", "NA", "?", "-"])
KINDS = [
    st.integers(-(10**6), 10**6).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(0, 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.sampled_from(["yes", "no"]),
    st.sampled_from(["t", "f", "Y", "N"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["1,5", "1.234,5", "7", "1,000", "1,234.5"]),
    st.dates(dt.date(1800, 1, 1)).map(str),
    st.dates(dt.date(1900, 1, 1)).map(lambda d: d.strftime("%d.%m.%Y")),
    st.dates(dt.date(1900, 1, 1)).map(lambda d: d.strftime("%Y%m%d")),
    st.datetimes(dt.datetime(1900, 1, 1)).map(lambda d: d.isoformat()),
    st.datetimes(dt.datetime(1900, 1, 1)).map(lambda d: d.strftime("%m/%d/%Y %H:%M")),
    st.text(max_size=5),
    st.sampled_from(["007", "7", "042"]),
]
COLUMN_NAMES = st.sampled_from(
    [
        "id",
        "Date",
        "month",
        "zip code",
        "customer_id",
        "year",
        "count",
        "x y",
        "Größe",
        "class",
        "hour",
        "temp",
        "flag",
    ]
) | st.text(min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(2, 40))
    columns: dict[str, pl.Series] = {}
    for name in draw(st.lists(COLUMN_NAMES, min_size=1, max_size=5, unique=True)):
        values = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2)) + draw(
            st.lists(MISSING.map(st.just), max_size=1)
        )
        column = draw(st.lists(st.one_of(values), min_size=rows, max_size=rows))
        columns[name] = pl.Series(name, column, dtype=pl.String)
    return pl.DataFrame({"x": [i + 0.5 for i in range(rows)], **columns})


@settings(max_examples=30)
@given(tables())
def test_what_is_inferred_is_kept(raw: pl.DataFrame) -> None:
    check_kept(raw, infer(raw))


@settings(max_examples=20)
@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), st.dates()),
        min_size=2,
        max_size=30,
    )
)
def test_what_is_inferred_of_typed_columns_is_kept(values: list[Any]) -> None:
    for kind_ in (int, float, bool, dt.date):
        some = [v if type(v) is kind_ else None for v in values]
        column = pl.Series("when", some)
        if not column.dtype.is_float() or not column.is_infinite().any():
            raw = pl.DataFrame({"x": [i + 0.5 for i in range(len(some))], "when": column})
            check_kept(raw, infer(raw))


def test_a_written_class_can_be_read_again() -> None:
    contract = living(infer(sample("telco_churn.parquet"), "Churn", "Customer"))
    assert contract.__name__ == "Customer"
    assert contract.__doc__ == "One row."


@pytest.mark.parametrize("texts", [["0 kg", "1 kg"], ["€ 1", "€ 0"], ["0,0", "1,0"], ["0 %", "1 %"]])
def test_zero_and_one_of_something_are_no_booleans(texts: list[str]) -> None:
    raw = pl.DataFrame({"x": texts * 20})
    schema = infer(raw)
    assert schema.column("x").type != "bool"
    check_kept(raw, schema)
