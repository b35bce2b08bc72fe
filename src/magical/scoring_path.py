"""The scoring path: what of a training graph a new row goes through before the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.errors import listing
from magical.graph import Call, Graph, Node
from magical.refs import Link, Wire, links_of

__all__ = ["PathStep", "ScoringPath", "scoring_path", "without_target"]

_ROWS = ("table", "lazy", "pandas", "parts")
_NOWHERE = Link("")
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
    gives: Promise


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

    source: Link = _NOWHERE
    typed: Schema = _NO_COLUMNS
    steps: tuple[PathStep, ...] = ()
    result: Link = _NOWHERE
    frozen: tuple[Link, ...] = ()
    split: str = ""
    refusal: str = ""


def scoring_path(graph: Graph, name: str) -> ScoringPath:
    """Derive the scoring path of the model that a node takes.

    Args:
        graph: living: its nodes hold their calls.
        name: the node that takes the model, such as ``register``.
    """
    tracer = _Tracer(graph)
    try:
        return tracer.path(name)
    except _Refused as refused:
        return ScoringPath(split=tracer.split, refusal=str(refused))


def without_target(promise: Promise) -> Promise:
    """Give a promise without the target columns in its contracts.

    Example:
        >>> from magical.contracts.schema import Column
        >>> row = Schema("Row", (Column("x", "float"), Column("y", "bool", role="target")))
        >>> without_target(Promise("table", schema=row)).schema.names
        ['x']
    """
    schema = promise.schema and promise.schema.without(promise.schema.names_with_role("target"))
    return replace(promise, schema=schema, items=tuple(map(without_target, promise.items)))


class _Refused(Exception):
    """There is no path that one row can take alone."""


class _Tracer:
    """Walks a graph upstream from the model to the typed rows."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.split = ""
        self.steps: dict[str, PathStep] = {}
        self.sources: dict[Link, Schema] = {}
        self.frozen: dict[Link, None] = {}

    def path(self, name: str) -> ScoringPath:
        tables = list(dict.fromkeys(self._learnt_from(self._model(name), set())))
        tables = [t for t in tables if self._is_cut(t)] or tables
        if not tables:
            raise _Refused(f"{name}: its model was fitted on no table that a step made.")
        result = self._same_way(tables)
        served = self._walk(result)
        if len(self.sources) > 1:
            raise _Refused(
                f"its features are made from {len(self.sources)} tables ({listing(self.sources)})."
            )
        source, schema = next(iter(self.sources.items()))
        order = {n.name: i for i, n in enumerate(self.graph.nodes)}
        steps = tuple(sorted(self.steps.values(), key=lambda s: order[s.node.name]))
        typed = schema.without(schema.names_with_role("target"))
        return ScoringPath(source, typed, steps, served, tuple(self.frozen), self.split)

    def _model(self, name: str) -> str:
        for link in self.graph.node(name).links:
            if _holds_fit(self._promise(link)):
                return link.node
        raise _Refused(f"{name} takes no model.")

    def _learnt_from(self, name: str, seen: set[str]) -> Iterator[Link]:
        """The tables that a fit, and every fit that it takes, learns from; the nearest to the rows first."""
        if name in seen:
            return
        seen.add(name)
        links = self.graph.by_name[name].links
        for link in links:
            if _holds_fit(self._promise(link)):
                yield from self._learnt_from(link.node, seen)
        yield from (link for link in links if self._promise(link).kind in _ROWS)

    def _is_cut(self, link: Link) -> bool:
        return any(self.graph.by_name[n].is_split for n in self.graph.ancestors([link.node]))

    def _same_way(self, tables: list[Link]) -> Link:
        """Train and validation must have come the same way, or it is not known which way a new row goes."""
        ways = {link: self._way(link) for link in tables}
        first = tables[0]
        for other in tables[1:]:
            if ways[other] != ways[first]:
                odd = next(iter(set(_steps_in(ways[first])) ^ set(_steps_in(ways[other]))), "a step")
                raise _Refused(
                    f"{first} and {other} were not made by the same steps: {odd} works on one of them only. "
                    "Mark it @step(training_only=True), or call it for each part."
                )
        return first

    def _way(self, link: Link) -> Any:
        """What was done to a table, whatever the part of it: comparable."""
        link = self._served(link)
        node, call = self._living(link.node)
        if self._is_source(node, call):
            return ("rows", str(link))
        wires = tuple((n, self._wire_way(w)) for n, w in node.inputs.items())
        return (node.title, node.step, repr(call.arguments), link.item, wires)

    def _wire_way(self, wire: Wire) -> Any:
        if isinstance(wire, Link):
            return self._way(wire) if self._promise(wire).kind in _ROWS else str(wire)
        return None if wire is None else tuple(map(self._wire_way, wire))

    def _walk(self, link: Link) -> Link:
        """Enter the steps that make a table, and give where it comes from when scoring."""
        link = self._served(link)
        node, call = self._living(link.node)
        if self._is_source(node, call):
            schema = self._promise(link).schema
            assert schema is not None, "a source promises columns"
            self.sources[link] = schema
        elif node.name not in self.steps:
            if not any(self._promise(i).kind in _ROWS for i in node.links if self._promise(i).schema):
                raise _Refused(f"no step before {node.name} promises typed rows.")
            inputs = {n: self._wire(w) for n, w in node.inputs.items()}
            self._fits(node, call, inputs)
            self.steps[node.name] = PathStep(node, call, inputs, without_target(call.promise))
        return link

    def _wire(self, wire: Wire) -> Wire:
        if isinstance(wire, Link):
            if self._promise(wire).kind in _ROWS:
                return self._walk(wire)
            self.frozen[wire] = None
            return wire
        return None if wire is None else tuple(map(self._wire, wire))

    def _served(self, link: Link) -> Link:
        """Pass by splits and what is training only: their first table stands for what they give."""
        node = self.graph.by_name[link.node]
        while node.is_split or node.facts.get("training_only"):
            self.split = self.split or (node.name if node.is_split else "")
            first = next((i for i in node.links if self._promise(i).kind in _ROWS), None)
            if first is None:
                raise _Refused(
                    f"{node.name} is left out when scoring, and no table can stand for what it gives."
                )
            link, node = first, self.graph.by_name[first.node]
        return link

    def _is_source(self, node: Node, call: Call) -> bool:
        """Whether a step makes typed rows of raw ones, or of nothing."""
        rows = [p for p in map(self._promise, node.links) if p.kind in _ROWS]
        makes = call.promise.items if call.promise.kind in ("tuple", "list") else (call.promise,)
        return any(p.schema for p in makes) and (not rows or any(p.schema is None for p in rows))

    def _fits(self, node: Node, call: Call, inputs: Mapping[str, Wire]) -> None:
        """Where a step before was left out, this one must be content with what came before that."""
        for name, wire in inputs.items():
            old, new = list(links_of(node.inputs[name])), list(links_of(wire))
            if old == new or not isinstance(wire, Link):
                continue
            wanted = without_target(call.step.wanted[name])
            if problems := without_target(self._promise(wire)).find_mismatches(wanted):
                why = listing(problems, 2)
                raise _Refused(f"{node.name} needs what {old[0]} adds, which is left out: {why}.")

    def _promise(self, link: Link) -> Promise:
        promise = self._living(link.node)[1].promise
        return promise.member(link.item) if link.item else promise

    def _living(self, name: str) -> tuple[Node, Call]:
        node = self.graph.by_name[name]
        assert node.call is not None, "the path is derived from a living graph"
        return node, node.call


def _holds_fit(promise: Promise) -> bool:
    return promise.is_fit or any(map(_holds_fit, promise.items))


def _steps_in(way: Any) -> Iterator[str]:
    if isinstance(way, tuple) and len(way) == 5 and isinstance(way[4], tuple):
        yield str(way[0])
        for _, wire in way[4]:
            yield from _steps_in(wire)
    elif isinstance(way, tuple):
        for part in way:
            yield from _steps_in(part)
