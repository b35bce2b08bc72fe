"""A project whose tables are larger than the memory it may use, and the measurement of its memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from projects import IMPORTS, project

FLOW = (
    IMPORTS
    + """
from magical import Lazy

class Row(Contract):
    id: Id[int]
    group: int = Field(ge=0)
    f0: float = Field(ge=0)
    f1: float | None
    text: str = Field(max_length=20)

    @rule
    def f0_is_near_its_id(cls):
        return pl.col("f0") >= pl.col("id")

BLOCK = 1 << 18

@step
def rows(n: int) -> Lazy[Row]:
    starts = range(0, n, BLOCK)
    ids = pl.concat([pl.LazyFrame().select(id=pl.int_range(a, min(a + BLOCK, n), dtype=pl.Int64)) for a in starts])
    noise = [((pl.col("id") * (k + 3)) * 2654435761 % 4294967291 / 7).alias(f"f{k}") for k in range(1, 16)]
    text = pl.format("row {}", pl.col("id") % 1_000_003)
    return ids.with_columns(group=pl.col("id") % 97, f0=pl.col("id") + 0.5, text=text, *noise)

@step
def filtered(rows: Lazy[Row]) -> Lazy[Row]:
    return rows.filter(pl.col("group") != 13)

@step
def computed(rows: Lazy[Row]) -> Lazy[Row]:
    return rows.with_columns(f1=pl.col("f1").sqrt() + pl.col("f2"), f0=pl.col("f0") * 2)

@step
def joined(rows: Lazy[Row]) -> Lazy[Row]:
    names = pl.LazyFrame({"group": range(97), "name": [f"group {i}" for i in range(97)]})
    return rows.join(names, on="group", how="left", maintain_order="left")

@step
def totals(rows: Lazy[Row]) -> Frame:
    return rows.group_by("group").agg(pl.len(), pl.col("f1").mean()).sort("group").collect(engine="streaming")

class S(Settings):
    n: int = 1000

@workflow
def flow(s: S) -> Frame:
    return totals(joined(computed(filtered(rows(s.n)))))
"""
)

MEASURED = """
import json, resource, sys, time
import polars as pl
import magical
began = time.monotonic()
run = magical.load(sys.argv[1]).run(n=int(sys.argv[2]))
total = run.result
records = run._result.records
size = run["rows"].select(pl.len()).collect().item()
print(json.dumps({
    "peak": int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1e6,
    "seconds": time.monotonic() - began,
    "cpu": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
    "steps": {n: r.seconds for n, r in records.items()},
    "rows": size,
    "left": total["len"].sum(),
}))
"""

CELLS = 8 * 18
"""Bytes of a row's numbers in memory; its text adds about 27 more."""


def measured(root: Path, rows: int) -> dict[str, Any]:
    """Run the project in its own process; return its peak memory in GB, its times and its counts."""
    small = project(root, {"workflow.py": FLOW})
    words = [sys.executable, "-c", MEASURED, str(small.root), str(rows)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    files = (root / ".magical").rglob("*")
    found["disk"] = sum(p.stat().st_size for p in files if p.is_file()) / 1e9
    found["memory"] = rows * (CELLS + 27) / 1e9
    return found
