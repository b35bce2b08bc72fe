"""Rows of a raw export are predicted alike by every door, and as the run predicted its test rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from projects import leaving_no_trace
from scoring.exported import PREDICTED, PROJECTS
from scoring.scoring_doors import DOORS, Doors, batch, serving

pytestmark = pytest.mark.slow

Door = Callable[[Doors, pl.DataFrame], pl.DataFrame]


@pytest.mark.parametrize("name", ["campaign", "metro", "shoppers"])  # tests/torture has the others
def test_every_door_agrees_with_the_run(name: str, tmp_path: Path, prefect_server: str) -> None:
    """All doors in one test: a project takes long to finish and to serve, and workers would do it twice."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with leaving_no_trace(), temporary_settings({PREFECT_API_URL: prefect_server}):
        exported = PROJECTS[name](tmp_path / name).finish()
        with serving(exported, tmp_path) as address:
            doors = Doors(exported, tmp_path, address)
            if name == "shoppers":  # whose experiments are such that their mean is the best
                assert str(doors.scorer.model).startswith("ensemble of ")
            for door, score in DOORS.items():
                print(door)  # shown where it fails
                check_test_rows(doors, score)
                check_odd_rows(doors, score)


def check_test_rows(doors: Doors, score: Door) -> None:
    """Test rows without the target are predicted as in the run."""
    rows = doors.exported.test_rows
    assert doors.exported.target not in rows.columns
    found = doors.by_id(rows, score(doors, rows))
    assert_frame_equal(found, doors.exported.predicted, rel_tol=1e-9, abs_tol=0)


def check_odd_rows(doors: Doors, score: Door) -> None:
    """Odd rows cost nobody else, and are predicted as in a batch."""
    rows = doors.exported.odd_rows
    answer = score(doors, rows)
    has_prediction = [outcome == PREDICTED for outcome in doors.exported.outcomes]
    assert answer["prediction"].is_not_null().to_list() == has_prediction
    assert answer["reason"].is_null().to_list() == has_prediction
    found, expected = doors.by_id(rows, answer), doors.by_id(rows, batch(doors, rows))
    assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=0)
    unchanged = [not changes for changes, _ in doors.exported.oddities]
    truth = doors.exported.predicted.head(rows.height)
    assert_frame_equal(found.filter(unchanged), truth.filter(unchanged), rel_tol=1e-9, abs_tol=0)


def test_what_a_reading_states_holds_for_rows_in_memory_too(tmp_path: Path) -> None:
    exported = PROJECTS["adult"](tmp_path / "adult")
    exported.small.edit("workflow.py", "Reading = Reading()", 'Reading = Reading(decimal=",")')
    doors = Doors(exported.finish(), tmp_path)
    rows = exported.test_rows
    file = doors.by_id(rows, DOORS["command_csv"](doors, rows))
    assert_frame_equal(file, exported.predicted, rel_tol=1e-9, abs_tol=0)
    memory = doors.by_id(rows, batch(doors, rows))
    assert_frame_equal(memory, exported.predicted, rel_tol=1e-9, abs_tol=0)
