"""Who buys? From the file to a fitted Pipeline, with features and cleaning of the settings."""

from contracts import Visit
from magical import InputPath, Model, Settings, workflow
from magical.features import (
    Arithmetic,
    Bin,
    Cross,
    DateParts,
    Encode,
    Feature,
    Impute,
    Indicator,
    Log,
    Polynomial,
    Scale,
    Select,
    Text,
)
from magical.library import (
    Cleaning,
    Harmonise,
    Limits,
    Metric,
    SplitSettings,
    clean,
    drop_duplicates,
    featurize,
    ingest,
    linear,
    model_data,
    split,
    train,
    transform,
)


class VisitSettings(Settings):
    """The source, the cleaning and the features."""

    source: InputPath = InputPath("visits.parquet")
    cleaning: tuple[Cleaning, ...] = (Limits("age", le=110), Harmonise("status", map={"alone": "single"}))
    features: tuple[Feature, ...] = (
        Log(("income", "spent")),
        Arithmetic("each", "spent / items"),
        DateParts("day", ("month", "weekday"), cyclic=True),
        DateParts("joined", ("year", "month")),
        Cross(("channel", "status")),
        Polynomial(("price", "margin", "cost"), degree=2),
        Bin("age", edges=(20, 40, 60)),
        Text("comment", ("length", "words", "digits"), buckets=8),
        Indicator("education"),
        Bin("distance", quantiles=5),
        Impute(("rating", "heat"), how="constant", value=0),
        Scale(("income", "spent", "basket"), how="robust"),
        Encode("country", how="ordinal"),
        Encode("product", how="count"),
        Select(k=60),
    )
    metrics: tuple[Metric, ...] = (Metric("roc_auc"),)


@workflow
def visits(s: VisitSettings) -> Model:
    """From the visits to the fitted model."""
    cleaned = drop_duplicates(clean(model_data(ingest(s.source), Visit), s.cleaning))
    rows = featurize(cleaned, s.features)
    fitting, validation, _ = split(rows, SplitSettings(kind="random", seed=1))
    return train(fitting, validation, transform(fitting, s.features), linear(), s.metrics)
