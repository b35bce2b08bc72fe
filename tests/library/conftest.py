"""What the tests of the standard steps share: a step to be inside of, and small tables."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from magical.events import Event, LogLine, current_sink

settings.register_profile("magical", deadline=None)  # on a busy machine time says nothing
settings.load_profile("magical")


@dataclass
class Run:
    """Stands for the engine while a step's body runs: what it tells and keeps is here to be looked at."""

    folder: Path
    name: str = "step"
    told: list[Event] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def emit(self, event: Event) -> None:
        self.told.append(event)

    def keep(self, name: str, value: Any) -> None:
        self.kept[name] = value

    def scratch(self) -> Path:
        return self.folder

    @property
    def lines(self) -> list[str]:
        return [e.text for e in self.told if isinstance(e, LogLine)]

    @property
    def warnings(self) -> list[str]:
        return [e.text for e in self.told if isinstance(e, LogLine) and e.level == "warning"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A step that runs: ``emit``, ``keep`` and ``scratch`` reach it."""
    inside = Run(tmp_path)
    token = current_sink.set(inside)
    yield inside
    current_sink.reset(token)
