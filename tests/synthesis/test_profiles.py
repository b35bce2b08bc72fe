"""Profiles of a real sample: distributions, and never the value of a single row."""

import datetime as dt
import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest

from magical import Contract, Field, Id, Key, Target, Time
from magical.contracts.contract import schema_of
from magical.contracts.validation import find_failures
from magical.errors import ContractError
from magical.synthesis.generate import GenerateOptions, generate_table
from magical.synthesis.profiles import profile_table
from projects import is_well_worded
from snapshots import check


def sample(rows: int = 400) -> pl.DataFrame:
    chance = random.Random(7)
    return pl.DataFrame(
        {
            "id": [f"secret-{i}" for i in range(rows)],
            "Income": [None if i % 4 == 0 else round(chance.gauss(50_000, 5_000), 2) for i in range(rows)],
            "age": [chance.randint(30, 40) for _ in range(rows)],
            "wines": [chance.randint(100, 900) for _ in range(rows)],
            "town": [chance.choices(["Ulm", "Bonn", "Kiel"], [8, 2, 0.02])[0] for _ in range(rows)],
            "name": [f"person {chance.randrange(10**8):08}" for _ in range(rows)],
            "joined": [dt.date(2012, 1, 1) + dt.timedelta(days=chance.randint(0, 200)) for _ in range(rows)],
            "at": [dt.time(8 + i % 3, i % 60) for i in range(rows)],
            "stays": [i % 10 == 0 for i in range(rows)],
        }
    )


FIELDS: dict[str, Any] = {
    "id": Id[str],
    "income": float | None,
    "age": int,
    "wines": int,
    "town": str,
    "name": str,
    "joined": Time[dt.date],
    "at": dt.time,
    "stays": Target[bool],
    "more": int,
}


def contract(path: Path | str, base: type[Contract] = Contract, **fields: Any) -> type[Contract]:
    """Build a contract with ``examples_from``."""
    body = {"__annotations__": fields or FIELDS, "__module__": __name__}
    return type(base)("Customer", (base,), body, examples_from=path)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sample.parquet"
    sample().write_parquet(path)
    return path


def made(cls: type[Contract], rows: int = 2000) -> pl.DataFrame:
    table = generate_table(schema_of(cls), GenerateOptions("seed", rows=rows))
    assert find_failures(table, schema_of(cls)) == []
    return table


def test_made_up_rows_are_spread_as_the_sample_is(file: Path) -> None:
    table = made(contract(file))
    assert abs(table["income"].mean() - 50_000) < 1_000
    assert 4_000 < table["income"].std() < 6_000
    assert 0.2 < table["income"].null_count() / 2000 < 0.3
    assert set(table["age"]) == set(range(30, 41))
    assert 0.7 < (table["town"] == "Ulm").mean() < 0.9
    assert (table["joined"].min().year, table["joined"].is_sorted()) == (2012, True)
    assert 8 <= table["at"].min().hour
    assert table["at"].max().hour <= 10
    assert 0.05 < table["stays"].mean() < 0.15


def test_a_target_of_the_samples_balance_can_be_learnt(file: Path) -> None:
    class Scored(Contract, examples_from=str(file)):
        one: float
        other: int
        stays: Target[bool]
        income: float

    class Paid(Scored):
        stays: bool
        income: Target[float] = Field(alias="Income")

    table = made(Scored)
    groups = table.group_by("stays").agg(pl.col("one", "other").mean()).sort("stays")
    assert 0.05 < table["stays"].mean() < 0.15
    assert (
        abs(groups["one"][0] - groups["one"][1]) > 0.4
        or abs(groups["other"][0] - groups["other"][1]) > 150_000
    )
    paid = made(Paid)
    assert abs(paid["income"].mean() - 50_000) < 1_000
    assert max(abs(paid.select(pl.corr(c, "income")).item()) for c in ("one", "other")) > 0.5


def test_no_single_rows_value_is_shown(file: Path) -> None:
    real, table = sample(), made(contract(file))
    assert not set(table["income"].drop_nulls()) & set(real["Income"].drop_nulls())
    assert not set(table["name"]) & set(real["name"])
    assert set(table["name"].str.len_chars()) == {15}
    assert "Kiel" not in set(table["town"]) or (real["town"] == "Kiel").sum() >= 5
    assert not set(table["id"]) & set(real["id"])
    grid = profile_table(real, schema_of(contract(file)))["income"].quantiles
    assert len(grid) == 21
    assert not set(grid) & set(real["Income"].drop_nulls())


def test_values_stay_within_the_bounds_of_the_contract(file: Path) -> None:
    class Bounded(Contract, examples_from=str(file)):
        income: float = Field(ge=49_000, lt=51_000, alias="Income")
        age: int = Field(gt=33, le=35)
        wines: int = Field(multiple_of=50, le=500)
        town: Literal["Bonn", "Trier"]
        name: str = Field(max_length=5)
        joined: dt.date = Field(ge=dt.date(2012, 6, 1))

    table = made(Bounded)
    assert set(table["age"]) == {34, 35}
    assert set(table["town"]) == {"Bonn"}


def test_examples_come_before_the_sample(file: Path) -> None:
    class Told(Contract, examples_from=str(file)):
        age: int = Field(examples=[99])

    assert set(made(Told)["age"]) == {99}


def test_a_path_starts_from_the_file_of_the_class_and_is_inherited(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    sample().write_csv(tmp_path / "data" / "sample.csv")
    path = tmp_path / "contracts_of_a_sample.py"
    path.write_text(
        "from magical import Contract\n"
        'class Base(Contract, examples_from="data/sample.csv"):\n    age: int\n'
        "class Derived(Base):\n    wines: int\n    new: int\n"
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = made(module.Derived)
    assert set(table["age"]) == set(range(30, 41))
    assert 90 <= table["wines"].min() <= table["wines"].max() <= 910
    assert table["new"].max() > 10_000


def test_a_sample_counts_for_what_is_made_up_and_for_nothing_else(file: Path) -> None:
    schema = schema_of(contract(file))
    plain = schema_of(type("Customer", (Contract,), {"__annotations__": FIELDS, "__module__": __name__}))
    assert schema.to_json() == plain.to_json()
    before = schema.generation_json()
    assert before != plain.generation_json()
    assert str(file.parent) not in str(before)
    sample(300).write_parquet(file)
    assert schema.generation_json() != before


def test_whole_numbers_are_learnt_from_floats_as_pandas_writes_them_beside_nulls() -> None:
    schema = schema_of(contract("built.parquet", built=int | None))
    years = [1600.0 + i if i % 4 else None for i in range(400)]
    profile = profile_table(pl.DataFrame({"built": years}), schema)["built"]
    assert profile.null_share == 0.25
    assert 1600 <= profile.quantiles[0] <= profile.quantiles[-1] <= 2000
    assert profile_table(pl.DataFrame({"built": [*years, 1990.5]}), schema) == {}
    spoilt = [float("nan") if y is None else y for y in years]
    assert profile_table(pl.DataFrame({"built": spoilt}), schema)["built"] == profile


def test_a_small_sample_teaches_nothing_that_it_should_not() -> None:
    schema = schema_of(contract("x.csv"))
    assert all(not p.values and not p.quantiles for p in profile_table(sample(4), schema).values())
    assert profile_table(sample(0), schema) == {}


WRONG: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "no file": ("absent.csv", lambda path: None),
    "no column in common": ("other.csv", lambda path: pl.DataFrame({"a": [1], "b": [2]}).write_csv(path)),
    "of no known kind": ("sample.xlsx", lambda path: path.write_text("x")),
    "unreadable": ("broken.parquet", lambda path: path.write_text("x")),
}


@pytest.mark.parametrize("name", WRONG)
def test_trouble_with_a_sample_is_told(name: str, tmp_path: Path) -> None:
    file, write = WRONG[name]
    write(tmp_path / file)
    with pytest.raises(ContractError) as caught:
        made(contract(tmp_path / file, age=int, town=str))
    assert is_well_worded(str(caught.value))
    check(
        "pretending",
        f"sample: {name}",
        str(caught.value).replace(schema_of(contract("x")).source, "FILE:LINE"),
    )


def test_keys_are_not_learnt(file: Path) -> None:
    class Order(Contract, examples_from=str(file)):
        id: Id[int]
        age: Key["Nobody"]  # noqa: F821

    assert profile_table(sample(), schema_of(Order)) == {}
    assert set(made(Order, 50)["age"]) <= set(range(1, 51))
