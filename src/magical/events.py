"""What a run tells: events for whoever listens, and emit, keep and scratch for the bodies of steps."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from magical.masking import mask_values

__all__ = [
    "Event",
    "LogLine",
    "NullSink",
    "Progress",
    "RunFinished",
    "RunStarted",
    "Sink",
    "StepCached",
    "StepFailed",
    "StepFinished",
    "StepLeftOut",
    "StepPending",
    "StepRetried",
    "StepStarted",
    "discard_events",
    "emit",
    "keep",
    "scratch",
]


_UNMASKED_FIELDS = {"step", "key", "keys", "run", "nodes", "workflow", "state", "content", "level"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in a run."""

    def to_json(self) -> dict[str, Any]:
        """Give it as one line of the journal."""
        return {"event": type(self).__name__, **dataclasses.asdict(self)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Event | None:
        """Read an event back from a line of the journal; none if it is of a kind that is not known here."""
        kind = _event_types().get(str(data.get("event")))
        if kind is None:
            return None
        known = {f.name for f in dataclasses.fields(kind)}
        try:
            return kind(**{name: value for name, value in data.items() if name in known})
        except TypeError:  # a line of another release lacks a field
            return None

    def mask_texts(self) -> Self:
        """Give it without the secrets in its texts; what names steps, keys and runs stays as it is."""
        own = {"step"} if type(self).__module__ != __name__ else _UNMASKED_FIELDS
        said = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in own}
        found = {name: mask_values(value) for name, value in said.items()}
        return dataclasses.replace(self, **found) if found != said else self


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A run began; what it is of, which code and settings it used, and the process that it runs in.

    ``pretend`` and ``rows`` say what it makes up beside steps without a body; ``origin`` names all that is
    not real in it; ``step`` is up to which it goes, and ``locks`` has the digests of the lock files.
    """

    run: str
    workflow: str
    settings: dict[str, Any]
    nodes: list[str]
    profile: str = ""
    host: str = ""
    process: int = 0
    git: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    sample: int = 0
    pretend: str = ""
    rows: int = 0
    origin: list[str] = field(default_factory=list)
    step: str = ""
    locks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepEvent(Event):
    """Something that happened to one node."""

    step: str


@dataclass(frozen=True, kw_only=True)
class StepStarted(StepEvent):
    """A step's body begins to run."""

    key: str


@dataclass(frozen=True, kw_only=True)
class StepCached(StepEvent):
    """A step was fresh: its result is taken from the store."""

    key: str
    content: str = ""
    origin: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepFinished(StepEvent):
    """A step's result is in the store."""

    key: str
    seconds: float
    summary: str = ""
    content: str = ""
    origin: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepFailed(StepEvent):
    """A step failed; the message is what the user reads."""

    key: str
    message: str
    trace: str = ""


@dataclass(frozen=True, kw_only=True)
class StepLeftOut(StepEvent):
    """A step was not run, with the reason."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class StepRetried(StepEvent):
    """A step failed and begins again, by policy."""

    key: str
    attempt: int
    message: str
    wait: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StepPending(StepEvent):
    """A step could not write to the world, which did not answer; ``magical sync`` does it later."""

    key: str
    message: str


@dataclass(frozen=True, kw_only=True)
class LogLine(StepEvent):
    """A line for the reader: from a step, or from the engine about a step.

    ``level`` is ``info``, ``warning``, ``error``, ``debug``, or ``print`` for what a body printed.
    """

    text: str
    level: str = "info"


@dataclass(frozen=True, kw_only=True)
class Progress(StepEvent):
    """How far a step is."""

    done: int
    total: int
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """A run ended: ``done``, ``failed`` or ``stopped``."""

    run: str
    state: str
    seconds: float
    executed: int
    keys: dict[str, str] = field(default_factory=dict)


def _event_types() -> dict[str, type[Event]]:
    found: list[type[Event]] = [Event]
    for kind in found:
        found.extend(kind.__subclasses__())
    return {kind.__name__: kind for kind in found if kind.__module__ == __name__}


class Sink(Protocol):
    """Where the calls of a step body go while the engine runs it."""

    @property
    def name(self) -> str:
        """The node's name."""

    def emit(self, event: Event) -> None:
        """Take an event."""

    def keep(self, name: str, value: Any) -> None:
        """Take a value to be stored beside the step's result."""

    def scratch(self) -> Path:
        """Give a folder that survives a kill."""

    def may_wish(self) -> bool:
        """Whether it is known that the body makes up a piece of what it gives."""


class NullSink:
    """A sink for bodies whose words are nobody's business."""

    name = ""

    def __init__(self, allows_wishes: bool = True) -> None:
        self._allows_wishes = allows_wishes

    def emit(self, event: Event) -> None:
        """Take an event, and forget it."""

    def keep(self, name: str, value: Any) -> None:
        """Take a value, and forget it."""

    def scratch(self) -> Path:
        """Give a new temporary folder."""
        return Path(tempfile.mkdtemp(prefix="magical-"))

    def may_wish(self) -> bool:
        """Whether nothing comes of what such a body gives."""
        return self._allows_wishes


current_sink: contextvars.ContextVar[Sink | None] = contextvars.ContextVar("magical_step", default=None)


@contextlib.contextmanager
def discard_events(*, allows_wishes: bool = True) -> Iterator[None]:
    """Let bodies run whose prints, events and kept values reach nobody: steps that are only tried.

    Args:
        wishing: whether wishes may be made; not where nobody would know that what comes of it is made up.

    Example:
        >>> with discard_events():
        ...     emit("to nobody")
    """
    token = current_sink.set(NullSink(allows_wishes))
    try:
        yield
    finally:
        current_sink.reset(token)


def emit(event: Event | str) -> None:
    """Tell something while a step runs: an event, or a line of text. Outside a run it does nothing.

    Example:
        >>> emit("half way")
    """
    sink = current_sink.get()
    if sink is not None:
        sink.emit(LogLine(step=sink.name, text=event) if isinstance(event, str) else event)


def keep(name: str, value: Any) -> None:
    """Keep a value beside the step's result: rejected rows, a figure, a table. Outside a run it does nothing.

    Args:
        name: unique within the step.
        value: a table, or anything that can be written as JSON.

    Example:
        >>> keep("rejected", {"rows": 3})
    """
    sink = current_sink.get()
    if sink is not None:
        sink.keep(name, value)


def scratch() -> Path:
    """Give a folder of the step's own that survives a kill, for studies and checkpoints.

    Outside a run it is a new temporary folder.

    Example:
        >>> scratch().is_dir()
        True
    """
    sink = current_sink.get()
    return sink.scratch() if sink is not None else Path(tempfile.mkdtemp(prefix="magical-"))
