"""Hold each written step to its contract on made-up rows: none, one with all null that may be, and many."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magical.checks.inputs import cannot_be_made_up, made_up, predictors
from magical.checks.sources import is_own
from magical.contracts.promises import Promise
from magical.contracts.validation import Stream, StreamFailed
from magical.engine.execution.capture import capturing
from magical.engine.execution.executor import LocalPerformer, honoured
from magical.errors import Finding, MagicalError, StepError, UnwrittenStep, listing, shorten
from magical.events import Unheard
from magical.graph import Graph, Node
from magical.settings import Secret, to_json
from magical.synthesis.stub_models import pretending_run

__all__ = ["ROWS", "Outcome", "held"]

ROWS = (0, 1, 200)
"""How many rows each table has, in turn."""

_PROMISE_MORE = "promise more of what it takes: bounds, no `| None`."


@dataclass(frozen=True)
class Outcome:
    """What the hard check says of one step.

    Attributes:
        step: the node.
        state: ``passed``, ``finding`` or ``not assessed``.
        reason: why it was not assessed.
        rows: on how many rows it was called.
        findings: which promise broke, or what was raised.
    """

    step: str
    state: str
    reason: str = ""
    rows: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()


def held(graph: Graph, performer: LocalPerformer) -> tuple[Outcome, ...]:
    """Call each written step with made-up inputs, and hold what it gives to its contract.

    Args:
        graph: living.
        performer: calls bodies as a run does.

    Returns:
        What came of each, in the order of the graph; one that fails does not stop the others.
    """
    written = [n for n in graph.wanted if not n.facts.get("unwritten")]
    with pretending_run(), capturing(echo=False), warnings.catch_warnings(), _Quiet() as quiet:
        warnings.simplefilter("ignore")
        return tuple(_Trial(graph, performer, node, quiet).outcome() for node in written)


class _Quiet(Unheard, contextlib.AbstractContextManager["_Quiet"]):
    """Hears nothing, and takes its folders away in the end."""

    def __enter__(self) -> _Quiet:
        self._folder = tempfile.TemporaryDirectory(prefix="magical-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def scratch(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder.name))


class _CannotTry(Exception):
    """Inputs cannot be made up, or a piece of the body is not written; the text says why."""


@dataclass(frozen=True)
class _Trial:
    graph: Graph
    performer: LocalPerformer
    node: Node
    quiet: _Quiet

    def outcome(self) -> Outcome:
        name, reason = self.node.name, self._cannot()
        tried: dict[int, MagicalError | None] = {}
        for rows in () if reason else ROWS[-1:] if _needs_many(self.node) else ROWS:
            try:
                tried[rows] = self._failure(rows)
            except _CannotTry as why:  # a split has no parts without rows
                reason = str(why)
        if ROWS[-1] not in tried:
            return Outcome(name, "not assessed", reason)
        errors = {rows: error for rows, error in tried.items() if error is not None}
        if not errors:
            return Outcome(name, "passed", rows=tuple(tried))
        return Outcome(name, "finding", rows=tuple(tried), findings=(_finding(self.node, errors),))

    def _cannot(self) -> str:
        node = self.node
        assert node.call is not None, "a living graph is checked"
        if node.writes:
            return "it writes to the world"
        if node.facts.get("reads") == "world":
            return "it asks the world"
        if node.facts.get("reads_files"):
            return "it reads files"
        if node.facts.get("writes_files"):
            return "it writes files"
        if _has_secret(node.call.arguments):
            return "it logs in somewhere"
        return cannot_be_made_up(self.graph, node) if node.links else "a source takes no rows"

    def _failure(self, rows: int) -> MagicalError | None:
        """Call the body with so many rows; a clear refusal of none or one is no failure."""
        node = self.node
        try:
            for name, value in made_up(self.graph, node, rows).items():
                self.performer.hold(name, value)
            for other in predictors(self.graph, node):
                value = self.performer.call(other, self.performer.arguments(other, {}), self.quiet)
                self.performer.hold(other.name, value)
            arguments = self.performer.arguments(node, {})
        except Exception as error:
            reason = error.lines[0] if isinstance(error, MagicalError) and error.lines else repr(error)
            reason = shorten(reason, 160).rstrip(".")
            raise _CannotTry(f"its input cannot be made up: {reason}") from error
        try:
            _compute(self.performer.call(node, arguments, self.quiet), self.quiet.scratch())
        except UnwrittenStep as error:
            reason = shorten(error.lines[0], 120).rstrip(".")
            raise _CannotTry(f"a piece of it is not written: {reason}") from error
        except StreamFailed as error:
            return StepError(f"raised {type(error.__cause__).__name__}: {shorten(error, 160)}")
        except StepError as error:
            return error
        except MagicalError as error:
            return None if rows < 2 and not _is_broken(error) else error
        finally:
            for other in self.graph.nodes:
                self.performer.forget(other.name)
        return None


def _compute(value: Any, folder: Path) -> None:
    """Compute what is lazy, as a store does: its rows are held to their promise on the way."""
    if isinstance(value, Stream):
        value.sink(folder / "rows.parquet")
    elif isinstance(value, (list, tuple)):
        for number, member in enumerate(value):
            (folder / str(number)).mkdir()
            _compute(member, folder / str(number))


def _needs_many(node: Node) -> bool:
    """Whether it fits, splits or selects, or takes what was fitted."""
    assert node.call is not None
    promises = (node.call.promise, *node.call.takes.values())
    return any(p.is_fit for promise in promises for p in _all(promise)) or node.is_split


def _all(promise: Promise) -> Iterator[Promise]:
    yield promise
    for item in promise.items:
        yield from _all(item)


def _has_secret(arguments: Mapping[str, Any]) -> bool:
    found: list[Secret] = []

    def special(item: Any) -> Any:
        found.extend([item] if isinstance(item, Secret) else [])
        return NotImplemented

    to_json(arguments, special)
    return bool(found)


def _is_broken(error: BaseException) -> bool:
    """Whether what a body gave broke its promise, and not the body itself refused."""
    here: BaseException | None = error
    while here is not None:
        trace = here.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code is honoured.__code__ or trace.tb_frame.f_code is Stream.sink.__code__:
                return True
            trace = trace.tb_next
        here = here.__cause__
    return False


def _finding(node: Node, errors: dict[int, MagicalError]) -> Finding:
    """Word the failure on the most rows, which shows most."""
    most = max(errors)
    error, others = errors[most], sorted(set(errors) - {most})
    more = f" (and on {listing(others)})" if others else ""
    first, *rest = error.lines
    said = first.removeprefix(f"{node.name} ({node.where})").lstrip(": ")
    broken = _is_broken(error)
    refused = "" if broken or isinstance(error, StepError) else "refused: "
    what = "\n".join(
        [f"on {most} made-up {'row' if most == 1 else 'rows'}{more} it {refused}{said}", *rest[:2]]
    )
    if broken:
        return Finding("HARD002", "error", node.name, what, _mend(node))
    return Finding("HARD001", "error", node.name, what, _handle(node, most))


def _mend(node: Node) -> str:
    assert node.call is not None
    if not is_own(node.call.step.function):
        return _PROMISE_MORE
    schema = node.call.promise.schema
    source = f" ({schema.source})" if schema and schema.source else ""
    wider = f"widen {schema.name}{source}" if schema else "promise what it gives"
    return f"mend it in {node.where}, or {wider}; or {_PROMISE_MORE}"


def _handle(node: Node, rows: int) -> str:
    if node.call is None or not is_own(node.call.step.function):
        return _PROMISE_MORE
    if rows < 2:
        some = "a table without rows" if rows == 0 else "a single row (null where it may be)"
        return f"handle {some} in {node.where}, or refuse it clearly: raise MagicalError(...)."
    return f"handle it in {node.where}, or {_PROMISE_MORE}"
