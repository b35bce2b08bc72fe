"""Several runs at once on one store, while it is collected: all end well and nothing is lost."""

import os
from pathlib import Path

import pytest

from torture.running import patient, run_together

TIMES = max(1, int(os.environ.get("KILLS", "100")) // 5)


@pytest.mark.parametrize("count", [2, 4])
def test_runs_at_once(tmp_path: Path, count: int) -> None:
    small = patient(tmp_path / "p", workers=2)
    for seed in range(TIMES):
        run_together(small, count, seed)
