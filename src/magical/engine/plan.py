"""What a run would do: which steps are fresh, which run, and which must wait for others to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.errors import listing
from magical.graph import Graph, Node
from magical.keys.key import Identity, node_key
from magical.refs import Link, Wire

__all__ = ["FRESH", "LEFT_OUT", "RUN", "WAITS", "NodePlan", "Planner", "contents", "sampled"]

FRESH, RUN, WAITS, LEFT_OUT = "fresh", "to run", "waits", "left out"


class Lookup(Protocol):
    """What planning needs to know of what has been computed."""

    def look(self, key: str, *, writes: bool = False) -> tuple[Record | None, str]:
        """Give the record of a key, if it stands; or else why it does not, if there is more to say."""


@dataclass(frozen=True)
class NodePlan:
    """What is known of a node before a run.

    Attributes:
        name: the node's name.
        state: ``fresh``, ``to run``, ``waits`` (its inputs are made again, and may come out the same),
            or ``left out`` (it writes to the world, and stands on what is not real).
        key: where it is known.
        parts: what the key is a hash of.
        record: where it has been computed.
        after: the nodes it waits for.
        origin: what it stands on that is not real.
        reason: why it is left out; or why it runs although its key has been computed.
    """

    name: str
    state: str
    key: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
    after: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    reason: str = ""


class Planner:
    """Finds the key of a node, looks it up, and says what must run.

    Args:
        graph: the whole workflow, or the part of it that is to run.
        identities: of its nodes.
        computed: where results are looked up.
        digest: gives the digest of a file.
        sample: how many rows each source gives; 0 for all.
    """

    def __init__(
        self,
        graph: Graph,
        identities: Mapping[str, Identity],
        computed: Lookup,
        digest: Callable[[Path], str],
        sample: int = 0,
    ) -> None:
        self._graph, self._identities, self._computed, self._digest = graph, identities, computed, digest
        self._sample = sample
        self.origins = _origins(graph, identities, sample)

    def plan(self) -> dict[str, NodePlan]:
        """Decide for each node a run would execute.

        Raises:
            InputError: a file that a step reads does not exist.
        """
        plans: dict[str, NodePlan] = {}
        known: dict[str, Record] = {}
        for node in self._graph.wanted:
            waits = tuple(dict.fromkeys(link.node for link in node.links if link.node not in known))
            origin = self.origins[node.name]
            lost = [n for n in waits if plans[n].state == LEFT_OUT]
            if reason := f"{lost[0]} is left out" if lost else self.left_out(node):
                plans[node.name] = NodePlan(node.name, LEFT_OUT, origin=origin, reason=reason)
            elif waits:
                plans[node.name] = NodePlan(node.name, WAITS, after=waits, origin=origin)
            else:
                plans[node.name] = made = self.decide(node, known)
                if made.record is not None:
                    known[node.name] = made.record
        return plans

    def decide(self, node: Node, known: Mapping[str, Record]) -> NodePlan:
        """Decide for one node whose inputs are all known.

        Args:
            node: the node.
            known: the records of the nodes before it.
        """
        key, parts = self.key(node, contents(node, known))
        asks = node.facts.get("reads") == "world"
        record, reason = (None, "") if asks else self._computed.look(key, writes=node.writes)
        state, origin = FRESH if record else RUN, self.origins[node.name]
        return NodePlan(node.name, state, key, parts, record, origin=origin, reason=reason)

    def key(self, node: Node, inputs: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Give a node's key and its parts, for inputs of these contents."""
        brand = {"origin": ", ".join(origin)} if (origin := self.origins[node.name]) else {}
        if brand and sampled(node, self._sample):
            brand["sample"] = str(self._sample)
        return node_key(self._identities[node.name], inputs, self._digest, brand)

    def left_out(self, node: Node) -> str:
        """Say why a node is not run although all before it may be, or nothing."""
        made_up, origin = node.facts.get("pretended"), self.origins[node.name]
        if not origin or not (node.must_be_real or (node.facts.get("writes_files") and not made_up)):
            return ""
        if node.facts.get("unwritten"):
            return "it has no body yet"
        if others := [o for o in origin if o != node.name]:
            return f"it stands on {listing(others, 4)}"
        return "what it would write is made up" if made_up else "a piece of it is made up by wish()"


def contents(node: Node, known: Mapping[str, Record]) -> dict[str, str]:
    """Name, for each connected parameter, what its values are."""
    return {name: _content(wire, known) for name, wire in node.inputs.items()}


def sampled(node: Node, sample: int) -> bool:
    """Whether a node is a source that gives only some of its rows."""
    return bool(sample) and not (node.links or node.writes or node.facts.get("pretended"))


def _origins(graph: Graph, identities: Mapping[str, Identity], sample: int) -> dict[str, tuple[str, ...]]:
    """What each node stands on that is not real; it is known before anything runs."""
    found: dict[str, tuple[str, ...]] = {}
    for node in graph.nodes:
        own = [f"{node.name} (sample)"] if sampled(node, sample) else []
        if node.facts.get("pretended") or identities[node.name].wishes:
            own = [node.name]
        found[node.name] = tuple(sorted({*own, *(o for link in node.links for o in found[link.node])}))
    return found


def _content(wire: Wire, known: Mapping[str, Record]) -> str:
    if isinstance(wire, Link):
        return known[wire.node].result.item(wire.item).content
    return "-" if wire is None else "[" + ", ".join(_content(part, known) for part in wire) + "]"
