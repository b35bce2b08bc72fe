"""House prices: what is a house in King County worth?"""

import math
from typing import Any

import numpy as np
import polars as pl

from contracts import House, LocatedHouse
from magical import Frame, InputPath, Settings, step, workflow
from magical.features import Columns, Feature
from magical.library import (
    Cleaning,
    EvaluateSettings,
    Experiment,
    Limits,
    Metric,
    RegisterSettings,
    Scores,
    SplitSettings,
    boosting,
    clean,
    dummy,
    evaluate,
    explain,
    featurize,
    ingest,
    leave_out,
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

SEATTLE, BELLEVUE = (47.605, -122.334), (47.614, -122.192)  # degrees north and east
KM_PER_DEGREE = 111.2


class PriceSettings(Settings):
    """The settings that the team varies."""

    source: InputPath = InputPath("data/house_sales.parquet")
    cleaning: tuple[Cleaning, ...] = (
        Limits("bedrooms", ge=1, le=15, action="null"),  # none, or 33 in a small house: not known
        Limits("bathrooms", gt=0, action="null"),
    )
    features: tuple[Feature, ...] = ()  # settings.toml lists them
    left_out: Columns = ("yr_built", "yr_renovated", "sqft_above")
    split: SplitSettings = SplitSettings(kind="group", validation=0.2, test=0.2, seed=7)
    metrics: tuple[Metric, ...] = (
        Metric("relative_error", function="workflow:relative_error", greater_is_better=False),
        Metric("mae"),
    )
    experiments: tuple[Experiment, ...] = (
        dummy(),
        linear(trials=1),
        linear(name="log_linear", target="log", trials=1),  # with preprocessing of its own, in settings.toml
        boosting(trials=1, rounds=300),
        boosting(name="log_boosting", target="log", trials=3, rounds=300),
    )
    judging: EvaluateSettings = EvaluateSettings(slices=("waterfront", "condition"))
    registry: RegisterSettings = RegisterSettings(require={"relative_error": 0.15})


def relative_error(truth: Any, guess: Any) -> float:
    """Compute the mean error as a share of the price: 0.1 is 10 % too much, or too little."""
    return float(np.mean(np.abs(guess / truth - 1)))


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


@workflow
def house_prices(s: PriceSettings) -> Scores:
    houses = model_data(ingest(s.source), House)
    located = locate(clean(houses, s.cleaning))
    featured = leave_out(featurize(located, s.features), s.left_out)
    train, validation, test = split(featured, s.split)
    preprocessing = transform(train, s.features)
    models = [tune(train, validation, preprocessing, e, s.metrics) for e in s.experiments]
    chosen = select(models, metrics=s.metrics)
    best = refit(chosen, train, validation)
    predictions = predict(best, test)
    scores = evaluate(predictions, test, train, s.metrics, s.judging)
    register(best, scores, s.registry, explain(chosen, validation))
    return scores
