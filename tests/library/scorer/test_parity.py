"""The comparison of a scorer's predictions with those of the run."""

import polars as pl

from magical.library.scorer.held_out_rows import HeldOutRows
from magical.library.scorer.parity import check_run_parity

BATCH = pl.DataFrame({"prediction": [1.0, 2.0], "reason": pl.Series([None, None], dtype=pl.String)})


def test_an_id_of_the_run_may_be_called_as_the_reasons_are() -> None:
    run = BATCH.select("prediction", reason=pl.Series(["a", "b"]))
    assert check_run_parity(BATCH, HeldOutRows(run, run, run)).held
    other = run.with_columns(prediction=pl.Series([1.0, 3.0]))
    assert check_run_parity(BATCH, HeldOutRows(other, other, other)).value == "1 of 2 rows differ"


def test_if_no_row_gets_a_prediction_the_first_reason_is_said() -> None:
    none = pl.DataFrame({"prediction": [None], "reason": ["clean raised ValueError"]})
    assert check_run_parity(none, None).reason.endswith("clean raised ValueError")
