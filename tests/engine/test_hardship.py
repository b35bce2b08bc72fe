"""Small samples of what `make torture` does at length."""

from pathlib import Path

import pytest

from torture.damaging import damage_often, mixed
from torture.places import live_in, live_with_jumps
from torture.running import kill_often, patient, run_together
from torture.thousands import live_through
from torture.wide import live_wide

pytestmark = pytest.mark.slow


@pytest.mark.slow_except("False")
@pytest.mark.parametrize("in_children", [False, pytest.param(True, marks=pytest.mark.torture)])
def test_killed_process_groups(tmp_path: Path, in_children: bool) -> None:
    assert kill_often(patient(tmp_path / "p", in_children=in_children), 2, 7) >= 2


@pytest.mark.parametrize(("folder", "times"), [("store", 8), ("drawn", 3), ("runs", 3)])
def test_damaged_files(tmp_path: Path, folder: str, times: int) -> None:
    damage_often(mixed(tmp_path / "p"), times, 3, folder)


def test_three_runs_at_once(tmp_path: Path) -> None:
    run_together(patient(tmp_path / "p", workers=2), 3, 1)


def test_four_hundred_steps(tmp_path: Path) -> None:
    live_through(tmp_path / "p", "mixed", 400)


@pytest.mark.slow
def test_five_thousand_columns(tmp_path: Path) -> None:
    live_wide(tmp_path / "p", 5000)


def test_an_odd_folder(tmp_path: Path) -> None:
    live_in(tmp_path / 'it\'s 100% "ünï" #1 ?x&y=數')


def test_a_clock_that_jumps_back(tmp_path: Path) -> None:
    live_with_jumps(tmp_path, 0.6)
