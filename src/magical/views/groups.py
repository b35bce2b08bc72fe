"""Which part of the work each step does, as the graph alone tells it."""

from __future__ import annotations

from magical.graph import Graph, Node

__all__ = ["GROUPS", "groups_of"]

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
