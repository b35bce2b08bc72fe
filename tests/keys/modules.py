"""Modules made of texts, imported as those of a project are."""

import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

Importer = Callable[..., ModuleType]


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Importer]:
    """A function that writes modules, by name, and imports the first one."""
    monkeypatch.syspath_prepend(str(tmp_path))
    known: set[str] = set()

    def write(text: str = "", **others: str) -> ModuleType:
        for name, source in {"made": text, **others}.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
            known.add(name)
        importlib.invalidate_caches()
        return importlib.import_module("made")

    environment, folders = dict(os.environ), list(sys.path)
    yield write
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = folders
    for name in known:
        sys.modules.pop(name, None)
