"""Nothing fitted sees a row outside of train: the whole workflow, with features of every kind."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from magical.contracts.model import Model, to_canonical_frame
from magical.project import Run
from projects import leaving_no_trace
from scoring.exported import PROJECTS

pytestmark = pytest.mark.slow


def transformed(run: Run) -> Any:
    """The train rows as the estimator got them."""
    model: Model = run["tune[linear]"]
    return np.asarray(model.pipeline[:-1].transform(to_canonical_frame(run["split"].train, model.schema)))


def test_other_rows_of_the_raw_file_leave_the_fitted_preprocessing_as_it_is(tmp_path: Path) -> None:
    with leaving_no_trace():
        exported = PROJECTS["shoppers"](tmp_path / "shoppers")
        before = exported.small.run("tune[linear]")
        others = pl.concat([before["split"].validation, before["split"].test])["id"]
        is_other = pl.col("id").is_in(others.to_list())
        changes = {
            "age": pl.col("age") * 7 + 100_000_000,
            "income": pl.lit(1e12),
            "wines": pl.lit(-1e9),
            "visits": pl.lit(None, pl.Int64),
            "city": pl.lit("elsewhere"),
            "region": pl.format("region {}", "id"),
            "enrolled": pl.lit(dt.date(1900, 1, 1)),
            "last_seen": pl.lit(dt.datetime(2100, 1, 1)),
            "comment": pl.lit("words of no other row " * 50),
        }
        raw = pl.read_parquet(exported.file)
        changed = raw.with_columns(
            pl.when(is_other).then(e).otherwise(n).alias(n) for n, e in changes.items()
        )
        changed.write_parquet(exported.file)
        after = exported.small.run("tune[linear]")
    assert after["split"].train.equals(before["split"].train)
    assert not after["split"].test.equals(before["split"].test)
    np.testing.assert_array_equal(transformed(after), transformed(before))
