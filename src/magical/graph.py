"""Node and Graph, the interface between drawing and the rest: workflows make a Graph, all else reads one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from magical.contracts.promises import Promise
from magical.errors import Finding, UsageError, did_you_mean, join_names
from magical.refs import Link, Wire, find_links

__all__ = ["Call", "Graph", "Node"]


@dataclass(frozen=True)
class Call:
    """The step and arguments of a node; only present where the project's code was imported.

    Attributes:
        step: the step that is called.
        arguments: its plain arguments; a parameter with a wire has None, or a list with None for each link.
        promise: the computed promise of its result.
        input_promises: the promise of the value that each connected parameter gets.
        stricter_promises: the promises of parameters that demand more than their value promises, so that the
            value must be validated again.
    """

    step: Any
    arguments: dict[str, Any]
    promise: Promise
    input_promises: dict[str, Promise] = field(default_factory=dict)
    stricter_promises: dict[str, Promise] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """One call of a step.

    Attributes:
        name: unique in the graph and stable, such as ``clean`` or ``tune[boosting]``.
        step: the step's import string.
        data: the name of its result in the workflow.
        where: ``file:line`` of the step.
        inputs: the wire of each parameter that takes results.
        promise: the promise of its result, as JSON.
        facts: the step's facts that are set: ``reads``, ``writes``, ``random``, ``training_only``,
            ``unwritten``, ``reads_files`` and ``writes_files`` (an argument names them), ``unguessable`` (it
            writes files, and its result cannot be generated); in a run also ``pretended``, with the rows of a
            new table, and ``cut``, where nothing can be generated.
        call: the step and its arguments; None in a graph that was read from JSON.
    """

    name: str
    step: str
    data: str
    where: str
    inputs: Mapping[str, Wire]
    promise: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    call: Call | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        takes = join_names(map(str, self.links), 4)
        where = f" ({self.where})" if self.where else ""
        return f"<node {self.name}{where}: {f'{takes} → ' if takes else ''}{self.promise.get('text', '')}>"

    @property
    def step_name(self) -> str:
        """The step's name."""
        return self.step.rpartition(":")[2]

    @property
    def is_fit(self) -> bool:
        """True for a step that fits, tunes or selects: it returns a model or a pipeline."""
        return self.promise["kind"] in ("model", "pipeline")

    @property
    def is_split(self) -> bool:
        """True for a step that splits a table into train, validation and test."""
        return bool(self.promise["kind"] == "parts")

    @property
    def writes(self) -> bool:
        """True for a step that writes to the world: it registers or publishes something."""
        return self.facts.get("writes") == "world"

    @property
    def needs_real_inputs(self) -> bool:
        """True for a step that is left out on pretended inputs: it writes, or no result can be generated."""
        return self.writes or bool(self.facts.get("unguessable"))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links to the results that the node takes, in the order of its parameters."""
        return tuple(link for wire in self.inputs.values() for link in find_links(wire))


@dataclass(frozen=True)
class Graph:
    """The immutable result of drawing a workflow.

    Attributes:
        workflow: the name of the workflow.
        nodes: in the order of drawing, so that each node follows its inputs.
        result: the wire that the workflow returns.
        findings: faults found while drawing.

    Example:
        >>> node = Node("clean", "flow:clean", "rows", "", {}, {"kind": "table"})
        >>> Graph("flow", (node,)).node("rows").name
        'clean'
    """

    workflow: str
    nodes: tuple[Node, ...]
    result: Wire = None
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        names = join_names([n.name for n in self.nodes], 6)
        return f"<graph {self.workflow}: {len(self.nodes)} nodes{f', {names}' if names else ''}>"

    @property
    def has_calls(self) -> bool:
        """True for a graph that was drawn in this process, not read from JSON."""
        return all(n.call is not None for n in self.nodes)

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their names."""
        return {n.name: n for n in self.nodes}

    def node(self, name: str) -> Node:
        """Return one node, by its name or by the name of its data.

        Raises:
            UsageError: there is no such node, or several have this data.
        """
        if name in self.by_name:
            return self.by_name[name]
        found = [node for node in self.nodes if node.data == name]
        if len(found) > 1:
            names = join_names([node.name for node in found])
            raise UsageError(f"{name} is {len(found)} steps: {names}.", hint="name one of them, in quotes.")
        if not found:
            hint = did_you_mean(name, list(self.by_name), [n.data for n in self.nodes])
            raise UsageError.unknown("step", name, self.by_name, hint=hint)
        return found[0]

    def promise_of(self, link: Link) -> Promise:
        """Return the promise of a result, in a graph that was drawn in this process."""
        call = self.by_name[link.node].call
        assert call is not None, "only a graph with calls has computed promises"
        return call.promise.member(link.item) if link.item else call.promise

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Collect these nodes and all nodes upstream of them."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(link.node for link in self.by_name[name].links)
        return found

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """The nodes that take the result of each node."""
        out: dict[str, list[str]] = {n.name: [] for n in self.nodes}
        for node in self.nodes:
            # Without duplicates: a node may take several results, or parts, of one parent.
            for parent in dict.fromkeys(link.node for link in node.links):
                out[parent].append(node.name)
        return out

    @cached_property
    def required_nodes(self) -> tuple[Node, ...]:
        """The nodes that a run executes: upstream of the returned value and of steps that write."""
        roots = [link.node for link in find_links(self.result)] + [n.name for n in self.nodes if n.writes]
        needed = self.ancestors(roots)
        return tuple(n for n in self.nodes if n.name in needed)

    def subgraph(self, name: str) -> Graph:
        """Cut the graph to one node and all that is upstream of it."""
        target = self.node(name).name
        needed = self.ancestors([target])
        nodes = tuple(n for n in self.nodes if n.name in needed)
        return Graph(self.workflow, nodes, Link(target), tuple(f for f in self.findings if f.step in needed))

    def to_json(self) -> dict[str, Any]:
        """Convert the graph to JSON, without its calls."""
        nodes = [
            {
                "name": n.name,
                "step": n.step,
                "data": n.data,
                "where": n.where,
                "inputs": {k: _wire_to_json(w) for k, w in n.inputs.items()},
                "promise": n.promise,
                "facts": dict(n.facts),
            }
            for n in self.nodes
        ]
        return {
            "workflow": self.workflow,
            "nodes": nodes,
            "result": _wire_to_json(self.result),
            "findings": [asdict(f) for f in self.findings],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Graph:
        """Read a graph from JSON; its nodes have no calls."""
        nodes = tuple(
            Node(**{**n, "inputs": {k: _wire_from_json(w) for k, w in n["inputs"].items()}})
            for n in data["nodes"]
        )
        findings = tuple(Finding(**f) for f in data["findings"])
        return cls(data["workflow"], nodes, _wire_from_json(data["result"]), findings)


def _wire_to_json(wire: Wire) -> Any:
    if isinstance(wire, Link):
        return {"node": wire.node, "item": wire.item}
    return None if wire is None else [_wire_to_json(part) for part in wire]


def _wire_from_json(data: Any) -> Wire:
    if isinstance(data, dict):
        return Link(data["node"], data["item"])
    return None if data is None else tuple(_wire_from_json(part) for part in data)
