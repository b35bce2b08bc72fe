"""Findings about values without a use: settings, parts of a split, members of a tuple, added columns."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from magical.checks.promise_tree import flatten_promise
from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Schema
from magical.errors import Finding, join_names
from magical.graph import Graph, Node
from magical.keys.source_walk import parse_definition
from magical.refs import find_links
from magical.settings import Settings
from magical.settings.base import TaggedSettings
from magical.workflows import Workflow

__all__ = ["find_unused_outputs", "find_unused_settings"]

FieldPath = tuple[str, ...]

_WHOLE_TABLE_WORDS = {
    "all", "columns", "contract_of", "exclude", "rows", "schema", "selectors", "to_dicts", "to_numpy",
}  # fmt: skip
"""Names by which a body may use all columns of a table without naming them."""


def find_unused_settings(workflow: Workflow[..., Any]) -> Iterator[Finding]:
    """Find the settings that a workflow never reads; passing on a group reads all settings in it."""
    settings = workflow.settings
    if settings is None:
        return
    read: list[FieldPath] = []
    for other in _find_sibling_workflows(workflow):
        tree, parameters = _parse_source(other.function), list(inspect.signature(other.function).parameters)
        paths = [()] if tree is None else _find_field_reads(tree, parameters[0])
        read += [_trim_to_fields(settings, path) for path in paths]
    for path in _iter_field_paths(settings):
        if not any(path[: len(p)] == p or p[: len(path)] == path for p in read):
            yield Finding(
                "WIRE003",
                "warning",
                ".".join(path),
                f"is a setting of {settings.__name__} that {workflow.name} never reads: "
                "setting it changes nothing.",
                "pass it to a step, or delete it.",
            )


def _find_sibling_workflows(workflow: Workflow[..., Any]) -> list[Workflow[..., Any]]:
    """List the workflow and others of its module with the same settings: each may read a field."""
    values = list(getattr(sys.modules.get(workflow.function.__module__), "__dict__", {}).values())
    others = [v for v in values if isinstance(v, Workflow) and v is not workflow]
    return [workflow, *(o for o in others if o.settings is workflow.settings)]


def find_unused_outputs(graph: Graph) -> Iterator[Finding]:
    """Find the parts, members and added columns that no later step needs."""
    for node in graph.required_nodes:
        if unused := [*_find_unused_items(graph, node), *_find_unused_columns(graph, node)]:
            yield Finding(
                "WIRE004",
                "note",
                node.name,
                f"gives {join_names(unused)}, which no later step needs.",
                "use it, or promise less.",
            )


def _find_field_reads(tree: ast.AST, parameter: str) -> list[FieldPath]:
    """List the attribute paths that are read of a parameter; an empty path if it is used as a whole."""
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    paths = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id != parameter:
            continue
        path: list[str] = []
        inner: ast.AST = node
        while isinstance(outer := parents.get(inner), ast.Attribute):
            path.append(outer.attr)
            inner = outer
        paths.append(tuple(path))
    return paths


def _trim_to_fields(settings: Any, path: FieldPath) -> FieldPath:
    """Cut a path before the first name that is no field: a method of a group may read all its fields."""
    fields = settings.model_fields if isinstance(settings, type) and issubclass(settings, Settings) else {}
    if not path or path[0] not in fields:
        return ()
    return (path[0], *_trim_to_fields(fields[path[0]].annotation, path[1:]))


def _iter_field_paths(settings: type[Settings]) -> Iterator[FieldPath]:
    """Yield the paths of all fields, without those that methods of their own class use."""
    used = _collect_used_names(settings)
    for name, field in settings.model_fields.items():
        cls = field.annotation
        if name in used:
            continue
        if isinstance(cls, type) and issubclass(cls, Settings) and not _is_indivisible(cls):
            yield from ((name, *path) for path in _iter_field_paths(cls))
        else:
            yield (name,)


def _is_indivisible(cls: type[Settings]) -> bool:
    """Return True for a group of settings that is used as a whole only."""
    return issubclass(cls, TaggedSettings) or cls.__module__.startswith("magical.")


def _collect_used_names(settings: type[Settings]) -> set[str]:
    """Collect the names in the methods of a class: a validator or a property may read a field."""
    names: set[str] = set()
    for cls in settings.__mro__:
        tree = None if cls.__module__.startswith(("magical.", "pydantic")) else _parse_source(cls)
        for method in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)) if tree else ():
            names |= _collect_words(method)
    return names


def _find_unused_items(graph: Graph, node: Node) -> list[str]:
    """List the parts of a split, or the members of a tuple, that no later step takes."""
    kind, promise = node.promise["kind"], node.promise
    items = list(PARTS) if kind == "parts" else list(map(str, range(len(promise.get("items", ())))))
    links = [link for n in graph.required_nodes for link in n.links] + list(find_links(graph.result))
    used = {link.item for link in links if link.node == node.name}
    if kind not in ("parts", "tuple") or "" in used or not used:
        return []
    unused = [i for i in items if i not in used]
    return unused if kind == "parts" else [f"member {i} of its tuple" for i in unused]


def _find_unused_columns(graph: Graph, node: Node) -> list[str]:
    """List the columns that a step adds to the tables that it takes, and that no consumer uses."""
    call = node.call
    if call is None or not call.promise.is_table or call.promise.schema is None:
        return []
    schemas = _list_table_schemas(call.input_promises.values())
    if not schemas or None in schemas:
        return []  # a source may describe all columns of a file
    old = {name for schema in schemas if schema for name in schema.names}
    added = [c.name for c in call.promise.schema.columns if not c.role and c.name not in old]
    consumers = [n for n in graph.required_nodes if any(link.node == node.name for link in n.links)]
    if not consumers or any(link.node == node.name for link in find_links(graph.result)):
        return []
    return [name for name in added if not any(_is_column_used(c, node.name, name) for c in consumers)]


def _is_column_used(consumer: Node, source: str, column: str) -> bool:
    """Return True if a step may use a column: it demands it, passes it on, or names it in its body."""
    call = consumer.call
    if call is None or consumer.is_fit or consumer.is_split:
        return True
    for name, wire in consumer.inputs.items():
        if source in {link.node for link in find_links(wire)}:
            wanted = call.step.parameter_promises[name]
            if not wanted.is_table or wanted.schema is None or column in wanted.schema.by_name:
                return True
    if any(schema and column in schema.by_name for schema in _list_table_schemas([call.promise])):
        return True
    tree = _parse_source(call.step.function)  # without the source code, assume that the body uses it
    return tree is None or bool(_collect_words(tree) & {column, *_WHOLE_TABLE_WORDS})


def _list_table_schemas(promises: Iterable[Promise]) -> list[Schema | None]:
    """List the schemas of all tables in promises; None for a table without promised columns."""
    return [t.schema for p in promises for t in flatten_promise(p) if t.is_table or t.kind == "parts"]


def _collect_words(tree: ast.AST) -> set[str]:
    """Collect the texts in a syntax tree and the names of attributes and arguments, such as ``pl.col.x``."""
    nodes = list(ast.walk(tree))
    words = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    words |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    words |= {str(n.arg) for n in nodes if isinstance(n, ast.keyword)}
    loaded = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return words | (loaded & _WHOLE_TABLE_WORDS)


_parse_source = functools.lru_cache(maxsize=256)(parse_definition)  # called again for each column of a table
