"""The hard check: each written step is called with generated tables of 0, 1 and 200 rows and validated."""

from __future__ import annotations

import contextlib
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_origin

import polars as pl

from magical.checks.promise_tree import flatten_promise
from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import LazyOutput, StreamError
from magical.engine.execution.capture import capture_lines
from magical.engine.execution.executor import LocalExecutor, validate_output
from magical.errors import Finding, MagicalError, StepError, UnwrittenStep, join_names, shorten
from magical.events import NullSink
from magical.graph import Graph, Node
from magical.keys.source_walk import is_project_code
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

ROW_COUNTS = (0, 1, 200)
"""The heights of the generated tables, in turn."""

_NULL_SHARE = 0.2
"""The share of nulls in a nullable column of many rows; a single row is null wherever it may be."""

_STRICTER = {"ge": max, "gt": max, "min_length": max, "le": min, "lt": min, "max_length": min}

_PROMISE_MORE = "promise more of what it takes: bounds, no `| None`."


def find_predictors(graph: Graph, node: Node) -> list[Node]:
    """List the written steps that a node reads from and that predict with a model.

    Their results are computed with a stub model: a contract does not say how many classes a model has.
    """
    sources = [graph.by_name[name] for name in dict.fromkeys(link.node for link in node.links)]
    return [n for n in sources if _is_predictor(n) and not n.facts.get("unwritten") and not n.writes]


def find_input_obstacle(graph: Graph, node: Node) -> str:
    """Explain why no inputs can be generated for a node; empty if they can be generated."""
    for name, promise in _collect_promises(graph, node).items():
        if promise.kind == "receipt":
            return f"{name} writes to the world"
        if promise.is_table and promise.schema is None:
            return "it takes a table without columns"
        if _is_mapping(promise):
            return f"{name} promises {promise}, which does not name its keys"
        if reason := find_pretend_obstacle(promise):
            return f"the result of {name} cannot be pretended: {reason.rstrip('.')}"
    return ""


def _is_mapping(promise: Promise) -> bool:
    """Return True for a mapping whose keys are unknown: a body may look up a key that it then lacks."""
    kind = get_origin(promise.hint) or promise.hint
    return promise.kind == "value" and isinstance(kind, type) and issubclass(kind, Mapping)


def generate_inputs(graph: Graph, node: Node, rows: int) -> dict[str, Any]:
    """Generate the results of the nodes before a node and its predictors, and a table that models need.

    Args:
        graph: a graph with calls: drawn in this process, not read from a cache.
        node: the node that will be called with them.
        rows: the height of each table.

    Returns:
        The generated results by the names of their nodes; predictors have none.

    Raises:
        MagicalError: no value satisfies a promise.
    """
    promises = _collect_promises(graph, node)
    values: dict[str, Any] = {}
    parents: dict[str, pl.DataFrame] = {}
    for name in _sort_by_dependency(graph, promises):
        promise = promises[name]
        options = GenerateOptions(f"check {name}", rows, 1.0 if rows == 1 else _NULL_SHARE)
        inputs = [
            (promises[n], v) for n, v in values.items() if promise.is_fit or _is_input_of(graph, n, name)
        ]
        values[name] = generate(promise, options, inputs=inputs, parents=parents)
        if promise.is_table and promise.schema is not None:
            parents.setdefault(promise.schema.name, values[name])
    return {name: _unwrap_stubs(value) for name, value in values.items()}


def _is_input_of(graph: Graph, one: str, other: str) -> bool:
    """Return True if the rows of ``other`` are generated from those of ``one``."""
    return _has_shared_ids(graph, one, other) or _is_aggregate_of(graph, other, one)


def _has_shared_ids(graph: Graph, one: str, other: str) -> bool:
    """Return True if two tables have the ids of a common ancestor, so that their rows match."""
    ids = {tuple(s.ids) for name in (one, other) for s in _list_schemas(graph, name)}
    return len(ids) == 1 and ids <= _collect_ancestor_ids(graph, one, other)


def _is_aggregate_of(graph: Graph, one: str, other: str) -> bool:
    """Return True if table ``one`` has a row for each value of some columns of table ``other``."""
    groups, rows = _list_schemas(graph, one), _list_schemas(graph, other)
    if len(groups) != 1 or len(rows) != 1 or not groups[0].ids or groups[0].ids == rows[0].ids:
        return False
    has_columns = {*groups[0].ids} <= {*rows[0].names}
    return has_columns and tuple(rows[0].ids) in _collect_ancestor_ids(graph, one, other)


def _collect_ancestor_ids(graph: Graph, one: str, other: str) -> set[tuple[str, ...]]:
    common = graph.ancestors([one]) & graph.ancestors([other])
    return {tuple(s.ids) for name in common for s in _list_schemas(graph, name)}


def _list_schemas(graph: Graph, name: str) -> list[Schema]:
    call = graph.by_name[name].call
    return [p.schema for p in flatten_promise(call.promise) if p.schema is not None] if call else []


def _unwrap_stubs(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(map(_unwrap_stubs, value))
    return value.pipeline() if isinstance(value, StubPipeline) else value


def _collect_promises(graph: Graph, node: Node) -> dict[str, Promise]:
    """Return the promises of the nodes to generate, narrowed by the stricter promises of consumers."""
    predictors = find_predictors(graph, node)
    links = [link for n in (node, *predictors) for link in n.links]
    promises: dict[str, Promise] = {}
    for name in dict.fromkeys(link.node for link in links if graph.by_name[link.node] not in predictors):
        call = graph.by_name[name].call
        assert call is not None, "the graph was drawn in this process"
        promises[name] = call.promise
    for consumer in (node, *predictors):
        for name, wanted in consumer.call.stricter_promises.items() if consumer.call else ():
            for link, promise in _pair_links(consumer.inputs[name], wanted):
                if link.node in promises:
                    promises[link.node] = _narrow_promise(promises[link.node], promise, link.item)
    return _find_fitted_table(graph, promises) | promises


def _find_fitted_table(graph: Graph, promises: Mapping[str, Promise]) -> dict[str, Promise]:
    """Find the nearest table with a target before models that come without one: it says what they predict."""
    members = [p for promise in promises.values() for p in flatten_promise(promise)]
    if not any(p.kind == "model" for p in members) or any(p.schema and p.schema.target for p in members):
        return {}
    names = graph.ancestors(promises)
    for node in reversed(graph.nodes):
        if node.name in names and node.call and any(s.target for s in _list_schemas(graph, node.name)):
            return {node.name: node.call.promise}
    return {}


def _is_predictor(node: Node) -> bool:
    call = node.call
    return call is not None and call.promise.is_table and any(p.is_fit for p in call.input_promises.values())


def _pair_links(wire: Wire, wanted: Promise) -> Iterator[tuple[Link, Promise]]:
    """Pair each link of a wire with the promise that is wanted of its value."""
    if isinstance(wire, Link):
        yield wire, wanted
    elif wire is not None:
        each = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(wire)
        for part, promise in zip(wire, each, strict=False):
            yield from _pair_links(part, promise)


def _narrow_promise(have: Promise, wanted: Promise, item: str) -> Promise:
    """Return a promise whose values satisfy both; ``item`` names the member that is wanted."""
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
    more_rules = (r for r in wanted.rules if r.name not in names)
    return replace(have, columns=columns, rules=(*have.rules, *more_rules))


def _merge_columns(have: Column, wanted: Column) -> Column:
    """Add the demands of a wanted column to a column; if both have a bound, use the stricter one."""
    bounds: dict[str, Any] = {**have.bounds, **wanted.bounds}
    for bound, stricter in _STRICTER.items():
        if bound in have.bounds and bound in wanted.bounds:
            bounds[bound] = stricter(have.bounds[bound], wanted.bounds[bound])
    common_choices = tuple(c for c in have.choices if c in wanted.choices)
    return replace(
        have,
        type=wanted.type if have.type == "any" else have.type,
        nullable=have.nullable and wanted.nullable,
        choices=common_choices or have.choices or wanted.choices,
        role=have.role or wanted.role,
        bounds=bounds,
    )


def _sort_by_dependency(graph: Graph, promises: Mapping[str, Promise]) -> list[str]:
    """Sort nodes: parents before the tables that refer to them, rows before aggregates, fits at the end."""
    waiting = {n: p.schema for n, p in promises.items() if p.is_table and p.schema is not None}
    tables: list[str] = []
    while waiting:
        contracts = {schema.name for schema in waiting.values()}
        free = [
            name
            for name, schema in waiting.items()
            if not {c.parent for c in schema.columns if c.parent} & (contracts - {schema.name})
        ]
        free = [n for n in free if not any(_is_aggregate_of(graph, n, m) for m in waiting)] or free
        for name in free or list(waiting)[:1]:  # contracts that refer to each other: begin anywhere
            tables.append(name)
            del waiting[name]
    parts = [n for n, p in promises.items() if p.kind == "parts"]
    others = [n for n in promises if n not in tables and n not in parts]
    # False sorts first: fits come last, since they take all that was generated before them.
    return [*tables, *parts, *sorted(others, key=lambda n: promises[n].is_fit)]


@dataclass(frozen=True)
class HardCheckResult:
    """The outcome of the hard check for one step.

    Attributes:
        step: the name of the node.
        state: ``passed``, ``finding`` or ``not assessed``.
        reason: why it was not assessed.
        rows: the heights of the tables with which it was called.
        findings: the broken promise, or the exception.
    """

    step: str
    state: str
    reason: str = ""
    rows: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()


def run_hard_checks(graph: Graph, executor: LocalExecutor) -> tuple[HardCheckResult, ...]:
    """Call each written step with generated inputs, and validate its output.

    Returns:
        One result for each step, in the order of the graph; a failure does not stop the others.
    """
    written = [n for n in graph.required_nodes if not n.facts.get("unwritten")]
    with pretending_run(), capture_lines(echo=False), warnings.catch_warnings(), _SilentContext() as context:
        warnings.simplefilter("ignore")
        return tuple(_StepTrial(graph, executor, node, context).run() for node in written)


class _SilentContext(NullSink, contextlib.AbstractContextManager["_SilentContext"]):
    """A step context that discards events and removes its scratch folders at the end."""

    def __enter__(self) -> _SilentContext:
        self._folder = tempfile.TemporaryDirectory(prefix="magical-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def scratch(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder.name))


class _NotAssessed(Exception):
    """The step cannot be assessed; the message is the reason."""


@dataclass(frozen=True)
class _StepTrial:
    """One step to call with generated inputs."""

    graph: Graph
    executor: LocalExecutor
    node: Node
    context: _SilentContext

    def run(self) -> HardCheckResult:
        """Call the step with tables of each height, and return the outcome."""
        name, reason = self.node.name, self._find_obstacle()
        outcomes: dict[int, MagicalError | None] = {}
        for rows in () if reason else ROW_COUNTS[-1:] if _needs_many_rows(self.node) else ROW_COUNTS:
            try:
                outcomes[rows] = self._try_rows(rows)
            except _NotAssessed as error:  # normal for 0 rows: a split then has no parts
                reason = str(error)
        if ROW_COUNTS[-1] not in outcomes:
            return HardCheckResult(name, "not assessed", reason)
        errors = {rows: error for rows, error in outcomes.items() if error is not None}
        findings = (_build_finding(self.node, errors),) if errors else ()
        return HardCheckResult(name, "finding" if errors else "passed", "", tuple(outcomes), findings)

    def _find_obstacle(self) -> str:
        """Explain why the step cannot be called with generated inputs; empty if it can."""
        node = self.node
        assert node.call is not None, "the graph was drawn in this process"
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
        """Call the body and return its error; ignore a `MagicalError` that it raises on 0 or 1 rows."""
        node = self.node
        try:
            for name, value in generate_inputs(self.graph, node, rows).items():
                self.executor.set_value(name, value)
            for other in find_predictors(self.graph, node):
                value = self.executor.call_body(other, self.executor.load_arguments(other, {}), self.context)
                self.executor.set_value(other.name, value)
            arguments = self.executor.load_arguments(node, {})
        except Exception as error:  # anything raised up to here is not the fault of the step
            reason = error.lines[0] if isinstance(error, MagicalError) and error.lines else repr(error)
            reason = shorten(reason, 160).rstrip(".")
            raise _NotAssessed(f"its input cannot be pretended: {reason}") from error
        try:
            _collect_streams(self.executor.call_body(node, arguments, self.context), self.context.scratch())
        except UnwrittenStep as error:
            reason = shorten(error.lines[0], 120).rstrip(".")
            raise _NotAssessed(f"a piece of it is not written: {reason}") from error
        except StreamError as error:  # the body returned a lazy table, and failed when it was computed
            return StepError(f"raised {type(error.__cause__).__name__}: {shorten(error, 160)}")
        except StepError as error:
            return error
        except MagicalError as error:
            return None if rows < 2 and not _is_promise_broken(error) else error
        finally:  # the next trial must not see these values
            for other in self.graph.nodes:
                self.executor.drop_value(other.name)
        return None


def _collect_streams(value: Any, folder: Path) -> None:
    """Compute lazy tables as a store does, which validates their rows."""
    if isinstance(value, LazyOutput):
        value.sink(folder / "rows.parquet")
    elif isinstance(value, (list, tuple)):
        for number, member in enumerate(value):
            (folder / str(number)).mkdir()
            _collect_streams(member, folder / str(number))


def _needs_many_rows(node: Node) -> bool:
    """Return True for a step that fits, splits or selects, or takes a fitted model."""
    assert node.call is not None
    promises = (node.call.promise, *node.call.input_promises.values())
    return any(p.is_fit for promise in promises for p in flatten_promise(promise)) or node.is_split


def _has_secret(arguments: Mapping[str, Any]) -> bool:
    secrets: list[Secret] = []

    def collect(item: Any) -> Any:
        secrets.extend([item] if isinstance(item, Secret) else [])
        return NotImplemented

    to_json(arguments, collect)
    return bool(secrets)


def _is_promise_broken(error: BaseException | None) -> bool:
    """Return True if the output broke its promise, False if the body raised the error itself."""
    # Both raise the same classes, so only the frames of the validation tell them apart.
    validators = (validate_output.__code__, LazyOutput.sink.__code__)
    while error is not None:
        if any(frame.f_code in validators for frame, _ in traceback.walk_tb(error.__traceback__)):
            return True
        error = error.__cause__
    return False


def _build_finding(node: Node, errors: dict[int, MagicalError]) -> Finding:
    """Describe the error on the most rows, which says most about the step."""
    most = max(errors)
    error, others = errors[most], sorted(set(errors) - {most})
    more = f" (and on {join_names(others)})" if others else ""
    first, *rest = error.lines
    message = first.removeprefix(f"{node.name} ({node.where})").lstrip(": ")
    is_broken = _is_promise_broken(error)
    verb = "" if is_broken or isinstance(error, StepError) else "refused: "
    rows = "row" if most == 1 else "rows"
    what = "\n".join([f"on {most} generated {rows}{more} it {verb}{message}", *rest[:2]])
    if is_broken:
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
        case = "a table without rows" if rows == 0 else "a single row (its nullable columns are null)"
        return f"handle {case} in {node.where}, or refuse it clearly: raise MagicalError(...)."
    return f"handle it in {node.where}, or {_PROMISE_MORE}"
