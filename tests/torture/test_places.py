"""Projects in folders with unusual names, on another mount, and under a clock that jumps back."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from torture.places import NAMES, live_in, live_with_jumps

MEMORY = Path("/dev/shm")


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path: Path, name: str) -> None:
    live_in(tmp_path / name)


@pytest.fixture
def mounted() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="magical-mounted-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no file system in memory here")
def test_another_mount(mounted: Path) -> None:
    live_in(mounted / "p")


def test_a_clock_that_jumps_back(tmp_path: Path) -> None:
    live_with_jumps(tmp_path, 0.0, 0.6, 0.9, 1.2)
