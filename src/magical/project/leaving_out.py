"""Which steps are not run again when a run is reproduced: what writes, and what needs it."""

from __future__ import annotations

from magical.graph import Graph, Node

__all__ = ["left_out"]


def left_out(graph: Graph) -> dict[str, str]:
    """Give the nodes that are left out, each with the reason."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        lost = [link.node for link in node.links if link.node in found]
        if reason := f"it needs {lost[0]}" if lost else _writes(node):
            found[node.name] = reason
    return found


def _writes(node: Node) -> str:
    if node.facts.get("pretended"):
        return ""
    if node.writes:
        return "it writes to the world"
    return "it writes files" if node.facts.get("writes_files") else ""
