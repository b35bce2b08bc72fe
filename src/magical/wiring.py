"""Checks of a drawn graph, before any data is read: unused steps, and leaks of test data and targets."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from magical.contracts.schema import TRAINING_ROLES
from magical.errors import Finding
from magical.graph import Graph
from magical.steps import parse_source

__all__ = ["check_wiring"]


def check_wiring(graph: Graph) -> Iterator[Finding]:
    """Report unused steps, fits that see the test part, and reads of the target where scoring has none.

    Example:
        >>> from magical.graph import Node
        >>> node = Node("clean", "flow:clean", "rows", "", {}, {"kind": "table"})
        >>> [finding.code for finding in check_wiring(Graph("flow", (node,)))]
        ['WIRE001']
    """
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
    """Find fits, tunings and selections on a value that depends on the test part, however indirectly."""
    tainted: dict[str, str] = {}  # for each node that depends on test, the path to it, for the message
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
    """Find steps before the split that name the target or the weight: rows to be scored have neither."""
    splits = [n for n in graph.nodes if n.is_split]
    for name in graph.ancestors(link.node for n in splits for link in n.links) - {n.name for n in splits}:
        node = graph.by_name[name]
        if node.call is None or node.facts.get("training_only"):
            continue
        schemas = [graph.promise_of(link).schema for link in node.links]
        unscored = {c.name: c.role for s in schemas if s for c in s.columns if c.role in TRAINING_ROLES}
        for column in sorted(unscored.keys() & _find_text_constants(node.call.step.function)):
            yield Finding(
                "WIRE002",
                "warning",
                name,
                f"names the {unscored[column]} {column!r}, which is not there when scoring.",
                "move that line behind the split, or mark the step @step(training_only=True).",
            )


def _find_text_constants(function: Callable[..., Any]) -> set[str]:
    """Collect the text constants in a function, and the attributes of ``pl.col``."""
    tree = parse_source(function)
    nodes = list(ast.walk(tree)) if tree is not None else []
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Attribute) and n.value.attr == "col"
    }
