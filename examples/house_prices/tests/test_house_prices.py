"""Tests of the steps and of the design, on generated houses."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from workflow import BELLEVUE, SEATTLE, PriceSettings, km_to, locate, relative_error

import magical
from contracts import House, LocatedHouse
from magical.library import clean, model_data
from magical.testing import Pretend


def test_rooms_that_cannot_be_are_unknown_and_no_house_is_lost(pretended: Pretend) -> None:
    odd = pretended(House, rows=5).with_columns(
        bedrooms=pl.Series([3, 0, 33, None, 4]), bathrooms=pl.Series([1.0, 0.0, 1.75, 2.0, None])
    )
    houses = model_data(odd, House)  # a table that polars has made anew promises nothing by itself
    cleaned = clean(houses, PriceSettings().cleaning)
    assert cleaned["bedrooms"].to_list() == [3, None, None, None, 4]
    assert cleaned["bathrooms"].to_list() == [1.0, None, 1.75, 2.0, None]
    assert cleaned.drop("bedrooms", "bathrooms").equals(houses.drop("bedrooms", "bathrooms"))


def test_distances_are_those_of_the_map() -> None:
    centres = pl.DataFrame([SEATTLE, BELLEVUE], schema=["lat", "long"], orient="row")
    apart = centres.select(km_to(SEATTLE)).to_series()
    assert apart[0] == 0
    assert 10 < apart[1] < 11  # 6.6 miles across Lake Washington


def test_a_place_is_one_site_and_works_are_the_last_ones(pretended: Pretend) -> None:
    houses = pretended(House, rows=3).with_columns(
        lat=pl.Series([47.5, 47.5, 47.6]),
        long=pl.lit(-122.2),
        yr_built=pl.Series([1950, 2004, 1950]),
        yr_renovated=pl.Series([0, 0, 1999]),
    )
    located = locate(houses)
    assert located["site"][0] == located["site"][1] != located["site"][2]
    assert located["years_since_works"].to_list() == [65, 11, 16]
    assert located["renovated"].to_list() == [False, False, True]


@pytest.mark.parametrize("rows", [0, 1, 200])
def test_any_house_can_be_located(pretended: Pretend, rows: int) -> None:
    located = locate(pretended(House, rows=rows, nulls=1.0))
    assert set(LocatedHouse.model_fields) <= set(located.columns)
    assert located.height == rows


def test_the_metric_is_a_share_of_the_price() -> None:
    assert relative_error(np.array([100.0, 200.0]), np.array([110.0, 180.0])) == pytest.approx(0.1)


def test_the_design_has_no_error_and_runs_without_data() -> None:
    project = magical.load(Path(__file__).parents[1])
    assert [str(f) for f in project.check() if f.severity == "error"] == []
    run = project.pretend(rows=200, experiments=["dummy", {"kind": "linear", "target": "log"}])
    assert run["predict"]["prediction"].is_not_null().all()
