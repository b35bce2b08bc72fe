"""Every door agrees with the run for further projects; `make test-slow` has three."""

from pathlib import Path

import pytest

from scoring import test_doors_agree


@pytest.mark.parametrize("name", ["adult", "digits", "telco"])
def test_every_door_agrees_with_the_run_of(name: str, tmp_path: Path, prefect_server: str) -> None:
    test_doors_agree.test_every_door_agrees_with_the_run(name, tmp_path, prefect_server)
