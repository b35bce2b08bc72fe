"""Weak slices are found where they are planted, and nothing where there is nothing."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from magical.errors import BrokenPromise
from magical.library.judging.slices import find_slices

ROWS = 400


def make_table(seed: int, rows: int = ROWS) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    days = random.integers(0, 700, rows).tolist()
    return pl.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "income": random.exponential(30_000, rows),
            "country": random.choice(["DE", "FR", "IT"], rows),
            "since": [date(2020, 1, 1) + timedelta(days=d) for d in days],
            "member": random.choice([True, False], rows),
            "score": pl.Series(random.normal(size=rows)).set(
                pl.Series(random.uniform(size=rows) < 0.1), None
            ),
        }
    )


def make_losses(seed: int, rows: int = ROWS) -> np.ndarray[Any, Any]:
    """The log losses of a perfect model: larger ones are chance."""
    random = np.random.default_rng(1000 + seed)
    chance = random.uniform(0.05, 0.95, rows)
    return -np.log(np.where(random.uniform(size=rows) < chance, chance, 1 - chance))


PLANTED: dict[str, tuple[pl.Expr, str]] = {
    "young": (pl.col("age") < 24, "age < "),
    "a country": (pl.col("country") == "DE", "country = 'DE'"),
    "two columns": ((pl.col("country") == "FR") & (pl.col("age") >= 60), " and country = 'FR'"),
    "rich": (pl.col("income") > 60_000, "income ≥ "),
    "late": (pl.col("since") > date(2021, 9, 1), "since ≥ 2021-"),
    "members": (pl.col("member"), "member = True"),
    "a range": (pl.col("score").is_between(-0.3, 0.3), " ≤ score < "),
    "missing": (pl.col("score").is_null(), "score is missing"),
    "not that country": (pl.col("country") != "IT", "country"),
    "one in twenty": ((pl.col("age") < 31) & (pl.col("country") == "IT"), " and country = 'IT'"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    where, text = PLANTED[name]
    table = make_table(1)
    inside = table.select(where.fill_null(False)).to_series().to_numpy()
    found = find_slices(table, make_losses(1) + 2.0 * inside)
    first = found.row(0, named=True)
    assert text in first["slice"], found
    assert (first["kind"], first["confirmed"], first["metric"]) == ("found", True, "log_loss")
    assert first["low"] < first["value"] < first["high"]
    assert first["difference"] > 0.8
    assert 0.4 < first["rows"] / inside.sum() < 2, "the bounds are those of bins"


def test_nothing_is_found_where_there_is_nothing() -> None:
    found = [find_slices(make_table(seed), make_losses(seed)) for seed in range(10)]
    assert [f.height for f in found] == [0] * 10


def test_few_large_errors_make_no_slice() -> None:
    """Squared errors with heavy tails: a few rows have most of the loss, and they may be in any slice."""
    losses = [np.random.default_rng(seed).standard_t(3, ROWS) ** 2 for seed in range(10)]
    found = [find_slices(make_table(seed), loss, "squared_error") for seed, loss in enumerate(losses)]
    assert sum(f.height for f in found) <= 1


def test_a_slice_of_one_group_is_no_evidence() -> None:
    """One customer of forty rows errs: that is one case, not forty."""
    units = np.arange(ROWS) // 40
    table = pl.DataFrame({"city": [f"city {u}" for u in units], "age": np.arange(ROWS) % 7})
    losses = make_losses(3) + np.random.default_rng(0).normal(2, 1, 10)[units]
    assert find_slices(table, losses, units=units).is_empty()
    assert not find_slices(table, losses).is_empty()


def test_each_value_of_a_declared_column_has_a_line_with_its_interval() -> None:
    table = make_table(2).with_columns(pl.lit("same").alias("constant"))
    losses = make_losses(2) + 2.0 * (table["country"] == "IT").to_numpy()
    found = find_slices(table, losses, "log_loss", ["country", "age", "constant"])
    declared = found.filter(kind="declared")
    assert found.filter(slice="country = 'IT'").height == 1  # not found once more
    assert declared["low"].min() >= 0  # type: ignore[operator]  # as no loss is below
    assert declared["slice"].head(3).sort().to_list() == [f"country = '{c}'" for c in ("DE", "FR", "IT")]
    assert declared["slice"].str.contains("age").sum() == 5  # fifths
    assert declared["rows"].sum() == 2 * ROWS  # every row is in one line of each column
    assert declared.filter(slice="country = 'IT'")["confirmed"].to_list() == [True]
    assert declared.filter(slice="country = 'DE'")["confirmed"].to_list() == [False]


ODD: dict[str, Callable[[], pl.DataFrame]] = {
    "nothing to cut by": lambda: pl.DataFrame({"same": ["a"] * 60}),
    "no column": lambda: pl.DataFrame({"x": range(60)}).drop("x"),
    "a list": lambda: pl.DataFrame({"x": [[1]] * 60}),
    "all missing": lambda: pl.DataFrame({"x": pl.Series([None] * 60, dtype=pl.Float64)}),
    "infinite": lambda: pl.DataFrame({"x": [float("inf"), float("nan"), 1.0] * 20}),
    "all distinct": lambda: pl.DataFrame({"x": [f"text {i}" for i in range(60)]}),
    "few rows": lambda: pl.DataFrame({"x": [1, 2]}),
    "no rows": lambda: pl.DataFrame({"x": pl.Series([], dtype=pl.Int64)}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_have_no_slices_and_do_no_harm(name: str) -> None:
    table = ODD[name]()
    rows = table.height or (60 if name == "no column" else 0)
    assert find_slices(table, np.linspace(0, 1, rows)).is_empty()


def test_names_and_values_of_data_stay_plain_text() -> None:
    table = pl.DataFrame({"<script>": ["<b>it's</b>\n", 'a "quote"'] * 200})
    losses = make_losses(4) + 2.0 * (np.arange(ROWS) % 2 == 0)
    assert find_slices(table, losses)["slice"].to_list() == ["""<script> = "<b>it's</b>\""""]


def test_a_declared_column_that_is_not_there_is_named() -> None:
    with pytest.raises(BrokenPromise, match="no column 'contry' to slice by"):
        find_slices(make_table(0), make_losses(0), declared=["contry"])
