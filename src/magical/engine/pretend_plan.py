"""The choice of the steps that a run pretends, made by rewriting its graph."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from magical.errors import UsageError, WiringError, did_you_mean, join_names
from magical.graph import Graph, Node
from magical.refs import Link, Wire, find_links
from magical.synthesis.strategies import DEFAULT_ROWS

__all__ = ["ALL", "DEFAULT_ROWS", "PARENT_INPUT_PREFIX", "SOURCES", "UNWRITTEN", "Pretence"]

UNWRITTEN, SOURCES, ALL = "", "sources", "all"

_TABLE_KINDS = ("table", "lazy", "pandas")

PARENT_INPUT_PREFIX = "key of "
"""This prefix and a contract's name form the name of the input with the ids for a pretended table's keys."""


@dataclass(frozen=True)
class Pretence:
    """The rule for what a run pretends; called with a graph it returns the graph that is run.

    Attributes:
        mode: ``""`` for unwritten steps only, ``sources`` for these and all sources, ``all``.
        rows: the height of a table that is generated without an input to take rows from.

    Raises:
        UsageError: the mode is unknown, or the number of rows is less than 1.

    Example:
        >>> Pretence("sources", rows=0)
        Traceback (most recent call last):
        magical.errors.UsageError: A generated table has at least one row, got rows=0.
        Hint: rows=200
    """

    mode: str = UNWRITTEN
    rows: int = DEFAULT_ROWS

    def __post_init__(self) -> None:
        """Validate mode and rows."""
        if self.mode not in (UNWRITTEN, SOURCES, ALL):
            raise UsageError.unknown("way to pretend", self.mode, [SOURCES, ALL])
        if type(self.rows) is not int or self.rows < 1:
            raise UsageError(
                f"A generated table has at least one row, got rows={self.rows!r}.", hint="rows=200"
            )

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with the facts ``pretended`` (the rows) and ``cut`` (no columns promised) set.

        An unwritten step is pretended. If it promises a table without columns, it cannot be: it is cut off,
        and the first step after it that promises columns is pretended in its place. A step that would write
        files from pretended inputs is pretended too; the planner leaves it out if nothing can be generated.
        A pretended table gets further inputs: the tables whose ids its keys refer to.

        Raises:
            WiringError: a key names no contract, or two pretended tables each need the other's ids first.
        """
        cut: set[str] = set()
        unreal: set[str] = set()
        nodes: list[Node] = []
        for node in graph.nodes:
            parents = {link.node for link in node.links}
            unreal |= {node.name} if parents & unreal else set()
            writes_unreal_files = node.facts.get("writes_files") and node.name in unreal
            if not (self._is_pretended(node) or parents & cut or writes_unreal_files):
                nodes.append(node)
                continue
            unreal.add(node.name)
            # Without the body nothing is read, so the result may be cached.
            facts = {k: v for k, v in node.facts.items() if k != "reads"}
            if not node.writes and _is_columnless(node.promise):
                cut.add(node.name)
                facts["cut"] = True
            else:
                facts["pretended"] = self.rows
            wires = {name: _prune_wire(wire, cut) for name, wire in node.inputs.items()}
            inputs = {name: wire for name, wire in wires.items() if wire is not None}
            nodes.append(replace(node, facts=facts, inputs=inputs))
        if len(nodes) == sum(a is b for a, b in zip(nodes, graph.nodes, strict=True)):
            return graph
        rewired = replace(graph, nodes=tuple(nodes), result=_prune_wire(graph.result, cut))
        return _add_parent_inputs(rewired)

    def _is_pretended(self, node: Node) -> bool:
        if node.facts.get("unwritten") or self.mode == ALL:
            return True
        return self.mode == SOURCES and (node.writes or _is_source(node))


def _is_source(node: Node) -> bool:
    return not node.links or node.facts.get("reads") == "world" or bool(node.facts.get("reads_files"))


def _is_columnless(promise: Mapping[str, Any]) -> bool:
    """Return True if a promise contains a table without a contract, which cannot be generated."""
    if promise["kind"] in (*_TABLE_KINDS, "parts"):
        return "schema" not in promise
    return any(map(_is_columnless, promise.get("items", ())))


def _prune_wire(wire: Wire, cut: set[str]) -> Wire:
    """Remove from a wire the links to the nodes in ``cut``; return None if no link is left."""
    if isinstance(wire, Link):
        return None if wire.node in cut else wire
    if wire is None:
        return None
    parts = tuple(_prune_wire(part, cut) for part in wire)
    return parts if any(True for part in parts for _ in find_links(part)) else None


def _add_parent_inputs(graph: Graph) -> Graph:
    """Connect pretended tables to the tables whose ids their keys refer to, and sort the nodes again."""
    nodes = dict(graph.by_name)
    for node in graph.nodes:
        if node.facts.get("pretended") and not node.needs_real_inputs:
            added = {f"{PARENT_INPUT_PREFIX}{parent}": link for parent, link in _find_parents(graph, node)}
            if added:
                nodes[node.name] = replace(node, inputs={**node.inputs, **added})
    return replace(graph, nodes=_sort_nodes(nodes))


def _find_parents(graph: Graph, node: Node) -> Iterator[tuple[str, Link]]:
    """Yield, for each key of a node whose ids no input has, the contract and a table with these ids.

    Raises:
        WiringError: a key names no contract of the graph.
    """
    # Columns of an input are copied, not generated, so their keys are right already.
    carried = {c["name"] for link in node.links for s in _link_schemas(graph, link) for c in s["columns"]}
    for schema in _list_schemas(node.promise):
        keys = {c["parent"]: c for c in schema["columns"] if c.get("parent") and c["name"] not in carried}
        for parent, column in keys.items():
            if parent == schema["contract"] or any(_gives_contract(graph, t, parent) for t in node.links):
                continue
            tables = [t for n in graph.nodes for t in _table_links(n) if _gives_contract(graph, t, parent)]
            # A table that is made from this one cannot be its input.
            if table := next((t for t in tables if node.name not in graph.ancestors([t.node])), None):
                yield parent, table
            elif column["type"] == "any" and parent not in _contract_names(graph):
                raise _unknown_parent_error(graph, schema, column)


def _link_schemas(graph: Graph, link: Link) -> list[Mapping[str, Any]]:
    """List the schemas of the value that a link refers to."""
    promise = graph.by_name[link.node].promise
    whole = not link.item or promise["kind"] == "parts"  # all parts of a split have one schema
    return _list_schemas(promise if whole else promise["items"][int(link.item)])


def _table_links(node: Node) -> Iterator[Link]:
    """Yield a link to each table that a node returns, alone or in a tuple."""
    if node.promise["kind"] in _TABLE_KINDS:
        yield Link(node.name)
    elif node.promise["kind"] == "tuple":
        items = enumerate(node.promise.get("items", ()))
        yield from (Link(node.name, str(i)) for i, item in items if item["kind"] in _TABLE_KINDS)


def _gives_contract(graph: Graph, link: Link, contract: str) -> bool:
    return any(schema["contract"] == contract for schema in _link_schemas(graph, link))


def _list_schemas(promise: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    schemas = [promise["schema"]] if "schema" in promise else []
    return schemas + [s for item in promise.get("items", ()) for s in _list_schemas(item)]


def _contract_names(graph: Graph) -> list[str]:
    return list(dict.fromkeys(s["contract"] for n in graph.nodes for s in _list_schemas(n.promise)))


def _unknown_parent_error(graph: Graph, schema: Mapping[str, Any], column: Mapping[str, Any]) -> WiringError:
    return WiringError(
        f"{schema['contract']}.{column['name']} is Key[{column['parent']!r}], "
        "but no step gives a table of that contract.",
        hint=did_you_mean(column["parent"], _contract_names(graph)),
    )


def _sort_nodes(nodes: Mapping[str, Node]) -> tuple[Node, ...]:
    """Sort nodes so that each follows its inputs, otherwise in the order in which they were drawn.

    Raises:
        WiringError: the keys of pretended tables form a circle.
    """
    names = list(nodes)
    order = {name: i for i, name in enumerate(names)}
    sorter = TopologicalSorter({n: [link.node for link in node.links] for n, node in nodes.items()})
    with contextlib.suppress(CycleError):  # the nodes outside of a circle are sorted all the same
        sorter.prepare()
    ready: list[int] = []
    found: dict[str, Node] = {}
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, order[name])
        name = names[heapq.heappop(ready)]
        found[name] = nodes[name]
        sorter.done(name)
    if len(found) < len(nodes):
        stuck = [n for n in nodes if n not in found]
        keyed = [n for n in stuck if any(name.startswith(PARENT_INPUT_PREFIX) for name in nodes[n].inputs)]
        raise WiringError(
            f"{join_names(keyed, 4)} cannot be pretended: each has a Key of a table that needs its "
            "own ids first.",
            hint="take Key[...] off one of the contracts, or write one of the steps.",
        )
    return tuple(found.values())
