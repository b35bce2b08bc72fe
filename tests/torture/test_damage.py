"""Flipped, truncated and deleted files are found when read, computed again, and never used."""

import os
from pathlib import Path

import pytest

from torture.damaging import damage_often, mixed

DAMAGES = int(os.environ.get("DAMAGES", "50"))


@pytest.mark.parametrize("folder", ["store", "drawn", "runs"])
def test_damage(tmp_path: Path, folder: str) -> None:
    damage_often(mixed(tmp_path / "p"), DAMAGES, 1, folder)
