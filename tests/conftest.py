"""Fixtures and settings of all tests."""

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import magical.masking
from projects import Small, flow, leaving_no_trace

pytest_plugins = [
    "magical.testing",
    "pytester",
    "doctest_kinds",
    "servers",
    "edits.fixtures",
    "scored_shop",
    "slow_marks",
]

# How long an example takes says something of the machine, not of the code.
settings.register_profile(
    "calm", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("calm")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect thousands of tests without the garbage collector, which then leaves them and all modules alone."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()  # they live to the end: each later pass would visit them in vain
        gc.enable()


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
