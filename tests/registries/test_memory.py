"""The registry that other tests use keeps to the same rules."""

from pathlib import Path

import pytest
from registries.conformance import RegistryConformance
from registries.memory import MemoryRegistry

from magical.engine.ports import Registry


class TestMemory(RegistryConformance):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry:
        return MemoryRegistry(tmp_path / "home")
