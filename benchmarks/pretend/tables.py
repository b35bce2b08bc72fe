"""Generate one table of 20 columns and print what that cost: `python tables.py magical 100000`."""

import datetime as dt
import json
import sys
import time
from typing import Any, Literal

ROWS_OF_PARENT = 10_000


def make_magical_sampler(rows: int) -> Any:
    """Return a generator of a table: all types, an id, a key to a parent, nulls, a learnable target."""
    from magical import Contract, Field, Group, Id, Key, Target, Time
    from magical.contracts.contract import schema_of
    from magical.synthesis.generate import GenerateOptions, generate_table

    class Parent(Contract):
        id: Id[int]

    class Row(Contract):
        id: Id[int]
        parent: Key[Parent]
        count: int
        age: int = Field(ge=18, le=99)
        size: float
        share: float | None = Field(gt=0, lt=1)
        income: float = Field(ge=0)
        level: Literal["low", "mid", "high"]
        name: str
        note: str | None
        code: str = Field(pattern=r"^[A-Z]{2}-\d{3}$")
        day: dt.date
        born: dt.date | None = Field(ge=dt.date(1920, 1, 1), le=dt.date(2020, 1, 1))
        seen: Time[dt.datetime]
        clock: dt.time
        took: dt.timedelta
        tags: list[int]
        known: bool | None
        town: Group[str]
        stays: Target[bool]

    parents = {"Parent": generate_table(schema_of(Parent), GenerateOptions("seed", rows=ROWS_OF_PARENT))}
    schema = schema_of(Row)
    generate_table(schema, GenerateOptions("warm", rows=10), parents=parents)
    return lambda: generate_table(schema, GenerateOptions("seed", rows=rows), parents=parents)


def make_dataframely_sampler(rows: int) -> Any:
    """Return a generator of the same columns, without parent and order of time, and with a random target."""
    import dataframely as dy

    class Row(dy.Schema):
        id = dy.Int64(primary_key=True)
        parent = dy.Int64(min=1, max=ROWS_OF_PARENT)
        count = dy.Int64(min=0, max=999_999)
        age = dy.Int64(min=18, max=99)
        size = dy.Float64()
        share = dy.Float64(nullable=True, min_exclusive=0, max_exclusive=1)
        income = dy.Float64(min=0)
        level = dy.Enum(["low", "mid", "high"])
        name = dy.String(min_length=3, max_length=8)
        note = dy.String(nullable=True, min_length=3, max_length=8)
        code = dy.String(regex=r"^[A-Z]{2}-\d{3}$")
        day = dy.Date(min=dt.date(2021, 1, 1), max=dt.date(2023, 12, 31))
        born = dy.Date(nullable=True, min=dt.date(1920, 1, 1), max=dt.date(2020, 1, 1))
        seen = dy.Datetime(min=dt.datetime(2021, 1, 1), max=dt.datetime(2023, 12, 31))
        clock = dy.Time()
        took = dy.Duration(min=dt.timedelta(0), max=dt.timedelta(days=30))
        tags = dy.List(dy.Int64(), max_length=3)
        known = dy.Bool(nullable=True)
        town = dy.Enum([f"town-{i}" for i in range(40)])
        stays = dy.Bool()

    Row.sample(10, generator=dy.random.Generator(0))
    return lambda: Row.sample(rows, generator=dy.random.Generator(1))


def main() -> None:
    """Generate one table, after a small one that fills the caches."""
    kind, rows = sys.argv[1], int(sys.argv[2])
    make = {"magical": make_magical_sampler, "dataframely": make_dataframely_sampler}[kind](rows)
    cpu, wall = time.process_time(), time.monotonic()
    table = make()
    cost = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    print(json.dumps(cost | {"shape": table.shape}))


if __name__ == "__main__":
    main()
