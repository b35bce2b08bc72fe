"""Small tables with contracts, for the tests of the standard steps."""

from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from magical import Contract, Group, Id, Target, Time
from magical.library import model_data


class Person(Contract):
    """Two classes, every type of feature, nulls."""

    id: Id[int]
    joined: Time[date]
    family: Group[int]
    age: int | None
    income: float | None
    city: str | None
    grade: Literal["low", "middle", "high"]
    member: bool | None
    born: date | None
    constant: int
    name: str
    bought: Target[bool]


class Pupil(Contract):
    """Three classes, in the order of the Literal."""

    id: Id[str]
    age: int
    city: str
    mark: Target[Literal["poor", "fair", "good"]]


class House(Contract):
    """A number to predict."""

    id: Id[int]
    size: float
    city: str | None
    price: Target[float]


def people(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """A table of Person in which income and city tell something of the target."""
    rng = np.random.default_rng(seed)
    income = rng.normal(50, 15, rows)
    city = rng.choice(["Bonn", "Rome", "Oslo"], rows)
    chance = 1 / (1 + np.exp(-(income - 50) / 8 - (city == "Rome")))

    def with_gaps(values: object) -> list[object]:
        return [None if gap else v for v, gap in zip(list(values), rng.random(rows) < 0.1, strict=True)]

    days = rng.integers(0, 700, rows)
    raw = pl.DataFrame(
        {
            "id": np.arange(rows),
            "joined": [date.fromordinal(735_000 + int(d)) for d in days],
            "family": rng.integers(0, max(rows // 4, 1), rows),
            "age": with_gaps(rng.integers(18, 90, rows).tolist()),
            "income": with_gaps(income.tolist()),
            "city": with_gaps(city.tolist()),
            "grade": rng.choice(["low", "middle", "high"], rows),
            "member": with_gaps((rng.random(rows) < 0.5).tolist()),
            "born": with_gaps([date.fromordinal(720_000 + int(d)) for d in rng.integers(0, 9000, rows)]),
            "constant": 1,
            "name": [f"person {i}" for i in range(rows)],
            "bought": rng.random(rows) < chance,
        }
    )
    return model_data(raw, Person)


def pupils(rows: int = 240, seed: int = 0) -> pl.DataFrame:
    """A table of Pupil in which age tells something of the mark."""
    rng = np.random.default_rng(seed)
    age = rng.integers(6, 18, rows)
    mark = np.digitize(age + rng.normal(0, 3, rows), [9, 14])
    raw = pl.DataFrame(
        {
            "id": [f"p{i}" for i in range(rows)],
            "age": age,
            "city": rng.choice([f"c{i}" for i in range(40)], rows),
            "mark": np.array(["poor", "fair", "good"])[mark],
        }
    )
    return model_data(raw, Pupil)


def houses(rows: int = 200, seed: int = 0) -> pl.DataFrame:
    """A table of House in which size tells something of the price."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 200, rows)
    city = rng.choice(["Bonn", "Rome"], rows)
    price = 3 * size + 100 * (city == "Rome") + rng.normal(0, 10, rows)
    return model_data(
        pl.DataFrame({"id": np.arange(rows), "size": size, "city": city, "price": price}), House
    )
