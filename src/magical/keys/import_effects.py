"""What an import may change outside of the project: such statements are in the key of every step.

A change of the project's own objects is seen where a step refers to them, since their living state is read.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection
from types import FunctionType, ModuleType
from typing import Any

from magical.keys.import_resolution import find_imported_modules
from magical.keys.known_calls import is_known_call, is_known_package, is_reading, is_registering
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
from magical.keys.live_values import module_name, unwrap_function
from magical.keys.packages import is_project
from magical.keys.source_index import SourceIndex, find_module_of
from magical.keys.syntax import flatten_statements, iter_executed

__all__ = ["EffectFinder"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_CONTAINERS = (list, dict, set, bytearray)


class EffectFinder:
    """Finds the statements of modules that may change something outside of the project.

    Example:
        >>> EffectFinder(SourceIndex()).find(sys.modules[__name__])
        []
    """

    def __init__(self, index: SourceIndex) -> None:
        self._index = index
        self._names = NameResolver(index)
        self._changing: dict[Any, bool] = {}

    def find(self, module: ModuleType, others: Collection[str] = ()) -> list[ast.stmt]:
        """Find the statements with such effects, each with the conditions around it.

        Args:
            module: whose statements they are.
            others: modules with effects of their own; the place of their imports counts.
        """
        tree = self._index.parse(module)
        found: dict[ast.stmt, None] = {}
        if tree is not None:
            scope = Scope(module)
            used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
            for statement, conditions in iter_executed(tree.body):
                if isinstance(statement, _IMPORTS):
                    has_effect = self._is_import_for_effect(statement, used) or any(
                        m.__name__ in others for m in find_imported_modules(module, statement)
                    )
                else:
                    has_effect = self._has_effect(statement, scope)
                if has_effect or any(self.calls_changing(c, scope) for c in conditions):
                    found |= dict.fromkeys([statement, *conditions])
        return list(found)

    def _is_import_for_effect(self, statement: Any, used: set[str]) -> bool:
        """Return True for an import of an installed package, none of whose names the module uses."""
        is_plain = isinstance(statement, ast.Import)
        names = [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
        if getattr(statement, "level", 0) or any(name in used or name == "*" for name in names):
            return False
        tops = {
            n.partition(".")[0]
            for n in ([a.name for a in statement.names] if is_plain else [statement.module])
        }
        installed = {t for t in tops if t not in sys.stdlib_module_names and not is_known_package(t)}
        return any(top in sys.modules and not is_project(sys.modules[top]) for top in installed)

    def _has_effect(self, statement: ast.stmt, scope: Scope) -> bool:
        match statement:
            case ast.Expr(value=ast.Call(func=called)):
                return not self._stays_inside(called, scope)
            case ast.Expr():
                return any(isinstance(n, ast.Call) for n in ast.walk(statement))
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Delete():
                return self._assigns_outside(statement, scope) or self.calls_changing(statement, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self._definition_has_effect(statement, scope)
        return self.calls_changing(statement, scope)

    def _stays_inside(self, called: ast.expr, scope: Scope) -> bool:
        """Return True if a bare call changes nothing, or only a container of the project."""
        while isinstance(called, ast.Attribute) and isinstance(called.value, ast.Call):
            called = called.value.func  # `OPTIONS.setdefault("a", []).append(1)` begins with OPTIONS
        target = self._names.resolve(called, scope)
        if target.name == "builtins.print":
            return True
        return bool(target.rest) and isinstance(target.value, _CONTAINERS) and target.value is not sys.path

    def _assigns_outside(self, statement: Any, scope: Scope) -> bool:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        return any(self._is_outside(target, scope) for target in targets)

    def _is_outside(self, target: Any, scope: Scope) -> bool:
        """Return True if a target is an attribute or an item of something that is not the project's."""
        if isinstance(target, (ast.Tuple, ast.List)):
            return any(self._is_outside(t, scope) for t in target.elts)
        if not isinstance(target, (ast.Attribute, ast.Subscript)):
            return False
        owner: Any = target.value
        while isinstance(owner, ast.Subscript):
            owner = owner.value
        found = self._names.resolve(owner, scope)
        value = found.value
        if value is MISSING:
            while isinstance(owner, (ast.Attribute, ast.Subscript)):
                owner = owner.value
            return not (isinstance(owner, ast.Name) and owner.id in scope.local)
        for name in found.rest:
            value = getattr(value, name, None)
        if isinstance(value, ModuleType):
            return not is_project(value) or value.__name__.startswith("magical.")
        if isinstance(value, FunctionType):
            return not is_own_function(value)
        if isinstance(value, _CONTAINERS) and isinstance(owner, ast.Name):
            return False
        return not is_own_class(value if isinstance(value, type) else type(value))

    def _definition_has_effect(self, node: Any, scope: Scope) -> bool:
        if any(self._decorator_has_effect(decorator, scope) for decorator in node.decorator_list):
            return True
        if not isinstance(node, ast.ClassDef):
            defaults = [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
            return any(self.calls_changing(default, scope) for default in defaults)
        bases = [*node.bases, *(k.value for k in node.keywords)]
        if any(self._base_has_effect(base, scope) for base in bases):
            return True
        inner = scope.enter_class(node)
        return any(self._has_effect(s, inner) for s in node.body if not isinstance(s, _IMPORTS))

    def _base_has_effect(self, base: ast.expr, scope: Scope) -> bool:
        """Return True if the creation of a subclass may change something."""
        target = self._names.resolve(base, scope)
        if not isinstance(target.value, type) or target.rest:
            return False
        is_python = module_name(target.value) == "builtins"
        if not is_own_class(target.value) and not is_python and not is_known_call(target.name):
            return True
        return any(map(self._changes, iter_hooks(target.value)))

    def _decorator_has_effect(self, decorator: ast.expr, scope: Scope) -> bool:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        target = self._names.resolve(called, scope)
        if target.value is MISSING:  # such as `@name.setter` in a class
            return not (isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name))
        if is_own_function(target.value) and not target.rest:
            return self._changes(target.value)
        if target.rest and is_own_function(unwrap_function(target.value)):
            return False  # such as `@show.register` of a function by type: its registry is read
        if is_own_class(target.cls):
            return any(map(self._changes, vars(target.cls).values()))
        if target.rest and isinstance(target.value, _CONTAINERS):
            return False
        return is_registering(target.full_name) or not is_known_call(target.full_name)

    def calls_changing(self, statement: ast.AST, scope: Scope) -> bool:
        """Return True if a call in a statement may change something outside of the project."""
        calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
        # A function that is passed on may be called.
        given = [a for call in calls for a in call.args if isinstance(a, (ast.Name, ast.Attribute))]
        for called in (*(call.func for call in calls), *given):
            target = self._names.resolve(called, scope)
            if called in given and not callable(target.value):
                continue
            if not target.rest and is_own_class(target.cls):
                made = vars(target.cls).get("__init__"), vars(target.cls).get("__new__")
                if any(map(self._changes, made)):
                    return True
            elif is_own_function(target.value):
                if self._changes(target.value):
                    return True
            elif self._calls_unknown(target):
                return True
        return False

    def _changes(self, function: Any) -> bool:
        """Return True if a call of a project's function may change something outside of the project."""
        function = unwrap_function(function)
        if not is_own_function(function):
            return False
        code = function.__code__
        if code not in self._changing:
            self._changing[code] = False  # a recursive call adds nothing
            tree = self._index.find_function(function)
            node = tree.body[0] if tree is not None and tree.body else None
            if isinstance(node, _FUNCTIONS):
                scope = Scope(find_module_of(function)).enter_function(node)
                statements = [s for s, _ in flatten_statements(node.body)]
                self._changing[code] = any(self._statement_changes(s, scope) for s in statements)
            else:
                self._changing[code] = True
        return self._changing[code]

    def _statement_changes(self, statement: ast.stmt, scope: Scope) -> bool:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            return any(self._decorator_has_effect(d, scope) for d in statement.decorator_list)
        return self._assigns_outside(statement, scope) or self.calls_changing(statement, scope)

    def _calls_unknown(self, target: Target) -> bool:
        """Return True for a call of code outside of the project that may change something."""
        if target.value is MISSING or is_own_class(target.cls) or is_step(target.value):
            return False
        if not target.name:  # a method of a value of this module
            return is_registering(target.full_name)
        if is_registering(target.full_name):
            return True
        return not is_known_call(target.full_name, True) and not is_reading(target.full_name)
