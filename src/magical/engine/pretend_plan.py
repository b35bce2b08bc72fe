"""Which steps a run makes up, as a rewriting of the graph: what is not there is pretended."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from magical.errors import UsageError, WiringError, did_you_mean, join_names
from magical.graph import Graph, Node
from magical.refs import Link, Wire, find_links
from magical.synthesis.strategies import DEFAULT_ROWS

__all__ = ["ALL", "DEFAULT_ROWS", "PARENT_INPUT_PREFIX", "SOURCES", "UNWRITTEN", "Pretence"]

UNWRITTEN, SOURCES, ALL = "", "sources", "all"

PARENT_INPUT_PREFIX = "key of "
"""Before the name of a contract: the input by which a made-up table is given the ids that its keys name."""


@dataclass(frozen=True)
class Pretence:
    """What a run makes up; called with a graph it gives the graph that is run.

    Attributes:
        mode: ``""`` for steps without a body only, ``sources`` for all that is read as well, ``all``.
        rows: of a table that is made up new.

    Raises:
        UsageError: the mode or the rows are none.
    """

    mode: str = UNWRITTEN
    rows: int = DEFAULT_ROWS

    def __post_init__(self) -> None:
        """Refuse what is no mode and no number of rows."""
        if self.mode not in (UNWRITTEN, SOURCES, ALL):
            raise UsageError.unknown("way to pretend", self.mode, [SOURCES, ALL])
        if type(self.rows) is not int or self.rows < 1:
            raise UsageError(
                f"A made-up table has at least one row, got rows={self.rows!r}.", hint="rows=200"
            )

    def __call__(self, graph: Graph) -> Graph:
        """Give the graph with the facts ``pretended`` (how many rows) and ``cut`` (it promises no columns).

        A step without a body is made up. What promises a table without columns cannot be: it is cut off, and
        the first step behind it that promises something is made up in its place. So is a step that would
        write files of what is made up; where nobody can, it is left out when it is planned. A made-up table
        gets the tables whose ids its keys name as inputs.

        Raises:
            WiringError: a key names no contract, or two made-up tables each need the other's ids first.
        """
        cut: set[str] = set()
        unreal: set[str] = set()
        nodes: list[Node] = []
        for node in graph.nodes:
            before = {link.node for link in node.links}
            unreal |= {node.name} if before & unreal else set()
            onto_disk = node.facts.get("writes_files") and node.name in unreal
            if not (self._is_pretended(node) or before & cut or onto_disk):
                nodes.append(node)
                continue
            unreal.add(node.name)
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
    """Whether it holds a table that promises no columns: nothing could be said of what is made up."""
    if promise["kind"] in ("table", "lazy", "pandas", "parts"):
        return "schema" not in promise
    return any(map(_is_columnless, promise.get("items", ())))


def _prune_wire(wire: Wire, cut: set[str]) -> Wire:
    """A wire without what is cut off; nothing where nothing is left."""
    if isinstance(wire, Link):
        return None if wire.node in cut else wire
    if wire is None:
        return None
    parts = tuple(_prune_wire(part, cut) for part in wire)
    return parts if any(True for part in parts for _ in find_links(part)) else None


def _add_parent_inputs(graph: Graph) -> Graph:
    """Give made-up tables the tables that hold the ids which their keys name, and bring all into order."""
    nodes = dict(graph.by_name)
    for node in graph.nodes:
        if node.facts.get("pretended") and not node.needs_real_inputs:
            added = {f"{PARENT_INPUT_PREFIX}{parent}": link for parent, link in _find_parents(graph, node)}
            if added:
                nodes[node.name] = replace(node, inputs={**node.inputs, **added})
    return replace(graph, nodes=_sort_nodes(nodes))


def _find_parents(graph: Graph, node: Node) -> Iterator[tuple[str, Link]]:
    carried = {
        c["name"]
        for link in node.links
        for s in _list_schemas(_link_promise(graph, link))
        for c in s["columns"]
    }
    for schema in _list_schemas(node.promise):
        keys = {c["parent"]: c for c in schema["columns"] if c.get("parent") and c["name"] not in carried}
        for parent, column in keys.items():
            given = [link for link in node.links if _has_contract(_link_promise(graph, link), parent)]
            if parent == schema["contract"] or given:
                continue
            tables = [
                t
                for n in graph.nodes
                for t in _table_links(n)
                if _has_contract(_link_promise(graph, t), parent)
            ]
            below = _descendants(graph, node.name) if tables else set()
            found = [t for t in tables if t.node not in below]
            if found:
                yield parent, found[0]
            elif column["type"] == "any" and parent not in _contract_names(graph):
                raise _unknown_parent_error(graph, schema, column)


def _descendants(graph: Graph, name: str) -> set[str]:
    found, waiting = set[str](), [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph.children[name])
    return found


def _link_promise(graph: Graph, link: Link) -> Mapping[str, Any]:
    """What a link promises, as JSON."""
    promise = graph.by_name[link.node].promise
    if not link.item or promise["kind"] == "parts":
        return promise
    member: Mapping[str, Any] = promise["items"][int(link.item)]
    return member


def _table_links(node: Node) -> Iterator[Link]:
    """The tables that a node gives, whole or as members of a tuple."""
    if node.promise["kind"] in ("table", "lazy", "pandas"):
        yield Link(node.name)
    elif node.promise["kind"] == "tuple":
        for i, item in enumerate(node.promise.get("items", ())):
            if item["kind"] in ("table", "lazy", "pandas"):
                yield Link(node.name, str(i))


def _has_contract(promise: Mapping[str, Any], contract: str) -> bool:
    return any(schema["contract"] == contract for schema in _list_schemas(promise))


def _list_schemas(promise: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    own = [promise["schema"]] if "schema" in promise else []
    return own + [s for item in promise.get("items", ()) for s in _list_schemas(item)]


def _contract_names(graph: Graph) -> list[str]:
    return list(dict.fromkeys(s["contract"] for n in graph.nodes for s in _list_schemas(n.promise)))


def _unknown_parent_error(graph: Graph, schema: Mapping[str, Any], column: Mapping[str, Any]) -> WiringError:
    return WiringError(
        f"{schema['contract']}.{column['name']} is Key[{column['parent']!r}], "
        "and no step gives a table of that contract.",
        hint=did_you_mean(column["parent"], _contract_names(graph)),
    )


def _sort_nodes(nodes: Mapping[str, Node]) -> tuple[Node, ...]:
    """The nodes, each behind what it needs, else in the order in which they were drawn.

    Raises:
        WiringError: the keys of made-up tables lead round in a circle.
    """
    order = {name: i for i, name in enumerate(nodes)}
    names = list(nodes)
    missing = {n: {link.node for link in node.links} for n, node in nodes.items()}
    children: dict[str, list[str]] = {n: [] for n in nodes}
    for name, parents in missing.items():
        for parent in parents:
            children[parent].append(name)
    ready = [order[n] for n, parents in missing.items() if not parents]
    heapq.heapify(ready)
    found: list[Node] = []
    while ready:
        name = names[heapq.heappop(ready)]
        found.append(nodes[name])
        for child in children[name]:
            missing[child].discard(name)
            if not missing[child]:
                heapq.heappush(ready, order[child])
    if len(found) < len(nodes):
        stuck = [n for n, parents in missing.items() if parents]
        keyed = [n for n in stuck if any(name.startswith(PARENT_INPUT_PREFIX) for name in nodes[n].inputs)]
        raise WiringError(
            f"{join_names(keyed, 4)} cannot be made up: each has a Key of a table that needs its "
            "own ids first.",
            hint="take Key[...] off one of the contracts, or write one of the steps.",
        )
    return tuple(found)
