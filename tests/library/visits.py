"""A small project with a column of each type, whose prediction tells each value that the model was given."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl

from library.served import Played, play, write

WORKFLOW = """
import datetime as dt
from typing import Annotated, Literal

import polars as pl
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from magical import Contract, Decimal, Field, Frame, Id, Model, Parts, Target, Zone, contract_of, partition, step, workflow
from magical.contracts.model import to_canonical_frame
from magical.contracts.schema import Schema


class Visit(Contract):
    id: Id[int]
    flag: bool
    maybe: bool | None
    count: int = Field(ge=-100, le=1000)
    visits: int | None
    income: float
    weight: float | None = Field(alias="Body Weight")
    price: Annotated[float, Decimal(",")] | None
    kind: str
    note: str | None
    code: Literal["007", "1", "town"] | None
    day: dt.date
    birth: dt.date | None
    seen: dt.datetime
    gone: Annotated[dt.datetime, Zone("Europe/Berlin")] | None
    paid: Target[float]


class Total(Contract):
    id: Id[int]
    total: float
    paid: Target[float]


@step
def source() -> Frame:
    seconds = [i * 86_400 * 7 for i in range(60)]
    moment = pl.from_epoch(pl.Series(seconds))
    numbers = pl.Series(range(60))
    return pl.DataFrame(dict(
        id=numbers, flag=numbers % 2 == 0, maybe=numbers % 3 == 0, count=numbers, visits=numbers, income=numbers / 2,
        weight=numbers / 4, price=numbers / 8, kind=["a"] * 60, note=["b"] * 60, code=["town"] * 60, day=moment.dt.date(),
        birth=moment.dt.date(), seen=moment.cast(pl.Datetime("us")), gone=moment.cast(pl.Datetime("us")),
        paid=numbers * 3.0,
    ))


@step
def typed_rows(raw: Frame, contract: type[Visit]) -> Frame[Visit]:
    return raw


@step
def aged(visits: Frame[Visit]) -> Frame[Total]:
    texts = [pl.col(n).str.len_chars() + 100 * pl.col(n).str.starts_with("0") for n in ("kind", "note", "code")]
    days = [pl.col(n).dt.epoch("d") for n in ("day", "birth")]
    moments = [pl.col(n).dt.epoch("us") / 1e9 for n in ("seen", "gone")]
    plain = [pl.col(n) for n in ("flag", "maybe", "count", "visits", "income", "weight", "price")]
    parts = [e.cast(pl.Float64).fill_null(-5) * 1.7**i for i, e in enumerate(plain + texts + days + moments)]
    return visits.with_columns(total=pl.sum_horizontal(parts))


@step
def cut(table: Frame[Total]) -> Parts[Total]:
    return partition(table, (["train"] * 4 + ["validation", "test"]) * 10)


@step
def fit(train: Frame[Total]) -> Model:
    schema = Schema("Features", tuple(c for c in contract_of(train).columns if c.name == "total"))
    pipeline = make_pipeline(LinearRegression()).fit(to_canonical_frame(train, schema), train["paid"].to_numpy())
    return Model(pipeline, "regression", "paid", schema)


@step
def predict(model: Model, table: Frame[Total]) -> Frame:
    return table.select("id").hstack(model.predict(table))


@workflow
def campaign() -> Frame:
    train, validation, test = cut(aged(typed_rows(source(), Visit)))
    return predict(fit(train), test)
"""

ROW: dict[str, Any] = {
    "id": 7,
    "flag": True,
    "maybe": False,
    "count": 24,
    "visits": 3,
    "income": 1234.5,
    "weight": 0.25,
    "price": 2.5,
    "kind": "007",
    "note": "NA",
    "code": "007",
    "day": dt.date(2024, 1, 31),
    "birth": dt.date(1970, 2, 3),
    "seen": dt.datetime(2024, 1, 31, 13, 30, 0, 5),
    "gone": dt.datetime(2024, 7, 1, 12, 0),
}
NULLABLE = ("maybe", "visits", "weight", "price", "note", "code", "birth", "gone")
TYPES: dict[str, Any] = {
    "day": pl.Date,
    "birth": pl.Date,
    "seen": pl.Datetime("us"),
    "gone": pl.Datetime("us"),
}


def visits(root: Path) -> Played:
    """Write and execute the project."""
    return play(write(root, workflow=WORKFLOW.replace("{", "{{").replace("}", "}}")))
