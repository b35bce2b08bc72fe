"""Units as salted hashes: what is stored, what is found again, and what it costs."""

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from magical.library.scorer.fitted_units import FittedUnits, RunUnits


def units_of(ids: list[int], key: str = "a1", kind: str = "id") -> FittedUnits:
    table = pl.DataFrame({"id": ids})
    return FittedUnits.from_run(RunUnits(kind, table, table.head(0)), key)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    units = units_of([3, 1, 2, 1])
    units.save(tmp_path)
    read = FittedUnits.load(tmp_path)
    assert read is not None
    assert (read.kind, read.columns, read.salt) == ("id", {"id": "int"}, units.salt)
    assert read.contains(pl.DataFrame({"id": [1, 4, 3]})).tolist() == [True, False, True]
    assert len(read.hashes) == 3
    assert FittedUnits.load(tmp_path / "none") is None


def test_two_versions_have_other_hashes_and_one_version_always_the_same() -> None:
    first, again, other = units_of([1, 2]), units_of([2, 1]), units_of([1, 2], key="a2")
    assert first.hashes.tolist() == again.hashes.tolist()
    assert not set(first.hashes.tolist()) & set(other.hashes.tolist())


def test_a_row_without_a_group_is_no_unit() -> None:
    table = pl.DataFrame({"family": [1, None, 2]})
    units = FittedUnits.from_run(RunUnits("group", table, table), "a1")
    assert len(units.hashes) == 2


@pytest.mark.slow
def test_a_million_units_cost_eight_megabytes_and_a_second(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": np.arange(1_000_000)})
    began = time.process_time()
    FittedUnits.from_run(RunUnits("id", table, table.head(0)), "a1").save(tmp_path)
    assert time.process_time() - began < 2
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 10_000_000
