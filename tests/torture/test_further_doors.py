"""Every door agrees with the run for a further project; `make test-slow` has the others."""

from pathlib import Path

from scoring import test_doors_agree


def test_every_door_agrees_with_the_run_of_adult(tmp_path: Path, prefect_server: str) -> None:
    test_doors_agree.test_every_door_agrees_with_the_run("adult", tmp_path, prefect_server)
