"""Node and Graph: the narrow waist. Front ends make a Graph; everything else reads one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from magical.contracts.promises import Promise
from magical.errors import Finding, UsageError, did_you_mean
from magical.refs import Link, Wire, find_links

__all__ = ["Call", "Graph", "Node"]


@dataclass(frozen=True)
class Call:
    """The living side of a node: present where the project's code has been imported.

    Attributes:
        step: the step that is called.
        arguments: its plain arguments; a parameter with a wire holds None, or the list with holes.
        promise: what the call gives, computed.
        takes: what each connected parameter is given.
        wants: what each connected parameter wants, where its rules must be checked once more.
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
        data: the name its result has in the workflow.
        where: ``file:line`` of the step.
        inputs: for each parameter that takes results, what it is connected to.
        promise: what it gives, as JSON.
        facts: the step's facts that are set: ``reads``, ``writes``, ``random``, ``training_only``,
            ``unwritten``, ``reads_files`` and ``writes_files`` (an argument names them), ``unguessable`` (it
            writes files, and nobody can make up what it gives); in a run also
            ``pretended``, with the rows of a new table, and ``cut``, where nothing can be made up.
        call: its living side.
    """

    name: str
    step: str
    data: str
    where: str
    inputs: Mapping[str, Wire]
    promise: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    call: Call | None = field(default=None, compare=False, repr=False)

    @property
    def step_name(self) -> str:
        """The step's name."""
        return self.step.rpartition(":")[2]

    @property
    def is_fit(self) -> bool:
        """Whether it fits, tunes or selects."""
        return self.promise["kind"] in ("model", "pipeline")

    @property
    def is_split(self) -> bool:
        """Whether it parts a table into train, validation and test."""
        return bool(self.promise["kind"] == "parts")

    @property
    def writes(self) -> bool:
        """Whether it writes to the world."""
        return self.facts.get("writes") == "world"

    @property
    def needs_real_inputs(self) -> bool:
        """Whether it is left out where others are made up: it writes, and nothing could stand for it."""
        return self.writes or bool(self.facts.get("unguessable"))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """All that it takes from other nodes, in the order of its parameters."""
        return tuple(link for wire in self.inputs.values() for link in find_links(wire))


@dataclass(frozen=True)
class Graph:
    """The immutable result of drawing a workflow.

    Attributes:
        workflow: its name.
        nodes: in the order in which they were drawn, so that each follows what it needs.
        result: what the workflow returns.
        findings: what drawing noticed.
    """

    workflow: str
    nodes: tuple[Node, ...]
    result: Wire = None
    findings: tuple[Finding, ...] = ()

    @property
    def has_calls(self) -> bool:
        """Whether it was drawn here, and not read back."""
        return all(n.call is not None for n in self.nodes)

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their names."""
        return {n.name: n for n in self.nodes}

    def node(self, name: str) -> Node:
        """Give one node, by its name or by the name of its data.

        Raises:
            UsageError: there is none.
        """
        found = self.by_name.get(name) or next((n for n in self.nodes if n.data == name), None)
        if found is None:
            hint = did_you_mean(name, list(self.by_name), [n.data for n in self.nodes])
            raise UsageError.unknown("step", name, self.by_name, hint=hint)
        return found

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Give these nodes and all that they need."""
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
        """For each node those that take its result."""
        out: dict[str, list[str]] = {n.name: [] for n in self.nodes}
        for node in self.nodes:
            for parent in dict.fromkeys(link.node for link in node.links):
                out[parent].append(node.name)
        return out

    @cached_property
    def required_nodes(self) -> tuple[Node, ...]:
        """The nodes a run executes: the ancestors of the returned value and of what writes to the world."""
        roots = [link.node for link in find_links(self.result)] + [n.name for n in self.nodes if n.writes]
        needed = self.ancestors(roots)
        return tuple(n for n in self.nodes if n.name in needed)

    def subgraph(self, name: str) -> Graph:
        """Give the part of the graph that one node needs."""
        needed = self.ancestors([self.node(name).name])
        return Graph(
            self.workflow,
            tuple(n for n in self.nodes if n.name in needed),
            Link(self.node(name).name),
            tuple(f for f in self.findings if f.step in needed),
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON, without its living side."""
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
        """Read a graph back; its nodes have no living side."""
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
