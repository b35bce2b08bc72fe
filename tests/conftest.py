"""Fixtures and settings of all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import magical.masking
from projects import Small, flow, leaving_no_trace

pytest_plugins = ["magical.testing", "pytester", "doctest_kinds", "servers", "edits.fixtures", "scored_shop"]

# How long an example takes says something of the machine, not of the code.
settings.register_profile(
    "calm", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("calm")


@pytest.hookimpl(tryfirst=True)  # before pytest selects by -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `slow_except` does not name: a small case of each long test stays in `make test`."""
    for item in items:
        for mark in item.iter_markers("slow_except"):
            case = getattr(getattr(item, "callspec", None), "id", "")
            if not {case, getattr(item, "originalname", "")} & set(mark.args):
                item.add_marker("slow")


@pytest.fixture(autouse=True)
def no_trace_of_projects() -> Iterator[None]:
    """Remove the finders and modules of loaded projects after each test."""
    with leaving_no_trace():
        yield


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """The standard small project, not yet run."""
    return flow(tmp_path / "small")


@pytest.fixture
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the registered secrets for a test."""
    monkeypatch.setattr(magical.masking, "_hidden", {})
    monkeypatch.setattr(magical.masking, "_pattern", None)
