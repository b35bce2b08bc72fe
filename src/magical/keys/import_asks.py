"""What code asks the world: files, the clock, chance, the environment, other processes.

A module that only defines, imports, and builds values by known calls gives the same in each process, so that
a drawing of the workflow can be remembered. Any other module is imported in each run. What is not known to
ask for nothing counts as asking: a call of a local value, a name that cannot be resolved, a function of an
unknown package, also where it is only passed on.
"""

from __future__ import annotations

import ast
import enum
import functools
from collections.abc import Iterable, Iterator
from types import BuiltinMethodType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

from pydantic import BaseModel

from magical.errors import shorten
from magical.keys.known_calls import (
    draws_chance,
    is_builtin_method,
    is_known_attribute,
    is_known_call,
    is_known_method,
    is_known_package,
    is_seeded,
    keeps_order,
)
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
from magical.keys.live_values import (
    iter_cells,
    module_name,
    qualified_name,
    safe_attribute,
    unwrap_function,
    wrapped_function,
)
from magical.keys.packages import is_project
from magical.keys.source_index import SourceIndex, find_module_of
from magical.keys.syntax import flatten_statements, iter_executed

__all__ = ["Ask", "AskFinder"]

Ask = tuple[int, str]
"""The line and the text of an expression."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMES = (ast.Name, ast.Attribute)
_SILENT = (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass)
_PYDANTIC_HOOKS = ("model_post_init",)
_BINDING = (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)


class AskFinder:
    """Finds what the top level of modules asks, with the project's functions that it calls.

    Args:
        index: parses sources.
        modules: all modules of the project.

    Example:
        >>> import sys
        >>> finder, code = AskFinder(SourceIndex(), ()), ast.parse("open('x')", mode="eval").body
        >>> finder.find_in_expression(code, sys.modules["ast"])
        [(1, "open('x')")]
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
        lookup = vars(module).get("__getattr__")  # another module may import a name that it computes
        asks = [*self._in_body(executed, Scope(module)), *self._in_function(lookup)]
        loops = [
            n.iter for s in tree.body for n in ast.walk(s) if isinstance(n, (ast.For, ast.comprehension))
        ]
        return asks + [_mark(n) for n in loops if self._is_set(n, Scope(module))]

    def find_in_call(self, thing: Any) -> list[Ask]:
        """Find what a function, or the construction of a class, asks when it is called."""
        return self._in_class(thing) if isinstance(thing, type) else self._in_function(thing)

    def find_in_expression(self, node: ast.expr, module: ModuleType) -> list[Ask]:
        """Find what the evaluation of an expression in a module asks."""
        return [*self._in_expression(node, Scope(module))]

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
                    inner = scope.add(filter(None, [getattr(child, "name", None)]))
                    yield from self._in_body(child.body, inner)
                    if isinstance(child, ast.match_case) and child.guard is not None:
                        yield from self._in_expression(child.guard, inner)
                else:
                    yield from self._in_expression(child, scope)

    def _in_definition(self, node: Any, scope: Scope) -> Iterator[Ask]:
        for decorator in node.decorator_list:
            yield from self._in_expression(decorator, scope)
            yield from self._in_callee(decorator, node, scope)
        if isinstance(node, ast.ClassDef):
            for base in [*node.bases, *(k.value for k in node.keywords)]:
                yield from self._in_expression(base, scope)
                yield from self._in_base(base, scope)
            yield from self._in_body(node.body, scope.enter_class(node))
            made = self._names.resolve(ast.Name(node.name, ast.Load()), scope).value
            if isinstance(made, enum.EnumMeta):  # its members are made at once
                yield from self._in_class(made)
        else:
            yield from self._in_signature(node.args, scope)

    def _in_signature(self, arguments: ast.arguments, scope: Scope) -> Iterator[Ask]:
        """Find what the defaults and the annotations of parameters ask."""
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                yield from self._in_expression(default, scope)
        for parameter in [n for n in ast.walk(arguments) if isinstance(n, ast.arg)]:
            if parameter.annotation is not None:
                yield from self._in_expression(parameter.annotation, scope)

    def _in_base(self, base: ast.expr, scope: Scope) -> Iterator[Ask]:
        """Find what the creation of a subclass asks."""
        target = self._names.resolve(base, scope)
        if not isinstance(target.value, type) or target.rest:
            return
        for hook in iter_hooks(target.value):
            yield from self._in_function(hook)
        for metaclass in (target.value if issubclass(target.value, type) else type(target.value),):
            yield from self._in_class(metaclass)
        if not is_own_class(target.value) and not _is_known_class(target):
            yield _mark(base)

    def _in_expression(self, node: ast.AST, scope: Scope) -> Iterator[Ask]:
        if isinstance(node, ast.Call):
            yield from self._in_call(node, scope)
        elif isinstance(node, _NAMES):
            yield from self._in_reference(node, scope)
        elif isinstance(node, ast.Lambda):  # its body is not evaluated here
            yield from self._in_signature(node.args, scope)
        else:
            if isinstance(node, ast.Subscript):
                owner = self._names.resolve(node.value, scope)
                if isinstance(owner.value, type) and is_own_class(owner.value):
                    method = getattr(owner.value, "__class_getitem__", None)
                    yield from self._in_function(getattr(method, "__func__", None))
            inner = scope.enter_comprehension(node)
            for child in ast.iter_child_nodes(node):
                yield from self._in_expression(child, inner)

    def _in_reference(self, node: Any, scope: Scope) -> Iterator[Ask]:
        """Find what the value of a dotted name asks; a function that asks counts: it may be passed on."""
        target = self._names.resolve(node, scope)
        if not isinstance(node.ctx, ast.Load):
            return
        if target.value is MISSING:
            yield from self._in_unresolved(node, scope)
        elif not target.rest:
            if scope.is_function and is_own_function(target.value):  # it may be called by another name
                yield from self._in_function(target.value)
            if _is_unknown_data(target) or not (self._is_own(target.value) or _is_known_value(target)):
                yield _mark(node)
        else:
            if not self._is_known_owner(target) or not all(map(is_known_method, target.rest)):
                yield _mark(node)
            if is_own_class(target.cls):
                yield from self._in_class(target.cls)

    def _in_unresolved(self, node: Any, scope: Scope) -> Iterator[Ask]:
        """Find what the attributes of a local value, or of the result of an expression, ask."""
        attributes: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            attributes.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            yield from self._in_expression(inner, scope)
            made = self._names.resolve(inner.func, scope) if isinstance(inner, ast.Call) else None
            if (
                made is not None
                and made.name
                and not is_known_package(made.name)
                and not self._is_own(made.value)
            ):
                yield _mark(node)
        elif inner.id not in scope.local:  # bound and deleted since
            yield _mark(node)
        for name in attributes:
            yield from self._in_own_methods(name)

    # --- calls ------------------------------------------------------------------------------------------

    def _in_call(self, node: ast.Call, scope: Scope) -> Iterator[Ask]:
        arguments = [*node.args, *(k.value for k in node.keywords)]
        called = self._names.resolve(node.func, scope)
        for argument in arguments:
            # The function that gets another one may call it.
            yield from self._in_expression(argument, scope)
            if self._is_set(argument, scope) and keeps_order(called.full_name):
                yield _mark(node)
            if isinstance(argument, ast.Lambda):
                yield from self._in_expression(argument.body, scope.enter_function(argument))
            elif isinstance(argument, ast.Name) and argument.id in scope.functions:
                yield from self._in_inner_function(argument.id, scope)
            elif isinstance(argument, _NAMES):
                given = self._names.resolve(argument, scope)
                yield from self._in_given(given)
                is_method = isinstance(argument, ast.Attribute) and not is_known_method(argument.attr)
                if is_method and given.value is MISSING and not is_step(called.value):
                    yield _mark(argument)
        if not isinstance(node.func, _NAMES):
            yield from self._in_expression(node.func, scope)
        yield from self._in_callee(node.func, node, scope)

    def _in_given(self, target: Target) -> Iterator[Ask]:
        """Find what the call of an argument asks, if it is code of the project."""
        value = target.value
        for name in target.rest:
            value = getattr(value, name, None) if self._is_own(value) or is_own_class(type(value)) else None
        if isinstance(value, type) and is_own_class(value):
            yield from self._in_class(value)
        elif isinstance(value, (FunctionType, MethodType)) or wrapped_function(value) is not None:
            yield from self._in_function(getattr(value, "__func__", value))

    def _in_callee(self, called: ast.expr, node: ast.AST, scope: Scope) -> Iterator[Ask]:
        """Find what a call asks, by what is called; ``node`` is the call, or the decorated definition."""
        target = self._names.resolve(called, scope)
        of_own_file = _is_about_own_file(node)
        if isinstance(called, ast.Name) and called.id in scope.functions:
            yield from self._in_inner_function(called.id, scope)
        elif isinstance(called, ast.Name) and called.id in scope.chosen:
            pass  # what it stands for was looked at where it was named
        elif target.value is MISSING:
            yield from self._in_local_callee(called, node, scope, of_own_file)
        elif target.rest:
            yield from self._in_method(target, node, of_own_file)
        elif self._is_bound_again(called, scope):
            yield _mark(node)
        elif isinstance(target.value, type) and is_own_class(target.value):
            yield from self._in_class(target.value)
        elif is_step(target.value):
            if not scope.is_function:  # in the function of a workflow, a call adds a node
                yield _mark(node)
        elif is_own_function(target.value) or _wraps_own_function(target.value):
            yield from self._in_function(target.value)
        elif is_own_class(type(target.value)):
            yield from self._in_class(type(target.value))
        elif not _is_known_callable(target, of_own_file) or self._lacks_seed(target, node):
            yield _mark(node)

    def _in_inner_function(self, name: str, scope: Scope) -> Iterator[Ask]:
        inner: Any = scope.functions[name]
        if inner not in self._called:
            self._called[inner] = []  # a recursive call adds nothing
            self._called[inner] = self._in_body(inner.body, scope.enter_function(inner))
        yield from self._called[inner]

    def _in_local_callee(
        self, called: ast.expr, node: ast.AST, scope: Scope, of_own_file: bool
    ) -> Iterator[Ask]:
        """Find what the call of a local value, or of the result of an expression, asks."""
        if isinstance(called, ast.Attribute):
            if isinstance(called.value, _NAMES):
                yield from self._in_unresolved(called.value, scope)
            else:
                yield from self._in_expression(called.value, scope)
            is_common = called.attr in self._methods or is_builtin_method(called.attr)
            is_common = is_common or self._is_of_known(called, scope)
            made = (
                self._names.resolve(called.value.func, scope) if isinstance(called.value, ast.Call) else None
            )
            draws = made is not None and draws_chance(made.name, called.attr)
            if not is_known_method(called.attr, of_own_file) or not is_common or draws:
                yield _mark(node)
            yield from self._in_own_methods(called.attr)
        elif not (isinstance(called, ast.Name) and called.id in ("cls", "super")):
            made = self._names.resolve(called.func, scope) if isinstance(called, ast.Call) else None
            if made is not None and is_own_function(made.value) and not made.rest:
                yield from self._in_returned(made.value)
            elif made is None or not _is_known_maker(made):
                yield _mark(node)

    def _in_method(self, target: Target, node: ast.AST, of_own_file: bool) -> Iterator[Ask]:
        """Find what the call of an attribute asks, which may be a function that was put there."""
        known = all(is_known_method(name, of_own_file) for name in target.rest)
        held = target.value
        for name in target.rest:
            held = safe_attribute(held, name)
        if isinstance(held, FunctionType) and is_own_function(held):
            yield from self._in_function(held)
        elif isinstance(held, (FunctionType, BuiltinMethodType)) and not is_own_class(target.cls):
            known = known and (_is_known_type(target.cls) or target.cls in (type, ModuleType))
        elif isinstance(held, (FunctionType, BuiltinMethodType)):
            known = known and _is_known_callable(Target(held, qualified_name(held), ()))
        known = known and not draws_chance(module_name(target.cls), target.rest[-1])
        if not known or not self._is_known_owner(target):
            yield _mark(node)
        elif is_own_class(target.cls):
            yield from self._in_class(target.cls)
            yield from self._in_own_methods(target.rest[-1])

    def _in_own_methods(self, name: str) -> Iterator[Ask]:
        """Find what the project's methods of a name ask: the class of a local value is not known."""
        if not name.startswith("__"):
            for function in self._methods.get(name, ()):
                yield from self._in_function(function)

    @functools.cached_property
    def _methods(self) -> dict[str, list[FunctionType]]:
        """The functions in the classes of the project, by name."""
        found: dict[str, list[FunctionType]] = {}
        waiting = [
            c for m in self._modules for c in vars(m).values() if isinstance(c, type) and is_own_class(c)
        ]
        seen: list[type[Any]] = []
        while waiting:
            cls = waiting.pop()
            if not any(cls is other for other in seen):
                seen.append(cls)
                waiting += [c for c in vars(cls).values() if isinstance(c, type) and is_own_class(c)]
                for name, value in vars(cls).items():
                    found.setdefault(name, []).extend(_find_functions(value))
        return found

    # --- code of the project that is called -------------------------------------------------------------

    def _in_function(self, function: Any) -> list[Ask]:
        """Find what a function of the project asks when it is called, with those that it wraps."""
        wrapped = wrapped_function(function)
        below = self._in_function(wrapped) if wrapped is not None and wrapped is not function else []
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
        if not isinstance(outer, _FUNCTIONS):
            yield (1, f"{function.__qualname__}(...)(...)")
            return
        scope = Scope(find_module_of(function), cells=dict(iter_cells(function))).enter_function(outer)
        for statement, _ in flatten_statements(outer.body):
            if isinstance(statement, _FUNCTIONS):
                yield from self._in_body(statement.body, scope.enter_function(statement))
            elif not isinstance(statement, ast.ClassDef):
                for made in [n for n in ast.walk(statement) if isinstance(n, ast.Lambda)]:
                    yield from self._in_expression(made.body, scope.enter_function(made))

    def _in_class(self, cls: type[Any]) -> list[Ask]:
        """Find what the methods ask that Python, or a class of others, may call by themselves."""
        found: list[Ask] = []
        own = [c for c in cls.__mro__ if is_own_class(c)]
        # The methods of a class that is not the project's may call any other method.
        has_foreign = any(not is_own_class(c) and not _calls_hooks_only(c) for c in cls.__mro__)
        for base in own:
            key = (id(base), has_foreign)  # not the class: its metaclass may have no hash
            if key not in self._called:
                self._called[key] = asks = []
                for name, value in vars(base).items():
                    is_hook = name.startswith("__") or name in _PYDANTIC_HOOKS
                    if has_foreign or is_hook or not isinstance(value, FunctionType):
                        asks += [ask for f in _find_functions(value) for ask in self._in_function(f)]
                    if is_own_class(type(value)) and type(value) is not base:  # such as a descriptor
                        asks += self._in_class(type(value))
            found += self._called[key]
        return found

    # --- what is known ----------------------------------------------------------------------------------

    def _is_own(self, value: Any) -> bool:
        """Return True for code of the project: what it asks is found where it is called."""
        if isinstance(value, ModuleType):
            return is_project(value)
        is_own = (isinstance(value, type) and is_own_class(value)) or is_own_function(value)
        return is_own or is_step(value) or _wraps_own_function(value) or is_own_class(type(value))

    def _is_known_owner(self, target: Target) -> bool:
        """Return True if the attributes of a value are known to ask for nothing."""
        if isinstance(target.value, ModuleType):
            return False
        if is_own_class(target.cls) or self._is_own(target.value):
            return True
        if isinstance(target.value, type):
            return _is_known_class(target)
        return not _is_unknown_data(target) and _is_known_type(type(target.value))

    def _is_of_known(self, node: ast.AST, scope: Scope) -> bool:
        """Return True for what begins with a name of a known package, such as ``pl.col("x").sum()``."""
        is_part = False  # an item of a container may be anything
        while True:
            target = self._names.resolve(node, scope)
            if target.value is not MISSING:
                is_plain = not target.name and not is_part and _is_known_type(target.cls)
                return is_known_package(target.name) or is_plain
            is_part = is_part or isinstance(node, ast.Subscript)
            match node:
                case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Subscript(value=inner):
                    node = inner
                case ast.BinOp(left=left, right=right):
                    return self._is_of_known(left, scope) or self._is_of_known(right, scope)
                case _:
                    return isinstance(node, ast.Constant)

    def _is_set(self, node: ast.expr, scope: Scope) -> bool:
        """Return True for a set, whose order differs between processes."""
        if isinstance(node, ast.BinOp):
            return self._is_set(node.left, scope) or self._is_set(node.right, scope)
        if isinstance(node, ast.Call):
            return self._names.resolve(node.func, scope).name in ("builtins.set", "builtins.frozenset")
        value = self._names.resolve(node, scope)
        return isinstance(node, (ast.Set, ast.SetComp)) or (
            not value.rest and isinstance(value.value, (set, frozenset))
        )

    def _lacks_seed(self, target: Target, node: ast.AST) -> bool:
        """Return True for a generator of random numbers that is made without a number as its seed."""
        given = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
        numbers = [a for a in given if isinstance(a, ast.Constant) and isinstance(a.value, int)]
        return is_seeded(target.name) and not numbers

    def _is_bound_again(self, called: ast.expr, scope: Scope) -> bool:
        """Return True if a name had perhaps another value when it was called than after the import."""
        while isinstance(called, ast.Attribute):
            called = called.value
        if not isinstance(called, ast.Name) or called.id in scope.cells:
            return False
        statements = [
            s
            for s in self._index.read_bindings(scope.module).get(called.id, [])
            if not isinstance(s, ast.Expr)
        ]
        return len(statements) > 1 and not all(isinstance(s, _BINDING) for s in statements)


def _is_about_own_file(node: ast.AST) -> bool:
    """Return True for the place of ``__file__``, or of a folder around it."""
    while True:
        match node:
            case ast.Name(id="__file__"):
                return True
            case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name()), args=[only], keywords=[]):
                node = only
            case ast.Call(func=ast.Attribute(value=inner), args=[], keywords=[]):
                node = inner
            case ast.Attribute(value=inner, attr="parent" | "parents") | ast.Subscript(value=inner):
                node = inner
            case _:
                return False


def _calls_hooks_only(cls: type[Any]) -> bool:
    """Return True for a foreign class whose methods call none of a subclass but validators and hooks."""
    package = module_name(cls).partition(".")[0]
    return package in ("builtins", "pydantic") or (package == "magical" and issubclass(cls, BaseModel))


def _find_functions(value: Any) -> list[FunctionType]:
    """List the functions in a class attribute: itself, or those of a property or another wrapper."""
    names = ("__func__", "fget", "fset", "fdel", "func", "function", "__wrapped__", "wrapped")
    inner = [value, *(getattr(value, n, None) for n in names)] if not isinstance(value, type) else []
    return [f for f in inner if isinstance(f, FunctionType)]


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


def _is_known_value(target: Target) -> bool:
    """Return True for data of the project itself, and for code that asks for nothing when it is called."""
    if isinstance(target.value, type):
        return _is_known_class(target)
    if not isinstance(target.value, (FunctionType, MethodType, BuiltinMethodType, MethodWrapperType)):
        is_known = not callable(target.value) or _is_known_type(type(target.value))
        return is_known and is_known_method(target.name.rpartition(".")[2])
    return _is_known_callable(target)


def _is_known_class(target: Target) -> bool:
    cls = target.value
    return module_name(cls) == "builtins" or is_known_call(target.name)


def _is_known_callable(target: Target, of_own_file: bool = False) -> bool:
    """Return True for a function of an installed package that asks for nothing."""
    if isinstance(target.value, type):
        return _is_known_class(target)
    if isinstance(target.value, (MethodType, BuiltinMethodType, MethodWrapperType)):
        owner = target.value.__self__
        if not isinstance(owner, (type, ModuleType, type(None))):  # a method of some object
            return _is_known_type(type(owner)) and is_known_method(target.value.__name__, of_own_file)
    if not target.name:
        return _is_known_type(type(target.value))  # an object that can be called, such as a ufunc
    return is_known_call(target.name, of_own_file)


def _is_known_maker(target: Target) -> bool:
    """Return True for a function whose result may be called, such as a decorator with arguments."""
    return not target.name.startswith("builtins.") and is_known_call(target.full_name)


def _is_known_type(cls: type[Any]) -> bool:
    return module_name(cls) == "builtins" or is_known_package(module_name(cls))


def _wraps_own_function(value: Any) -> bool:
    """Return True for what a decorator, such as one with a cache, made of a function of the project."""
    return wrapped_function(value) is not None and is_own_function(unwrap_function(value))


def _mark(node: Any) -> Ask:
    return (getattr(node, "lineno", 1), shorten(ast.unparse(node).splitlines()[0], 60))
