"""Traffic: how many vehicles will pass the counter in an hour to come?"""

from typing import get_args

import polars as pl

from contracts import Hour, Verdict, Weather
from magical import Frame, InputPath, Settings, keep, step, workflow
from magical.features import Arithmetic, Bin, DateParts, Encode, Feature, Scale
from magical.library import (
    Cleaning,
    EvaluateSettings,
    Experiment,
    Harmonise,
    Limits,
    RegisterSettings,
    Scores,
    SplitSettings,
    boosting,
    clean,
    evaluate,
    explain,
    featurize,
    ingest,
    linear,
    model_data,
    predict,
    refit,
    register,
    select,
    split,
    transform,
    tune,
)

WEATHERS = get_args(Weather)  # from the best to the worst


class TrafficSettings(Settings):
    """The settings that the team varies."""

    source: InputPath = InputPath("data/metro_traffic.parquet")
    cleaning: tuple[Cleaning, ...] = (
        Limits("temp", ge=200, le=330, action="null"),  # ten hours have 0 kelvin
        Limits("rain_1h", le=305, action="null"),  # one has 9,831 mm; the most ever measured is 305
        Harmonise("weather_description", case="lower"),  # Sky is Clear, sky is clear
    )
    features: tuple[Feature, ...] = (
        DateParts("began", ("hour", "weekday")),
        DateParts("began", ("hour", "weekday", "day_of_year"), cyclic=True),  # 23:00 is next to 00:00
        Arithmetic("hour_of_week", "24 * began_weekday + began_hour"),
        Encode("hour_of_week", "target"),  # the mean of each, cross-fitted on train
        Encode("holiday", "target"),
        Encode("weather_description", "count"),
        Bin("temp", quantiles=5),
        Scale(["rain_1h", "snow_1h"], "quantile"),  # nearly always 0
    )
    # By time: the model forecasts hours to come. A random split would let it learn the hours before and after
    # each hour of test, and promise an error that no forecast has. So are the folds: a fold is
    # predicted by fits on earlier hours.
    split: SplitSettings = SplitSettings(kind="time", validation=0.2, test=0.2, folds=3)
    experiments: tuple[Experiment, ...] = (linear(), boosting(trials=3, rounds=400))
    judging: EvaluateSettings = EvaluateSettings(slices=("holiday", "weather_main"))
    registry: RegisterSettings = RegisterSettings(require={"rmse": 450})


@step
def hourly(reports: Frame) -> Frame:
    """Make one row of each hour, and give the holiday of its first hour to the whole day.

    The source has a row for each weather report: up to six an hour, all with the same count of vehicles. Left
    so, hours of bad weather would count several times. The report of the worst weather is kept.
    """
    severity = pl.col("weather_main").replace_strict(WEATHERS, range(len(WEATHERS)), default=-1)
    hours = reports.sort("date_time", severity).unique("date_time", keep="last", maintain_order=True)
    keep("reports_an_hour", reports.group_by("date_time").len("reports")["reports"].value_counts(sort=True))
    day = pl.col("date_time").cast(pl.String).str.head(10)  # in a csv of new hours a moment is a text
    return hours.with_columns(holiday=pl.col("holiday").replace("None", None).max().over(day))


@step
def compare(scores: Scores, train: Frame[Hour], test: Frame[Hour]) -> Verdict:
    """Set the error of the model beside that of the mean by hour and weekday, known from train."""
    group = [pl.col("began").dt.hour().alias("clock"), pl.col("began").dt.weekday().alias("weekday")]
    means = train.group_by(group).agg(mean=pl.col("traffic_volume").mean())
    rows = test.with_columns(group).join(means, on=["clock", "weekday"])
    squares = (pl.col("traffic_volume") - pl.col("mean")) ** 2
    baseline = rows.select(squares.mean().sqrt()).item()
    return Verdict(rmse=round(scores["rmse"], 1), rmse_of_baseline=round(baseline, 1))


@workflow
def traffic(s: TrafficSettings) -> Verdict:
    hours = model_data(hourly(ingest(s.source)), Hour)
    featured = featurize(clean(hours, s.cleaning), s.features)
    train, validation, test = split(featured, s.split)
    preprocessing = transform(train, s.features)
    models = [tune(train, validation, preprocessing, e) for e in s.experiments]
    chosen = select(models)
    best = refit(chosen, train, validation)
    predictions = predict(best, test)
    scores = evaluate(predictions, test, train, how=s.judging)
    register(best, scores, s.registry, explain(chosen, validation))
    return compare(scores, train, test)
