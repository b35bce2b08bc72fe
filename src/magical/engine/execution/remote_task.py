"""What another process is told to run one body, and how its answers travel: references, no tables."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.capture import MAX_LINE_WIDTH
from magical.errors import MagicalError, StepError
from magical.events import Event, LogLine
from magical.masking import mask

__all__ = [
    "ERROR",
    "EVENT",
    "RECORD",
    "RemoteTask",
    "answer_task",
    "pack_answer",
    "unpack_answer",
    "unpack_record",
]

EVENT, RECORD, ERROR = "event", "record", "error"
"""The kinds of answers."""


@dataclass(frozen=True)
class RemoteTask:
    """What the process of a node is told.

    Attributes:
        ticket: by which the project is opened.
        node: which one.
        title: as policy knows it.
        where: the step's file and line.
        key: its key, as the run knows it.
        run: the run's name.
        parts: what the key is a hash of.
        timeout: seconds that it may take; with any, it runs in a process of its own, wherever that is.
        records: what is known of the nodes before it, and of all others that have finished.
    """

    ticket: Any
    node: str
    title: str
    where: str
    key: str
    run: str
    parts: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def pack_answer(kind: str, payload: Any) -> bytes:
    """Give an event, a record or an error as it travels.

    Args:
        kind: one of the three.
        said: an event, a record or an error.

    Example:
        >>> unpack_answer("clean", pack_answer(EVENT, Log(step="clean", text="half way"))).text
        'half way'
    """
    if kind == RECORD:
        payload = payload.to_json()
    else:
        try:
            payload = pickle.dumps(payload)
        except Exception:  # what a body attached to its own event or error stays in its process
            other = LogLine(step=getattr(payload, "step", ""), text=mask(repr(payload))[:MAX_LINE_WIDTH])
            payload = pickle.dumps(StepError(*payload.lines, hint=payload.hint) if kind == ERROR else other)
    return pickle.dumps((kind, payload))


def answer_task(task: RemoteTask, compute: Callable[[], Record]) -> bytes:
    """Do an errand, and give its packed record, or the packed error that came instead.

    Args:
        errand: which.
        do: does it.
    """
    try:
        return pack_answer(RECORD, compute())
    except MagicalError as error:
        return pack_answer(ERROR, error)
    except BaseException as error:
        made = StepError(f"{task.node}: {type(error).__name__}: {error}", hint="magical runs last")
        return pack_answer(ERROR, made)


def unpack_answer(node: str, answer: bytes) -> Any:
    """Give what was packed: an event, a record, or an error.

    Args:
        node: who said it.
        answer: as it came.
    """
    kind, said = pickle.loads(answer)
    if kind == RECORD:
        return Record.from_json(said)
    try:
        there = pickle.loads(said)
    except Exception:  # its class is known to the project's own process only
        there = None
    if kind == EVENT:
        known = isinstance(there, Event)
        return (
            there
            if known
            else LogLine(step=node, text="it told something that only its own process can read.")
        )
    if isinstance(there, MagicalError):
        return there
    hint = f"magical replay last {node}"
    return StepError(f"{node} raised what only its own process can read.", hint=hint)


def unpack_record(node: str, answer: bytes) -> Record:
    """Give the record that came back.

    Args:
        node: whose.
        answer: a packed record or error.

    Raises:
        MagicalError: it is an error.
    """
    there = unpack_answer(node, answer)
    if isinstance(there, BaseException):
        raise there
    assert isinstance(there, Record)
    return there
