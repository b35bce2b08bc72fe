"""Python syntax for keys: the names that a module binds, the names that code reads, and its normal form."""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Iterator
from typing import Any

__all__ = ["find_bindings", "find_local_imports", "find_name_chains", "normalise_syntax"]

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
    for statement, conditions in _flatten_statements(tree.body):
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


def _flatten_statements(
    body: list[ast.stmt], conditions: tuple[ast.stmt, ...] = ()
) -> Iterator[tuple[ast.stmt, tuple[ast.stmt, ...]]]:
    """Iterate over the statements of a module, also inside blocks such as ``if``, with their conditions."""
    for statement in body:
        if isinstance(statement, _COMPOUND):
            heads = [getattr(statement, name, None) for name in ("test", "iter", "subject")]
            heads += [item.context_expr for item in getattr(statement, "items", [])]
            inner = tuple(ast.copy_location(ast.Expr(e), statement) for e in heads if e is not None)
            blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
            blocks += [h.body for name in ("handlers", "cases") for h in getattr(statement, name, [])]
            for block in blocks:
                yield from _flatten_statements(block, (*conditions, *inner))
        yield statement, conditions


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
    """Removes the texts that only people read: docstrings, and the descriptions of fields."""

    def _strip_docstring(self, node: Any) -> Any:
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _strip_docstring

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if getattr(node.func, "id", getattr(node.func, "attr", "")) == "Field":
            node.keywords = [k for k in node.keywords if k.arg not in _DOC_KEYWORDS]
        return node


def normalise_syntax(tree: ast.AST) -> str:
    """Return syntax as a text without comments, docstrings, descriptions, formatting and positions.

    Example:
        >>> normalise_syntax(ast.parse("x = 1  # one")) == normalise_syntax(ast.parse("x=1"))
        True
    """
    copied = ast.parse(_unparse(tree))  # a copy, since the normaliser changes its tree
    return ast.dump(_Normaliser().visit(copied), annotate_fields=False)


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
