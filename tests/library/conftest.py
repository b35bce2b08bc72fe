"""Shared fixtures of the tests of the standard steps: a running step that collects its events."""

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
    """A sink in the place of the engine: collects the events and kept values of a step's body."""

    folder: Path
    name: str = "step"
    events: list[Event] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def keep(self, name: str, value: Any) -> None:
        self.kept[name] = value

    def scratch(self) -> Path:
        return self.folder

    @property
    def lines(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, LogLine)]

    @property
    def warnings(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, LogLine) and e.level == "warning"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """The sink of a running step: ``emit``, ``keep`` and ``scratch`` reach it."""
    inside = Run(tmp_path)
    token = current_sink.set(inside)
    yield inside
    current_sink.reset(token)
