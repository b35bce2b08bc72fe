"""References in code: what the names, imports and values of a definition lead to."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

from magical.keys.definitions import CODE_TYPES, Definition, DefinitionReader
from magical.keys.import_resolution import find_module, find_star_modules, resolve_import
from magical.keys.live_names import is_step
from magical.keys.live_values import digest_text, inspect_function, module_name, wrapped_function
from magical.keys.packages import find_package, is_project
from magical.keys.source_index import SourceIndex, find_module_of

__all__ = ["ReferenceFollower", "References"]

_IMPORTERS = ("importlib", "runpy", "pkgutil", "imp", "zipimport")
_MISSING = object()
# Statements that bind a name to what they define or import, and not to the value of an expression.
_BINDING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass
class References:
    """What a definition refers to directly.

    Attributes:
        targets: what each of its names leads to: another binding of a name is another key.
    """

    definitions: list[Definition] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    calls_wish: bool = False


class ReferenceFollower:
    """Follows references from one definition to the next, each of which is read once.

    Names are followed in the source, and what they lead to is read from the living objects.

    Args:
        index: finds syntax trees.
        root: the project's folder.
        documented: True to include the texts that only people read.

    Example:
        >>> follower = ReferenceFollower(SourceIndex(), None, documented=False)
        >>> follower.follow_all([len]).definitions
        []
    """

    def __init__(self, index: SourceIndex, root: Path | None, documented: bool) -> None:
        self.documented = documented
        self.definitions = DefinitionReader(index, root, documented)
        self._index = index
        self._references: dict[Definition, References] = {}
        self._digests: dict[Definition, str] = {}

    def follow_all(self, things: Iterable[Any]) -> References:
        """Find the definitions of some functions, classes or modules."""
        references = References()
        for thing in things:
            self._follow_object(thing, references)
        return references

    def close(self, start: References) -> list[Definition]:
        """Find all definitions that some references lead to, directly or not."""
        found: dict[Definition, None] = {}
        waiting = list(start.definitions)
        while waiting:
            while waiting:
                definition = waiting.pop()
                if definition not in found:
                    found[definition] = None
                    waiting += self.refer(definition).definitions
            if any(d.lists_subclasses for d in found):
                classes = [sub for d in found if d.cls is not None for sub in _iter_subclasses(d.cls)]
                waiting = [d for d in self.follow_all(classes).definitions if d not in found]
        return list(found)

    def digest(self, definition: Definition) -> str:
        """Compute the digest of a definition, with what each of its names leads to."""
        if definition not in self._digests:
            text = "\n".join([definition.text, *self.refer(definition).targets])
            self._digests[definition] = digest_text(text)
        return self._digests[definition]

    def refer(self, definition: Definition) -> References:
        """Find what a definition refers to directly."""
        if definition not in self._references:
            self._references[definition] = references = self.follow_all(definition.code)
            for chain in definition.chains:
                if chain[0] in definition.hidden or definition.module is None:
                    continue
                if chain[0] in definition.imports:
                    for statement in definition.imports[chain[0]]:
                        self._follow_import(definition.module, statement, chain, references)
                else:
                    target = self._follow_chain(definition.module, chain, references)
                    references.targets.append(f"{'.'.join(chain)}={target}")
        return self._references[definition]

    # --- from a thing or a name to a definition ---------------------------------------------------------

    def _follow_object(self, thing: Any, references: References) -> None:
        """Add the definition of a function, class or module; of a third party's, add the package."""
        thing = _unwrap_step(thing)
        if isinstance(thing, MethodType):
            thing = thing.__func__
        wrapped = wrapped_function(thing)
        if isinstance(thing, ModuleType):
            self._follow_module(thing, (), references)
        elif isinstance(thing, FunctionType):
            references.calls_wish |= (thing.__module__, thing.__qualname__) == ("magical.wishes", "wish")
            module = find_module_of(thing)
            if is_project(module) or thing.__closure__ or wrapped is not None:
                references.definitions.append(self.definitions.read_function(thing, module))
            if not is_project(module):
                _add_package(module.__name__, references)
        elif isinstance(thing, type) and is_project(sys.modules.get(module_name(thing))):
            references.definitions.append(self.definitions.read_class(thing))
        else:
            _add_package(module_name(thing), references)
            if wrapped is not None:  # such as a function with a cache
                self._follow_object(wrapped, references)

    def _follow_chain(self, module: ModuleType, chain: tuple[str, ...], references: References) -> str:
        """Follow a dotted name in a project's module, and return the name of what it leads to."""
        name = chain[0]
        value = vars(module).get(name, _MISSING)
        if value is _MISSING:
            if (sub := sys.modules.get(f"{module.__name__}.{name}")) is not None:
                return self._follow_module(sub, chain[1:], references)
            if name == "__import__":
                references.definitions.append(self.definitions.read_every_module())
            if name in vars(builtins) or "__getattr__" not in vars(module):
                return name
            self._follow_object(vars(module)["__getattr__"], references)
            value = getattr(module, name, None)
        if isinstance(value, ModuleType):
            return self._follow_module(value, chain[1:], references)
        return self._follow_named(module, name, value, references)

    def _follow_named(self, module: ModuleType, name: str, value: Any, references: References) -> str:
        """Follow the value of a module's name: code by its own definition, data by the name."""
        module, name = self._find_origin(module, name, value, references)
        value = _unwrap_step(value)
        if isinstance(value, CODE_TYPES) or wrapped_function(value) is not None:
            self._follow_object(value, references)
            statements = self._index.read_bindings(module).get(name, [])
            is_made = isinstance(value, FunctionType) and not any(isinstance(s, _BINDING) for s in statements)
            if not is_made or not inspect_function(value).is_opaque:
                return self.definitions.describe(value).text
        references.definitions.append(self.definitions.read_value(module, name, value))
        return f"{module.__name__}.{name}"

    def _find_origin(
        self, module: ModuleType, name: str, value: Any, references: References
    ) -> tuple[ModuleType, str]:
        """Follow the imports of a value back to the module that binds it; add third parties' packages."""
        bindings = self._index.read_bindings(module)
        statements = [s for s in bindings.get(name, bindings.get("*", [])) if isinstance(s, ast.ImportFrom)]
        for statement in statements:
            sources: list[tuple[str, tuple[str, ...]]]
            if name not in bindings:
                sources = [(m.__name__, (name,)) for m in find_star_modules(module, [statement])]
            else:
                sources = [*resolve_import(module, statement, (name,))]
            for target, rest in sources:
                found = find_module(target)
                if found is None or not is_project(found):
                    _add_package(target, references)
                elif found is not module and rest and vars(found).get(rest[0], _MISSING) is value:
                    return self._find_origin(found, rest[0], value, references)
        return module, name

    def _follow_import(
        self, module: ModuleType, statement: ast.stmt, chain: tuple[str, ...], references: References
    ) -> None:
        for target, rest in resolve_import(module, statement, chain):
            found = find_module(target)
            if found is None:
                _add_package(target, references)
            else:
                self._follow_module(found, rest, references)

    def _follow_module(self, module: ModuleType, chain: tuple[str, ...], references: References) -> str:
        """Follow a chain of attribute names into a module; an empty chain means the whole module."""
        if not is_project(module):
            is_source = module.__name__ in ("magical", "magical.wishes")
            references.calls_wish |= is_source and chain[:1] == ("wish",)
            _add_package(module.__name__, references)
            if module.__name__.partition(".")[0] in _IMPORTERS:
                references.definitions.append(self.definitions.read_every_module())
        elif chain:
            return self._follow_chain(module, chain, references)
        else:
            references.definitions.append(self.definitions.read_module(module))
        return ".".join([module.__name__, *chain])


def _unwrap_step(thing: Any) -> Any:
    """Return the function of a step, workflow or rule; other things as they are."""
    return thing.function if is_step(thing) else thing


def _iter_subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    # Not `cls.__subclasses__()`, which a metaclass cannot call without an argument.
    for kind in type.__subclasses__(cls):
        yield kind
        yield from _iter_subclasses(kind)


def _add_package(name: str, references: References) -> None:
    found = find_package(name) if name else None
    if found is not None:
        references.packages[found[0]] = found[1]
