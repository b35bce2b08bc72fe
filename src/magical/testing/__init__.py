"""For a project's tests, and for those who write a store, a runner or a registry of their own.

The fixture ``pretended`` gives a test tables, models and values made up from their contracts; one line in
``conftest.py`` brings it: ``pytest_plugins = ["magical.testing"]``. `StoreConformance`, `RunnerConformance`
and `RegistryConformance` are classes to inherit: they hold what you wrote to each promise of its protocol.
``docs/testing.md`` shows both. This needs pytest.
Door: this module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

try:
    import pytest
except ImportError as error:
    raise ImportError("magical.testing needs pytest, and it is not here. Hint: pip install pytest") from error

if TYPE_CHECKING:
    from magical.testing.registry_conformance import RegistryConformance
    from magical.testing.runner_conformance import RunnerConformance
    from magical.testing.store_conformance import StoreConformance

from magical.testing.fixtures import Pretend, pretended

__all__ = ["Pretend", "RegistryConformance", "RunnerConformance", "StoreConformance", "pretended"]

# Before any of them is imported, so that a failing assertion shows its values.
_SUITES = ("registry_conformance", "runner_conformance", "store_conformance")
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in _SUITES))

# It is no pytest11 entry point: pytest would then rewrite the assertions of all of magical in every run on
# the machine, and everybody's tests would see a fixture that nobody asked for.

_SUITE_MODULES = {
    "RegistryConformance": "registry_conformance",
    "RunnerConformance": "runner_conformance",
    "StoreConformance": "store_conformance",
}


def __getattr__(name: str) -> Any:
    """Import a suite when it is first asked for: a project that wants only the fixture needs none."""
    if name not in _SUITE_MODULES:
        raise AttributeError(f"module 'magical.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_SUITE_MODULES[name]}"), name)
