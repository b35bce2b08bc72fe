"""The events of a run, and the calls of step bodies: emit, keep and scratch."""

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
from magical.running_bodies import running_body

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

# Names and digests: masking one would cut the link from the journal to its node, run or artifact.
_UNMASKED_FIELDS = {"step", "key", "keys", "run", "nodes", "workflow", "state", "content", "level"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in a run."""

    def to_json(self) -> dict[str, Any]:
        """Convert the event to the object that is one line of the journal."""
        return {"event": type(self).__name__, **dataclasses.asdict(self)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Event | None:
        """Read an event from a line of the journal; None for a kind or form unknown to this release."""
        kind = _event_types().get(str(data.get("event")))
        if kind is None:
            return None
        fields = [f for f in dataclasses.fields(kind) if f.name in data]
        if not all(_has_type(data[f.name], f.type) for f in fields):  # a damaged line
            return None
        try:
            return kind(**{f.name: data[f.name] for f in fields})
        except TypeError:  # a line of another release lacks a field
            return None

    def mask_texts(self) -> Self:
        """Mask the secrets in the texts of the event; names of steps, keys and runs stay as they are."""
        # An event class of a project may use our field names for texts, so only `step` is exempt there.
        exempt = {"step"} if type(self).__module__ != __name__ else _UNMASKED_FIELDS
        texts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in exempt}
        masked = {name: mask_values(value) for name, value in texts.items()}
        return dataclasses.replace(self, **masked) if masked != texts else self


_JSON_TYPES: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "dict": dict, "list": list}


def _has_type(value: object, annotation: object) -> bool:
    """Return True if a value of a line of the journal has the annotated type; types of projects are free."""
    expected = _JSON_TYPES.get(str(annotation).partition("[")[0], object)
    return isinstance(value, expected)


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A run began: its workflow, code, settings and process."""

    run: str
    workflow: str
    settings: dict[str, Any]
    nodes: list[str]
    profile: str = ""
    host: str = ""
    process: int = 0
    git: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    sample: int = 0  # rows of a sampled run; 0 for all
    pretend: str = ""  # what is pretended beside the steps without a body: empty, ``sources`` or ``all``
    rows: int = 0  # of a generated table
    origin: list[str] = field(default_factory=list)  # the pretended steps and sampled sources of the run
    step: str = ""  # the last step; empty for the whole workflow
    explores: list[str] = field(default_factory=list)  # the settings that differ from those of the files
    locks: dict[str, str] = field(default_factory=dict)  # digests of the lock files, by name


@dataclass(frozen=True, kw_only=True)
class StepEvent(Event):
    """Something that happened to one node."""

    step: str


@dataclass(frozen=True, kw_only=True)
class StepStarted(StepEvent):
    """The body of a step begins to run."""

    key: str


@dataclass(frozen=True, kw_only=True)
class StepCached(StepEvent):
    """A step was skipped: its result is in the store under the same key."""

    key: str
    summary: str = ""
    content: str = ""
    origin: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepFinished(StepEvent):
    """A step ran, and its result is in the store."""

    key: str
    seconds: float
    summary: str = ""
    content: str = ""
    origin: list[str] = field(default_factory=list)
    memory: dict[str, int] = field(
        default_factory=dict
    )  # of the process that ran the body; see measure_memory


@dataclass(frozen=True, kw_only=True)
class StepFailed(StepEvent):
    """A step failed; the message is what the user reads."""

    key: str
    message: str
    trace: str = ""


@dataclass(frozen=True, kw_only=True)
class StepLeftOut(StepEvent):
    """A step was not run; ``reason`` says why."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class StepRetried(StepEvent):
    """A step failed and is retried, as its policy says, after ``wait`` seconds."""

    key: str
    attempt: int
    message: str
    wait: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StepPending(StepEvent):
    """A step could not reach the system it writes to; ``magical sync`` repeats it later."""

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
    """The progress of a step: ``done`` of ``total`` units."""

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
    kinds: list[type[Event]] = [Event]
    for kind in kinds:  # the list grows during the loop, so that subclasses of subclasses are found too
        kinds.extend(kind.__subclasses__())
    # Classes of a project are left out: a journal must read the same whether the project is imported or not.
    return {kind.__name__: kind for kind in kinds if kind.__module__ == __name__}


class Sink(Protocol):
    """The receiver of a step body's calls while the engine runs it."""

    @property
    def name(self) -> str:
        """The node's name."""

    def emit(self, event: Event) -> None:
        """Dispatch an event to the listeners."""

    def keep(self, name: str, value: Any) -> None:
        """Store a value beside the step's result."""

    def scratch(self) -> Path:
        """Return a folder that survives a kill."""

    def may_wish(self) -> bool:
        """Return True if the key of the node says that its body calls ``wish``."""


class NullSink:
    """A sink that discards all it receives."""

    name = ""

    def __init__(self, allows_wishes: bool = True) -> None:
        self._allows_wishes = allows_wishes

    def emit(self, event: Event) -> None:
        """Discard an event."""

    def keep(self, name: str, value: Any) -> None:
        """Discard a value."""

    def scratch(self) -> Path:
        """Make a new temporary folder."""
        return Path(tempfile.mkdtemp(prefix="magical-"))

    def may_wish(self) -> bool:
        """Return True unless the sink was created with ``allows_wishes=False``."""
        return self._allows_wishes


# A context variable, not a global: bodies of several nodes run at once, on threads of one process.
current_sink: contextvars.ContextVar[Sink | None] = contextvars.ContextVar("magical_step", default=None)


@contextlib.contextmanager
def discard_events(*, allows_wishes: bool = True) -> Iterator[None]:
    """Discard the events and kept values of bodies that run inside, for steps that are only tried.

    Args:
        allows_wishes: False where a generated result would pass as real.

    Example:
        >>> with discard_events():
        ...     emit("to nobody")
    """
    sink = NullSink(allows_wishes)
    token = current_sink.set(sink)
    try:
        with running_body(sink):
            yield
    finally:
        current_sink.reset(token)


def emit(event: Event | str) -> None:
    """Emit an event, or a line of text, while a step runs. Outside a run it does nothing.

    Example:
        >>> emit("half way")
    """
    sink = current_sink.get()
    if sink is not None:
        sink.emit(LogLine(step=sink.name, text=event) if isinstance(event, str) else event)


def keep(name: str, value: Any) -> None:
    """Store a value beside the step's result: rejected rows, a figure, a table. Outside a run, do nothing.

    Args:
        name: unique within the step.
        value: a table, a figure of matplotlib, seaborn, plotly or altair, or what can be written as JSON.

    Example:
        >>> keep("rejected", {"rows": 3})
    """
    sink = current_sink.get()
    if sink is not None:
        sink.keep(name, value)


def scratch() -> Path:
    """Return the step's folder for checkpoints, which survives a kill; outside a run, a temporary folder.

    Example:
        >>> scratch().is_dir()
        True
    """
    return (current_sink.get() or NullSink()).scratch()
