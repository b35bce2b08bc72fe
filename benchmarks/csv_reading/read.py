"""Write a csv file of 1e6 rows and 20 columns, or read it once and print what that cost.

`python read.py write plain FILE`, then `python read.py ingest FILE` or `python read.py polars FILE`.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROWS = 1_000_000
WORDS = {
    "plain": ["alpha", "gamma delta", "omega", "north west", "x"],
    "quoted": ["alpha", "gamma, delta", 'the "omega"', "Zürich", "x"],  # and nulls in the last column
}


def write_table(kind: str, path: str) -> None:
    """Write whole numbers, decimals, texts and dates, about 150 MB, the same in each round."""
    draw = np.random.default_rng(0)
    days = np.datetime64("2020-01-01") + np.arange(1000)
    columns: dict[str, Any] = {}
    for i in range(6):
        columns[f"whole_{i}"] = draw.integers(0, 10 ** (i + 2), ROWS)
        columns[f"decimal_{i}"] = draw.normal(0, 100, ROWS).round(3)
    for i in range(5):
        columns[f"text_{i}"] = np.array(WORDS[kind])[draw.integers(0, 5, ROWS)]
    for i in range(3):
        columns[f"day_{i}"] = days[draw.integers(0, 1000, ROWS)]
    table = pl.DataFrame(columns)
    missing = pl.when(pl.col.whole_1 > 100)
    table = table.with_columns(missing.then(pl.col("decimal_1")), missing.then(pl.col("text_1")))
    if kind == "quoted":
        table = table.with_columns(missing.then(pl.col("day_2")))
    table.write_csv(path)


def make_reader(kind: str) -> Callable[[str], pl.DataFrame]:
    """Return a reader that has read a small file before, so that imports and thread pools are there."""
    if kind == "polars":
        read: Callable[[str], pl.DataFrame] = pl.read_csv
    else:
        from magical import InputPath
        from magical.library import ingest

        def read(path: str) -> pl.DataFrame:
            table: pl.DataFrame = ingest(InputPath(path))
            return table

    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.csv")
        small.write_text("a,b\n1,2\n")
        read(str(small))
    return read


def main() -> None:
    """Write a file, or read one."""
    if sys.argv[1] == "write":
        write_table(sys.argv[2], sys.argv[3])
        return
    read = make_reader(sys.argv[1])
    cpu, wall = time.process_time(), time.monotonic()
    table = read(sys.argv[2])
    cost: dict[str, Any] = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(cost | {"shape": table.shape, "peak": peak}))


if __name__ == "__main__":
    main()
