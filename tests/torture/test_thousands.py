"""Two thousand steps in one workflow: planned, run, run again, shown and asked about."""

from pathlib import Path

import pytest

from torture.thousands import SHAPES, live_through


@pytest.mark.parametrize("shape", SHAPES)
def test_two_thousand_steps(tmp_path: Path, shape: str) -> None:
    cost = live_through(tmp_path / "p", shape, 2000)
    print(shape, {name: round(seconds, 2) for name, seconds in cost.items()})
    assert cost["run"] < 20
    assert cost["plan, remembered"] < 1.5
    assert cost["run, unchanged"] < 1.5
