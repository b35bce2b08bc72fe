"""The unit of an area: asked of a file and of the environment when it is imported."""

import os
from pathlib import Path

import polars as pl

TABLE = pl.read_csv(Path(__file__).with_name("units.csv"))
UNIT = os.environ.get("MAGICAL_BENCH_UNIT", "mm2")
AREA = float(TABLE.filter(pl.col.unit == UNIT)["square_millimetres"].item())
