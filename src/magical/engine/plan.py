"""What a run would do: which steps are fresh, which run, and which must wait for others to know."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from magical.engine.artifacts import Record
from magical.engine.protocols import Store
from magical.errors import join_names
from magical.graph import Graph, Node
from magical.keys.key import NodeIdentity, compute_node_key
from magical.refs import Link, Wire

__all__ = [
    "FRESH",
    "LEFT_OUT",
    "RUN",
    "WAITS",
    "NodePlan",
    "Planner",
    "Receipts",
    "RegistryIdentity",
    "input_contents",
    "is_sampled_source",
]

_REGISTER_STEP = "magical.library.registering:register"

"""The only step that wrote into a registry when receipts did not yet name theirs."""


class RegistryIdentity(Protocol):
    """Says which model registry is meant; nothing is asked of the registry itself."""

    def find_id(self) -> str:
        """Name it, without a password; empty if nothing can have been written to it yet."""

    def ensure_id(self) -> str:
        """Name it, now that something was written to it."""

    def describe(self, registry_id: str) -> str:
        """Say in a few words which registry a name is of."""

    def is_ours(self, run: str) -> bool:
        """Whether what a run wrote without saying where can be taken to be in it."""


class Receipts:
    """Looks up what has been computed; of what was written into a registry, only what is in the present one.

    Keys do not depend on the registry. The first one's receipt lies under the key; each other one's lies
    under the key and a mark of the registry.

    Args:
        store: where results are.
        address: says which registry is the present one.

    Attributes:
        store: the same.
    """

    def __init__(self, store: Store, registry: RegistryIdentity) -> None:
        self.store, self._registry = store, registry

    def look_up(self, key: str, *, writes: bool = False) -> tuple[Record | None, str]:
        """Give the record of a key, if it stands; or else why not, if that is for the registry.

        Args:
            key: which one.
            writes: whether it is of a step that writes to the world.
        """
        record = self.store.find_record(key)
        if record is not None and self._is_valid(record):
            return record, ""
        own = self._registry.find_id() if writes else ""
        found = self.store.find_record(key + _registry_suffix(own)) if own else None
        if found is not None or record is None:
            return found, ""
        return None, f"its receipt is of another registry: {self.describe_registry(record)}"

    def assign_registry(self, record: Record) -> Record:
        """Give the record of a step that has written into the present registry, as it is to be kept."""
        own, there = self._registry.ensure_id(), self.store.find_record(record.key)
        free = there is None or self._is_valid(there)
        return replace(record, key=record.key if free else record.key + _registry_suffix(own), registry=own)

    def describe_registry(self, record: Record) -> str:
        """Say which registry a receipt is of."""
        return self._registry.describe(record.registry)

    def _is_valid(self, record: Record) -> bool:
        if record.registry:
            return record.registry == self._registry.find_id()
        return record.step != _REGISTER_STEP or self._registry.is_ours(record.run)


def _registry_suffix(registry: str) -> str:
    return hashlib.sha256(registry.encode()).hexdigest()[:12]


FRESH, RUN, WAITS, LEFT_OUT = "fresh", "to run", "waits", "left out"


class Lookup(Protocol):
    """What planning needs to know of what has been computed."""

    def look_up(self, key: str, *, writes: bool = False) -> tuple[Record | None, str]:
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
        identities: Mapping[str, NodeIdentity],
        lookup: Lookup,
        digest: Callable[[Path], str],
        sample: int = 0,
    ) -> None:
        self._graph, self._identities, self._lookup, self._digest = graph, identities, lookup, digest
        self._sample = sample
        self.origins = _find_origins(graph, identities, sample)

    def plan(self) -> dict[str, NodePlan]:
        """Decide for each node a run would execute.

        Raises:
            InputError: a file that a step reads does not exist.
        """
        plans: dict[str, NodePlan] = {}
        known: dict[str, Record] = {}
        for node in self._graph.required_nodes:
            waits = tuple(dict.fromkeys(link.node for link in node.links if link.node not in known))
            origin = self.origins[node.name]
            lost = [n for n in waits if plans[n].state == LEFT_OUT]
            if reason := f"{lost[0]} is left out" if lost else self.left_out_reason(node):
                plans[node.name] = NodePlan(node.name, LEFT_OUT, origin=origin, reason=reason)
            elif waits:
                plans[node.name] = NodePlan(node.name, WAITS, after=waits, origin=origin)
            else:
                plans[node.name] = made = self.plan_node(node, known)
                if made.record is not None:
                    known[node.name] = made.record
        return plans

    def plan_node(self, node: Node, records: Mapping[str, Record]) -> NodePlan:
        """Decide for one node whose inputs are all known.

        Args:
            node: the node.
            known: the records of the nodes before it.
        """
        key, parts = self.compute_key(node, input_contents(node, records))
        asks = node.facts.get("reads") == "world"
        record, reason = (None, "") if asks else self._lookup.look_up(key, writes=node.writes)
        state, origin = FRESH if record else RUN, self.origins[node.name]
        return NodePlan(node.name, state, key, parts, record, origin=origin, reason=reason)

    def compute_key(self, node: Node, inputs: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Give a node's key and its parts, for inputs of these contents."""
        brand = {"origin": ", ".join(origin)} if (origin := self.origins[node.name]) else {}
        if brand and is_sampled_source(node, self._sample):
            brand["sample"] = str(self._sample)
        return compute_node_key(self._identities[node.name], inputs, self._digest, brand)

    def left_out_reason(self, node: Node) -> str:
        """Say why a node is not run although all before it may be, or nothing."""
        made_up, origin = node.facts.get("pretended"), self.origins[node.name]
        if not origin or not (node.needs_real_inputs or (node.facts.get("writes_files") and not made_up)):
            return ""
        if node.facts.get("unwritten"):
            return "it has no body yet"
        if others := [o for o in origin if o != node.name]:
            return f"it stands on {join_names(others, 4)}"
        return "what it would write is made up" if made_up else "a piece of it is made up by wish()"


def input_contents(node: Node, records: Mapping[str, Record]) -> dict[str, str]:
    """Name, for each connected parameter, what its values are."""
    return {name: _wire_content(wire, records) for name, wire in node.inputs.items()}


def is_sampled_source(node: Node, sample: int) -> bool:
    """Whether a node is a source that gives only some of its rows."""
    return bool(sample) and not (node.links or node.writes or node.facts.get("pretended"))


def _find_origins(
    graph: Graph, identities: Mapping[str, NodeIdentity], sample: int
) -> dict[str, tuple[str, ...]]:
    """What each node stands on that is not real; it is known before anything runs."""
    found: dict[str, tuple[str, ...]] = {}
    for node in graph.nodes:
        own = [f"{node.name} (sample)"] if is_sampled_source(node, sample) else []
        if node.facts.get("pretended") or identities[node.name].calls_wish:
            own = [node.name]
        found[node.name] = tuple(sorted({*own, *(o for link in node.links for o in found[link.node])}))
    return found


def _wire_content(wire: Wire, records: Mapping[str, Record]) -> str:
    if isinstance(wire, Link):
        return records[wire.node].result.item(wire.item).content
    return "-" if wire is None else "[" + ", ".join(_wire_content(part, records) for part in wire) + "]"
