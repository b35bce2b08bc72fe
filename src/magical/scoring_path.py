"""The scoring path: what of a training graph a new row goes through before the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.errors import join_names
from magical.graph import Call, Graph, Node
from magical.refs import Link, Wire, find_links

__all__ = ["PathStep", "ScoringPath", "derive_scoring_path", "drop_target"]

_TABLE_KINDS = ("table", "lazy", "pandas", "parts")
_NO_LINK = Link("")
_NO_COLUMNS = Schema("", ())


@dataclass(frozen=True)
class PathStep:
    """One step that a row goes through when it is scored.

    Attributes:
        node: the node, for its name and where it is written.
        call: its living side: the step and its plain arguments.
        inputs: for each connected parameter where it comes from when scoring: the source, an earlier step
            of the path, or a value of the training run.
        gives: what it promises, without targets.
    """

    node: Node
    call: Call
    inputs: Mapping[str, Wire]
    promise: Promise


@dataclass(frozen=True)
class ScoringPath:
    """The steps between the typed rows and the model, without the split, the fits and what is training only.

    Attributes:
        source: the result that holds the typed rows.
        typed: what a row to be scored must hold: the contract of the source, without the target.
        steps: in the order in which they run.
        result: what the model predicts from.
        frozen: values of the training run, not tables, that steps of the path take.
        split: the split that the path leaves out.
        refusal: why a row alone cannot be scored; if this is set, the rest is empty.
    """

    source: Link = _NO_LINK
    typed: Schema = _NO_COLUMNS
    steps: tuple[PathStep, ...] = ()
    result: Link = _NO_LINK
    frozen: tuple[Link, ...] = ()
    split: str = ""
    refusal: str = ""


def derive_scoring_path(graph: Graph, name: str) -> ScoringPath:
    """Derive the scoring path of the model that a node takes.

    Args:
        graph: living: its nodes hold their calls.
        name: the node that takes the model, such as ``register``.
    """
    tracer = _Tracer(graph)
    try:
        return tracer.trace(name)
    except _NoScoringPath as refused:
        return ScoringPath(split=tracer.split, refusal=str(refused))


def drop_target(promise: Promise) -> Promise:
    """Give a promise without the target columns in its contracts.

    Example:
        >>> from magical.contracts.schema import Column
        >>> row = Schema("Row", (Column("x", "float"), Column("y", "bool", role="target")))
        >>> drop_target(Promise("table", schema=row)).schema.names
        ['x']
    """
    schema = promise.schema and promise.schema.without(promise.schema.names_with_role("target"))
    return replace(promise, schema=schema, items=tuple(map(drop_target, promise.items)))


class _NoScoringPath(Exception):
    """There is no path that one row can take alone."""


class _Tracer:
    """Walks a graph upstream from the model to the typed rows."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.split = ""
        self.steps: dict[str, PathStep] = {}
        self.sources: dict[Link, Schema] = {}
        self.frozen: dict[Link, None] = {}

    def trace(self, name: str) -> ScoringPath:
        tables = list(dict.fromkeys(self._find_training_tables(self._find_model_node(name), set())))
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
        order = {n.name: i for i, n in enumerate(self.graph.nodes)}
        steps = tuple(sorted(self.steps.values(), key=lambda s: order[s.node.name]))
        typed = schema.without(schema.names_with_role("target"))
        return ScoringPath(source, typed, steps, served, tuple(self.frozen), self.split)

    def _find_model_node(self, name: str) -> str:
        for link in self.graph.node(name).links:
            if _has_fit(self._find_promise(link)):
                return link.node
        raise _NoScoringPath(f"{name} takes no model.")

    def _find_training_tables(self, name: str, seen: set[str]) -> Iterator[Link]:
        """The tables that a fit, and every fit that it takes, learns from; the nearest to the rows first."""
        if name in seen:
            return
        seen.add(name)
        links = self.graph.by_name[name].links
        for link in links:
            if _has_fit(self._find_promise(link)):
                yield from self._find_training_tables(link.node, seen)
        yield from (link for link in links if self._find_promise(link).kind in _TABLE_KINDS)

    def _is_after_split(self, link: Link) -> bool:
        return any(self.graph.by_name[n].is_split for n in self.graph.ancestors([link.node]))

    def _require_same_lineage(self, tables: list[Link]) -> Link:
        """Train and validation must have come the same way, or it is not known which way a new row goes."""
        ways = {link: self._trace_lineage(link) for link in tables}
        first = tables[0]
        for other in tables[1:]:
            if ways[other] != ways[first]:
                odd = next(
                    iter(set(_find_lineage_steps(ways[first])) ^ set(_find_lineage_steps(ways[other]))),
                    "a step",
                )
                raise _NoScoringPath(
                    f"{first} and {other} were not made by the same steps: {odd} works on one of them only. "
                    "Mark it @step(training_only=True), or call it for each part."
                )
        return first

    def _trace_lineage(self, link: Link) -> Any:
        """What was done to a table, whatever the part of it: comparable."""
        link = self._skip_training_steps(link)
        node, call = self._get_call(link.node)
        if self._is_source(node, call):
            return ("rows", str(link))
        wires = tuple((n, self._trace_wire(w)) for n, w in node.inputs.items())
        return (node.step_name, node.step, repr(call.arguments), link.item, wires)

    def _trace_wire(self, wire: Wire) -> Any:
        if isinstance(wire, Link):
            return self._trace_lineage(wire) if self._find_promise(wire).kind in _TABLE_KINDS else str(wire)
        return None if wire is None else tuple(map(self._trace_wire, wire))

    def _add_steps(self, link: Link) -> Link:
        """Enter the steps that make a table, and give where it comes from when scoring."""
        link = self._skip_training_steps(link)
        node, call = self._get_call(link.node)
        if self._is_source(node, call):
            schema = self._find_promise(link).schema
            assert schema is not None, "a source promises columns"
            self.sources[link] = schema
        elif node.name not in self.steps:
            if not any(
                self._find_promise(i).kind in _TABLE_KINDS for i in node.links if self._find_promise(i).schema
            ):
                raise _NoScoringPath(f"no step before {node.name} promises typed rows.")
            inputs = {n: self._resolve_wire(w) for n, w in node.inputs.items()}
            self._check_inputs(node, call, inputs)
            self.steps[node.name] = PathStep(node, call, inputs, drop_target(call.promise))
        return link

    def _resolve_wire(self, wire: Wire) -> Wire:
        if isinstance(wire, Link):
            if self._find_promise(wire).kind in _TABLE_KINDS:
                return self._add_steps(wire)
            self.frozen[wire] = None
            return wire
        return None if wire is None else tuple(map(self._resolve_wire, wire))

    def _skip_training_steps(self, link: Link) -> Link:
        """Pass by splits and what is training only: their first table stands for what they give."""
        node = self.graph.by_name[link.node]
        while node.is_split or node.facts.get("training_only"):
            self.split = self.split or (node.name if node.is_split else "")
            first = next((i for i in node.links if self._find_promise(i).kind in _TABLE_KINDS), None)
            if first is None:
                raise _NoScoringPath(
                    f"{node.name} is left out when scoring, and no table can stand for what it gives."
                )
            link, node = first, self.graph.by_name[first.node]
        return link

    def _is_source(self, node: Node, call: Call) -> bool:
        """Whether a step makes typed rows of raw ones, or of nothing."""
        rows = [p for p in map(self._find_promise, node.links) if p.kind in _TABLE_KINDS]
        makes = call.promise.items if call.promise.kind in ("tuple", "list") else (call.promise,)
        return any(p.schema for p in makes) and (not rows or any(p.schema is None for p in rows))

    def _check_inputs(self, node: Node, call: Call, inputs: Mapping[str, Wire]) -> None:
        """Where a step before was left out, this one must be content with what came before that."""
        for name, wire in inputs.items():
            old, new = list(find_links(node.inputs[name])), list(find_links(wire))
            if old == new or not isinstance(wire, Link):
                continue
            wanted = drop_target(call.step.parameter_promises[name])
            if problems := drop_target(self._find_promise(wire)).find_mismatches(wanted):
                why = join_names(problems, 2)
                raise _NoScoringPath(f"{node.name} needs what {old[0]} adds, which is left out: {why}.")

    def _find_promise(self, link: Link) -> Promise:
        promise = self._get_call(link.node)[1].promise
        return promise.member(link.item) if link.item else promise

    def _get_call(self, name: str) -> tuple[Node, Call]:
        node = self.graph.by_name[name]
        assert node.call is not None, "the path is derived from a living graph"
        return node, node.call


def _has_fit(promise: Promise) -> bool:
    return promise.is_fit or any(map(_has_fit, promise.items))


def _find_lineage_steps(lineage: Any) -> Iterator[str]:
    if isinstance(lineage, tuple) and len(lineage) == 5 and isinstance(lineage[4], tuple):
        yield str(lineage[0])
        for _, wire in lineage[4]:
            yield from _find_lineage_steps(wire)
    elif isinstance(lineage, tuple):
        for part in lineage:
            yield from _find_lineage_steps(part)
