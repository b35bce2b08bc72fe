"""A fixture for the tests of a project, and conformance suites for features, stores, runners and registries.

The fixture ``pretended`` generates tables, models and values from their contracts. One line in `conftest.py`
enables it: ``pytest_plugins = ["magical.testing"]``. `FeatureConformance`, `LearnedFeatureConformance`,
`StoreConformance`, `RunnerConformance` and `RegistryConformance` are classes to inherit; they test each
promise of a protocol or a base class (``docs/testing.md``).
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
    from magical.testing.feature_conformance import FeatureConformance, LearnedFeatureConformance
    from magical.testing.registry_conformance import RegistryConformance
    from magical.testing.runner_conformance import RunnerConformance
    from magical.testing.store_conformance import StoreConformance

from magical.testing.fixtures import Pretend, pretended

__all__ = [
    "FeatureConformance",
    "LearnedFeatureConformance",
    "Pretend",
    "RegistryConformance",
    "RunnerConformance",
    "StoreConformance",
    "pretended",
]

# No pytest11 entry point: with one, pytest would rewrite the assertions of all of magical in every run on the
# machine, and the fixture would appear in tests of projects that never asked for it.

_SUITE_MODULES = {
    "FeatureConformance": "feature_conformance",
    "LearnedFeatureConformance": "feature_conformance",
    "RegistryConformance": "registry_conformance",
    "RunnerConformance": "runner_conformance",
    "StoreConformance": "store_conformance",
}
# Rewriting works only before the first import; it makes a failing assertion of a suite show its values.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _SUITE_MODULES.values()))


def __getattr__(name: str) -> Any:
    """Import a suite at its first use: a project that wants only the fixture needs none."""
    if name not in _SUITE_MODULES:
        raise AttributeError(f"module 'magical.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_SUITE_MODULES[name]}"), name)
