"""Python syntax for keys: the names that a module binds, the names that code reads, and its normal form."""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Callable, Iterator
from typing import Any

from magical.python_parser import parse_python

__all__ = [
    "dump_syntax",
    "find_bindings",
    "find_local_imports",
    "find_name_chains",
    "flatten_statements",
    "iter_executed",
    "normalise_syntax",
]

_DOC_KEYWORDS = {"description", "title"}  # keywords of ``Field`` that only people read
_COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)


def find_bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    r"""Map the names of a module to the statements outside functions that bind them, and their conditions.

    Example:
        >>> [len(v) for v in find_bindings(ast.parse("a = 1\nif a:\n    a = 2")).values()]
        [3]
    """
    found: dict[str, list[ast.stmt]] = {}
    # With the conditions: `if FAST: f = a` makes `f` depend on FAST.
    for statement, conditions in flatten_statements(tree.body):
        for name in _find_bound_names(statement):
            found.setdefault(name, []).extend([statement, *conditions])
    return found


@functools.lru_cache(maxsize=1)  # ``find_name_chains`` needs it too, for the same tree
def find_local_imports(tree: ast.AST) -> dict[str, list[ast.stmt]]:
    """Find the imports in a piece of code, by the names they bind."""
    found: dict[str, list[ast.stmt]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in _find_bound_names(node):
                found.setdefault(name, []).append(node)
    return found


def flatten_statements(
    body: list[ast.stmt], conditions: tuple[ast.stmt, ...] = ()
) -> Iterator[tuple[ast.stmt, tuple[ast.stmt, ...]]]:
    """Iterate over the statements of a module, also inside blocks such as ``if``, with their conditions."""
    for statement in body:
        if isinstance(statement, _COMPOUND):
            heads, blocks = _find_blocks(statement)
            for block in blocks:
                yield from flatten_statements(block, (*conditions, *heads))
        yield statement, conditions


def iter_executed(
    body: list[ast.stmt], conditions: tuple[ast.stmt, ...] = ()
) -> Iterator[tuple[ast.stmt, tuple[ast.stmt, ...]]]:
    r"""Iterate over the statements that an import may execute, with the conditions around them.

    Example:
        >>> tree = ast.parse("if __name__ == '__main__':\n    run()\nx = 1")
        >>> [ast.unparse(statement) for statement, _ in iter_executed(tree.body)]
        ['x = 1']
    """
    for statement in body:
        if isinstance(statement, ast.If) and _is_never_true(statement.test):
            yield from iter_executed(statement.orelse, conditions)
        elif isinstance(statement, _COMPOUND):
            heads, blocks = _find_blocks(statement)
            for block in blocks:
                yield from iter_executed(block, (*conditions, *heads))
        else:
            yield statement, conditions


def _is_never_true(test: ast.expr) -> bool:
    """Return True for a condition that is false while a module is imported."""
    text = ast.unparse(test)
    return text in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _find_blocks(statement: Any) -> tuple[list[ast.stmt], list[list[ast.stmt]]]:
    """List the expressions in the head of a statement such as ``if`` or ``with``, and its blocks."""
    heads = [getattr(statement, name, None) for name in ("test", "iter", "subject")]
    heads += [item.context_expr for item in getattr(statement, "items", [])]
    heads += [case.guard for case in getattr(statement, "cases", [])]
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [h.body for name in ("handlers", "cases") for h in getattr(statement, name, [])]
    return [ast.copy_location(ast.Expr(e), statement) for e in heads if e is not None], blocks


def _find_bound_names(statement: ast.stmt) -> set[str]:
    """Find the names that a statement binds, or whose value it changes."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {a.asname or a.name.split(".")[0] for a in statement.names}
    if isinstance(statement, _COMPOUND) and not isinstance(statement, (ast.For, ast.With, ast.Match)):
        return set()
    names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    # `registry.append(x)` and `options["a"] = x` change a name that an earlier statement bound.
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        target = _find_root(statement.value.func)
        return names | ({target.id} if isinstance(target, ast.Name) else set())
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names |= {root.id for target in targets if isinstance(root := _find_root(target), ast.Name)}
    return names


def _find_root(node: ast.expr) -> ast.expr:
    """Return the expression before all attributes and subscripts: ``a`` in ``a.b[0]``."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node


class _Normaliser(ast.NodeTransformer):
    """Removes what cannot change a result: docstrings, descriptions of fields, annotations of locals.

    Args:
        documented: True to keep the texts that only people read.
        is_field: returns False for a call of something else that is called ``Field``.
    """

    def __init__(self, documented: bool, is_field: Callable[[ast.expr], bool]) -> None:
        self._documented, self._is_field = documented, is_field
        self._in_function = False

    def _visit_definition(self, node: Any) -> Any:
        outer, self._in_function = self._in_function, not isinstance(node, ast.ClassDef)
        self.generic_visit(node)
        self._in_function = outer
        node.body = node.body or [ast.Pass()]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visit_definition

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if is_text and not self._documented:  # a docstring, or the text below an attribute
            return None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self._in_function and isinstance(node.target, ast.Name):
            if node.value is None:
                return None
            return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        node.kind = None  # the prefix of u"text"
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name == "Field" and not self._documented and self._is_field(node.func):
            node.keywords = [k for k in node.keywords if k.arg not in _DOC_KEYWORDS]
        return node


def normalise_syntax(
    tree: ast.AST, documented: bool = False, is_field: Callable[[ast.expr], bool] = lambda _: True
) -> ast.AST:
    r"""Return syntax without comments, docstrings, descriptions, and annotations of local names.

    Args:
        tree: the syntax.
        documented: True to keep docstrings and descriptions, because some code reads them.
        is_field: returns False for a call of something else that is called ``Field``.

    Example:
        >>> ast.unparse(normalise_syntax(ast.parse("def f():\n    'Do.'\n    x: int = 1")))
        'def f():\n    x = 1'
    """
    copied = parse_python(_unparse(tree))  # a copy, since the normaliser changes its tree
    normal: ast.AST = _Normaliser(documented, is_field).visit(copied)
    return normal


def dump_syntax(tree: ast.AST) -> str:
    """Return syntax as a text without formatting and positions.

    Example:
        >>> dump_syntax(ast.parse("x = (1)")) == dump_syntax(ast.parse("x=1"))
        True
    """
    return ast.dump(tree, annotate_fields=False)


@functools.lru_cache(maxsize=1)  # the most expensive part, and each tree is both normalised and searched
def _unparse(tree: ast.AST) -> str:
    return ast.unparse(tree)


def find_name_chains(tree: ast.AST) -> tuple[tuple[str, ...], ...]:
    """Find the dotted global names that a piece of code reads, and the names that it imports and reads.

    Example:
        >>> find_name_chains(ast.parse("def f(x): return np.linalg.norm(x) + offset"))
        (('np', 'linalg', 'norm'), ('offset',))
    """
    text = _unparse(tree)
    try:
        names = {*_find_globals(symtable.symtable(text, "<step>", "exec")), *find_local_imports(tree)}
    except SyntaxError:  # a ``nonlocal`` whose outer function is not part of the tree: take every name
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found: set[tuple[str, ...]] = set()

    def visit(node: ast.AST) -> None:
        parts: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            if inner.id in names:
                found.add((inner.id, *reversed(parts)))
            return
        for child in ast.iter_child_nodes(inner):
            visit(child)

    visit(tree)
    return tuple(sorted(found))


def _find_globals(table: symtable.SymbolTable) -> Iterator[str]:
    """Find the global names that a symbol table, and the tables inside it, refer to."""
    for symbol in table.get_symbols():
        # A name that a class body reads and does not assign is global, though the symbol table denies it.
        outer = table.get_type() in ("module", "annotation") or symbol.is_global()
        if symbol.is_referenced() and (outer or (table.get_type() == "class" and not symbol.is_local())):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _find_globals(child)
