"""Hold each written step to its contract on made-up rows: none, one with all null that may be, and many."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_origin

import polars as pl

from magical.checks.source_walk import is_project_code
from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import LazyOutput, StreamError
from magical.engine.execution.capture import capture_lines
from magical.engine.execution.executor import LocalExecutor, validate_output
from magical.errors import Finding, MagicalError, StepError, UnwrittenStep, join_names, shorten
from magical.events import NullSink
from magical.graph import Graph, Node
from magical.refs import Link, Wire
from magical.settings import Secret, to_json
from magical.synthesis.generate import GenerateOptions, find_pretend_obstacle, generate
from magical.synthesis.stub_models import StubPipeline, pretending_run

__all__ = [
    "ROW_COUNTS",
    "HardCheckResult",
    "find_input_obstacle",
    "find_predictors",
    "generate_inputs",
    "run_hard_checks",
]

_NULL_SHARE = 0.2

"""The share of values that are null where they may be, in a table of many rows."""


def find_predictors(graph: Graph, node: Node) -> list[Node]:
    """Give the written steps before a node that predict: how many classes there are, only a model knows.

    What they give is not made up but computed, from a made-up model and made-up rows.
    """
    before = [graph.by_name[name] for name in dict.fromkeys(link.node for link in node.links)]
    return [n for n in before if _is_predictor(n) and not n.facts.get("unwritten") and not n.writes]


def find_input_obstacle(graph: Graph, node: Node) -> str:
    """Say why the inputs of a node cannot be made up; empty if they can."""
    for name, promise in _collect_promises(graph, node).items():
        if promise.kind == "receipt":
            return f"{name} writes to the world"
        if promise.is_table and promise.schema is None:
            return "it takes a table without columns"
        if _is_mapping(promise):
            return f"{name} promises {promise}, and not which keys"
        if reason := find_pretend_obstacle(promise):
            return f"what {name} gives cannot be made up: {reason.rstrip('.')}"
    return ""


def _is_mapping(promise: Promise) -> bool:
    """Whether a value may have any keys: a body that looks for one of them finds none that is made up."""
    kind = get_origin(promise.hint) or promise.hint
    return promise.kind == "value" and isinstance(kind, type) and issubclass(kind, Mapping)


def generate_inputs(graph: Graph, node: Node, rows: int) -> dict[str, Any]:
    """Make up what each node before this one gives.

    Args:
        graph: living.
        node: whose inputs.
        rows: of each table; in a single row all is null that may be.

    Returns:
        Values by the names of the nodes that they stand for; those of predictors are not among them.

    Raises:
        MagicalError: a promise cannot be kept by chance.
    """
    values: dict[str, Any] = {}
    promises = _collect_promises(graph, node)
    made: list[tuple[str, Promise, Any]] = []
    parents: dict[str, pl.DataFrame] = {}
    for name in _sort_by_dependency(graph, promises):
        promise = promises[name]
        how = GenerateOptions(f"check {name}", rows, 1.0 if rows == 1 else _NULL_SHARE)
        mine = [(p, v) for n, p, v in made if promise.is_fit or _is_input_of(graph, n, name)]
        value = generate(promise, how, inputs=mine, parents=parents)
        made.append((name, promise, value))
        if promise.is_table and promise.schema is not None:
            parents.setdefault(promise.schema.name, value)
        values[name] = _unwrap_stubs(value)
    return values


def _is_input_of(graph: Graph, one: str, other: str) -> bool:
    return _has_shared_ids(graph, one, other) or _is_aggregate_of(graph, other, one)


def _has_shared_ids(graph: Graph, one: str, other: str) -> bool:
    """Whether two tables come from one with their ids, so that rows of the one are rows of the other."""
    ids = {tuple(t.ids) for name in (one, other) for t in _iter_schemas(graph.by_name[name])}
    return len(ids) == 1 and ids <= _collect_ancestor_ids(graph, one, other)


def _is_aggregate_of(graph: Graph, one: str, other: str) -> bool:
    """Whether a table has a row for each value of some columns of the other, and both come from such rows."""
    groups, rows = (list(_iter_schemas(graph.by_name[name])) for name in (one, other))
    if len(groups) != 1 or len(rows) != 1 or not groups[0].ids or groups[0].ids == rows[0].ids:
        return False
    return {*groups[0].ids} <= {*rows[0].names} and tuple(rows[0].ids) in _collect_ancestor_ids(
        graph, one, other
    )


def _collect_ancestor_ids(graph: Graph, one: str, other: str) -> set[tuple[str, ...]]:
    """The ids of the tables from which both come."""
    common = graph.ancestors([one]) & graph.ancestors([other])
    return {tuple(t.ids) for name in common for t in _iter_schemas(graph.by_name[name])}


def _iter_schemas(node: Node) -> Iterator[Schema]:
    waiting = [node.call.promise] if node.call else []
    while waiting:
        promise = waiting.pop()
        waiting.extend(promise.items)
        if promise.schema is not None:
            yield promise.schema


def _unwrap_stubs(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(map(_unwrap_stubs, value))
    return value.pipeline() if isinstance(value, StubPipeline) else value


def _collect_promises(graph: Graph, node: Node) -> dict[str, Promise]:
    """What is promised by each node before this one, with the rules that only this one has."""
    computed = find_predictors(graph, node)
    links = [link for n in (node, *computed) for link in n.links]
    found: dict[str, Promise] = {}
    for name in dict.fromkeys(link.node for link in links if graph.by_name[link.node] not in computed):
        call = graph.by_name[name].call
        assert call is not None, "a living graph is checked"
        found[name] = call.promise
    for taker in (node, *computed):
        for name, wanted in taker.call.stricter_promises.items() if taker.call else ():
            for link, promise in _pair_links(taker.inputs[name], wanted):
                if link.node in found:
                    found[link.node] = _narrow_promise(found[link.node], promise, link.item)
    return found


def _is_predictor(node: Node) -> bool:
    call = node.call
    return call is not None and call.promise.is_table and any(p.is_fit for p in call.input_promises.values())


def _pair_links(wire: Wire, wanted: Promise) -> Iterator[tuple[Link, Promise]]:
    if isinstance(wire, Link):
        yield wire, wanted
    elif wire is not None:
        each = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(wire)
        for part, promise in zip(wire, each, strict=False):
            yield from _pair_links(part, promise)


def _narrow_promise(have: Promise, wanted: Promise, item: str) -> Promise:
    """What keeps both promises."""
    if item and item not in PARTS:
        member = _narrow_promise(have.items[int(item)], wanted, "")
        items = [member if str(i) == item else promise for i, promise in enumerate(have.items)]
        return replace(have, items=tuple(items))
    if have.schema is None or wanted.schema is None:
        return have
    return replace(have, schema=_merge_schemas(have.schema, wanted.schema))


def _merge_schemas(have: Schema, wanted: Schema) -> Schema:
    columns = tuple(
        _merge_columns(c, wanted.by_name[c.name]) if c.name in wanted.by_name else c for c in have.columns
    )
    names = {rule.name for rule in have.rules}
    return replace(
        have, columns=columns, rules=(*have.rules, *(r for r in wanted.rules if r.name not in names))
    )


def _merge_columns(have: Column, wanted: Column) -> Column:
    bounds: dict[str, Any] = {**have.bounds, **wanted.bounds}
    for bound, stricter in {"ge": max, "gt": max, "le": min, "lt": min, "max_length": min}.items():
        if bound in have.bounds and bound in wanted.bounds:
            bounds[bound] = stricter(have.bounds[bound], wanted.bounds[bound])
    both = tuple(c for c in have.choices if c in wanted.choices)
    return replace(
        have,
        type=wanted.type if have.type == "any" else have.type,
        nullable=have.nullable and wanted.nullable,
        choices=both or have.choices or wanted.choices,
        role=have.role or wanted.role,
        bounds=bounds,
    )


def _sort_by_dependency(graph: Graph, promises: Mapping[str, Promise]) -> list[str]:
    """Tables before what is made for tables, and among them those that others refer to or sum up first."""
    tables = {n: p for n, p in promises.items() if p.is_table and p.schema is not None}
    waiting, ordered = dict(tables), list[str]()
    while waiting:
        contracts = {p.schema.name for p in waiting.values() if p.schema}
        free = [n for n, p in waiting.items() if not _find_parents(p) & (contracts - {_schema_name(p)})]
        free = [n for n in free if not any(_is_aggregate_of(graph, n, m) for m in waiting)] or free
        for name in free or list(waiting)[:1]:
            ordered.append(name)
            del waiting[name]
    parts = [n for n, p in promises.items() if p.kind == "parts"]
    others = [n for n in promises if n not in tables and n not in parts]
    fitted = [n for n in others if promises[n].is_fit]
    return [*ordered, *parts, *(n for n in others if n not in fitted), *fitted]


def _find_parents(promise: Promise) -> set[str]:
    return {c.parent for c in promise.schema.columns if c.parent} if promise.schema else set()


def _schema_name(promise: Promise) -> str:
    return promise.schema.name if promise.schema else ""


ROW_COUNTS = (0, 1, 200)

"""How many rows each table has, in turn."""

_PROMISE_MORE = "promise more of what it takes: bounds, no `| None`."


@dataclass(frozen=True)
class HardCheckResult:
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


def run_hard_checks(graph: Graph, executor: LocalExecutor) -> tuple[HardCheckResult, ...]:
    """Call each written step with made-up inputs, and hold what it gives to its contract.

    Args:
        graph: living.
        performer: calls bodies as a run does.

    Returns:
        What came of each, in the order of the graph; one that fails does not stop the others.
    """
    written = [n for n in graph.required_nodes if not n.facts.get("unwritten")]
    with pretending_run(), capture_lines(echo=False), warnings.catch_warnings(), _SilentContext() as quiet:
        warnings.simplefilter("ignore")
        return tuple(_StepTrial(graph, executor, node, quiet).run() for node in written)


class _SilentContext(NullSink, contextlib.AbstractContextManager["_SilentContext"]):
    """Hears nothing, and takes its folders away in the end."""

    def __enter__(self) -> _SilentContext:
        self._folder = tempfile.TemporaryDirectory(prefix="magical-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def scratch(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder.name))


class _NotAssessed(Exception):
    """Inputs cannot be made up, or a piece of the body is not written; the text says why."""


@dataclass(frozen=True)
class _StepTrial:
    graph: Graph
    executor: LocalExecutor
    node: Node
    context: _SilentContext

    def run(self) -> HardCheckResult:
        name, reason = self.node.name, self._find_obstacle()
        tried: dict[int, MagicalError | None] = {}
        for rows in () if reason else ROW_COUNTS[-1:] if _needs_many_rows(self.node) else ROW_COUNTS:
            try:
                tried[rows] = self._try_rows(rows)
            except _NotAssessed as why:  # a split has no parts without rows
                reason = str(why)
        if ROW_COUNTS[-1] not in tried:
            return HardCheckResult(name, "not assessed", reason)
        errors = {rows: error for rows, error in tried.items() if error is not None}
        if not errors:
            return HardCheckResult(name, "passed", rows=tuple(tried))
        return HardCheckResult(
            name, "finding", rows=tuple(tried), findings=(_build_finding(self.node, errors),)
        )

    def _find_obstacle(self) -> str:
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
        return find_input_obstacle(self.graph, node) if node.links else "a source takes no rows"

    def _try_rows(self, rows: int) -> MagicalError | None:
        """Call the body with so many rows; a clear refusal of none or one is no failure."""
        node = self.node
        try:
            for name, value in generate_inputs(self.graph, node, rows).items():
                self.executor.set_value(name, value)
            for other in find_predictors(self.graph, node):
                value = self.executor.call_body(other, self.executor.load_arguments(other, {}), self.context)
                self.executor.set_value(other.name, value)
            arguments = self.executor.load_arguments(node, {})
        except Exception as error:
            reason = error.lines[0] if isinstance(error, MagicalError) and error.lines else repr(error)
            reason = shorten(reason, 160).rstrip(".")
            raise _NotAssessed(f"its input cannot be made up: {reason}") from error
        try:
            _collect_streams(self.executor.call_body(node, arguments, self.context), self.context.scratch())
        except UnwrittenStep as error:
            reason = shorten(error.lines[0], 120).rstrip(".")
            raise _NotAssessed(f"a piece of it is not written: {reason}") from error
        except StreamError as error:
            return StepError(f"raised {type(error.__cause__).__name__}: {shorten(error, 160)}")
        except StepError as error:
            return error
        except MagicalError as error:
            return None if rows < 2 and not _is_promise_broken(error) else error
        finally:
            for other in self.graph.nodes:
                self.executor.drop_value(other.name)
        return None


def _collect_streams(value: Any, folder: Path) -> None:
    """Compute what is lazy, as a store does: its rows are held to their promise on the way."""
    if isinstance(value, LazyOutput):
        value.sink(folder / "rows.parquet")
    elif isinstance(value, (list, tuple)):
        for number, member in enumerate(value):
            (folder / str(number)).mkdir()
            _collect_streams(member, folder / str(number))


def _needs_many_rows(node: Node) -> bool:
    """Whether it fits, splits or selects, or takes what was fitted."""
    assert node.call is not None
    promises = (node.call.promise, *node.call.input_promises.values())
    return any(p.is_fit for promise in promises for p in _flatten_promise(promise)) or node.is_split


def _flatten_promise(promise: Promise) -> Iterator[Promise]:
    yield promise
    for item in promise.items:
        yield from _flatten_promise(item)


def _has_secret(arguments: Mapping[str, Any]) -> bool:
    found: list[Secret] = []

    def special(item: Any) -> Any:
        found.extend([item] if isinstance(item, Secret) else [])
        return NotImplemented

    to_json(arguments, special)
    return bool(found)


def _is_promise_broken(error: BaseException) -> bool:
    """Whether what a body gave broke its promise, and not the body itself refused."""
    here: BaseException | None = error
    while here is not None:
        trace = here.__traceback__
        while trace is not None:
            if (
                trace.tb_frame.f_code is validate_output.__code__
                or trace.tb_frame.f_code is LazyOutput.sink.__code__
            ):
                return True
            trace = trace.tb_next
        here = here.__cause__
    return False


def _build_finding(node: Node, errors: dict[int, MagicalError]) -> Finding:
    """Word the failure on the most rows, which shows most."""
    most = max(errors)
    error, others = errors[most], sorted(set(errors) - {most})
    more = f" (and on {join_names(others)})" if others else ""
    first, *rest = error.lines
    said = first.removeprefix(f"{node.name} ({node.where})").lstrip(": ")
    broken = _is_promise_broken(error)
    refused = "" if broken or isinstance(error, StepError) else "refused: "
    what = "\n".join(
        [f"on {most} made-up {'row' if most == 1 else 'rows'}{more} it {refused}{said}", *rest[:2]]
    )
    if broken:
        return Finding("HARD002", "error", node.name, what, _suggest_contract_fix(node))
    return Finding("HARD001", "error", node.name, what, _suggest_row_handling(node, most))


def _suggest_contract_fix(node: Node) -> str:
    assert node.call is not None
    if not is_project_code(node.call.step.function):
        return _PROMISE_MORE
    schema = node.call.promise.schema
    source = f" ({schema.source})" if schema and schema.source else ""
    wider = f"widen {schema.name}{source}" if schema else "promise what it gives"
    return f"mend it in {node.where}, or {wider}; or {_PROMISE_MORE}"


def _suggest_row_handling(node: Node, rows: int) -> str:
    if node.call is None or not is_project_code(node.call.step.function):
        return _PROMISE_MORE
    if rows < 2:
        some = "a table without rows" if rows == 0 else "a single row (null where it may be)"
        return f"handle {some} in {node.where}, or refuse it clearly: raise MagicalError(...)."
    return f"handle it in {node.where}, or {_PROMISE_MORE}"
