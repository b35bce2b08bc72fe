"""Findings about fits of the library on tables without a contract: nothing says what they predict."""

from __future__ import annotations

from collections.abc import Iterator

from magical.errors import Finding
from magical.graph import Graph
from magical.keys.source_walk import is_project_code
from magical.refs import Link

__all__ = ["find_untargeted_fits"]


def find_untargeted_fits(graph: Graph) -> Iterator[Finding]:
    """Find the library's fits on a table without a contract; drawing refuses a contract without a target."""
    for node in graph.required_nodes:
        if node.call is None or node.call.promise.kind != "model" or is_project_code(node.call.step.function):
            continue
        table = node.inputs.get("train")
        promise = graph.promise_of(table) if isinstance(table, Link) else None
        if isinstance(table, Link) and promise is not None and promise.is_table and promise.schema is None:
            where = graph.by_name[table.node].where
            yield Finding(
                "WIRE006",
                "error",
                node.name,
                f"learns from {table} ({where}), which promises no columns: nothing says what to predict.",
                "give it the result of model_data(table, Contract), with one column Target[...].",
            )
