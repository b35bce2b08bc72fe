"""The plan of a run: the state of each node before the run, from its key and the records of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from magical.brand import mark_not_real
from magical.engine.artifacts import Record
from magical.engine.file_brands import FileBrands, find_file_writers
from magical.engine.outputs import find_changed_output
from magical.engine.protocols import Store
from magical.errors import join_names, shorten
from magical.graph import Graph, Node
from magical.keys.key import NodeIdentity, compute_node_key
from magical.refs import Link, Wire

__all__ = [
    "FRESH",
    "LEFT_OUT",
    "REGISTER_HINT",
    "RUN",
    "WAITS",
    "NodePlan",
    "Planner",
    "Receipts",
    "RegistryIdentity",
    "exploring_reason",
    "is_sampled_source",
]


class RegistryIdentity(Protocol):
    """Names the model registry of a project, without a request to it."""

    def find_id(self) -> str:
        """Return the registry's id, without a password; empty if the registry does not exist yet."""

    def ensure_id(self) -> str:
        """Return the registry's id, and create it if needed: something has been written to the registry."""

    def describe(self, registry_id: str) -> str:
        """Describe the registry of an id in a few words."""


class Receipts:
    """Looks up records in a store; the record of a step that wrote to a registry is valid for that one only.

    Keys do not depend on the registry. The receipt of the first registry is stored under the key; the receipt
    of any other one under the key and a suffix made from the registry's id.

    Attributes:
        brands: the files that steps of this project wrote from what is not real.
    """

    def __init__(self, store: Store, registry: RegistryIdentity, home: Path | None = None) -> None:
        self.store, self._registry = store, registry
        self.brands = FileBrands(home and home / "brands")

    def look_up(self, key: str, *, writes: bool = False) -> tuple[Record | None, str]:
        """Find the valid record of a key; the text says if there is only one for another registry.

        Args:
            key: the node's key.
            writes: True for a step that writes to the world.
        """
        record = self.store.find_record(key)
        if record is not None and self._is_valid(record):
            return record, ""
        # Only a step that writes can have a second receipt, and a lookup in a remote store is slow.
        registry_id = self._registry.find_id() if writes else ""
        found = self.store.find_record(key + _registry_suffix(registry_id)) if registry_id else None
        if found is not None or record is None:
            return found, ""
        return None, f"its receipt is of another registry: {self.describe_registry(record)}"

    def assign_registry(self, record: Record) -> Record:
        """Add the id of the present registry to the record of a step that wrote to it, and choose its key."""
        registry_id, stored = self._registry.ensure_id(), self.store.find_record(record.key)
        # A receipt of another registry keeps its key: whoever works with that registry still needs it.
        free = stored is None or self._is_valid(stored)
        key = record.key if free else record.key + _registry_suffix(registry_id)
        return replace(record, key=key, registry=registry_id)

    def describe_registry(self, record: Record) -> str:
        """Describe the registry of a receipt."""
        return self._registry.describe(record.registry)

    def _is_valid(self, record: Record) -> bool:
        return not record.registry or record.registry == self._registry.find_id()


def _registry_suffix(registry: str) -> str:
    return hashlib.sha256(registry.encode()).hexdigest()[:12]


FRESH, RUN, WAITS, LEFT_OUT = "fresh", "to run", "waits", "left out"

REGISTER_HINT = "--register includes it; or write the setting into settings.toml or the profile."
"""How to run a step that is left out because a run explores."""

_MAX_EXPLORED = 3
"""The number of settings that a reason names."""


@dataclass(frozen=True)
class NodePlan:
    """The plan for one node, made before a run or once its inputs are done.

    Attributes:
        state: ``fresh``, ``to run``, ``waits`` (its inputs are recomputed, perhaps with equal content),
            or ``left out`` (it writes to the world, and an ancestor is not real or the run explores).
        key: the node's key; empty while an input is unknown, and for a node on what is not real.
        parts: the parts that the key is a hash of.
        record: the record that makes it fresh.
        after: the nodes it waits for.
        origin: the ancestors that are not real.
        reason: why the node is left out, or why it runs although its key has a record.
        hint: how a node that is left out would be included, if an option does that.
    """

    name: str
    state: str
    key: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
    after: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""

    def __repr__(self) -> str:
        state = f"{self.state} after {join_names(self.after, 4)}" if self.after else self.state
        state += f": {shorten(self.reason, 160)}" if self.reason else ""
        state += f"; {mark_not_real(join_names(self.origin, 4))}" if self.origin else ""
        return f"<{self.name} {state}>"


class Planner:
    """Computes the keys of nodes, looks them up, and decides which nodes run.

    Args:
        graph: the workflow, or the part of it that is to run.
        identities: the static parts of each node's key.
        digest: computes the digest of a file.
        sample: the rows to which each source is cut; 0 for all.
        exploring: why a step that writes to the world must not run; empty if it may.

    Attributes:
        origins: for each node its ancestors that are not real, itself included.
    """

    def __init__(
        self,
        graph: Graph,
        identities: Mapping[str, NodeIdentity],
        receipts: Receipts,
        digest: Callable[[Path], str],
        sample: int = 0,
        exploring: str = "",
    ) -> None:
        self._graph, self._identities, self._receipts, self._digest = graph, identities, receipts, digest
        self._sample, self._exploring = sample, exploring
        self.origins: dict[str, tuple[str, ...]] = {}
        self._update_origins()

    def plan(self) -> dict[str, NodePlan]:
        """Plan each node that a run would execute.

        Raises:
            InputError: a file that a step reads does not exist.
        """
        plans: dict[str, NodePlan] = {}
        records: dict[str, Record] = {}
        for node in self._graph.required_nodes:
            waits = tuple(dict.fromkeys(link.node for link in node.links if link.node not in records))
            origin = self.origins[node.name]
            blocked = [n for n in waits if plans[n].state == LEFT_OUT]
            if reason := f"{blocked[0]} is left out" if blocked else self.left_out_reason(node):
                plans[node.name] = NodePlan(node.name, LEFT_OUT, origin=origin, reason=reason)
            elif waits:  # its key depends on results that are not computed yet
                plan = NodePlan(node.name, WAITS, after=waits, origin=origin)
                plans[node.name] = self._leave_out_if_exploring(node, plan)
            else:
                plans[node.name] = plan = self.plan_node(node, records)
                if plan.record is not None:
                    records[node.name] = plan.record
        return plans

    def plan_node(self, node: Node, records: Mapping[str, Record]) -> NodePlan:
        """Plan one node, given the records of all nodes that it takes results from."""
        self._notice_brands(node)
        inputs = {name: _wire_content(wire, records) for name, wire in node.inputs.items()}
        key, parts = self.compute_key(node, inputs)
        # A key cannot see whether a source outside has changed: such a step always runs.
        reads_world = node.facts.get("reads") == "world"
        record, reason = (None, "") if reads_world else self.look_up(node, key)
        state, origin = FRESH if record else RUN, self.origins[node.name]
        plan = NodePlan(node.name, state, key, parts, record, origin=origin, reason=reason)
        # Looked up first: what was registered with these settings is there, and stays fresh.
        return plan if record else self._leave_out_if_exploring(node, plan)

    def look_up(self, node: Node, key: str) -> tuple[Record | None, str]:
        """Find the record of a key that stands for the node; the text says why a stored one does not."""
        record, reason = self._receipts.look_up(key, writes=node.writes)
        # What a step has published is not published again for a file: its receipt alone counts.
        if record is None or node.writes:
            return record, reason
        outputs = self._identities[node.name].output_files
        changed = find_changed_output(record.outputs, outputs, self._digest)
        return (None, changed) if changed else (record, "")

    def compute_key(self, node: Node, inputs: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Compute a node's key and the parts of it from the contents of its inputs."""
        # The origin is part of the key, so that no cache can take a pretended result for a real one.
        brand = {"origin": ", ".join(origin)} if (origin := self.origins[node.name]) else {}
        if brand and is_sampled_source(node, self._sample):
            brand["sample"] = str(self._sample)
        return compute_node_key(self._identities[node.name], inputs, self._digest, brand)

    def _find_brands(self, node: Node) -> tuple[str, ...]:
        """Find the pretended steps behind the files that a node reads, from earlier runs or this one."""
        paths = (p for paths in self._identities[node.name].argument_files.values() for p in paths)
        return tuple(o for p in paths for o in self._receipts.brands.find(p))

    def _notice_brands(self, node: Node) -> None:
        """Find the origins again if a file that a node reads got a brand since the run began."""
        if set(self._find_brands(node)) - set(self.origins[node.name]):
            self._update_origins()

    def _update_origins(self) -> None:
        """Find for each node its ancestors that are not real, itself included."""
        writers = find_file_writers(self._graph, self._identities)
        own = {
            n.name: {*_own_origin(n, self._identities[n.name], self._sample), *self._find_brands(n)}
            for n in self._graph.nodes
        }
        while True:
            for node in self._graph.nodes:
                parents = [*(link.node for link in node.links), *writers.get(node.name, ())]
                own[node.name] = own[node.name].union(*(own[p] for p in parents))
            found = {name: tuple(sorted(origin)) for name, origin in own.items()}
            # A node may be drawn before the one that writes its file: then one round is not enough.
            if not writers or found == self.origins:
                break
            self.origins = found
        self.origins = found

    def _leave_out_if_exploring(self, node: Node, plan: NodePlan) -> NodePlan:
        """Leave out a node that would write to the world in a run that explores; else return its plan."""
        if not (node.writes and self._exploring):
            return plan
        return replace(plan, state=LEFT_OUT, after=(), reason=self._exploring, hint=REGISTER_HINT)

    def left_out_reason(self, node: Node) -> str:
        """Explain why a node must not run, given its ancestors that are not real; empty if it may run."""
        self._notice_brands(node)
        pretended, origin = node.facts.get("pretended"), self.origins[node.name]
        if not origin or not (node.needs_real_inputs or (node.facts.get("writes_files") and not pretended)):
            return ""
        if node.facts.get("unwritten"):
            return "it has no body yet"
        if others := [o for o in origin if o != node.name]:
            return f"it stands on {join_names(others, 4)}"
        return "what it would write is pretended" if pretended else "a piece of it is pretended by wish()"


def exploring_reason(explored: Sequence[str]) -> str:
    """Explain why steps that write to the world are left out; empty for a run that does not explore.

    Args:
        explored: descriptions of the settings that differ.

    Example:
        >>> exploring_reason(["max_age 80, the files say 90"])
        'this run explores (max_age 80, the files say 90)'
    """
    more = [f"{len(explored) - _MAX_EXPLORED} more"] if len(explored) > _MAX_EXPLORED else []
    return f"this run explores ({'; '.join([*explored[:_MAX_EXPLORED], *more])})" if explored else ""


def is_sampled_source(node: Node, sample: int) -> bool:
    """Return True for a source whose table the run cuts to a sample."""
    return bool(sample) and not (node.links or node.writes or node.facts.get("pretended"))


def _own_origin(node: Node, identity: NodeIdentity, sample: int) -> list[str]:
    """Return the node itself if its result is not real whatever its inputs are."""
    if node.facts.get("pretended") or identity.calls_wish:
        return [node.name]
    return [f"{node.name} (sample)"] if is_sampled_source(node, sample) else []


def _wire_content(wire: Wire, records: Mapping[str, Record]) -> str:
    """Return the text of an input in a cache key: the content of one result, or of a list of results."""
    if isinstance(wire, Link):
        return records[wire.node].result.item(wire.item).content
    return "-" if wire is None else "[" + ", ".join(_wire_content(part, records) for part in wire) + "]"
