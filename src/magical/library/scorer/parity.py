"""Checks that a scorer repeats the run's predictions, and single rows those of a batch."""

from __future__ import annotations

import polars as pl

from magical.errors import MagicalError
from magical.library.scorer.held_out_rows import HeldOutRows
from magical.library.scorer.promotion_gate import TARGET_CRITERION, Criterion
from magical.library.scorer.scorer import Scorer
from magical.library.scorer.scoring_steps import TargetRead

__all__ = ["ROW_CRITERION", "check_row_parity", "check_run_parity"]

SAMPLE_ROWS = 20
_TOLERANCE = 1e-9  # sums over a batch round otherwise than over one row
_RUN_CRITERION = "as in the run"
ROW_CRITERION = "one row at a time"


def check_run_parity(batch: pl.DataFrame | MagicalError, rows: HeldOutRows | None) -> Criterion:
    """Check that the scorer repeats the run's predictions.

    Args:
        batch: the scorer's predictions for the test rows, or its error.
        rows: the test rows, or None if they were not found.
    """
    threshold = "the run's predictions"
    if isinstance(batch, TargetRead):
        return Criterion(TARGET_CRITERION, "no step reads it", "read", False, batch.lines[0])
    if isinstance(batch, MagicalError):
        return Criterion(_RUN_CRITERION, threshold, "failed", False, f"it cannot be scored: {batch.lines[0]}")
    # All null is a failure even where the run's predictions were not found to compare with.
    if batch.height and batch["prediction"].null_count() == batch.height:
        reason = f"no row gets a prediction when it is scored: {batch['reason'][0]}"
        return Criterion(_RUN_CRITERION, threshold, "none", False, reason)
    expected = rows.predictions if rows and rows.typed_rows is not None else None
    if expected is None:
        return Criterion(_RUN_CRITERION, threshold, "not assessed", None)
    common = [c for c in batch.columns if c in expected.columns]
    wrong = _count_differences(batch.select(common), expected.select(common))
    value = f"{wrong:,} of {expected.height:,} rows differ"
    reason = f"scoring gives other numbers than the run for {wrong:,} of {expected.height:,} test rows"
    return Criterion(_RUN_CRITERION, threshold, value, not wrong, reason if wrong else "")


def check_row_parity(scorer: Scorer, rows: pl.DataFrame, batch: pl.DataFrame) -> Criterion:
    """Check that single rows get the predictions that they got in a batch.

    Args:
        scorer: a scorer that was loaded from its folder.
        rows: typed rows.
        batch: the scorer's predictions for them.
    """
    # Half of the sample has nulls: a column that is all null in one row loses its type, which breaks steps.
    incomplete = rows.select(pl.any_horizontal(pl.all().is_null())).to_series()
    order = pl.Series(range(rows.height))
    sample = [*order.filter(incomplete).head(SAMPLE_ROWS // 2), *order.filter(~incomplete).head(SAMPLE_ROWS)]
    sample = sample[:SAMPLE_ROWS]
    threshold = f"{len(sample)} rows equal the batch"
    try:
        single = pl.concat([scorer.predict(rows[i]) for i in sample])
    except MagicalError as error:
        reason = f"one row alone cannot be scored: {error.lines[0]}"
        return Criterion(ROW_CRITERION, threshold, "failed", False, reason)
    wrong = _count_differences(single, batch[sample].select(single.columns))
    reason = f"rows one at a time differ from the batch in {wrong} of {len(sample)}" if wrong else ""
    return Criterion(ROW_CRITERION, threshold, f"{len(sample) - wrong} equal", not wrong, reason)


def _count_differences(left: pl.DataFrame, right: pl.DataFrame) -> int:
    """Count the rows that differ, floats by more than rounding."""
    wrong = pl.Series([False] * left.height, dtype=pl.Boolean)
    for name in left.columns:
        a, b = left.get_column(name), right.get_column(name)
        if a.dtype.is_float():
            # `a == b` accepts equal infinities, whose difference is NaN.
            near = ((a - b).abs() <= _TOLERANCE * b.abs().clip(1e-12)) | (a == b)
            same = near.fill_null(False) | (a.is_null() & b.is_null())
        else:
            same = a.eq_missing(b)
        wrong |= ~same
    return int(wrong.sum())
