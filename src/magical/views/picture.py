"""What is drawn of a workflow: steps and data, as two kinds of node. Every drawing is made from this."""

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
    """Give each node's group.

    ``data`` is what leads to a split, and what follows neither a split nor a fit; ``learning`` are fits,
    tunings and selections, and what only they need; ``judging`` is what follows; ``world`` is what writes.
    No step is in an earlier group than what it needs, so that the groups can be read from top to bottom.

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
        own = _rank_group(node, is_data, node.name in before_fit)
        rank[node.name] = max([own, *(rank[p] for p in parents)])
    return {name: GROUPS[r] for name, r in rank.items()}


def _rank_group(node: Node, is_data: bool, before_fit: bool) -> int:
    if node.writes:
        return 3
    if node.is_fit:
        return 1
    return 0 if is_data else 1 if before_fit else 2


_KINDS_WITHOUT_DATA = ("receipt", "none")


@dataclass(frozen=True)
class DataNode:
    """What a step gives, or one part of it.

    Attributes:
        id: of this node in the picture.
        name: what it is called in the workflow; empty if it was passed on without a name.
        label: what others call it: its name where no other has it, else the step's, with the part.
        promise: what it is, such as ``Frame[Customer]``.
        contracts: what its rows promise, as JSON; more than one for a list or tuple of tables.
        returned: whether the workflow returns it.
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
        id: of this node in the picture.
        name: the step's name.
        group: one of ``GROUPS``.
        standing: its state.
        where: ``file:line``.
        writes: whether it writes to the world.
        promise: what it gives.
        takes: the ids of what it is given.
        gives: its data; none for a receipt.
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
    """A workflow as it is drawn.

    Attributes:
        workflow: its name.
        steps: in the order in which they were drawn.
        notes: what is to be said below the drawing.
    """

    workflow: str
    steps: tuple[StepNode, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def data(self) -> dict[str, DataNode]:
        """All data by their ids."""
        return {d.id: d for step in self.steps for d in step.outputs}

    @cached_property
    def producers(self) -> dict[str, StepNode]:
        """The step behind each id: its own, or that of what it gives."""
        return {i: step for step in self.steps for i in (step.id, *(d.id for d in step.outputs))}

    @cached_property
    def consumers(self) -> dict[str, list[StepNode]]:
        """For each id the steps that take it."""
        found: dict[str, list[StepNode]] = {i: [] for i in self.producers}
        for step in self.steps:
            for source in step.inputs:
                found[source].append(step)
        return found

    @cached_property
    def groups(self) -> dict[str, list[StepNode]]:
        """The steps of each group that there is."""
        parted = {g: [s for s in self.steps if s.group == g] for g in GROUPS}
        return {g: steps for g, steps in parted.items() if steps}

    @property
    def edges(self) -> Iterator[tuple[str, str]]:
        """All edges: from a step to its data, and from those to the steps that take them."""
        for step in self.steps:
            yield from ((source, step.id) for source in step.inputs)
            yield from ((step.id, data.id) for data in step.outputs)

    @property
    def origin(self) -> list[str]:
        """All that something stands on and that is not real."""
        return sorted({sanitize_text(o) for step in self.steps for o in step.status.origin})

    def label(self, source: str) -> str:
        """Say what a step takes: the label of data, or the name of a step that gives none."""
        return self.data[source].label if source in self.data else self.producers[source].name


def build_picture(
    graph: Graph, statuses: Mapping[str, StepStatus] | None = None, notes: Sequence[str] = ()
) -> Picture:
    """Make the picture of a graph.

    Args:
        graph: what is drawn.
        standings: how each node stands; without, only what the code alone tells.
        notes: what to say beside the graph's own findings.

    Example:
        >>> node = Node("clean", "workflow:clean", "customers", "", {}, {"kind": "table", "text": "Frame"})
        >>> build_picture(Graph("flow", (node,))).steps[0].outputs[0].name
        'customers'
    """
    used = _find_used_links(graph)
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
    said = ("\n".join(map(sanitize_text, str(note).splitlines())) for note in (*graph.findings, *notes))
    return Picture(sanitize_text(graph.workflow), tuple(steps), tuple(said))


def sanitize_text(text: str) -> str:
    r"""Give a text as it is shown: on one line, without secrets.

    Example:
        >>> sanitize_text("a\nb")
        'a b'
    """
    return strip_control_characters(mask(text))


def _find_used_links(graph: Graph) -> dict[str, list[Link]]:
    """For each node the data that are drawn: the parts that others take, or the whole."""
    found: dict[str, dict[Link, None]] = {n.name: {} for n in graph.nodes}
    for link in (*(x for node in graph.nodes for x in node.links), *find_links(graph.result)):
        found[link.node][link] = None
    used = {}
    for node in graph.nodes:
        links = sorted(found[node.name], key=_item_order) or [Link(node.name)]
        used[node.name] = [] if node.promise["kind"] in _KINDS_WITHOUT_DATA else links
    return used


def _item_order(link: Link) -> tuple[int, int]:
    order = ("", "train", "validation", "test")
    return (order.index(link.item), 0) if link.item in order else (len(order), int(link.item))


def _find_data_name(node: Node, item: str) -> str:
    """What data are called in the workflow, if they are called at all."""
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
    if node.name not in wanted:
        return StepStatus("unused")
    return StepStatus("unwritten" if node.facts.get("unwritten") else "")
