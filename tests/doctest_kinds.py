"""Forget the kinds of settings that the example of a docstring defines: other tests list the kinds."""

from collections.abc import Generator

import pytest

from magical.settings import TaggedSettings


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Restore the kinds of each family after a doctest."""
    if not isinstance(item, pytest.DoctestItem):
        return (yield)
    known = {family: dict(family.kinds) for family in TaggedSettings.__subclasses__()}
    try:
        return (yield)
    finally:
        for family, kinds in known.items():
            family.kinds.clear()
            family.kinds.update(kinds)
