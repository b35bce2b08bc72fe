"""The steps that are not written yet, and whether a run can make up what they will give."""

from __future__ import annotations

from collections.abc import Iterator

from magical.contracts.promises import Promise
from magical.errors import Finding
from magical.graph import Graph, Node
from magical.refs import links_of

__all__ = ["unwritten_steps"]


def unwritten_steps(graph: Graph) -> Iterator[Finding]:
    """Find unwritten steps, and those of them whose results cannot be made up."""
    seen = set()
    for node in graph.wanted:
        if node.call is None or not node.facts.get("unwritten") or node.call.step in seen:
            continue
        seen.add(node.call.step)
        if reason := _cannot(graph, node):
            yield Finding(
                "WISH002",
                "error",
                node.call.step.name,
                f"is not written yet ({node.where}), and cannot be made up: {reason}.",
                "say in its signature what it gives, such as -> Frame[Contract], or write it.",
            )
        else:
            yield Finding(
                "WISH001",
                "note",
                node.call.step.name,
                f"is not written yet: a run makes up {node.promise['text']} in its place.",
                f"write it in {node.where}." if node.where else "write it.",
            )


def _cannot(graph: Graph, node: Node) -> str:
    assert node.call is not None
    promise = node.call.promise
    if _is_raw(promise):
        open_end = _open_end(graph, node)
        return f"it promises a table without columns, and {open_end} wants it as it is" if open_end else ""
    from magical.contracts.pretending import cannot_pretend

    return cannot_pretend(promise).rstrip(".")


def _is_raw(promise: Promise) -> bool:
    return promise.is_table and promise.schema is None


def _open_end(graph: Graph, node: Node) -> str:
    """Who wants a raw table that no step after it types; up to the first that does, a run cuts it away."""
    if any(link.node == node.name for link in links_of(graph.result)):
        return graph.workflow
    wanted = {n.name for n in graph.wanted}
    for child in (graph.by_name[name] for name in graph.children[node.name] if name in wanted):
        is_raw = child.call is not None and _is_raw(child.call.promise)
        if is_raw and (found := _open_end(graph, child)):
            return found
    return ""
