"""The scoring path: the steps of a training graph that a new row passes before the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from magical.contracts.promises import Promise
from magical.contracts.schema import TRAINING_ROLES, Schema
from magical.errors import join_names
from magical.graph import Call, Graph, Node
from magical.refs import Link, Wire, find_links, map_links

__all__ = ["PathStep", "RowSource", "ScoringPath", "derive_scoring_path", "drop_training_columns"]

_TABLE_KINDS = ("table", "lazy", "pandas", "parts")
_NO_LINK = Link("")
_NO_COLUMNS = Schema("", ())


@dataclass(frozen=True)
class PathStep:
    """One step that a row passes when it is scored.

    Attributes:
        inputs: the wire of each connected parameter when scoring: to the source, an earlier step of the path,
            or a value of the training run.
        promise: the promise of its result, without the target and the weight.
    """

    node: Node
    call: Call
    inputs: Mapping[str, Wire]
    promise: Promise


@dataclass(frozen=True)
class RowSource:
    """The source of the raw rows that become typed rows, and the steps between the two.

    Attributes:
        raw: the rows as they are read: the result of ``ingest``, or of a step of the project.
        step: the import string of the step that reads them.
        reading: what the author said of the source, for ``ingest``; else None.
        steps: the steps that raw rows pass before they become typed rows, in order.
        result: the raw rows behind these steps.
        refusal: the reason why other raw rows cannot pass these steps; empty if they can.
    """

    raw: Link = _NO_LINK
    step: str = ""
    reading: Any = None
    steps: tuple[PathStep, ...] = ()
    result: Link = _NO_LINK
    refusal: str = ""


_NO_ROWS = RowSource()


@dataclass(frozen=True)
class ScoringPath:
    """The steps between the typed rows and the model, without splits, fits and training-only steps.

    Attributes:
        source: the result with the typed rows.
        typed: the contract of a row to be scored: that of the source, without the target and the weight.
        targets: the target and the weight of the source, which a new row does not have.
        rows: where these rows came from in the run.
        steps: in execution order.
        result: the table that the model predicts from.
        frozen: values of the training run, not tables, that steps of the path take.
        split: the split that the path leaves out.
        refusal: the reason why a single row cannot be scored; if this is set, the rest is empty.
    """

    source: Link = _NO_LINK
    typed: Schema = _NO_COLUMNS
    steps: tuple[PathStep, ...] = ()
    result: Link = _NO_LINK
    frozen: tuple[Link, ...] = ()
    split: str = ""
    refusal: str = ""
    targets: tuple[str, ...] = ()
    rows: RowSource = _NO_ROWS


def derive_scoring_path(graph: Graph, name: str) -> ScoringPath:
    """Derive the scoring path of the model that a node takes.

    Args:
        graph: a graph whose nodes have calls.
        name: the node that takes the model, such as ``register``.
    """
    tracer = _Tracer(graph)
    try:
        return tracer.trace(name)
    except _NoScoringPath as refused:
        return ScoringPath(split=tracer.split, refusal=str(refused))


def drop_training_columns(promise: Promise) -> Promise:
    """Remove the columns from the contracts of a promise that only rows to learn from have.

    Example:
        >>> from magical.contracts.schema import Column
        >>> row = Schema("Row", (Column("x", "float"), Column("y", "bool", role="target")))
        >>> drop_training_columns(Promise("table", schema=row)).schema.names
        ['x']
    """
    schema = promise.schema and promise.schema.without(promise.schema.names_with_role(*TRAINING_ROLES))
    return replace(promise, schema=schema, items=tuple(map(drop_training_columns, promise.items)))


class _NoScoringPath(Exception):
    """A single row cannot be scored; the message is the reason."""


class _Tracer:
    """Walks a graph upstream from the model to the typed rows."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.split = ""
        self.steps: dict[str, PathStep] = {}
        self.sources: dict[Link, Schema] = {}
        self.frozen: dict[Link, None] = {}

    def trace(self, name: str) -> ScoringPath:
        """Trace the path of the model that a node takes; raise _NoScoringPath if no row can be scored."""
        tables = list(dict.fromkeys(self._find_training_tables(self._find_model_node(name), set())))
        # A fit may also take tables that no split touched, such as a calendar; they are not the rows.
        tables = [t for t in tables if self._is_after_split(t)] or tables
        if not tables:
            raise _NoScoringPath(f"{name}: its model was fitted on no table that a step made.")
        result = self._require_same_lineage(tables)
        served = self._add_steps(result)
        if len(self.sources) > 1:
            raise _NoScoringPath(
                f"its features are made from {len(self.sources)} tables ({join_names(self.sources)})."
            )
        source, schema = next(iter(self.sources.items()))
        targets = schema.names_with_role(*TRAINING_ROLES)
        rows, steps = self._trace_row_source(source), self._sort(self.steps)
        return ScoringPath(
            source,
            schema.without(targets),
            steps,
            served,
            tuple(self.frozen),
            self.split,
            targets=tuple(targets),
            rows=rows,
        )

    def _find_model_node(self, name: str) -> str:
        for link in self.graph.node(name).links:
            if _has_fit(self.graph.promise_of(link)):
                return link.node
        raise _NoScoringPath(f"{name} takes no model.")

    def _find_training_tables(self, name: str, seen: set[str]) -> Iterator[Link]:
        """Find the tables that a fit, and the fits it takes, learn from; those of the first fit first."""
        if name in seen:
            return
        seen.add(name)
        links = self.graph.by_name[name].links
        for link in links:
            if _has_fit(self.graph.promise_of(link)):
                yield from self._find_training_tables(link.node, seen)
        yield from filter(self._is_table, links)

    def _is_table(self, link: Link) -> bool:
        return self.graph.promise_of(link).kind in _TABLE_KINDS

    def _is_after_split(self, link: Link) -> bool:
        return any(self.graph.by_name[n].is_split for n in self.graph.ancestors([link.node]))

    def _require_same_lineage(self, tables: list[Link]) -> Link:
        """Check that all tables passed the same steps, as a new row will; return the first."""
        lineages = {link: self._trace_lineage(link) for link in tables}
        first = tables[0]
        for other in tables[1:]:
            if lineages[other] != lineages[first]:
                steps, others = (set(_find_lineage_steps(lineages[link])) for link in (first, other))
                name = next(iter(steps ^ others), "a step")
                raise _NoScoringPath(
                    f"{first} and {other} were not made by the same steps: {name} works on one of them only. "
                    "Mark it @step(training_only=True), or call it for each part."
                )
        return first

    def _trace_lineage(self, link: Link) -> Any:
        """Describe the steps that made a table as nested tuples; parts of one split are equal."""
        link = self._skip_training_steps(link)
        node, call = self._get_call(link.node)
        if self._is_source(node, call):
            return ("rows", str(link))
        # By step and arguments, not by node: train and validation pass two calls of the same step.
        wires = tuple((n, map_links(w, self._trace_input)) for n, w in node.inputs.items())
        return (node.step_name, node.step, repr(call.arguments), link.item, wires)

    def _trace_input(self, link: Link) -> Any:
        return self._trace_lineage(link) if self._is_table(link) else str(link)

    def _add_steps(self, link: Link) -> Link:
        """Add the steps that make a table, and return the link to the table in the scoring path."""
        link = self._skip_training_steps(link)
        node, call = self._get_call(link.node)
        if self._is_source(node, call):
            schema = self.graph.promise_of(link).schema
            assert schema is not None, "a source promises columns"
            self.sources[link] = schema
        elif node.name not in self.steps:
            if not any(self._is_table(i) and self.graph.promise_of(i).schema for i in node.links):
                raise _NoScoringPath(f"no step before {node.name} promises typed rows.")
            inputs = {n: map_links(w, self._resolve_input) for n, w in node.inputs.items()}
            self._check_inputs(node, call, inputs)
            self.steps[node.name] = PathStep(node, call, inputs, drop_training_columns(call.promise))
        return link

    def _trace_row_source(self, source: Link) -> RowSource:
        """Trace typed rows back to the step that reads them, through the steps on raw rows."""
        raws = [link for link in self.graph.by_name[source.node].links if self._is_raw(link)]
        found: dict[Link, None] = {}
        steps: dict[str, PathStep] = {}
        try:
            results = [self._add_raw_steps(link, steps, found) for link in raws] or [source]
        except _NoScoringPath as refused:
            return RowSource(refusal=str(refused))
        if len(found) > 1:
            return RowSource(refusal=f"its rows come from {len(found)} sources ({join_names(found)})")
        raw = next(iter(found), source)
        node, call = self._get_call(raw.node)
        return RowSource(raw, node.step, call.arguments.get("reading"), self._sort(steps), results[0])

    def _add_raw_steps(self, link: Link, steps: dict[str, PathStep], found: dict[Link, None]) -> Link:
        """Add the steps that make a raw table, and its source; return the link to the table when scoring."""
        link = self._skip_training_steps(link)
        node, call = self._get_call(link.node)
        if not any(map(self._is_raw, node.links)):
            found[link] = None
        elif node.name not in steps:

            def resolve(wired: Link) -> Link:
                if self._is_raw(wired):
                    return self._add_raw_steps(wired, steps, found)
                if self._is_table(wired):
                    raise _NoScoringPath(f"{node.name} makes its raw rows from {wired}, too")
                self.frozen[wired] = None
                return wired

            inputs = {n: map_links(w, resolve) for n, w in node.inputs.items()}
            steps[node.name] = PathStep(node, call, inputs, call.promise)
        return link

    def _is_raw(self, link: Link) -> bool:
        return self._is_table(link) and self.graph.promise_of(link).schema is None

    def _sort(self, steps: Mapping[str, PathStep]) -> tuple[PathStep, ...]:
        """Return steps in the order of the graph: the walk went upstream."""
        order = {n.name: i for i, n in enumerate(self.graph.nodes)}
        return tuple(sorted(steps.values(), key=lambda s: order[s.node.name]))

    def _resolve_input(self, link: Link) -> Link:
        if self._is_table(link):
            return self._add_steps(link)
        # A number or a mapping that a step computed from the training rows keeps its value when scoring.
        self.frozen[link] = None
        return link

    def _skip_training_steps(self, link: Link) -> Link:
        """Skip splits and training-only steps: replace their result by the first table that they take."""
        node = self.graph.by_name[link.node]
        while node.is_split or node.facts.get("training_only"):
            self.split = self.split or (node.name if node.is_split else "")
            first = next(filter(self._is_table, node.links), None)
            if first is None:
                raise _NoScoringPath(
                    f"{node.name} is left out when scoring, and no table can stand for what it gives."
                )
            link, node = first, self.graph.by_name[first.node]
        return link

    def _is_source(self, node: Node, call: Call) -> bool:
        """Return True if a step makes typed rows from raw ones, or without any table."""
        rows = [self.graph.promise_of(link) for link in node.links if self._is_table(link)]
        results = call.promise.items if call.promise.kind in ("tuple", "list") else (call.promise,)
        return any(p.schema for p in results) and (not rows or any(p.schema is None for p in rows))

    def _check_inputs(self, node: Node, call: Call, inputs: Mapping[str, Wire]) -> None:
        """Check that a step needs no column of the steps that the path skips before it."""
        for name, wire in inputs.items():
            old, new = list(find_links(node.inputs[name])), list(find_links(wire))
            if old == new or not isinstance(wire, Link):
                continue
            wanted = drop_training_columns(call.step.parameter_promises[name])
            if problems := drop_training_columns(self.graph.promise_of(wire)).find_mismatches(wanted):
                why = join_names(problems, 2)
                raise _NoScoringPath(f"{node.name} needs what {old[0]} adds, which is left out: {why}.")

    def _get_call(self, name: str) -> tuple[Node, Call]:
        node = self.graph.by_name[name]
        assert node.call is not None, "the path is derived from a graph with calls"
        return node, node.call


def _has_fit(promise: Promise) -> bool:
    return promise.is_fit or any(map(_has_fit, promise.items))


def _find_lineage_steps(lineage: Any) -> Iterator[str]:
    """Iterate over the names of the steps in a lineage."""
    if isinstance(lineage, tuple) and len(lineage) == 5 and isinstance(lineage[4], tuple):
        yield str(lineage[0])
        for _, wire in lineage[4]:
            yield from _find_lineage_steps(wire)
    elif isinstance(lineage, tuple):
        for part in lineage:
            yield from _find_lineage_steps(part)
