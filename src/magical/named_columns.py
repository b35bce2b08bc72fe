"""The columns that a step's Pipeline names, compared with the contracts of the tables that the step took.

While a workflow is drawn they are read from the step's source, as far as it tells; when the step has ended,
from the Pipeline. No scikit-learn is imported here.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from magical.contracts.promises import Promise
from magical.contracts.schema import TRAINING_ROLES, Schema
from magical.errors import BrokenPromise, WiringError, did_you_mean, join_names
from magical.graph import Node
from magical.steps import parse_source

__all__ = ["check_drawn_columns", "check_pipeline_columns", "list_named_columns"]

_PLACES = {"ColumnTransformer": 2, "make_column_transformer": 1}  # where a block has its columns
_CONDITIONAL = (
    ast.If, ast.IfExp, ast.BoolOp, ast.Match, ast.Try, ast.For, ast.While, ast.FunctionDef, ast.Lambda,
    ast.ListComp, ast.GeneratorExp,
)  # fmt: skip


def check_drawn_columns(node: Node) -> None:
    """Check the columns that the source of a step names in its ColumnTransformer, while a workflow is drawn.

    Columns are known if they are literals, or constants of the module. What an earlier step of the same
    Pipeline may make, and what goes to a function that is not known, is not checked.

    Raises:
        WiringError: no table that the step takes has a column of this name.
    """
    call = node.call
    if (
        call is None
        or call.promise.kind != "pipeline"
        or call.step.function.__module__.startswith("magical.")
    ):
        return
    schemas = _list_schemas(node)
    if schemas and (unknown := _find_unknown(_read_names(call.step.function), schemas)):
        _raise_unknown(WiringError, node, unknown, schemas)


def check_pipeline_columns(pipeline: Any, node: Node) -> None:
    """Check the columns that a Pipeline names, when the step that made it has ended.

    Raises:
        BrokenPromise: no table that the step took has a column of this name.
    """
    schemas = _list_schemas(node)
    if schemas and (unknown := _find_unknown(list_named_columns(pipeline), schemas)):
        _raise_unknown(BrokenPromise, node, unknown, schemas)


def list_named_columns(pipeline: Any) -> list[str]:
    """List the columns that the ColumnTransformer at the start of a Pipeline names; none if it has none.

    Example:
        >>> from sklearn.compose import make_column_transformer
        >>> from sklearn.pipeline import make_pipeline
        >>> list_named_columns(make_pipeline(make_column_transformer(("passthrough", ["income", "age"]))))
        ['income', 'age']
    """
    first = pipeline
    while getattr(first, "steps", None):
        first = first.steps[0][1]
    names: list[str] = []
    for *_, columns in getattr(first, "transformers", None) or ():
        given = [columns] if isinstance(columns, str) else columns
        # A selector is called with the table, a slice or a mask means places in it.
        if not callable(given) and hasattr(given, "__iter__"):
            names += [str(name) for name in given if isinstance(name, str)]
    return names


def _list_schemas(node: Node) -> list[Schema]:
    """List the contracts of the tables that a node takes; none if one of them promises no columns."""
    call = node.call
    promises = [p for given in call.input_promises.values() for p in _flatten(given)] if call else []
    schemas = [p.schema for p in promises if p.is_table or p.kind == "parts"]
    known = [s for s in schemas if s is not None]
    return known if len(known) == len(schemas) else []


def _flatten(promise: Promise) -> Iterator[Promise]:
    yield promise
    for item in promise.items:
        yield from _flatten(item)


def _find_unknown(names: list[str], schemas: list[Schema]) -> list[str]:
    """List the names that no model can read: of no column, of a target, or of a weight."""
    known = {c.name for s in schemas for c in s.columns if c.role not in TRAINING_ROLES}
    return [name for name in dict.fromkeys(names) if name not in known]


def _raise_unknown(
    kind: type[WiringError] | type[BrokenPromise], node: Node, unknown: list[str], schemas: list[Schema]
) -> NoReturn:
    owners = " or ".join(dict.fromkeys(s.name for s in schemas))
    reasons = {"target": ": the model would be told the answer", "weight": ", which no new row has"}
    for role, why in reasons.items():
        columns = {name for s in schemas for name in s.names_with_role(role)}
        if named := [name for name in unknown if name in columns]:
            raise kind(
                f"{node.step_name} ({node.where}) names {named[0]} in its ColumnTransformer, the {role} of "
                f"{owners}{why}.",
                hint="leave it out.",
            )
    features = list(dict.fromkeys(c.name for s in schemas for c in s.features))
    raise kind(
        f"{node.step_name} ({node.where}) names {join_names(unknown, 6)} in its ColumnTransformer, "
        f"which {owners} does not have.",
        hint=did_you_mean(unknown[0], features),
    )


def _read_names(function: Callable[..., Any]) -> list[str]:
    """Read the names of columns in the ColumnTransformers of a function, as far as its source tells."""
    tree = parse_source(function)
    definition = tree.body[0] if tree is not None and tree.body else None
    if not isinstance(definition, ast.FunctionDef):
        return []
    body = _Body(definition, getattr(function, "__globals__", {}))
    return [name for call in body.find_column_transformers() for name in body.read_columns(call)]


class _Body:
    """The syntax of a function, and what its names stand for."""

    def __init__(self, definition: ast.FunctionDef, constants: Mapping[str, Any]) -> None:
        self._nodes = [n for statement in definition.body for n in ast.walk(statement)]
        self._parents = {child: node for node in self._nodes for child in ast.iter_child_nodes(node)}
        self._constants = constants
        self._parameters = {n.arg for n in ast.walk(definition) if isinstance(n, ast.arg)}
        names = [n for n in self._nodes if isinstance(n, ast.Name)]
        self._reads = [n for n in names if isinstance(n.ctx, ast.Load)]
        self._stores = Counter(n.id for n in names if not isinstance(n.ctx, ast.Load))
        imports = [n for n in self._nodes if isinstance(n, ast.ImportFrom) and _is_sklearn(n.module)]
        self._imported = {a.asname or a.name: a.name for n in imports for a in n.names}

    def find_column_transformers(self) -> list[ast.Call]:
        """Find the calls that make a ColumnTransformer which surely gets the table itself."""
        if sum(isinstance(n, ast.Return) for n in self._nodes) != 1:
            return []  # it decides, perhaps by the columns that there are
        calls = [n for n in self._nodes if isinstance(n, ast.Call) and self._find_name(n) in _PLACES]
        return [call for call in calls if self._is_first(call) and not self._is_conditional(call)]

    def read_columns(self, call: ast.Call) -> Iterator[str]:
        """Yield the names of columns in the blocks of a call, as far as they are known."""
        place = _PLACES[self._find_name(call)]
        blocks = call.args
        if place == 2:  # they are in a list, the first argument
            given = [*call.args, *(k.value for k in call.keywords if k.arg == "transformers")]
            blocks = self._list_items(given[0]) if given else []
        for items in map(self._list_items, blocks):
            if len(items) == place + 1:
                yield from self._read_texts(items[place])

    def _find_name(self, call: ast.Call) -> str:
        """Return the name that scikit-learn has for the function that is called; empty for any other."""
        match call.func:
            case ast.Name(id=name) if name in self._imported:
                return self._imported[name]
            case ast.Name(id=name) if self._is_global(name):
                value = self._constants.get(name)
                return str(getattr(value, "__name__", "")) if _is_sklearn_object(value) else ""
            case ast.Attribute(attr=name):
                return name
        return ""

    def _is_global(self, name: str) -> bool:
        return name not in self._parameters and name not in self._stores

    def _is_conditional(self, node: ast.AST) -> bool:
        """Return True if a node is not evaluated once in each call."""
        parent = self._parents.get(node)
        return parent is not None and (isinstance(parent, _CONDITIONAL) or self._is_conditional(parent))

    def _is_first(self, node: ast.AST) -> bool:
        """Return True if a transformer is what the function returns, or the first step of it."""
        parent = self._parents.get(node)
        match parent:
            case ast.Return():
                return True
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                uses = [n for n in self._reads if n.id == name]
                return self._stores[name] == 1 and bool(uses) and all(map(self._is_first, uses))
            case ast.Attribute(attr="set_output"):
                return self._is_first(self._parents[parent])
            case ast.Call() if parent.func is node:
                return self._is_first(parent)
            case ast.Call() if self._find_name(parent) == "make_pipeline":
                return parent.args[0] is node and self._is_first(parent)
            case ast.Tuple(elts=[_, last]) if last is node:
                return self._is_first_step(parent)
        return False

    def _is_first_step(self, pair: ast.AST) -> bool:
        """Return True if a name and a transformer are the first step of a Pipeline that is first."""
        steps = self._parents.get(pair)
        if not isinstance(steps, (ast.List, ast.Tuple)) or steps.elts[0] is not pair:
            return False
        owner = self._parents.get(steps)
        owner = self._parents.get(owner) if isinstance(owner, ast.keyword) else owner
        return isinstance(owner, ast.Call) and self._find_name(owner) == "Pipeline" and self._is_first(owner)

    def _list_items(self, node: ast.expr) -> list[ast.expr]:
        """List the items of a literal, or of a local name that stands for one."""
        value = self._resolve(node)
        return value.elts if isinstance(value, (ast.List, ast.Tuple)) else []

    def _read_texts(self, node: ast.expr) -> Iterator[str]:
        """Yield the texts in an expression, as far as they are known."""
        match self._resolve(node):
            case ast.Constant(value=str() as text):
                yield text
            case ast.List(elts=items) | ast.Tuple(elts=items):
                for item in items:
                    yield from self._read_texts(item)
            case ast.Starred(value=inner):
                yield from self._read_texts(inner)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._read_texts(left)
                yield from self._read_texts(right)
            case ast.Name(id=name) if self._is_global(name):
                value = self._constants.get(name)
                texts = value if isinstance(value, (list, tuple)) else [value]
                yield from (text for text in texts if isinstance(text, str))

    def _may_change(self, user: ast.AST) -> bool:
        """Return True if what uses a list may change it: its method, or a function that is not known."""
        if isinstance(user, ast.Call):
            return self._find_name(user) not in _PLACES
        return isinstance(user, (ast.Attribute, ast.Subscript))

    def _resolve(self, node: ast.expr) -> ast.expr:
        """Return the expression of a local name that is assigned once and only read, else the node itself."""
        if not isinstance(node, ast.Name) or node.id in self._parameters or self._stores[node.id] != 1:
            return node
        parents = [self._parents[n] for n in self._reads if n.id == node.id]
        if any(map(self._may_change, parents)):
            return node
        for assignment in (n for n in self._nodes if isinstance(n, ast.Assign)):
            target = assignment.targets[0]
            if isinstance(target, ast.Name) and target.id == node.id and not self._is_conditional(assignment):
                return assignment.value
        return node


def _is_sklearn(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "sklearn"


def _is_sklearn_object(value: Any) -> bool:
    return _is_sklearn(getattr(value, "__module__", None))
