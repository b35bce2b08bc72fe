"""What a run would do: which steps are fresh, which run, and which must wait for others to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.keys import Identity, node_key
from magical.graph import Graph, Node
from magical.refs import Link, Wire

__all__ = ["FRESH", "RUN", "UNWRITTEN", "WAITS", "NodePlan", "contents", "decide", "plan"]

FRESH, RUN, WAITS, UNWRITTEN = "fresh", "to run", "waits", "unwritten"


class Records(Protocol):
    """The part of a store that planning needs."""

    def record(self, key: str) -> Record | None:
        """Give the record of a key, if it has been computed."""


@dataclass(frozen=True)
class NodePlan:
    """What is known of a node before a run.

    Attributes:
        name: the node's name.
        state: ``fresh``, ``to run``, ``waits`` (its inputs are made again, and may come out the same) or
            ``unwritten``.
        key: where it is known.
        parts: what the key is a hash of.
        record: where it has been computed.
        after: the nodes it waits for.
    """

    name: str
    state: str
    key: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
    after: tuple[str, ...] = ()


def plan(
    graph: Graph, identities: Mapping[str, Identity], store: Records, digest: Callable[[Path], str]
) -> dict[str, NodePlan]:
    """Decide for each node a run would execute.

    Raises:
        InputError: a file that a step reads does not exist.
    """
    plans: dict[str, NodePlan] = {}
    known: dict[str, Record] = {}
    for node in graph.wanted:
        waits = tuple(dict.fromkeys(link.node for link in node.links if link.node not in known))
        if node.facts.get("unwritten"):
            plans[node.name] = NodePlan(node.name, UNWRITTEN, after=waits)
        elif waits:
            plans[node.name] = NodePlan(node.name, WAITS, after=waits)
        else:
            plans[node.name] = made = decide(node, identities[node.name], known, store, digest)
            if made.record is not None:
                known[node.name] = made.record
    return plans


def decide(
    node: Node,
    identity: Identity,
    known: Mapping[str, Record],
    store: Records,
    digest: Callable[[Path], str],
) -> NodePlan:
    """Decide for one node whose inputs are all known.

    Args:
        node: the node.
        identity: what its key holds of code and arguments.
        known: the records of the nodes before it.
        store: where to look it up.
        digest: gives the digest of a file.
    """
    key, parts = node_key(identity, contents(node, known), digest)
    record = None if node.facts.get("reads") == "world" else store.record(key)
    return NodePlan(node.name, FRESH if record else RUN, key, parts, record)


def contents(node: Node, known: Mapping[str, Record]) -> dict[str, str]:
    """Name, for each connected parameter, what its values are."""
    return {name: _content(wire, known) for name, wire in node.inputs.items()}


def _content(wire: Wire, known: Mapping[str, Record]) -> str:
    if isinstance(wire, Link):
        return known[wire.node].result.item(wire.item).content
    return "-" if wire is None else "[" + ", ".join(_content(part, known) for part in wire) + "]"
