"""The code a step depends on: the normalised syntax of it and of every project definition it refers to."""

from __future__ import annotations

import ast
import builtins
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from magical.keys.constants import code_facts, is_simple, members, text_of
from magical.keys.import_resolution import import_targets, module_named, star_modules
from magical.keys.packages import file_of, is_project, package_of
from magical.keys.syntax import bindings, chains, local_imports, normal

__all__ = [
    "Code",
    "CodeReader",
    "Piece",
    "registered",
    "subclasses",
]


def registered(value: Any) -> tuple[Any, ...]:
    """Give what is registered for the types of a dispatcher, or what a class is told of as its subclasses.

    Example:
        >>> class Base:
        ...     pass
        >>> registered(Base)
        ()
    """
    found = getattr(value, "registry", None)
    if callable(getattr(value, "dispatch", None)) and isinstance(found, Mapping):  # functools.singledispatch
        return tuple(found.values())
    lineage = value.__mro__ if isinstance(value, type) else ()
    own = (c for c in lineage if is_project(sys.modules.get(c.__module__)))
    tells = any("__init_subclass__" in vars(c) for c in own if not c.__module__.startswith("magical."))
    return tuple(subclasses(value)) if tells else ()


def subclasses(value: Any) -> Iterator[type[Any]]:
    """Give the subclasses of a class that there are by now, and theirs.

    Example:
        >>> class Base: ...
        >>> class Inner(Base): ...
        >>> [c.__name__ for c in subclasses(Base)]
        ['Inner']
    """
    found: list[type[Any]] = type.__subclasses__(value) if isinstance(value, type) else []
    for kind in found:
        yield kind
        yield from subclasses(kind)


@dataclass(frozen=True, slots=True)
class Piece:
    """One definition: the digest of its normalised syntax, and where it stands."""

    digest: str
    where: str


@dataclass
class Code:
    """All that a function refers to.

    Attributes:
        pieces: project definitions by their dotted names.
        packages: third-party distributions with their versions.
        files: the project files that the pieces, and the imports that lead to them, stand in.
        wishes: whether something of it calls ``magical.wish``.
    """

    pieces: dict[str, Piece] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    wishes: bool = False


@dataclass(frozen=True)
class _Definition:
    """A definition read once: its piece, and what it refers to: names, values in cells, code in values."""

    name: str
    piece: Piece
    module: ModuleType | None
    chains: tuple[tuple[str, ...], ...] = ()
    cells: tuple[tuple[str, Any], ...] = ()
    imports: Mapping[str, list[ast.stmt]] = field(default_factory=dict)
    code: tuple[Any, ...] = ()

    @property
    def identity(self) -> tuple[Any, ...]:
        """Two closures of one function are one piece of text with different cells."""
        return (self.name, self.piece.digest, *(id(value) for _, value in self.cells))


class CodeReader:
    """Reads code for keys; each module and definition once, and a step that is called often only once."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, ...], tuple[tuple[Any, ...], Code]] = {}
        self._files: dict[str, Path | None] = {}
        self._modules: dict[str, dict[str, list[ast.stmt]]] = {}
        self._definitions: dict[tuple[str, str], _Definition] = {}

    def read(self, *roots: Any) -> Code:
        """Give all code that some functions or classes refer to, themselves included."""
        at = tuple(map(id, roots))
        if at not in self._read:
            self._read[at] = roots, self._closure(roots)  # the roots are held, so that no id is used again
        return self._read[at][1]

    def _closure(self, roots: tuple[Any, ...]) -> Code:
        code = Code()
        seen: set[tuple[Any, ...]] = set()
        waiting: list[_Definition] = [d for root in roots for d in self._of_object(root, code)]
        while waiting:
            definition = waiting.pop()
            if definition.identity in seen:
                continue
            seen.add(definition.identity)
            label, number = definition.name, 1
            while label in code.pieces:
                number += 1
                label = f"{definition.name}#{number}"
            code.pieces[label] = definition.piece
            self._note(definition.module, code)
            waiting.extend(self._needs(definition, code))
        return code

    def _needs(self, definition: _Definition, code: Code) -> Iterator[_Definition]:
        """Give the definitions that one refers to."""
        cells = dict(definition.cells)
        for thing in definition.code:
            yield from self._of_object(thing, code)
        for chain in definition.chains:
            if chain[0] in cells:
                yield from self._of_value(f"{definition.name}.{chain[0]}", cells[chain[0]], definition, code)
            elif chain[0] in definition.imports and definition.module is not None:
                for statement in definition.imports[chain[0]]:
                    yield from self._imported(definition.module, statement, chain, code)
            else:
                yield from self._resolve(definition.module, chain, code)

    def _of_object(self, thing: Any, code: Code) -> Iterator[_Definition]:
        """Find the definition of a living function, class or module."""
        thing = inspect.unwrap(getattr(thing, "function", thing))
        if isinstance(thing, ModuleType):
            yield from self._into(thing, (), code)
            return
        module = sys.modules.get(getattr(thing, "__module__", None) or "")
        name = getattr(thing, "__qualname__", "")
        if not is_project(module):
            if module is not None:
                self._package(module.__name__, code)
        elif module is not None and "." not in name and name in self._bindings(module):
            yield self._definition(module, name)
        else:
            yield self._local(thing, module, name)

    def _local(self, thing: Any, module: ModuleType | None, name: str) -> _Definition:
        """A definition inside a function or class, or one without a module file (a notebook's)."""
        label = f"{getattr(module, '__name__', '')}.{name}"
        made = thing.__code__ if isinstance(thing, FunctionType) else None
        cells = zip(made.co_freevars, thing.__closure__ or (), strict=False) if made else ()
        filled = tuple((n, c.cell_contents) for n, c in cells if _filled(c))
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
            where = f"{_file_name(module, thing)}:{inspect.getsourcelines(thing)[1]}"
        except (OSError, TypeError, SyntaxError, IndentationError):  # a lambda in the middle of an expression
            text = repr(code_facts(made)) if made is not None else repr(thing)
            names = tuple((n,) for n in sorted({*_names(made), *dict(filled)}))
            return _Definition(label, Piece(_digest(text), ""), module, names, filled)
        piece = Piece(_digest(normal(tree)), where)
        return _Definition(label, piece, module, chains(tree), filled, local_imports(tree))

    def _of_value(self, name: str, value: Any, user: _Definition, code: Code) -> Iterator[_Definition]:
        """A value that is held by a closure, or by a name that no statement binds."""
        value = getattr(value, "function", value)
        if isinstance(value, (FunctionType, type, ModuleType)):
            yield from self._of_object(value, code)
        else:
            held = members(value)
            yield _Definition(name, Piece(_digest(held.text), user.piece.where), user.module, code=held.code)

    def _resolve(
        self, module: ModuleType | None, chain: tuple[str, ...], code: Code
    ) -> Iterator[_Definition]:
        """Follow a dotted name to the project's definition or the third party's version behind it."""
        name = chain[0]
        if module is None:
            return
        self._note(module, code)
        bound = self._bindings(module)
        if name in bound:
            for statement in bound[name]:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    yield from self._imported(module, statement, chain, code)
                else:
                    yield self._definition(module, name)
                    if "__subclasses__" in chain:
                        for kind in subclasses(getattr(module, name, None)):
                            yield from self._of_object(kind, code)
        elif (sub := sys.modules.get(f"{module.__name__}.{name}")) is not None:
            yield from self._into(sub, chain[1:], code)
        elif hasattr(module, name) and getattr(builtins, name, _MISSING) is not getattr(module, name):
            stars = [m for m in star_modules(module, bound.get("*", [])) if hasattr(m, name)]
            for star in stars:
                yield from self._into(star, chain, code)
            if not stars:
                yield from self._unbound(module, chain, code)

    def _unbound(self, module: ModuleType, chain: tuple[str, ...], code: Code) -> Iterator[_Definition]:
        """A name that no statement of its module binds, such as one made by a call or in a notebook."""
        value = getattr(module, chain[0])
        if isinstance(value, ModuleType):
            yield from self._into(value, chain[1:], code)
        else:
            user = _Definition(chain[0], Piece("", ""), module)
            yield from self._of_value(f"{module.__name__}.{chain[0]}", value, user, code)

    def _imported(
        self, module: ModuleType, statement: ast.stmt, chain: tuple[str, ...], code: Code
    ) -> Iterator[_Definition]:
        for target, rest in import_targets(module, statement, chain):
            found = module_named(target)
            if found is None:
                self._package(target, code)
            else:
                yield from self._into(found, rest, code)

    def _into(self, module: ModuleType, chain: tuple[str, ...], code: Code) -> Iterator[_Definition]:
        """Go on in another module; where it is used as a whole, all of it counts."""
        if not is_project(module):
            code.wishes |= chain[:1] == ("wish",) and module.__name__ in ("magical", "magical.wishes")
            self._package(module.__name__, code)
        elif chain:
            yield from self._resolve(module, chain, code)
        elif (file := file_of(module)) is not None:
            tree = ast.parse(file.read_bytes())
            piece = Piece(_digest(normal(tree)), f"{file.name}:1")
            yield _Definition(module.__name__, piece, module, chains(tree), imports=local_imports(tree))

    def _package(self, module_name: str, code: Code) -> None:
        found = package_of(module_name)
        if found is not None:
            code.packages[found[0]] = found[1]

    def _note(self, module: ModuleType | None, code: Code) -> None:
        if module is None:
            return
        if module.__name__ not in self._files:
            self._files[module.__name__] = file_of(module)
        file = self._files[module.__name__]
        if file is not None:
            code.files.add(str(file))

    def _bindings(self, module: ModuleType) -> dict[str, list[ast.stmt]]:
        """For each name of a module the top-level statements that bind it."""
        if module.__name__ not in self._modules:
            file = file_of(module)
            self._modules[module.__name__] = bindings(ast.parse(file.read_bytes())) if file else {}
        return self._modules[module.__name__]

    def _definition(self, module: ModuleType, name: str) -> _Definition:
        at = (module.__name__, name)
        if at not in self._definitions:
            self._definitions[at] = self._make(module, name)
        return self._definitions[at]

    def _make(self, module: ModuleType, name: str) -> _Definition:
        statements = self._bindings(module)[name]
        where = f"{_file_name(module)}:{statements[0].lineno}"
        value = getattr(module, name, None)
        label = f"{module.__name__}.{name}"
        is_code = any(
            isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for s in statements
        )
        ours = module.__name__.startswith("magical.")  # imported once, so that values may be a process's own
        if not is_code and not ours and is_simple(value):
            return _Definition(label, Piece(_digest(text_of(value)), where), module)
        tree = ast.Module(statements, [])
        text, others = normal(tree), tuple(c for c in chains(tree) if c[0] != name)
        if is_code or ours:
            inner, kin = local_imports(tree), () if ours else registered(value)
            return _Definition(label, Piece(_digest(text), where), module, others, imports=inner, code=kin)
        held = members(value)
        piece = Piece(_digest(f"{text}\n{held.text}"), where)
        return _Definition(label, piece, module, others, code=held.code)


_MISSING = object()


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _names(code: CodeType | None) -> Iterator[str]:
    if code is not None:
        yield from code.co_names
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                yield from _names(inner)


def _file_name(module: ModuleType | None, thing: Any = None) -> str:
    code = getattr(thing, "__code__", None)
    name = getattr(module, "__file__", None) or getattr(code, "co_filename", "")
    return str(name).rpartition("/")[2]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
