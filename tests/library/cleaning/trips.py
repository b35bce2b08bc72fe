"""Tables of trips, for the tests of cleaning."""

import datetime as dt
from typing import Any, Literal

import polars as pl

from magical import Contract, Field, Frame, Id, Target
from magical.contracts.contract import schema_of
from magical.contracts.promises import attach_promise, promise_of


class Trip(Contract):
    """Every type that a rule can read, nullable and not."""

    id: Id[int]
    fare: float | None
    tip: float = Field(ge=0)
    seats: int
    child: bool | None = None
    status: str | None
    city: str
    distance: float | None
    unit: str | None
    left: dt.date
    arrived: dt.date | None
    booked: dt.datetime | None = None
    size: Literal["small", "large"] = "small"
    paid: Target[bool]


SCHEMA = schema_of(Trip)
DTYPES: dict[str, Any] = {
    "id": pl.Int64,
    "fare": pl.Float64,
    "tip": pl.Float64,
    "seats": pl.Int64,
    "child": pl.Boolean,
    "status": pl.String,
    "city": pl.String,
    "distance": pl.Float64,
    "unit": pl.String,
    "left": pl.Date,
    "arrived": pl.Date,
    "booked": pl.Datetime("us"),
    "size": pl.String,
    "paid": pl.Boolean,
}
PLAIN: dict[str, Any] = {
    "fare": 10.0,
    "tip": 1.0,
    "seats": 2,
    "child": False,
    "status": "paid",
    "city": "Bonn",
    "distance": 5.0,
    "unit": "km",
    "left": dt.date(2024, 1, 1),
    "arrived": dt.date(2024, 1, 2),
    "booked": dt.datetime(2023, 12, 31, 12),
    "size": "small",
    "paid": True,
}


def as_trips(table: pl.DataFrame) -> pl.DataFrame:
    """Attach the contract to a table."""
    return attach_promise(table, promise_of(Frame[Trip]))  # type: ignore[no-any-return]


def trips(**columns: list[Any]) -> pl.DataFrame:
    """Make a table of trips that are fine but for the given columns."""
    height = len(next(iter(columns.values())))
    values = {"id": list(range(1, height + 1))} | {c: [v] * height for c, v in PLAIN.items()} | columns
    return as_trips(pl.DataFrame(values, schema=DTYPES))
