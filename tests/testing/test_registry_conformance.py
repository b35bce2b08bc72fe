"""The registry that other tests use passes the conformance suite."""

from pathlib import Path

import pytest

from magical.engine.protocols import Registry
from magical.testing import RegistryConformance
from memory_registry import MemoryRegistry


class TestMemory(RegistryConformance):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry:
        return MemoryRegistry(tmp_path / "home")
