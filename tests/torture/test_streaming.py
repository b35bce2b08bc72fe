"""A table of 4 GB goes through lazy steps in 1.5 GB of memory."""

from pathlib import Path

import pytest

from streaming import measured


@pytest.mark.slow
def test_a_table_of_4_gb_goes_through_lazy_steps_in_little_memory(tmp_path: Path) -> None:
    found = measured(tmp_path, 24_000_000)
    print({k: round(v, 2) if isinstance(v, float) else v for k, v in found.items()})
    assert found["memory"] > 4
    assert found["peak"] < 1.5
    assert found["left"] == 24_000_000 - len(range(13, 24_000_000, 97))
