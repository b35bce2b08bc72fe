"""What code asks the world: files, the clock, chance, the environment, other processes.

A module that only defines, imports, and builds values by known calls gives the same in each process, so that
a drawing of the workflow can be remembered. Any other module is imported in each run. What is not known to
ask for nothing counts as asking.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from magical.errors import shorten
from magical.keys.known_calls import is_known_attribute, is_known_call, is_known_method
from magical.keys.live_names import (
    MISSING,
    NameResolver,
    Scope,
    Target,
    is_own_class,
    is_own_function,
    is_step,
    iter_hooks,
)
from magical.keys.live_values import iter_cells, module_name, wrapped_function
from magical.keys.packages import is_project
from magical.keys.source_index import SourceIndex, find_module_of
from magical.keys.syntax import iter_executed

__all__ = ["Ask", "AskFinder"]

Ask = tuple[int, str]
"""The line and the text of an expression."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SILENT = (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass)


class AskFinder:
    """Finds what the top level of modules asks, with the project's functions that it calls.

    Args:
        index: parses sources.
        modules: all modules of the project.

    Example:
        >>> import sys
        >>> AskFinder(SourceIndex(), ()).find(sys.modules[__name__])
        []
    """

    def __init__(self, index: SourceIndex, modules: tuple[ModuleType, ...]) -> None:
        self._index, self._modules = index, modules
        self._names = NameResolver(index)
        self._called: dict[Any, list[Ask]] = {}

    def find(self, module: ModuleType) -> list[Ask]:
        """Find what the import of a module asks."""
        tree = self._index.parse(module)
        if tree is None:
            return [(1, "compiled code")] if getattr(module, "__file__", None) else []
        executed = [s for statement, conditions in iter_executed(tree.body) for s in (*conditions, statement)]
        return self._in_body(executed, Scope(module))

    def find_in_call(self, thing: Any) -> list[Ask]:
        """Find what a function, or the construction of a class, asks when it is called."""
        return self._in_class(thing) if isinstance(thing, type) else self._in_function(thing)

    def find_in_arguments(self, tree: ast.Module, module: ModuleType) -> list[Ask]:
        """Find what the arguments of calls in a module's statements ask, but not those calls themselves."""
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        arguments = [a for call in calls for a in (*call.args, *(k.value for k in call.keywords))]
        return [ask for a in arguments for ask in self._in_expression(a, Scope(module))]

    # --- statements and expressions ---------------------------------------------------------------------

    def _in_body(self, statements: Iterable[ast.stmt], scope: Scope) -> list[Ask]:
        return [ask for statement in statements for ask in self._in_statement(statement, scope)]

    def _in_statement(self, statement: ast.stmt, scope: Scope) -> Iterator[Ask]:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            yield from self._in_definition(statement, scope)
        elif not isinstance(statement, _SILENT):
            for child in _iter_evaluated(statement):
                if isinstance(child, ast.stmt):
                    yield from self._in_statement(child, scope)
                elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                    yield from self._in_body(child.body, scope)
                    if isinstance(child, ast.match_case) and child.guard is not None:
                        yield from self._in_expression(child.guard, scope)
                elif not (isinstance(statement, ast.AnnAssign) and child is statement.annotation):
                    yield from self._in_expression(child, scope)

    def _in_definition(self, node: Any, scope: Scope) -> Iterator[Ask]:
        for decorator in node.decorator_list:
            yield from self._in_expression(decorator, scope)
            yield from self._in_callee(decorator, 1, node, scope)
        if isinstance(node, ast.ClassDef):
            for base in [*node.bases, *(k.value for k in node.keywords)]:
                yield from self._in_expression(base, scope)
                yield from self._in_base(base, scope)
            yield from self._in_body(node.body, scope.enter_class(node))
        else:
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    yield from self._in_expression(default, scope)

    def _in_base(self, base: ast.expr, scope: Scope) -> Iterator[Ask]:
        """Find what the creation of a subclass asks."""
        target = self._names.resolve(base, scope)
        if not isinstance(target.value, type) or target.rest:
            return
        for hook in iter_hooks(target.value):
            yield from self._in_function(hook)
        is_python = module_name(target.value) == "builtins"
        if not is_own_class(target.value) and not is_python and not is_known_call(target.name, 1, False):
            yield _mark(base)

    def _in_expression(self, node: ast.AST, scope: Scope) -> Iterator[Ask]:
        if isinstance(node, ast.Call):
            yield from self._in_call(node, scope)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            yield from self._in_reference(node, scope)
        elif not isinstance(node, ast.Lambda):  # its body is not evaluated here
            inner = scope.enter_comprehension(node)
            for child in ast.iter_child_nodes(node):
                yield from self._in_expression(child, inner)

    def _in_reference(self, node: Any, scope: Scope) -> Iterator[Ask]:
        target = self._names.resolve(node, scope)
        if target.value is MISSING:
            while isinstance(node, ast.Attribute):
                node = node.value
            if not isinstance(node, ast.Name):
                yield from self._in_expression(node, scope)
        elif isinstance(node.ctx, ast.Load):
            if not target.rest and _is_unknown_data(target):
                yield _mark(node)
            elif target.rest and is_own_class(target.cls):
                yield from self._in_class(target.cls)

    # --- calls ------------------------------------------------------------------------------------------

    def _in_call(self, node: ast.Call, scope: Scope) -> Iterator[Ask]:
        arguments = [*node.args, *(k.value for k in node.keywords)]
        for argument in arguments:
            if isinstance(argument, ast.Lambda):  # the function that gets it may call it
                yield from self._in_expression(argument.body, scope.enter_function(argument))
            else:
                yield from self._in_expression(argument, scope)
                given = self._names.resolve(argument, scope)
                if not given.rest and is_own_function(given.value):
                    yield from self._in_function(given.value)
        if not isinstance(node.func, (ast.Name, ast.Attribute)):
            yield from self._in_expression(node.func, scope)
        yield from self._in_callee(node.func, len(arguments), node, scope)

    def _in_callee(self, called: ast.expr, count: int, node: ast.AST, scope: Scope) -> Iterator[Ask]:
        """Find what a call asks, by what is called: an expression with ``count`` arguments."""
        target = self._names.resolve(called, scope)
        of_own_file = any(isinstance(n, ast.Name) and n.id == "__file__" for n in ast.walk(node))
        if isinstance(called, ast.Name) and called.id in scope.functions:
            inner: Any = scope.functions[called.id]
            yield from self._in_body(inner.body, scope.enter_function(inner))
        elif target.value is MISSING:
            yield from self._in_local_callee(called, node, scope, of_own_file)
        elif target.rest:
            yield from self._in_method(target, node, of_own_file)
        elif isinstance(target.value, type) and is_own_class(target.value):
            yield from self._in_class(target.value)
        elif is_step(target.value):
            if not scope.local:  # in the function of a workflow, a call adds a node
                yield _mark(node)
        elif is_own_function(target.value) or _wraps_own_function(target.value):
            yield from self._in_function(target.value)
        elif not is_known_call(target.name, count, of_own_file):
            yield _mark(node)

    def _in_local_callee(
        self, called: ast.expr, node: ast.AST, scope: Scope, of_own_file: bool
    ) -> Iterator[Ask]:
        """Find what the call of a local value, or of the result of an expression, asks."""
        if isinstance(called, ast.Attribute):
            yield from self._in_expression(called.value, scope)
            if not is_known_method(called.attr, of_own_file):
                yield _mark(node)
            yield from self._in_own_methods(called.attr)
        elif not (isinstance(called, ast.Name) and called.id in ("cls", "super")):
            made = self._names.resolve(called.func, scope) if isinstance(called, ast.Call) else None
            if made is not None and is_own_function(made.value):
                yield from self._in_returned(made.value)
            elif made is None or not is_known_call(made.full_name, 1, False):
                yield _mark(node)

    def _in_method(self, target: Target, node: ast.AST, of_own_file: bool) -> Iterator[Ask]:
        known = all(is_known_method(name, of_own_file) for name in target.rest)
        if not isinstance(target.value, type) and _is_unknown_data(target):
            known = False  # such as a method of `os.environ`
        if isinstance(target.value, type) and not is_own_class(target.value):
            known = known and is_known_call(target.name, 1, False)
        if not known:
            yield _mark(node)
        elif is_own_class(target.cls):
            yield from self._in_class(target.cls)
            yield from self._in_own_methods(target.rest[-1])

    def _in_own_methods(self, name: str) -> Iterator[Ask]:
        """Find what the project's methods of a name ask: the class of a local value is not known."""
        for cls in [c for m in self._modules for c in vars(m).values() if isinstance(c, type)]:
            if name in vars(cls):
                yield from self._in_function(getattr(vars(cls)[name], "__func__", vars(cls)[name]))

    def _in_function(self, function: Any) -> list[Ask]:
        """Find what a function of the project asks when it is called, with those that it wraps."""
        wrapped = wrapped_function(function)
        below = self._in_function(wrapped) if wrapped is not None else []
        if not is_own_function(function):
            return below
        code = function.__code__
        if code not in self._called:
            self._called[code] = []  # a recursive call adds nothing
            tree = self._index.find_function(function)
            node: Any = tree.body[0] if tree is not None and tree.body else None
            node = node.value if isinstance(node, ast.Expr) else node
            scope = Scope(find_module_of(function), cells=dict(iter_cells(function)))
            if isinstance(node, ast.Lambda):
                self._called[code] = [*self._in_expression(node.body, scope.enter_function(node))]
            elif isinstance(node, _FUNCTIONS):
                self._called[code] = self._in_body(node.body, scope.enter_function(node))
            else:
                self._called[code] = [(code.co_firstlineno, f"{function.__qualname__}, without a source")]
        return [*below, *self._called[code]]

    def _in_returned(self, function: FunctionType) -> Iterator[Ask]:
        """Find what the functions ask that a function defines, such as one that makes a decorator."""
        tree = self._index.find_function(function)
        outer: Any = tree.body[0] if tree is not None else None
        scope = Scope(find_module_of(function))
        for node in outer.body if isinstance(outer, _FUNCTIONS) else []:
            if isinstance(node, _FUNCTIONS):
                yield from self._in_body(node.body, scope.enter_function(outer).enter_function(node))

    def _in_class(self, cls: type[Any]) -> list[Ask]:
        """Find what the methods ask that Python or pydantic call by themselves: special, decorated ones."""
        found: list[Ask] = []
        for base in [c for c in cls.__mro__ if is_own_class(c)]:
            if base not in self._called:
                self._called[base] = asks = []
                tree = self._index.find_class(base)
                module = sys.modules[base.__module__]
                for node in [n for d in (tree.body if tree else []) for n in getattr(d, "body", [])]:
                    if isinstance(node, _FUNCTIONS) and (node.decorator_list or node.name.startswith("__")):
                        asks += self._in_body(node.body, Scope(module).enter_function(node))
            found += self._called[base]
        return found


def _iter_evaluated(statement: ast.stmt) -> Iterator[ast.AST]:
    """Iterate over the parts of a statement that are evaluated: of what is assigned to, only the index."""
    targets = getattr(statement, "targets", []) if isinstance(statement, (ast.Assign, ast.Delete)) else []
    for child in ast.iter_child_nodes(statement):
        if child not in targets:
            yield child
        elif isinstance(child, ast.Subscript):
            yield child.slice


def _is_unknown_data(target: Target) -> bool:
    """Return True for data of an installed module that may differ, or for such a module as a value."""
    if isinstance(target.value, ModuleType):
        return not is_project(target.value) and not is_known_attribute(f"{target.name}.<value>")
    return bool(target.name) and not callable(target.value) and not is_known_attribute(target.name)


def _wraps_own_function(value: Any) -> bool:
    """Return True for what a decorator, such as one with a cache, made of a function of the project."""
    wrapped = wrapped_function(value)
    return wrapped is not None and (is_own_function(wrapped) or _wraps_own_function(wrapped))


def _mark(node: Any) -> Ask:
    return (getattr(node, "lineno", 1), shorten(ast.unparse(node).splitlines()[0], 60))
