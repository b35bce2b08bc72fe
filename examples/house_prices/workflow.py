"""House prices: what is a house in King County worth?"""

import math

import polars as pl
from experiments import LogBoosting, LogLinear, Median, relative_error
from pydantic import PositiveInt

from contracts import House, LocatedHouse
from magical import Frame, InputPath, Settings, keep, step, workflow
from magical.features import Arithmetic, Feature, Log
from magical.library import (
    Experiment,
    Metric,
    RegisterSettings,
    Scores,
    SplitSettings,
    boosting,
    evaluate,
    featurize,
    ingest,
    linear,
    model_data,
    predict,
    register,
    select,
    split,
    transform,
    tune,
)

SEATTLE, BELLEVUE = (47.605, -122.334), (47.614, -122.192)  # degrees north and east
KM_PER_DEGREE = 111.2


class PriceSettings(Settings):
    """The settings that the team varies."""

    source: InputPath = InputPath("data/house_sales.parquet")
    max_bedrooms: PositiveInt = 15
    features: tuple[Feature, ...] = (
        Log(("sqft_living", "sqft_lot", "sqft_living15", "sqft_lot15")),
        Arithmetic("age", "2015 - yr_built"),
        Arithmetic("living_to_neighbours", "sqft_living / sqft_living15"),
    )
    left_out: tuple[str, ...] = ("yr_built", "yr_renovated", "sqft_above")
    split: SplitSettings = SplitSettings(kind="group", validation=0.2, test=0.2, seed=7)
    metrics: tuple[Metric, ...] = (
        Metric("relative_error", function=relative_error, greater_is_better=False),
        Metric("mae"),
    )
    experiments: tuple[Experiment, ...] = (
        Median(),
        linear(),
        LogLinear(),
        boosting(trials=4),
        LogBoosting(trials=4),
    )
    registry: RegisterSettings = RegisterSettings(require={"relative_error": 0.15})


@step
def doubt(houses: Frame[House], max_bedrooms: int) -> Frame[House]:
    """Forget numbers of rooms that cannot be; the houses stay."""
    bedrooms, bathrooms = pl.col("bedrooms").is_between(1, max_bedrooms), pl.col("bathrooms") > 0
    keep("doubted", houses.filter(~(bedrooms & bathrooms)))
    return houses.with_columns(
        bedrooms=pl.when(bedrooms).then("bedrooms"), bathrooms=pl.when(bathrooms).then("bathrooms")
    )


def km_to(place: tuple[float, float]) -> pl.Expr:
    """Compute the distance to a place on a flat map, which is right to 1 % within the county."""
    north = pl.col("lat") - place[0]
    east = (pl.col("long") - place[1]) * math.cos(math.radians(place[0]))
    return (north**2 + east**2).sqrt() * KM_PER_DEGREE


@step
def locate(houses: Frame[House]) -> Frame[LocatedHouse]:
    """Add the site, the distances to the two centres, and what is known of the last works."""
    renovated = pl.col("yr_renovated") > 0
    return houses.with_columns(
        site=pl.format("{}, {}", "lat", "long"),
        km_to_seattle=km_to(SEATTLE),
        km_to_bellevue=km_to(BELLEVUE),
        renovated=renovated,
        years_since_works=2015 - pl.max_horizontal("yr_built", "yr_renovated"),
    )


@step(promises=lambda houses, left_out: houses.without(left_out))
def leave_out(houses: Frame[LocatedHouse], left_out: tuple[str, ...]) -> Frame:
    """Drop the columns that say again what others say."""
    return houses.drop(left_out)


@workflow
def house_prices(s: PriceSettings) -> Scores:
    houses = model_data(ingest(s.source), House)
    located = locate(doubt(houses, s.max_bedrooms))
    featured = leave_out(featurize(located, s.features), s.left_out)
    train, validation, test = split(featured, s.split)
    preprocessing = transform(train, s.features)
    models = [tune(train, validation, preprocessing, e, s.metrics) for e in s.experiments]
    best = select(models, validation, s.metrics)
    predictions = predict(best, test)
    scores = evaluate(predictions, test, metrics=s.metrics)
    register(best, scores, s.registry)
    return scores
