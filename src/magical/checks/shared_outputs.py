"""Findings about files that several steps write."""

from __future__ import annotations

import os
from collections.abc import Iterator

from magical.errors import Finding, join_names
from magical.graph import Graph
from magical.settings import OutputPath, find_paths

__all__ = ["find_shared_outputs"]


def find_shared_outputs(graph: Graph) -> Iterator[Finding]:
    """Find the output files that more than one node gets; several may write to one folder."""
    writers: dict[str, dict[str, None]] = {}  # a dictionary is an ordered set
    for node in graph.required_nodes:
        for path in find_paths(node.call.arguments if node.call is not None else {}):
            if isinstance(path, OutputPath) and _is_file(file := os.path.abspath(path)):
                writers.setdefault(file, {})[node.name] = None
    for file, (first, *others) in writers.items():
        if others:
            yield Finding(
                "WIRE005",
                "warning",
                first,
                f"gets the output {os.path.basename(file)}, and so does {join_names(others, 4)}: each "
                "changes what the other wrote, so they are never fresh.",
                "give each step an OutputPath of its own, or write the file in one step.",
            )


def _is_file(path: str) -> bool:
    """Return True unless a path is a folder, or will be one as far as its name tells."""
    return not os.path.isdir(path) if os.path.exists(path) else bool(os.path.splitext(path)[1])
