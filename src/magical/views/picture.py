"""The picture of a workflow: steps and data as two kinds of node, the source of every drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from magical.errors import strip_control_characters
from magical.graph import Graph, Node
from magical.masking import mask
from magical.refs import Link, find_links
from magical.views.state_marks import StepStatus

__all__ = ["GROUPS", "DataNode", "Picture", "StepNode", "assign_groups", "build_picture"]

GROUPS = ("data", "learning", "judging", "world")


def assign_groups(graph: Graph) -> dict[str, str]:
    """Assign each node to a group.

    ``data`` are nodes before a split, and nodes after neither a split nor a fit; ``learning`` are fits,
    tunings and selections, and nodes that only these need; ``judging`` are nodes after these; ``world`` are
    nodes that write. No step is in an earlier group than its inputs: groups are read from top to bottom.

    Example:
        >>> from magical.refs import Link
        >>> def node(name, kind, *names):
        ...     return Node(name, name, "", "", {n: Link(n) for n in names}, {"kind": kind, "text": kind})
        >>> nodes = node("rows", "table"), node("fit", "model", "rows"), node("score", "value", "fit", "rows")
        >>> assign_groups(Graph("flow", nodes))
        {'rows': 'data', 'fit': 'learning', 'score': 'judging'}
    """
    before_split = graph.ancestors(n.name for n in graph.nodes if n.is_split)
    before_fit = graph.ancestors(n.name for n in graph.nodes if n.is_fit)
    rank: dict[str, int] = {}
    after: set[str] = set()
    for node in graph.nodes:
        parents = {link.node for link in node.links}
        if node.is_split or node.is_fit or parents & after:
            after.add(node.name)
        is_data = node.name in before_split or node.name not in after
        group = _rank_group(node, is_data, node.name in before_fit)
        rank[node.name] = max([group, *(rank[p] for p in parents)])
    return {name: GROUPS[r] for name, r in rank.items()}


def _rank_group(node: Node, is_data: bool, before_fit: bool) -> int:
    """Return the index of a node's group in ``GROUPS``, before its inputs are considered."""
    if node.writes:
        return 3
    if node.is_fit:
        return 1
    return 0 if is_data else 1 if before_fit else 2


_KINDS_WITHOUT_DATA = ("receipt", "none")


@dataclass(frozen=True)
class DataNode:
    """The result of a step, or one part of it.

    Attributes:
        name: the name in the workflow; empty if it was passed on without a name.
        label: a unique name: ``name`` if no other data has it, else the step's name with the part.
        promise: such as ``Frame[Customer]``.
        contracts: the contracts of its rows, as JSON; several for a list or tuple of tables.
        returned: True if the workflow returns it.
    """

    id: str
    name: str
    label: str
    promise: str
    contracts: tuple[Mapping[str, Any], ...] = ()
    returned: bool = False


@dataclass(frozen=True)
class StepNode:
    """One call of a step.

    Attributes:
        group: one of ``GROUPS``.
        where: ``file:line``.
        writes: True if it writes to the world.
        inputs: the ids of data, and of steps without data.
        outputs: its data; none for a receipt.
    """

    id: str
    name: str
    group: str
    status: StepStatus
    where: str
    writes: bool
    promise: str
    inputs: tuple[str, ...]
    outputs: tuple[DataNode, ...]


@dataclass(frozen=True)
class Picture:
    """The steps and data of a workflow, and the notes below its drawing."""

    workflow: str
    steps: tuple[StepNode, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<picture of {self.workflow}: {len(self.steps)} steps>"

    @cached_property
    def data(self) -> dict[str, DataNode]:
        """All data by their ids."""
        return {d.id: d for step in self.steps for d in step.outputs}

    @cached_property
    def producers(self) -> dict[str, StepNode]:
        """The steps by their ids and by the ids of their outputs."""
        return {i: step for step in self.steps for i in (step.id, *(d.id for d in step.outputs))}

    @cached_property
    def consumers(self) -> dict[str, list[StepNode]]:
        """The steps that take a result as input, by the id of the data, or of a step without data."""
        takers: dict[str, list[StepNode]] = {i: [] for i in self.producers}
        for step in self.steps:
            for source in step.inputs:
                takers[source].append(step)
        return takers

    @cached_property
    def groups(self) -> dict[str, list[StepNode]]:
        """The steps of each group that is not empty."""
        groups = {g: [s for s in self.steps if s.group == g] for g in GROUPS}
        return {g: steps for g, steps in groups.items() if steps}

    @property
    def edges(self) -> Iterator[tuple[str, str]]:
        """All edges: from steps to their data, and from data to the steps that take them."""
        for step in self.steps:
            yield from ((source, step.id) for source in step.inputs)
            yield from ((step.id, data.id) for data in step.outputs)

    @property
    def origin(self) -> list[str]:
        """All pretended steps and samples that a result of the picture depends on."""
        return sorted({sanitize_text(o) for step in self.steps for o in step.status.origin})

    def label(self, source: str) -> str:
        """Return the label of an input: that of data, or the name of a step without data."""
        return self.data[source].label if source in self.data else self.producers[source].name


def build_picture(
    graph: Graph, statuses: Mapping[str, StepStatus] | None = None, notes: Sequence[str] = ()
) -> Picture:
    """Build the picture of a graph.

    Args:
        statuses: the status of each node; by default only the states that the code shows.
        notes: lines to add to the graph's own findings.

    Example:
        >>> node = Node("clean", "workflow:clean", "customers", "", {}, {"kind": "table", "text": "Frame"})
        >>> build_picture(Graph("flow", (node,))).steps[0].outputs[0].name
        'customers'
    """
    used = _find_used_links(graph)
    # Names are counted in the whole picture: a name is a label only if it is unique there.
    names = Counter(_find_data_name(node, link.item) for node in graph.nodes for link in used[node.name])
    names.update(node.name for node in graph.nodes)
    ids = {link: f"d{i}" for i, link in enumerate(x for node in graph.nodes for x in used[node.name])}
    ids.update({Link(n.name): f"s{i}" for i, n in enumerate(graph.nodes) if not used[n.name]})
    returned = set(find_links(graph.result))
    groups = assign_groups(graph)
    if statuses is None:
        wanted = {n.name for n in graph.required_nodes}
        statuses = {n.name: _default_status(n, wanted) for n in graph.nodes}
    steps = [
        StepNode(
            f"s{i}",
            sanitize_text(node.name),
            groups[node.name],
            statuses.get(node.name, StepStatus("unused")),
            sanitize_text(node.where),
            node.writes,
            sanitize_text(node.promise["text"]),
            tuple(dict.fromkeys(ids[link] for link in node.links)),
            tuple(
                _make_data_node(node, link, ids[link], names, link in returned) for link in used[node.name]
            ),
        )
        for i, node in enumerate(graph.nodes)
    ]
    texts = ("\n".join(map(sanitize_text, str(note).splitlines())) for note in (*graph.findings, *notes))
    return Picture(sanitize_text(graph.workflow), tuple(steps), tuple(texts))


def sanitize_text(text: str) -> str:
    r"""Put a text on one line, with secrets masked.

    Example:
        >>> sanitize_text("a\nb")
        'a b'
    """
    return strip_control_characters(mask(text))


def _find_used_links(graph: Graph) -> dict[str, list[Link]]:
    """Find the data to draw for each node: the parts that others take, or the whole; none for a receipt."""
    taken: dict[str, dict[Link, None]] = {n.name: {} for n in graph.nodes}
    for link in (*(x for node in graph.nodes for x in node.links), *find_links(graph.result)):
        taken[link.node][link] = None
    used = {}
    for node in graph.nodes:
        links = sorted(taken[node.name], key=_item_order) or [Link(node.name)]
        used[node.name] = [] if node.promise["kind"] in _KINDS_WITHOUT_DATA else links
    return used


def _item_order(link: Link) -> tuple[int, int]:
    """Return the sort key of a link: the whole, then parts, then members of a list by number."""
    order = ("", "train", "validation", "test")
    return (order.index(link.item), 0) if link.item in order else (len(order), int(link.item))


def _find_data_name(node: Node, item: str) -> str:
    """Find the name of data in the workflow; empty if they have none."""
    # Drawing falls back to the step's name, which says nothing new here.
    named = "" if node.data == node.step_name else node.data
    if not item or not item.isdecimal():
        return item or named
    return f"{named or node.step_name}.{item}"


def _make_data_node(node: Node, link: Link, number: str, names: Counter[str], returned: bool) -> DataNode:
    name = _find_data_name(node, link.item)
    promise = _item_promise(node.promise, link.item)
    label = name if name and names[name] == 1 else str(link)
    return DataNode(
        number,
        sanitize_text(name),
        sanitize_text(label),
        sanitize_text(str(promise["text"])),
        tuple(_find_contracts(promise)),
        returned,
    )


def _item_promise(promise: Mapping[str, Any], item: str) -> Mapping[str, Any]:
    """Return the promise of a part or member of a result; of the whole if ``item`` is empty."""
    if not item:
        return promise
    if item.isdecimal():
        member: Mapping[str, Any] = promise["items"][int(item)]
        return member
    schema = promise.get("schema")
    return {**promise, "kind": "table", "text": f"Frame[{schema['contract']}]" if schema else "Frame"}


def _find_contracts(promise: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "schema" in promise:
        yield promise["schema"]
    for item in promise.get("items", ()):
        yield from _find_contracts(item)


def _default_status(node: Node, wanted: set[str]) -> StepStatus:
    """Return the status that follows from the code alone; ``wanted`` are the nodes that a run needs."""
    if node.name not in wanted:
        return StepStatus("unused")
    return StepStatus("unwritten" if node.facts.get("unwritten") else "")
