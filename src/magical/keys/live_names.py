"""Dotted names in code, resolved to the living objects that they lead to."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from magical.keys.live_values import module_name, safe_attribute
from magical.keys.packages import is_project
from magical.keys.source_index import SourceIndex, find_module_of

__all__ = [
    "MISSING",
    "NameResolver",
    "Scope",
    "Target",
    "is_own_class",
    "is_own_function",
    "is_step",
    "iter_hooks",
]

MISSING = object()
"""The value of a name that is local, or that nothing binds."""


class _Unknown:
    __module__ = "unknown"


UNKNOWN = _Unknown()
"""The value of a name that is imported from a module which is not there yet."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Target(NamedTuple):
    """What a dotted name leads to.

    Attributes:
        value: the living object; ``MISSING`` for a local value or the result of an expression.
        name: the dotted name of the object, with its module; empty if it has none.
        rest: the attributes after it.
    """

    value: Any
    name: str
    rest: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """The name with the attributes after it."""
        return ".".join([self.name, *self.rest])

    @property
    def cls(self) -> type[Any]:
        """The class that the value is, or is an object of."""
        return self.value if isinstance(self.value, type) else type(self.value)


@dataclass(frozen=True)
class Scope:
    """The names that a piece of code sees.

    Attributes:
        module: whose names are global.
        local: names bound inside a function or class.
        functions: the functions defined inside a function, by name.
        cells: the values that a function takes from the functions around it or imports, by name.
        origins: the dotted names of what it imports.
        chosen: local names that stand for other names, such as ``extend = shift if small else add``.
        is_function: True inside a function.
    """

    module: ModuleType
    local: frozenset[str] = frozenset()
    functions: Mapping[str, ast.AST] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()
    is_function: bool = False

    def add(self, names: Iterable[str]) -> Scope:
        """Return the scope with more local names."""
        return replace(self, local=self.local.union(names))

    def enter_class(self, node: ast.ClassDef) -> Scope:
        """Return the scope of the body of a class."""
        functions = [n.name for n in node.body if isinstance(n, (*_FUNCTIONS, ast.ClassDef))]
        return self.add([*_find_stored(node), *functions])

    def enter_function(self, node: Any) -> Scope:
        """Return the scope of the body of a function or lambda."""
        functions = {n.name: n for n in ast.walk(node) if isinstance(n, _FUNCTIONS) and n is not node}
        names = [a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)]
        shared = {name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names}
        inner = self.add([*names, *_find_stored(node), *functions])
        imported = list(_find_imported(node))
        cells = {**self.cells, **{name: value for name, value, _ in imported}}
        origins = {**self.origins, **{name: origin for name, _, origin in imported}}
        local = inner.local - shared - {name for name, _, _ in imported}
        chosen = frozenset(_find_chosen(node)) - {*names}
        inner = replace(inner, local=local, chosen=chosen, is_function=True)
        return replace(inner, functions=functions, cells=cells, origins=origins)

    def enter_comprehension(self, node: ast.AST) -> Scope:
        """Return the scope of the elements of a comprehension; the same for other expressions."""
        targets = [g.target for g in getattr(node, "generators", [])]
        names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        return self.add(names) if names else self


class NameResolver:
    """Resolves names in the modules whose sources an index parses.

    Example:
        >>> here = Scope(sys.modules[__name__])
        >>> NameResolver(SourceIndex()).resolve(ast.parse("ast.parse.x", mode="eval").body, here).full_name
        'ast.parse.x'
    """

    def __init__(self, index: SourceIndex) -> None:
        self._index = index

    def resolve(self, node: ast.AST, scope: Scope) -> Target:
        """Find the living object that a dotted name leads to."""
        chain: list[str] = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in scope.local:
            return Target(MISSING, "", ())
        places = (scope.cells, vars(scope.module), vars(builtins))
        value = next((names[node.id] for names in places if node.id in names), MISSING)
        if value is MISSING:
            return Target(MISSING, "", ())
        name = _name_value(value) or scope.origins.get(node.id) or self._find_origin(node.id, scope.module)
        while chain and isinstance(value, ModuleType):
            name = f"{value.__name__}.{chain[0]}"
            value = getattr(value, chain.pop(0), MISSING)
            # The name of the definition, which `from package import name` leads to as well.
            own = _name_value(value)
            name = own if own.partition(".")[0] == name.partition(".")[0] else name
        return Target(value, name, tuple(chain))

    def _find_origin(self, name: str, module: ModuleType) -> str:
        """Return the dotted name of a value that was imported from an installed module; else empty."""
        for statement in self._index.read_bindings(module).get(name, []):
            if not isinstance(statement, ast.ImportFrom) or not statement.module or statement.level:
                continue
            if not is_project(sys.modules.get(statement.module)):
                source = next((a.name for a in statement.names if (a.asname or a.name) == name), name)
                return f"{statement.module}.{source}"
        return ""


def is_own_class(cls: type[Any]) -> bool:
    """Return True if a class belongs to the project, not to magical or an installed package.

    Example:
        >>> is_own_class(Scope), is_own_class(dict)
        (False, False)
    """
    name = module_name(cls)
    return not name.startswith("magical.") and is_project(sys.modules.get(name))


def is_own_function(function: Any) -> bool:
    """Return True for a function of the project, not of magical or an installed package.

    Example:
        >>> is_own_function(is_own_class), is_own_function(3)
        (False, False)
    """
    if not isinstance(function, FunctionType):
        return False
    module = find_module_of(function)
    return not module.__name__.startswith("magical.") and is_project(module)


def is_step(value: Any) -> bool:
    """Return True for a step or a workflow, which adds to a graph when it is called while one is drawn.

    Example:
        >>> is_step(is_step)
        False
    """
    is_ours = module_name(type(value)).startswith("magical.")
    return is_ours and isinstance(getattr(value, "function", None), FunctionType)


def iter_hooks(cls: type[Any]) -> list[FunctionType]:
    """List the project's functions that Python calls when a subclass of a class is created.

    Example:
        >>> iter_hooks(dict)
        []
    """
    own = [(c, "__init_subclass__") for c in cls.__mro__]
    metaclass = cls if issubclass(cls, type) else type(cls)
    creators = ("__prepare__", "__new__", "__init__", "__call__")
    own += [(c, name) for c in inspect.getmro(metaclass) for name in creators]
    found = [getattr(vars(c).get(name), "__func__", vars(c).get(name)) for c, name in own if is_own_class(c)]
    return [f for f in found if isinstance(f, FunctionType)]


def _name_value(value: Any) -> str:
    """Return the dotted name of a module, class or function; empty for other values."""
    if isinstance(value, ModuleType):
        return value.__name__
    if module_name(type(value)) == "typing":  # an alias such as Annotated[...] answers for its type
        return ""
    module, name = module_name(value), safe_attribute(value, "__qualname__")
    return f"{module}.{name}" if module and isinstance(name, str) else ""


def _find_chosen(node: ast.AST) -> set[str]:
    """Find the names to which a function assigns nothing but other names."""
    chosen, others = set[str](), set[str]()
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign):
            parts = (n for n in ast.walk(statement.value))
            is_plain = not any(isinstance(n, (ast.Call, ast.Subscript, ast.Lambda, ast.Await)) for n in parts)
            targets = {n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            (chosen if is_plain else others).update(targets)
        elif isinstance(statement, (ast.For, ast.comprehension, ast.NamedExpr, ast.AugAssign, ast.AnnAssign)):
            others |= {n.id for n in ast.walk(statement.target) if isinstance(n, ast.Name)}
        elif isinstance(statement, ast.With):
            others |= {n.id for i in statement.items for n in ast.walk(i) if isinstance(n, ast.Name)}
    return chosen - others


def _find_imported(node: ast.AST) -> Iterator[tuple[str, Any, str]]:
    """Find the names that the imports inside a function bind, with their values and dotted names."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or name, sys.modules.get(name, UNKNOWN), name
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            module = sys.modules.get(base) if not statement.level else None
            for alias in statement.names:
                value = safe_attribute(module, alias.name) if module is not None else UNKNOWN
                yield alias.asname or alias.name, value, f"{base}.{alias.name}"


def _find_stored(node: ast.AST) -> list[str]:
    """Find the names that a piece of code binds, without those inside its functions and classes."""
    found: list[str] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            found.append(child.id)
        elif not isinstance(child, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            found += _find_stored(child)
        elif isinstance(child, ast.ClassDef):
            found.append(child.name)
    return found
