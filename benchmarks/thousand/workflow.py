"""A thousand steps that do almost nothing, a chain and then a fan: the time measured is the engine's."""

import polars as pl

from magical import Frame, Settings, step, workflow


class ThousandSettings(Settings):
    """The number of steps, and their kind: numbers, or tables of ten rows."""

    steps: int = 1000
    tables: bool = False


@step
def begin() -> int:
    """Where numbers begin."""
    return 1


@step
def add(x: int, n: int) -> int:
    """One of a thousand."""
    return (x + n) % 1009


@step
def total(xs: list[int]) -> int:
    """All numbers at once."""
    return sum(xs)


@step
def first_rows() -> Frame:
    """Where tables begin."""
    return pl.DataFrame({"x": range(10)})


@step
def shift(rows: Frame, n: int) -> Frame:
    """One of a thousand."""
    return rows.with_columns((pl.col("x") + n) % 1009)


@step
def total_of_rows(tables: list[Frame]) -> int:
    """All tables at once."""
    return sum(table["x"].sum() for table in tables)


@workflow
def thousand(s: ThousandSettings) -> int:
    """Half of the steps one after the other, the others all from the last of these."""
    half = (s.steps - 2) // 2
    x = first_rows() if s.tables else begin()
    extend, combine = (shift, total_of_rows) if s.tables else (add, total)
    for n in range(half):
        x = extend(x, n)
    return combine([extend(x, n) for n in range(s.steps - 2 - half)])
