"""Findings about weak contracts: numbers without bounds, columns of any type, steps without a promise."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from magical.checks.promise_tree import flatten_promise
from magical.contracts.contract import schema_of
from magical.contracts.schema import Column
from magical.errors import Finding, join_names
from magical.graph import Graph
from magical.keys.source_walk import is_project_code

__all__ = ["find_weak_contracts", "find_weak_steps"]

_IDENTIFIER_ROLES = ("id", "key", "group")
"""Roles whose numbers are names, for which bounds make no sense."""


def find_weak_contracts(graph: Graph) -> Iterator[Finding]:
    """Find contracts with columns that accept any value, and report each at the class that declares it."""
    weak: dict[type[Any], dict[str, None]] = {}  # a dictionary is an ordered set
    for contract in _collect_contracts(graph):
        for column in schema_of(contract).columns:
            if label := _describe_weakness(column):
                weak.setdefault(_find_declaring_class(contract, column.name), {})[label] = None
    for owner, labels in weak.items():
        source = f" ({schema_of(owner).source})" if schema_of(owner).source else ""
        columns = "column" if len(labels) == 1 else "columns"
        yield Finding(
            "WEAK001",
            "warning",
            owner.__name__,
            f"says little of its {columns} {join_names(labels, 6)}{source}: any value will do.",
            "write the type and bounds that make sense, such as Field(ge=0): wrong data are then noticed.",
        )


def find_weak_steps(graph: Graph) -> Iterator[Finding]:
    """Find the steps of the project whose result has no type hint, or the hint ``Any``."""
    seen = set()
    for node in graph.required_nodes:
        step = node.call.step if node.call else None
        if step is None or step in seen or not is_project_code(step.function):
            continue
        seen.add(step)
        if step.result_promise.kind == "any" and step.result_promise.hint in (None, Any, object):
            yield Finding(
                "WEAK002",
                "warning",
                step.name,
                f"promises nothing ({node.where}): its output is not validated.",
                f"declare its output, such as def {step.name}(...) -> Frame[Contract].",
            )


def _describe_weakness(column: Column) -> str:
    if column.role in _IDENTIFIER_ROLES or column.choices:
        return ""
    if column.type == "any":
        return f"{column.name} (Any)"
    return column.name if column.type in ("int", "float") and not column.bounds else ""


def _find_declaring_class(contract: type[Any], column: str) -> type[Any]:
    """Return the class that declares a column: the contract or one of its bases."""
    return next((c for c in contract.__mro__ if column in inspect.get_annotations(c)), contract)


def _collect_contracts(graph: Graph) -> list[type[BaseModel]]:
    """Collect the project's contracts that steps take as arguments or name in their signatures."""
    candidates: list[Any] = []
    for node in graph.required_nodes:
        if node.call is None:
            continue
        candidates += node.call.arguments.values()
        for promise in (*node.call.step.parameter_promises.values(), node.call.step.result_promise):
            tables = (p for p in flatten_promise(promise) if p.schema is not None)
            candidates += (argument for table in tables for argument in get_args(table.hint))
    contracts = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
    return [c for c in dict.fromkeys(contracts) if is_project_code(c)]
