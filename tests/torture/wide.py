"""A table of very many columns: read, typed, passed to steps of each kind, and validated."""

from pathlib import Path

import polars as pl

from projects import IMPORTS, Small, is_well_worded, project

FLOW = (
    IMPORTS
    + """
from pydantic import create_model

import magical.pandas
from magical import Lazy
from magical.library import ingest, model_data

COLUMNS = {{f"c{{n}}": (int, Field(ge=0)) for n in range({columns})}}
Wide = create_model("Wide", __base__=Contract, __module__=__name__, id=(Id[int], ...), **COLUMNS)


class S(Settings):
    source: InputPath = InputPath("wide.csv")


@step
def doubled(rows: magical.pandas.Frame[Wide]) -> magical.pandas.Frame[Wide]:
    return rows.assign(c1=rows["c1"] * 2)


@step
def filtered(rows: Lazy[Wide]) -> Lazy[Wide]:
    return rows.filter(pl.col("id") > 0)


@step
def total(rows: Frame[Wide]) -> int:
    return rows.drop("id").sum().sum_horizontal().item()


@workflow
def wide(s: S) -> int:
    return total(filtered(doubled(model_data(ingest(s.source), Wide))))
"""
)


def live_wide(root: Path, columns: int) -> None:
    """Run it, run it again, look at it, and break it."""
    rows = 20
    small: Small = project(root, {"workflow.py": FLOW.format(columns=columns)})
    table = pl.DataFrame({"id": range(rows)} | {f"c{n}": [n] * rows for n in range(columns)})
    table.write_csv(root / "wide.csv")
    assert small.run().result == (rows - 1) * (sum(range(columns)) + 1)
    assert small.run().executed == []
    assert small.command("inspect", "filtered").code == 0
    broken = pl.when(pl.col("id") == 7).then(-1).otherwise(pl.col("c40")).alias("c40")
    table.with_columns(broken).write_csv(root / "wide.csv")
    (error,) = small.fails().values()
    assert "c40 must be >= 0, got -1 (row 7)" in str(error)
    assert is_well_worded(str(error))
