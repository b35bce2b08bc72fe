"""Campaign: which customers will answer the next campaign?"""

from datetime import date

import polars as pl
from pydantic import PositiveFloat, PositiveInt

from contracts import Customer, Household
from magical import Frame, InputPath, Settings, keep, step, workflow
from magical.features import Arithmetic, Cross, Encode, Feature, Log, Polynomial
from magical.library import (
    Decision,
    EvaluateSettings,
    Experiment,
    RegisterSettings,
    Scores,
    SplitSettings,
    boosting,
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

SINGLE = ("Single", "Alone", "Absurd", "YOLO")
PURCHASES = ("num_deals_purchases", "num_web_purchases", "num_catalog_purchases", "num_store_purchases")


class CampaignSettings(Settings):
    """The settings that the team varies."""

    source: InputPath = InputPath("data/marketing_campaign.csv")
    today: date = date(2014, 6, 30)
    max_age: PositiveInt = 90
    max_income: PositiveFloat = 200_000
    left_out: tuple[str, ...] = ("year_birth", "kidhome", "teenhome")
    features: tuple[Feature, ...] = (
        Log(["income", "spent", "mnt_*"]),
        Arithmetic("basket", "spent / purchases"),
        Cross("education", "marital_status"),
        Polynomial(["recency", "years_enrolled"], interactions_only=True),
        Encode("education", "ordinal"),  # fitted in the Pipeline, as all that learns from rows
    )
    split: SplitSettings = SplitSettings(kind="stratified", validation=0.2, test=0.2, seed=7)
    experiments: tuple[Experiment, ...] = (linear(trials=4), boosting(preset="extra_trees_small", trials=4))
    # A letter costs 3, an answer brings 11: letters in vain, and answers that nobody asked for.
    judging: EvaluateSettings = EvaluateSettings(
        slices=("education",), decision=Decision(false_positive=3, false_negative=8)
    )
    registry: RegisterSettings = RegisterSettings(require={"roc_auc": 0.8})


@step
def clean(customers: Frame[Customer], today: date, max_age: int, max_income: float) -> Frame[Customer]:
    """Drop impossible ages, incomes and dates, and bring odd marital statuses to the common ones."""
    sane = (
        (today.year - pl.col("year_birth") <= max_age)
        & pl.col("income").fill_null(0).le(max_income)
        & (pl.col("enrolled") <= today)
    )
    keep("rejected", customers.filter(~sane))
    status = pl.col("marital_status").replace(dict.fromkeys(SINGLE, "Single") | {"Together": "Married"})
    return customers.filter(sane).with_columns(marital_status=status)


@step(training_only=True)
def drop_duplicates(customers: Frame[Customer]) -> Frame[Customer]:
    """Keep one of several customers that differ only in their id."""
    facts = [name for name in Customer.model_fields if name != "id"]
    return customers.unique(facts, keep="first", maintain_order=True)


@step
def household(customers: Frame[Customer], today: date) -> Frame[Household]:
    """Add figures of the household: age, family, purchases, years as a customer."""
    children = pl.col("kidhome") + pl.col("teenhome")
    adults = pl.when(pl.col("marital_status") == "Married").then(2).otherwise(1)
    return customers.with_columns(
        age=today.year - pl.col("year_birth"),
        children=children,
        family_size=children + adults,
        purchases=pl.sum_horizontal(PURCHASES),
        spent=pl.sum_horizontal(pl.selectors.starts_with("mnt_")),
        years_enrolled=(pl.lit(today) - pl.col("enrolled")).dt.total_days() / 365.25,
        campaigns_accepted=pl.sum_horizontal(pl.selectors.starts_with("accepted_")),
    )


@step(promises=lambda customers, left_out: customers.without(left_out))
def leave_out(customers: Frame[Household], left_out: tuple[str, ...]) -> Frame:
    """Drop the columns that no model should see."""
    return customers.drop(left_out)


@workflow
def campaign(s: CampaignSettings) -> Scores:
    customers = model_data(ingest(s.source), Customer)
    cleaned = drop_duplicates(clean(customers, s.today, s.max_age, s.max_income))
    households = leave_out(household(cleaned, s.today), s.left_out)
    featured = featurize(households, s.features)
    train, validation, test = split(featured, s.split)
    preprocessing = transform(train, s.features)
    models = [tune(train, validation, preprocessing, e) for e in s.experiments]
    chosen = select(models, decision=s.judging.decision)
    best = refit(chosen, train, validation)
    predictions = predict(best, test)
    scores = evaluate(predictions, test, train, how=s.judging)
    register(best, scores, s.registry, explain(chosen, validation))
    return scores
