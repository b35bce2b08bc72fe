"""What a drawn graph shows before any data is read: findings about its wiring."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from magical.contracts.promises import Promise
from magical.errors import Finding
from magical.graph import Graph
from magical.refs import Link

__all__ = ["check_wiring"]


def check_wiring(graph: Graph) -> Iterator[Finding]:
    """Give what a drawn graph shows: unused steps, test reaching a fit, the target where scoring has none."""
    yield from _find_unused_steps(graph)
    yield from _find_test_leaks(graph)
    yield from _find_target_reads(graph)


def _find_unused_steps(graph: Graph) -> Iterator[Finding]:
    wanted = {n.name for n in graph.required_nodes}
    for node in graph.nodes:
        if node.name not in wanted:
            yield Finding(
                "WIRE001",
                "warning",
                node.name,
                "is drawn, but nothing uses what it gives; it is not run.",
                "return it, pass it on, or delete the line.",
            )


def _find_test_leaks(graph: Graph) -> Iterator[Finding]:
    """A value stands on test if any of its inputs does; it must not reach a fit, a tuning or a selection."""
    tainted: dict[str, str] = {}
    for node in graph.nodes:
        for link in node.links:
            source = graph.by_name[link.node]
            through = "test" if source.is_split and link.item in ("", "test") else tainted.get(link.node, "")
            if through:
                path = f"{link} → {node.name}" if through == "test" else f"{through} → {node.name}"
                tainted[node.name] = path
                if node.is_fit:
                    yield Finding(
                        "LEAK001",
                        "error",
                        node.name,
                        f"learns from the test part: {path}.",
                        "give it train (to fit) or validation (to tune and select).",
                    )
                break


def _find_target_reads(graph: Graph) -> Iterator[Finding]:
    """When scoring there is no target: a step between the typed rows and the split must not name it."""
    splits = [n for n in graph.nodes if n.is_split]
    for name in graph.ancestors(link.node for n in splits for link in n.links) - {n.name for n in splits}:
        node = graph.by_name[name]
        if node.call is None or node.facts.get("training_only"):
            continue
        targets = {
            p.schema.target for link in node.links if (p := _find_promise(graph, link)) and p.schema
        } - {None}
        for target in sorted(str(t) for t in targets):
            if target in _find_text_constants(node.call.step.function):
                yield Finding(
                    "WIRE002",
                    "warning",
                    name,
                    f"names the target {target!r}, which is not there when scoring.",
                    "move that line behind the split, or mark the step @step(training_only=True).",
                )


def _find_promise(graph: Graph, link: Link) -> Promise | None:
    call = graph.by_name[link.node].call
    return None if call is None else call.promise.member(link.item) if link.item else call.promise


def _find_text_constants(function: Callable[..., Any]) -> set[str]:
    """The text constants in a function's body, and names asked of ``pl.col``."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return set()
    nodes = list(ast.walk(tree))
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Attribute) and n.value.attr == "col"
    }
