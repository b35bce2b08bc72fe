"""Long tests: which they are, and what is imported where only these are asked for."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file that marks no long test, if only these are asked for: most of the time before the first one."""
    if config.option.markexpr != "slow" or collection_path.suffix != ".py":
        return None
    return "slow" not in collection_path.read_text(encoding="utf-8") or None


@pytest.hookimpl(tryfirst=True)  # before pytest selects by -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as slow what needs Prefect or `slow_except` does not name; leave out torture not asked for.

    A small case of each long test stays in `make test`, and one of the longest in `make test-slow`.
    """
    if "torture" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("torture")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()):  # it takes ten seconds to start
            item.add_marker("slow")
        for mark in item.iter_markers("slow_except"):
            case = getattr(getattr(item, "callspec", None), "id", "")
            if not {case, getattr(item, "originalname", "")} & set(mark.args):
                item.add_marker("slow")
