"""Further tables: every door agrees with the run, a new project ends with a model; `make test-slow` has three."""

from pathlib import Path

import pytest

from project.scaffold import test_create
from scoring import test_doors_agree


@pytest.mark.parametrize("name", ["adult", "digits", "telco"])
def test_every_door_agrees_with_the_run_of(name: str, tmp_path: Path, prefect_server: str) -> None:
    test_doors_agree.test_every_door_agrees_with_the_run(name, tmp_path, prefect_server)


@pytest.mark.parametrize("file", ["marketing_campaign.csv", "adult.parquet"])
def test_a_run_of_a_new_project_ends_with_a_scored_and_registered_model(file: str, tmp_path: Path) -> None:
    test_create.test_a_run_ends_with_a_scored_and_registered_model(tmp_path, file)
