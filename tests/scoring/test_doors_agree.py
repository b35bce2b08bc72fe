"""Rows of a raw export are predicted alike by every door, and as the run predicted its test rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from projects import leaving_no_trace
from scoring.exported import PREDICTED, PROJECTS
from scoring.scoring_doors import DOORS, Doors, batch, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=PROJECTS)
def doors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prefect_server: str
) -> Iterator[Doors]:
    """A finished project, whose champion is served, beside a server of Prefect."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    folder = tmp_path_factory.mktemp(request.param)
    with leaving_no_trace(), temporary_settings({PREFECT_API_URL: prefect_server}):
        exported = PROJECTS[request.param](folder / request.param).finish()
        with serving(exported, folder) as address:
            yield Doors(exported, folder, address)


@pytest.mark.parametrize("door", DOORS)
def test_test_rows_without_the_target_are_predicted_as_in_the_run(door: str, doors: Doors) -> None:
    rows = doors.exported.test_rows
    assert doors.exported.target not in rows.columns
    found = doors.by_id(rows, DOORS[door](doors, rows))
    assert_frame_equal(found, doors.exported.predicted, rel_tol=1e-9, abs_tol=0)


@pytest.mark.parametrize("door", DOORS)
def test_odd_rows_cost_nobody_else_and_are_predicted_as_in_a_batch(door: str, doors: Doors) -> None:
    rows = doors.exported.odd_rows
    answer = DOORS[door](doors, rows)
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
