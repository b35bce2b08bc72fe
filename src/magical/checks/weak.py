"""Contracts too weak to mean much: numbers without a bound, columns of any type, steps without a promise."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from magical.checks.source_walk import is_project_code
from magical.contracts.contract import schema_of
from magical.contracts.promises import Promise
from magical.contracts.schema import Column
from magical.errors import Finding, join_names
from magical.graph import Graph

__all__ = ["find_weak_contracts", "find_weak_steps"]

_IDENTIFIER_ROLES = ("id", "key", "group")
"""Roles whose numbers are names: they have no size."""


def find_weak_contracts(graph: Graph) -> Iterator[Finding]:
    """Find the contracts of tables with numbers that may be anything, each where the column is declared."""
    weak: dict[type[Any], list[str]] = {}
    for contract in _collect_contracts(graph):
        for column in schema_of(contract).columns:
            if words := _describe_weakness(column):
                named = weak.setdefault(_find_declaring_class(contract, column.name), [])
                named += [words] if words not in named else []
    for owner, all_words in weak.items():
        source = f" ({schema_of(owner).source})" if schema_of(owner).source else ""
        columns = "column" if len(all_words) == 1 else "columns"
        yield Finding(
            "WEAK001",
            "warning",
            owner.__name__,
            f"says little of its {columns} {join_names(all_words, 6)}{source}: any value will do.",
            "write the type and bounds that make sense, such as Field(ge=0): wrong data are then noticed.",
        )


def find_weak_steps(graph: Graph) -> Iterator[Finding]:
    """Find the steps that promise nothing: no hint says what they give, or it is ``Any``."""
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
                f"promises nothing ({node.where}): what it gives is held to nothing.",
                f"say what it gives, such as def {step.name}(...) -> Frame[Contract].",
            )


def _describe_weakness(column: Column) -> str:
    if column.role in _IDENTIFIER_ROLES or column.choices:
        return ""
    if column.type == "any":
        return f"{column.name} (Any)"
    return column.name if column.type in ("int", "float") and not column.bounds else ""


def _find_declaring_class(contract: type[Any], column: str) -> type[Any]:
    """The class that declares a column, which may be a base of the contract."""
    return next((c for c in contract.__mro__ if column in inspect.get_annotations(c)), contract)


def _collect_contracts(graph: Graph) -> list[type[BaseModel]]:
    """The contracts of tables that the project's own steps and the workflow name."""
    found: dict[type[BaseModel], None] = {}
    for node in graph.required_nodes:
        if node.call is None:
            continue
        values = node.call.arguments.values()
        found |= dict.fromkeys(v for v in values if isinstance(v, type) and issubclass(v, BaseModel))
        for promise in (*node.call.step.parameter_promises.values(), node.call.step.result_promise):
            found |= dict.fromkeys(_iter_contracts(promise))
    return [contract for contract in found if is_project_code(contract)]


def _iter_contracts(promise: Promise) -> Iterator[type[BaseModel]]:
    if promise.schema is not None:
        yield from (a for a in get_args(promise.hint) if isinstance(a, type) and issubclass(a, BaseModel))
    for item in promise.items:
        yield from _iter_contracts(item)
