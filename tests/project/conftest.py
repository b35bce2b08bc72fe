"""Fixtures of tests of opened projects."""

from pathlib import Path

import pytest

from projects import Small

USES_LIB = """
from mylib import number

@step
def first() -> int:
    return number()

@workflow
def flow() -> int:
    return first()
"""


def returns(number: int) -> str:
    """Return the source of a module with a function ``number``."""
    return f"def number():\n    return {number}\n"


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A folder on the import path with a module, like that of an editable package."""
    small = Small(tmp_path / "lib")
    small.write("mylib.py", returns(1))
    monkeypatch.syspath_prepend(str(small.root))
    monkeypatch.setenv("PYTHONPATH", str(small.root))
    return small
