"""The thousand calls of workflow.py in a plain loop with joblib.Memory: `python script.py FOLDER values`."""

import sys
from pathlib import Path

import joblib
import polars as pl

STEPS = 1000
memory = joblib.Memory(Path(sys.argv[1]) / "cache", verbose=0)


@memory.cache
def add(x, n):
    return (x + n) % 1009


@memory.cache
def shift(rows, n):
    return rows.with_columns((pl.col("x") + n) % 1009)


@memory.cache
def total(xs):
    return sum(x if isinstance(x, int) else x["x"].sum() for x in xs)


if __name__ == "__main__":
    tables = sys.argv[2] == "tables"
    extend, x = (shift, pl.DataFrame({"x": range(10)})) if tables else (add, 1)
    half = (STEPS - 2) // 2
    for n in range(half):
        x = extend(x, n)
    print(total([extend(x, n) for n in range(STEPS - 2 - half)]))
