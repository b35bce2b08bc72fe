"""What a workflow has and does not use: settings, parts of a split, members of a tuple, added columns."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from magical.contracts.promises import PARTS, Promise
from magical.errors import Finding, join_names
from magical.graph import Graph, Node
from magical.refs import find_links
from magical.settings import Settings
from magical.settings.base import TaggedSettings
from magical.workflows import Workflow

__all__ = ["find_unused_outputs", "find_unused_settings"]

FieldPath = tuple[str, ...]

_WHOLE_TABLE_WORDS = {
    "all",
    "columns",
    "contract_of",
    "exclude",
    "rows",
    "schema",
    "selectors",
    "to_dicts",
    "to_numpy",
}
"""Words of bodies that look at whatever columns there are."""


def find_unused_settings(workflow: Workflow[..., Any]) -> Iterator[Finding]:
    """Find the settings that the workflow never reads; one that is passed on whole counts as read."""
    settings = workflow.settings
    if settings is None:
        return
    read: list[FieldPath] = []
    for other in _find_sibling_workflows(workflow):
        tree, parameters = _parse_source(other.function), list(inspect.signature(other.function).parameters)
        read += (
            [()]
            if tree is None
            else [_trim_to_fields(settings, path) for path in _find_field_reads(tree, parameters[0])]
        )
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
    """The workflows of one module that share a class of settings: what one reads, it is there for."""
    there = list(getattr(sys.modules.get(workflow.function.__module__), "__dict__", {}).values())
    others = [v for v in there if isinstance(v, Workflow) and v is not workflow]
    return [workflow, *(o for o in others if o.settings is workflow.settings)]


def find_unused_outputs(graph: Graph) -> Iterator[Finding]:
    """Find parts, members and added columns that no later step needs."""
    for node in graph.required_nodes:
        if lost := [*_find_unused_items(graph, node), *_find_unused_columns(graph, node)]:
            yield Finding(
                "WIRE004",
                "note",
                node.name,
                f"gives {join_names(lost)}, which no later step needs.",
                "use it, or promise less.",
            )


def _find_field_reads(tree: ast.AST, parameter: str) -> list[FieldPath]:
    """The fields that are read of a parameter; the empty path if it is used as a whole."""
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id != parameter:
            continue
        path: list[str] = []
        here: ast.AST = node
        while isinstance(above := parents.get(here), ast.Attribute):
            path.append(above.attr)
            here = above
        found.append(tuple(path))
    return found


def _trim_to_fields(settings: Any, path: FieldPath) -> FieldPath:
    """The part of a path that leads to fields: what else is asked of a group may read all of it."""
    fields = settings.model_fields if isinstance(settings, type) and issubclass(settings, Settings) else {}
    if not path or path[0] not in fields:
        return ()
    return (path[0], *_trim_to_fields(fields[path[0]].annotation, path[1:]))


def _iter_field_paths(settings: type[Settings]) -> Iterator[FieldPath]:
    """Give the paths of all fields that are not used inside their class itself."""
    used = _collect_used_names(settings)
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if name in used:
            continue
        if isinstance(kind, type) and issubclass(kind, Settings) and not _is_indivisible(kind):
            yield from ((name, *path) for path in _iter_field_paths(kind))
        else:
            yield (name,)


def _is_indivisible(kind: type[Settings]) -> bool:
    """Whether a group of settings is only of use as a whole."""
    return issubclass(kind, TaggedSettings) or _is_framework_class(kind)


def _is_framework_class(kind: type[Any]) -> bool:
    return kind.__module__.startswith("magical.")


def _collect_used_names(settings: type[Settings]) -> set[str]:
    """Names that methods of a class speak of: a validator or a property may read a field."""
    found: set[str] = set()
    for cls in settings.__mro__:
        tree = (
            None if _is_framework_class(cls) or cls.__module__.startswith("pydantic") else _parse_source(cls)
        )
        for method in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)) if tree else ():
            found |= {n.attr for n in ast.walk(method) if isinstance(n, ast.Attribute)}
            found |= _collect_words(method)
    return found


def _find_unused_items(graph: Graph, node: Node) -> list[str]:
    kind, promise = node.promise["kind"], node.promise
    items = list(PARTS) if kind == "parts" else list(map(str, range(len(promise.get("items", ())))))
    links = [link for n in graph.required_nodes for link in n.links] + list(find_links(graph.result))
    used = {link.item for link in links if link.node == node.name}
    if kind not in ("parts", "tuple") or "" in used or not used:
        return []
    lost = [i for i in items if i not in used]
    return lost if kind == "parts" else [f"member {i} of its tuple" for i in lost]


def _find_unused_columns(graph: Graph, node: Node) -> list[str]:
    """Columns that a table has and its inputs have not, and that all who take it leave aside."""
    call = node.call
    if call is None or not call.promise.is_table or call.promise.schema is None:
        return []
    before = [t for p in call.input_promises.values() for t in _iter_tables(p)]
    if not before or any(t.schema is None for t in before):
        return []  # a source may describe all that there is
    known = {name for t in before if t.schema for name in t.schema.names}
    added = [c.name for c in call.promise.schema.columns if not c.role and c.name not in known]
    takers = [n for n in graph.required_nodes if any(link.node == node.name for link in n.links)]
    if not takers or any(link.node == node.name for link in find_links(graph.result)):
        return []
    return [name for name in added if not any(_is_column_used(taker, node.name, name) for taker in takers)]


def _is_column_used(consumer: Node, source: str, column: str) -> bool:
    """Whether a step wants a column, passes it on, or names it in its body."""
    call = consumer.call
    if call is None or consumer.is_fit or consumer.is_split:
        return True
    for name, wire in consumer.inputs.items():
        if source in {link.node for link in find_links(wire)}:
            wanted = call.step.parameter_promises[name]
            if not wanted.is_table or wanted.schema is None or column in wanted.schema.by_name:
                return True
    given = [t.schema for t in _iter_tables(call.promise) if t.schema is not None]
    tree = _parse_source(call.step.function)
    texts = set() if tree is None else _collect_words(tree)
    return (
        tree is None or any(column in s.by_name for s in given) or bool(texts & {column, *_WHOLE_TABLE_WORDS})
    )


def _iter_tables(promise: Promise) -> Iterator[Promise]:
    if promise.is_table or promise.kind == "parts":
        yield promise
    for item in promise.items:
        yield from _iter_tables(item)


def _collect_words(tree: ast.AST) -> set[str]:
    """Texts in a piece of syntax, and the names of attributes and arguments, such as ``pl.col.x``."""
    nodes = list(ast.walk(tree))
    found = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    found |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    found |= {
        n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    } & _WHOLE_TABLE_WORDS
    return found | {str(n.arg) for n in nodes if isinstance(n, ast.keyword)}


@functools.lru_cache(maxsize=256)
def _parse_source(definition: Any) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(definition)))
    except (OSError, TypeError, SyntaxError):
        return None
