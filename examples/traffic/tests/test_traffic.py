"""The steps of the project, on a few written rows and on generated ones; no test reads the real file."""

from datetime import datetime
from pathlib import Path

import polars as pl
from workflow import compare, hourly

import magical
from contracts import Hour
from magical.library import Scores
from magical.testing import Pretend

REPORTS = pl.DataFrame(
    [
        (datetime(2018, 11, 21, 23), "None", "Clear", 900),
        (datetime(2018, 11, 22, 0), "Thanksgiving Day", "Mist", 600),
        (datetime(2018, 11, 22, 0), "Thanksgiving Day", "Snow", 600),
        (datetime(2018, 11, 22, 0), "Thanksgiving Day", "Clouds", 600),
        (datetime(2018, 11, 22, 7), "None", "Rain", 1900),
        (datetime(2018, 11, 23, 0), "None", "Clear", 700),
    ],
    schema=["date_time", "holiday", "weather_main", "traffic_volume"],
    orient="row",
)


def test_an_hour_is_one_row_with_its_worst_weather() -> None:
    hours = hourly(REPORTS)
    assert hours["date_time"].dt.to_string("%d %H").to_list() == ["21 23", "22 00", "22 07", "23 00"]
    assert hours["weather_main"].to_list() == ["Clear", "Snow", "Rain", "Clear"]


def test_a_holiday_lasts_all_day_and_no_longer() -> None:
    assert hourly(REPORTS)["holiday"].to_list() == [None, "Thanksgiving Day", "Thanksgiving Day", None]


def test_a_csv_of_new_hours_gives_the_same_hours() -> None:
    texts = REPORTS.drop("traffic_volume").with_columns(pl.col("date_time").dt.to_string("%Y-%m-%d %H:%M:%S"))
    same = ["holiday", "weather_main"]
    assert hourly(texts).select(same).equals(hourly(REPORTS).select(same))


def test_the_baseline_is_the_mean_of_train_by_hour_and_weekday(pretended: Pretend) -> None:
    hours = pretended(Hour, rows=300)
    scores = pretended(Scores, like=hours)
    level = hours.with_columns(traffic_volume=pl.lit(500))
    higher = level.with_columns(traffic_volume=pl.lit(530))
    assert compare(scores, level, higher).rmse_of_baseline == 30


def test_the_design_has_no_error() -> None:
    project = magical.load(Path(__file__).parents[1])
    assert [str(f) for f in project.check() if f.severity == "error"] == []


def test_it_runs_without_any_data() -> None:
    run = magical.load(Path(__file__).parents[1]).pretend(
        rows=200, experiments={"linear": {"trials": 1}, "boosting": {"trials": 1, "rounds": 20}}
    )
    assert run.result.rmse > 0
