"""Finished projects over real tables, each with rows of its raw export and what the run predicted for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from examples.conftest import copy_campaign
from feature_examples import CONTRACT_IMPORTS, ONE_OF_EACH, Shopper, to_toml
from magical.contracts.contract import schema_of
from magical.project import Run
from magical.project.scaffold.create import create_project
from magical.project.scaffold.project_options import ProjectOptions
from magical.synthesis.generate import GenerateOptions, generate_table
from mlflow_databases import database
from projects import Small

DATA = Path(__file__).parents[1] / "data"

QUICK = """
split.folds = 1
experiments = [{kind = "Linear", trials = 1}, {kind = "Boosting", trials = 1, rounds = 20}]
"""

PREDICTED, REJECTED, DROPPED = "predicted", "rejected", "dropped"

Oddity = tuple[Mapping[str, Any], str]
"""What is changed in a row of the export, and what comes of the row."""


@dataclass
class Exported:
    """A finished project, and rows of its raw export.

    Attributes:
        small: the project.
        file: the raw file that it learned from.
        id: the id's column in the export.
        target: the target's column in the export.
        csv: how the export is written where it is a csv file; the cells of its rows are texts.
        oddities: unusual rows.
    """

    small: Small
    file: Path
    id: str
    target: str
    oddities: tuple[Oddity, ...]
    csv: Mapping[str, Any] | None = None
    run: Run = field(init=False)
    name: str = field(init=False)

    def finish(self) -> Exported:
        """Run the project; MLflow's database is a copy of an empty one."""
        home = self.small.root / ".magical"
        self.uri = database(home)
        self.run = self.small.run()
        self.name = self.small.load().graph().workflow
        assert self.run["register"].text.startswith(f"{self.name} version 1, alias champion")
        return self

    @property
    def raw(self) -> pl.DataFrame:
        """All rows of the export without the target; those of a csv file as texts."""
        if self.csv is None:
            return pl.read_parquet(self.file).drop(self.target)
        return pl.read_csv(self.file, infer_schema=False, **self.csv).drop(self.target)

    @property
    def predicted(self) -> pl.DataFrame:
        """What the run gave for its test rows: the id as in the export, and the predictions."""
        table: pl.DataFrame = self.run["predict"]
        return table.rename({table.columns[0]: self.id})

    @property
    def test_rows(self) -> pl.DataFrame:
        """The rows of the export that the run predicted, in that order."""
        raw = self.raw
        ids = self.predicted.select(pl.col(self.id).cast(raw.schema[self.id]))
        return ids.join(raw, on=self.id, how="left", maintain_order="left").select(raw.columns)

    @property
    def odd_rows(self) -> pl.DataFrame:
        """The first test rows, each with one oddity."""
        rows = self.test_rows.head(len(self.oddities)).to_dicts()
        for row, (changes, _) in zip(rows, self.oddities, strict=True):
            row.update(changes)
        return pl.DataFrame(rows, schema=self.raw.schema)

    @property
    def outcomes(self) -> list[str]:
        """What comes of each odd row."""
        return [outcome for _, outcome in self.oddities]

    def write_csv(self, rows: pl.DataFrame, path: Path) -> Path:
        """Write rows of the export as a csv file, as the project's own or with commas."""
        rows.write_csv(path, **(self.csv or {}))
        return path


def campaign(root: Path) -> Exported:
    """Copy the example: aliases, a date, a step that drops rows; bools as 0 and 1 in a csv with semicolons."""
    small = copy_campaign(root)
    small.write("settings.toml", QUICK)
    return Exported(
        small,
        root / "data" / "marketing_campaign.csv",
        "ID",
        "Response",
        (
            ({"Marital_Status": "Betrothed"}, PREDICTED),
            ({"Income": None}, PREDICTED),
            ({"Education": "Kindergarten"}, REJECTED),
            ({"Kidhome": None}, REJECTED),
            ({"Complain": "perhaps"}, REJECTED),
            ({"Recency": "12.5"}, REJECTED),
            ({"Dt_Customer": "2013-13-01"}, REJECTED),
            ({"Year_Birth": "1899"}, DROPPED),
            ({}, PREDICTED),
        ),
        {"separator": ";"},
    )


def telco(root: Path) -> Exported:
    """Make a project by `magical new` from parquet: ids that are texts, bools as Yes and No and as 0 and 1."""
    table = pl.read_parquet(DATA / "telco_churn.parquet").with_row_index("i", offset=1000)
    table = table.select(pl.format("C-{}", "i").alias("customerID"), pl.all().exclude("i"))
    file = root.parent / "telco.parquet"
    table.write_parquet(file)
    small = Small(create_project(str(root), str(file), "Churn").root)
    small.edit("contracts.py", "    payment_method: PaymentMethod", "    payment_method: str")
    small.write("settings.toml", 'cleaning = [{kind = "Limits", columns = "tenure", le = 72}]\n' + QUICK)
    return Exported(
        small,
        file,
        "customerID",
        "Churn",
        (
            ({"PaymentMethod": "Cowrie shells"}, PREDICTED),
            ({"TotalCharges": None}, PREDICTED),
            ({"Contract": "For ever"}, REJECTED),
            ({"Contract": None}, REJECTED),
            ({"Partner": "perhaps"}, REJECTED),
            ({"tenure": None}, REJECTED),
            ({"MonthlyCharges": -5.0}, REJECTED),
            ({"tenure": 99}, DROPPED),
            ({}, PREDICTED),
        ),
    )


def metro(root: Path) -> Exported:
    """Make a project by `magical new`: a target of numbers, moments, features of dates, a split by time."""
    table = pl.read_parquet(DATA / "metro_traffic.parquet").with_row_index("reading", offset=1)
    file = root.parent / "metro.parquet"
    table.with_columns(pl.col("reading").cast(pl.Int64)).write_parquet(file)
    small = Small(create_project(str(root), str(file), "traffic_volume").root)
    small.edit("contracts.py", "    temp: float\n", "    temp: float | None\n")
    small.write("settings.toml", 'cleaning = [{kind = "Limits", columns = "rain_1h", lt = 1000}]\n' + QUICK)
    return Exported(
        small,
        file,
        "reading",
        "traffic_volume",
        (
            ({"weather_description": "raining frogs"}, PREDICTED),
            ({"temp": None}, PREDICTED),
            ({"holiday": "Bastille Day"}, REJECTED),
            ({"date_time": None}, REJECTED),
            ({"clouds_all": 101}, REJECTED),
            ({"rain_1h": 9831.3}, DROPPED),
            ({}, PREDICTED),
        ),
    )


def digits(root: Path) -> Exported:
    """Make a project by `magical new`: a target of ten classes, from a csv file of 64 whole numbers."""
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True, as_frame=True)
    table = pl.from_pandas(pixels).cast(pl.Int64).with_columns(digit=pl.Series(digit.to_numpy()))
    file = root.parent / "digits.csv"
    table.head(400).with_row_index("scan", offset=1).write_csv(file)
    small = Small(create_project(str(root), str(file), "digit", options=ProjectOptions(task="classes")).root)
    small.edit("contracts.py", "    pixel_3_3: int =", "    pixel_3_3: int | None =")
    small.write("settings.toml", QUICK)
    return Exported(
        small,
        file,
        "scan",
        "digit",
        (
            ({"pixel_3_3": None}, PREDICTED),
            ({"pixel_3_4": None}, REJECTED),
            ({"pixel_3_4": "-1"}, REJECTED),
            ({"pixel_3_4": "dark"}, REJECTED),
            ({}, PREDICTED),
        ),
        {},
    )


ADULT_CONTRACTS = '''
"""The people of the census."""

from datetime import date
from typing import Literal

from magical import Contract, Field, Id, Target


class Person(Contract):
    """One person."""

    person: Id[int] = Field(alias="Person No")
    age: int = Field(ge=0, le=130)
    workclass: str | None
    education: Literal[
        "10th", "11th", "12th", "1st-4th", "5th-6th", "7th-8th", "9th", "Assoc-acdm", "Assoc-voc", "Bachelors",
        "Doctorate", "HS-grad", "Masters", "Preschool", "Prof-school", "Some-college",
    ]
    level: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] = Field(alias="education_num")
    sex: Literal["Female", "Male"]
    capital_gain: int | None = Field(ge=0)
    hours: float = Field(alias="hours_per_week", ge=0, le=168)
    country: str | None = Field(alias="native_country")
    interviewed: date = Field(alias="Interviewed")
    rich: Target[bool] = Field(alias="income")


class Banded(Person):
    """A person with figures."""

    effort: float = Field(ge=0, description="hours, 1 is typical")
    band: str
'''

ADULT_HELPERS = '''
"""What the steps share."""

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

WIDTH = 10


def to_band(column: str) -> pl.Expr:
    """The decade of a number, as a text."""
    return pl.format("{}s", pl.col(column) // WIDTH * WIDTH)


class Squash(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Limits each column to what it was in training."""

    def fit(self, X, y=None):
        self.low_, self.high_ = np.quantile(X, [0.01, 0.99], axis=0)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.clip(X, self.low_, self.high_)
'''

ADULT_WORKFLOW = '''
"""adult: who earns more than 50,000 a year?"""

import polars as pl
from sklearn.base import clone

from contracts import Banded, Person
from helpers import Squash, to_band
from magical import Frame, InputPath, Pipeline, Settings, step, workflow
from magical.features import DateParts, Feature, Log
from magical.library import (
    Boosting, Experiment, Reading, RegisterSettings, Scores, SplitSettings, evaluate, featurize, ingest, linear,
    model_data, predict, register, select, split, transform, tune,
)


class AdultSettings(Settings):
    """The settings that vary."""

    source: InputPath = InputPath("adult.csv")
    reading: Reading = Reading()
    least_age: int = 17
    features: tuple[Feature, ...] = (Log("capital_gain"), DateParts("interviewed", ("month", "weekday")))
    experiments: tuple[Experiment, ...] = (linear(trials=1), Boosting(trials=1, rounds=20))
    registry: RegisterSettings = RegisterSettings()


@step
def grown_up(people: Frame[Person], least_age: int) -> Frame[Person]:
    """Drop children."""
    return people.filter(pl.col("age") >= least_age)


@step(training_only=True)
def distinct(people: Frame[Person]) -> Frame[Person]:
    """Keep one of several equal people."""
    return people.unique(["age", "workclass", "hours", "country"], keep="first", maintain_order=True)


@step
def find_typical(people: Frame[Person]) -> float:
    """The hours that are usual."""
    return float(people["hours"].median())


@step
def add_figures(people: Frame[Person], typical: float) -> Frame[Banded]:
    """Add the effort, and the band of ages."""
    return people.with_columns(effort=pl.col("hours") / typical, band=to_band("age"))


@step
def squash(plan: Pipeline) -> Pipeline:
    """Limit the encoded columns to what they were in training."""
    plan = clone(plan)
    plan.steps.append(("squash", Squash()))
    return plan


@workflow
def adult(s: AdultSettings) -> Scores:
    people = distinct(grown_up(model_data(ingest(s.source, s.reading), Person), s.least_age))
    featured = featurize(add_figures(people, find_typical(people)), s.features)
    train, validation, test = split(featured, SplitSettings(kind="stratified", seed=3, folds=1))
    preprocessing = squash(transform(train, s.features))
    best = select([tune(train, validation, preprocessing, e) for e in s.experiments])
    predictions = predict(best, test)
    scores = evaluate(predictions, test)
    register(best, scores, s.registry)
    return scores
'''


def adult(root: Path) -> Exported:
    """Write a project by hand: its own modules, a value of the training run, a learned encoder, German marks."""
    table = pl.read_parquet(DATA / "adult.parquet").with_row_index("i")
    day = pl.date(1994, 1, 1) + pl.duration(days=pl.col("i").cast(pl.Int64) * 37 % 700)
    hours = pl.col("hours_per_week") + (pl.col("i") % 4) * 0.25
    table = table.select(
        (pl.col("i") + 1).alias("Person No"),
        pl.all().exclude("i", "hours_per_week", "income"),
        hours.cast(pl.String).str.replace(".", ",", literal=True).alias("hours_per_week"),
        day.dt.strftime("%d.%m.%Y").alias("Interviewed"),
        "income",
    )
    small = Small(root)
    small.write("contracts.py", ADULT_CONTRACTS)
    small.write("helpers.py", ADULT_HELPERS)
    small.write("workflow.py", ADULT_WORKFLOW)
    file = root / "adult.csv"
    table.write_csv(file, separator=";")
    return Exported(
        small,
        file,
        "Person No",
        "income",
        (
            ({"native_country": "Atlantis"}, PREDICTED),
            ({"workclass": None}, PREDICTED),
            ({"capital_gain": None}, PREDICTED),
            ({"education": "Kindergarten"}, REJECTED),
            ({"education_num": "17"}, REJECTED),
            ({"hours_per_week": "a lot"}, REJECTED),
            ({"Interviewed": "31.02.1994"}, REJECTED),
            ({"Interviewed": "03.04.1994"}, PREDICTED),
            ({"age": "15"}, DROPPED),
            ({}, PREDICTED),
        ),
        {"separator": ";"},
    )


SHOPPERS_WORKFLOW = '''
"""shoppers: who answers? With features of every kind, and an ensemble of the project's own experiments."""

from sklearn.ensemble import ExtraTreesClassifier

from contracts import Shopper
from magical import Feature, Frame, InputPath, Settings, step, workflow
from magical.library import (
    Boosting, Experiment, RegisterSettings, Scores, SplitSettings, evaluate, featurize, ingest, linear, model_data,
    predict, refit, register, select, split, transform, tune,
)


class Spread(ExtraTreesClassifier):
    """Trees of the project's own."""


class Trees(Experiment):
    """A few trees: with another seed they make other mistakes."""

    trials: int = 1

    def estimator(self, task, params):
        return Spread(20, min_samples_leaf=3, random_state=self.seed, **params)


class Coded(Trees):
    """The same behind another preprocessing."""

    def prepare(self, preprocessing):
        return Boosting().prepare(preprocessing)


class ShopperSettings(Settings):
    """The settings that vary."""

    source: InputPath = InputPath("shoppers.parquet")
    features: tuple[Feature, ...] = ()
    experiments: tuple[Experiment, ...] = (
        Trees(name="oak"), Trees(name="elm", seed=1), Coded(name="ash", seed=2), linear(trials=1),
    )
    registry: RegisterSettings = RegisterSettings()


@step
def add_spread(shoppers: Frame[Shopper]) -> Frame[Shopper]:
    """Divide by a number that may be 0: infinite numbers reach the model."""
    return shoppers.with_columns(wines=shoppers["wines"] / shoppers["visits"].fill_null(1))


@workflow
def shoppers(s: ShopperSettings) -> Scores:
    featured = featurize(add_spread(model_data(ingest(s.source), Shopper)), s.features)
    train, validation, test = split(featured, SplitSettings(kind="stratified", seed=3, validation=0.3, folds=1))
    preprocessing = transform(train, s.features)
    best = refit(select([tune(train, validation, preprocessing, e) for e in s.experiments]), train, validation)
    predictions = predict(best, test)
    scores = evaluate(predictions, test)
    register(best, scores, s.registry)
    return scores
'''


def shoppers(root: Path) -> Exported:
    """Write a project by hand whose settings have features of every kind, and a step that gives infinities."""
    table = generate_table(schema_of(Shopper), GenerateOptions("shoppers", 600, 0.1))
    table = table.with_columns(pl.selectors.float().round(4))  # pandas writes ten digits as JSON
    small = Small(root)
    contract = inspect.getsource(Shopper)
    small.write("contracts.py", f"{CONTRACT_IMPORTS}\n\n\n{contract}")
    small.write("workflow.py", SHOPPERS_WORKFLOW)
    small.write("settings.toml", f"features = {to_toml(ONE_OF_EACH)}\n")
    file = root / "shoppers.parquet"
    table.write_parquet(file)
    return Exported(
        small,
        file,
        "id",
        "answers",
        (
            ({"city": "Atlantis"}, PREDICTED),
            ({"region": "beyond", "comment": "Words of which none was there"}, PREDICTED),
            ({"comment": "long words " * 1000}, PREDICTED),
            ({"income": 1e300, "wines": -1e300}, PREDICTED),
            ({"age": 2**53 - 1, "visits": -(2**53) + 1}, PREDICTED),
            ({"wines": 1.0, "visits": 0}, PREDICTED),
            ({"enrolled": date(1066, 10, 14), "last_seen": datetime(9999, 12, 31)}, PREDICTED),
            (dict.fromkeys(("income", "visits", "region", "grade", "last_seen", "comment")), PREDICTED),
            ({"education": "Kindergarten"}, REJECTED),
            ({"city": None}, REJECTED),
            ({}, PREDICTED),
        ),
    )


PROJECTS: dict[str, Callable[[Path], Exported]] = {
    "campaign": campaign,
    "telco": telco,
    "adult": adult,
    "metro": metro,
    "digits": digits,
    "shoppers": shoppers,
}
