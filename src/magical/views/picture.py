"""What is drawn of a workflow: steps and data, as two kinds of node. Every drawing is made from this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from magical.errors import plain
from magical.graph import Graph, Node
from magical.masking import mask
from magical.refs import Link, links_of
from magical.views.state_marks import Standing

__all__ = [
    "GROUPS",
    "DataNode",
    "Picture",
    "StepNode",
    "groups_of",
    "picture",
]

GROUPS = ("data", "learning", "judging", "world")


def groups_of(graph: Graph) -> dict[str, str]:
    """Give each node's group.

    ``data`` is what leads to a split, and what follows neither a split nor a fit; ``learning`` are fits,
    tunings and selections, and what only they need; ``judging`` is what follows; ``world`` is what writes.
    No step is in an earlier group than what it needs, so that the groups can be read from top to bottom.

    Example:
        >>> from magical.refs import Link
        >>> def node(name, kind, *names):
        ...     return Node(name, name, "", "", {n: Link(n) for n in names}, {"kind": kind, "text": kind})
        >>> nodes = node("rows", "table"), node("fit", "model", "rows"), node("score", "value", "fit", "rows")
        >>> groups_of(Graph("flow", nodes))
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
        own = _rank(node, is_data, node.name in before_fit)
        rank[node.name] = max([own, *(rank[p] for p in parents)])
    return {name: GROUPS[r] for name, r in rank.items()}


def _rank(node: Node, is_data: bool, before_fit: bool) -> int:
    if node.writes:
        return 3
    if node.is_fit:
        return 1
    return 0 if is_data else 1 if before_fit else 2


_NO_DATA = ("receipt", "none")


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
    standing: Standing
    where: str
    writes: bool
    promise: str
    takes: tuple[str, ...]
    gives: tuple[DataNode, ...]


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
        return {d.id: d for step in self.steps for d in step.gives}

    @cached_property
    def makers(self) -> dict[str, StepNode]:
        """The step behind each id: its own, or that of what it gives."""
        return {i: step for step in self.steps for i in (step.id, *(d.id for d in step.gives))}

    @cached_property
    def takers(self) -> dict[str, list[StepNode]]:
        """For each id the steps that take it."""
        found: dict[str, list[StepNode]] = {i: [] for i in self.makers}
        for step in self.steps:
            for source in step.takes:
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
            yield from ((source, step.id) for source in step.takes)
            yield from ((step.id, data.id) for data in step.gives)

    @property
    def origin(self) -> list[str]:
        """All that something stands on and that is not real."""
        return sorted({shown(o) for step in self.steps for o in step.standing.origin})

    def label(self, source: str) -> str:
        """Say what a step takes: the label of data, or the name of a step that gives none."""
        return self.data[source].label if source in self.data else self.makers[source].name


def picture(
    graph: Graph, standings: Mapping[str, Standing] | None = None, notes: Sequence[str] = ()
) -> Picture:
    """Make the picture of a graph.

    Args:
        graph: what is drawn.
        standings: how each node stands; without, only what the code alone tells.
        notes: what to say beside the graph's own findings.

    Example:
        >>> node = Node("clean", "workflow:clean", "customers", "", {}, {"kind": "table", "text": "Frame"})
        >>> picture(Graph("flow", (node,))).steps[0].gives[0].name
        'customers'
    """
    used = _used(graph)
    names = Counter(_name(node, link.item) for node in graph.nodes for link in used[node.name])
    names.update(node.name for node in graph.nodes)
    ids = {link: f"d{i}" for i, link in enumerate(x for node in graph.nodes for x in used[node.name])}
    ids.update({Link(n.name): f"s{i}" for i, n in enumerate(graph.nodes) if not used[n.name]})
    returned = set(links_of(graph.result))
    groups = groups_of(graph)
    if standings is None:
        wanted = {n.name for n in graph.wanted}
        standings = {n.name: _bare(n, wanted) for n in graph.nodes}
    steps = [
        StepNode(
            f"s{i}",
            shown(node.name),
            groups[node.name],
            standings.get(node.name, Standing("unused")),
            shown(node.where),
            node.writes,
            shown(node.promise["text"]),
            tuple(dict.fromkeys(ids[link] for link in node.links)),
            tuple(_data(node, link, ids[link], names, link in returned) for link in used[node.name]),
        )
        for i, node in enumerate(graph.nodes)
    ]
    said = ("\n".join(map(shown, str(note).splitlines())) for note in (*graph.findings, *notes))
    return Picture(shown(graph.workflow), tuple(steps), tuple(said))


def shown(text: str) -> str:
    r"""Give a text as it is shown: on one line, without secrets.

    Example:
        >>> shown("a\nb")
        'a b'
    """
    return plain(mask(text))


def _used(graph: Graph) -> dict[str, list[Link]]:
    """For each node the data that are drawn: the parts that others take, or the whole."""
    found: dict[str, dict[Link, None]] = {n.name: {} for n in graph.nodes}
    for link in (*(x for node in graph.nodes for x in node.links), *links_of(graph.result)):
        found[link.node][link] = None
    used = {}
    for node in graph.nodes:
        links = sorted(found[node.name], key=_position) or [Link(node.name)]
        used[node.name] = [] if node.promise["kind"] in _NO_DATA else links
    return used


def _position(link: Link) -> tuple[int, int]:
    order = ("", "train", "validation", "test")
    return (order.index(link.item), 0) if link.item in order else (len(order), int(link.item))


def _name(node: Node, item: str) -> str:
    """What data are called in the workflow, if they are called at all."""
    named = "" if node.data == node.title else node.data
    if not item or not item.isdecimal():
        return item or named
    return f"{named or node.title}.{item}"


def _data(node: Node, link: Link, number: str, names: Counter[str], returned: bool) -> DataNode:
    name = _name(node, link.item)
    promise = _member(node.promise, link.item)
    label = name if name and names[name] == 1 else str(link)
    return DataNode(
        number, shown(name), shown(label), shown(str(promise["text"])), tuple(_contracts(promise)), returned
    )


def _member(promise: Mapping[str, Any], item: str) -> Mapping[str, Any]:
    if not item:
        return promise
    if item.isdecimal():
        member: Mapping[str, Any] = promise["items"][int(item)]
        return member
    schema = promise.get("schema")
    return {**promise, "kind": "table", "text": f"Frame[{schema['contract']}]" if schema else "Frame"}


def _contracts(promise: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "schema" in promise:
        yield promise["schema"]
    for item in promise.get("items", ()):
        yield from _contracts(item)


def _bare(node: Node, wanted: set[str]) -> Standing:
    if node.name not in wanted:
        return Standing("unused")
    return Standing("unwritten" if node.facts.get("unwritten") else "")
