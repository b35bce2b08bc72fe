"""The messages between a run and the process of one body: references to stored values, no tables."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.capture import cut_line
from magical.errors import MagicalError, StepError, safe_text
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
"""The kinds of answers from the process of a body."""


@dataclass(frozen=True)
class RemoteTask:
    """A task for another process: to run the body of one node.

    Attributes:
        ticket: opens the same project in that process.
        node: the node's name.
        title: the step's name, by which policy names it.
        where: the step's file and line.
        run: the run's name.
        parts: the parts that the key is a hash of.
        timeout: seconds it may take, or None; with one, the body has a process of its own on a cluster too.
        records: the records of all nodes that have finished, as JSON.
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
    """Serialise an event, a record or an error.

    Example:
        >>> unpack_answer("clean", pack_answer(EVENT, LogLine(step="clean", text="half way"))).text
        'half way'
    """
    if kind == RECORD:
        payload = {**payload.to_json(), "memory": dict(payload.memory)}
    else:
        try:
            payload = pickle.dumps(payload)
        except Exception:  # an event or error may contain any object of the body, such as a lock
            line = LogLine(step=getattr(payload, "step", ""), text=cut_line(mask(repr(payload))))
            payload = pickle.dumps(StepError(*payload.lines, hint=payload.hint) if kind == ERROR else line)
    # Pickled twice: the reader learns the kind even where the payload's class cannot be imported.
    return pickle.dumps((kind, payload))


def answer_task(task: RemoteTask, compute: Callable[[], Record]) -> bytes:
    """Compute the record of a task and serialise it, or the error that was raised.

    Example:
        >>> task = RemoteTask({}, "clean", "clean", "workflow.py:3", "ab12", "last")
        >>> unpack_answer("clean", answer_task(task, lambda: 1 / 0)).lines
        ('clean: ZeroDivisionError: division by zero',)
    """
    try:
        return pack_answer(RECORD, compute())
    except MagicalError as error:
        return pack_answer(ERROR, error)
    except BaseException as error:  # SystemExit too: without an answer the run would wait
        text = f"{task.node}: {type(error).__name__}: {safe_text(error)}".rstrip(": ")
        return pack_answer(ERROR, StepError(text, hint="magical runs last"))


def unpack_answer(node: str, answer: bytes) -> Any:
    """Restore an event, a record or an error; a line or StepError replaces what cannot be unpickled."""
    kind, payload = pickle.loads(answer)
    if kind == RECORD:
        return Record.from_json(payload)
    try:
        value = pickle.loads(payload)
    except Exception:  # a class of the project, which only the body's process has imported
        value = None
    if isinstance(value, Event if kind == EVENT else MagicalError):
        return value
    if kind == EVENT:
        return LogLine(step=node, text="it emitted an event that cannot be unpickled here.")
    hint = f"magical replay last {node}"
    return StepError(f"{node} raised an exception that cannot be unpickled here.", hint=hint)


def unpack_record(node: str, answer: bytes) -> Record:
    """Restore the record of a node.

    Raises:
        MagicalError: the answer is an error.
    """
    result = unpack_answer(node, answer)
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, Record)
    return result
