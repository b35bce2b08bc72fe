"""The code closure of a step: the normalised syntax of the step and of all project code it refers to."""

from __future__ import annotations

import ast
import builtins
import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from magical.keys.constants import describe_bytecode, describe_value, inspect_value, is_simple
from magical.keys.import_resolution import find_module, find_star_modules, resolve_import
from magical.keys.packages import find_package, find_source_file, is_project
from magical.keys.syntax import find_bindings, find_local_imports, find_name_chains, normalise_syntax
from magical.steps import parse_source

__all__ = ["CodeClosure", "CodePiece", "CodeReader", "find_registered", "iter_subclasses"]


def find_registered(value: Any) -> tuple[Any, ...]:
    """List the functions of a ``singledispatch`` function, or the subclasses of a class that registers them.

    Example:
        >>> class Base:
        ...     pass
        >>> find_registered(Base)
        ()
    """
    # Calling code names only the dispatcher or the base class, but the registered code decides the result.
    registry = getattr(value, "registry", None)
    if callable(getattr(value, "dispatch", None)) and isinstance(
        registry, Mapping
    ):  # functools.singledispatch
        return tuple(registry.values())
    bases = value.__mro__ if isinstance(value, type) else ()
    bases = tuple(c for c in bases if is_project(sys.modules.get(c.__module__)))
    registers = any("__init_subclass__" in vars(c) for c in bases if not c.__module__.startswith("magical."))
    return tuple(iter_subclasses(value)) if registers else ()


def iter_subclasses(value: Any) -> Iterator[type[Any]]:
    """Iterate over all present subclasses of a class, direct and indirect.

    Example:
        >>> class Base: ...
        >>> class Inner(Base): ...
        >>> [c.__name__ for c in iter_subclasses(Base)]
        ['Inner']
    """
    # Not `value.__subclasses__()`, which a metaclass cannot call without an argument.
    kinds: list[type[Any]] = type.__subclasses__(value) if isinstance(value, type) else []
    for kind in kinds:
        yield kind
        yield from iter_subclasses(kind)


@dataclass(frozen=True, slots=True)
class CodePiece:
    """One definition: the digest of its normalised syntax, and its ``file:line``."""

    digest: str
    where: str


@dataclass
class CodeClosure:
    """All code that a function refers to, directly or not.

    Attributes:
        pieces: project definitions by their dotted names.
        packages: versions of third-party distributions, by name.
        files: the project files of the pieces, and of the imports that lead to them.
        calls_wish: True if any of the code calls ``magical.wish``.
    """

    pieces: dict[str, CodePiece] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    calls_wish: bool = False


@dataclass(frozen=True)
class _Definition:
    """A definition, and what it refers to: dotted names, closure cells, imports, and code inside values."""

    name: str
    piece: CodePiece
    module: ModuleType | None
    chains: tuple[tuple[str, ...], ...] = ()
    cells: tuple[tuple[str, Any], ...] = ()
    imports: Mapping[str, list[ast.stmt]] = field(default_factory=dict)
    code: tuple[Any, ...] = ()

    @property
    def identity(self) -> tuple[Any, ...]:
        """The name, code and cells: two closures of one function differ only in their cells."""
        return (self.name, self.piece.digest, *(id(value) for _, value in self.cells))


class CodeReader:
    """Reads code for keys, each module and each definition once."""

    def __init__(self) -> None:
        self._closures: dict[tuple[int, ...], tuple[tuple[Any, ...], CodeClosure]] = {}
        self._source_files: dict[str, Path | None] = {}
        self._bindings_by_module: dict[str, dict[str, list[ast.stmt]]] = {}
        self._definitions: dict[tuple[str, str], _Definition] = {}

    def read(self, *roots: Any) -> CodeClosure:
        """Read all code that some functions or classes refer to, themselves included."""
        ids = tuple(map(id, roots))
        if ids not in self._closures:
            # Keep the roots too: Python may reuse the id of a deleted object.
            self._closures[ids] = roots, self._read_closure(roots)
        return self._closures[ids][1]

    def _read_closure(self, roots: tuple[Any, ...]) -> CodeClosure:
        """Read the definitions that roots refer to, directly or not."""
        code = CodeClosure()
        seen: set[tuple[Any, ...]] = set()
        waiting: list[_Definition] = [d for root in roots for d in self._define_object(root, code)]
        while waiting:
            definition = waiting.pop()
            if definition.identity in seen:
                continue
            seen.add(definition.identity)
            # Lambdas, and closures of one function, share a name.
            label, number = definition.name, 1
            while label in code.pieces:
                number += 1
                label = f"{definition.name}#{number}"
            code.pieces[label] = definition.piece
            self._add_file(definition.module, code)
            waiting.extend(self._follow_references(definition, code))
        return code

    def _follow_references(self, definition: _Definition, code: CodeClosure) -> Iterator[_Definition]:
        """Find the definitions that a definition refers to."""
        cells = dict(definition.cells)
        for thing in definition.code:
            yield from self._define_object(thing, code)
        for chain in definition.chains:
            if chain[0] in cells:
                name = f"{definition.name}.{chain[0]}"
                yield from self._define_value(name, cells[chain[0]], definition, code)
            elif chain[0] in definition.imports and definition.module is not None:
                for statement in definition.imports[chain[0]]:
                    yield from self._follow_import(definition.module, statement, chain, code)
            else:
                yield from self._resolve(definition.module, chain, code)

    def _define_object(self, thing: Any, code: CodeClosure) -> Iterator[_Definition]:
        """Find the definition of a function, class or module; of a third party's, add the package."""
        thing = inspect.unwrap(
            getattr(thing, "function", thing)
        )  # the function of a Step, or below its decorators
        if isinstance(thing, ModuleType):
            yield from self._enter_module(thing, (), code)
            return
        module = sys.modules.get(getattr(thing, "__module__", None) or "")
        name = getattr(thing, "__qualname__", "")
        if not is_project(module):
            if module is not None:
                self._add_package(module.__name__, code)
        elif module is not None and "." not in name and name in self._read_bindings(module):
            yield self._get_definition(module, name)
        else:
            yield self._define_local(thing, module, name)

    def _define_local(self, thing: Any, module: ModuleType | None, name: str) -> _Definition:
        """Return the definition of a function or class that is nested or from a notebook (without a file)."""
        label = f"{getattr(module, '__name__', '')}.{name}"
        bytecode = thing.__code__ if isinstance(thing, FunctionType) else None
        cells = zip(bytecode.co_freevars, thing.__closure__ or (), strict=False) if bytecode else ()
        filled = tuple((n, c.cell_contents) for n, c in cells if _is_filled(c))
        tree = parse_source(thing)
        if tree is None:
            # A lambda inside an expression: its bytecode is stable within a minor version of Python.
            text = repr(describe_bytecode(bytecode)) if bytecode is not None else repr(thing)
            names = tuple((n,) for n in sorted({*_find_code_names(bytecode), *dict(filled)}))
            return _Definition(label, CodePiece(_digest(text), ""), module, names, filled)
        where = f"{_file_name(module, thing)}:{inspect.getsourcelines(thing)[1]}"
        piece = CodePiece(_digest(normalise_syntax(tree)), where)
        return _Definition(label, piece, module, find_name_chains(tree), filled, find_local_imports(tree))

    def _define_value(
        self, name: str, value: Any, user: _Definition, code: CodeClosure
    ) -> Iterator[_Definition]:
        """Find the definitions of a value in a closure's cell, or of a name that no statement binds."""
        value = getattr(value, "function", value)
        if isinstance(value, (FunctionType, type, ModuleType)):
            yield from self._define_object(value, code)
        else:
            inspected = inspect_value(value)
            piece = CodePiece(_digest(inspected.text), user.piece.where)
            yield _Definition(name, piece, user.module, code=inspected.code)

    def _resolve(
        self, module: ModuleType | None, chain: tuple[str, ...], code: CodeClosure
    ) -> Iterator[_Definition]:
        """Find the project definitions that a dotted name refers to; of a third party's, add the package."""
        name = chain[0]
        if module is None:
            return
        self._add_file(module, code)
        bindings = self._read_bindings(module)
        if name in bindings:
            # Follow all statements that bind the name: the machine may decide which of them ran.
            for statement in bindings[name]:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    yield from self._follow_import(module, statement, chain, code)
                else:
                    yield self._get_definition(module, name)
                    if "__subclasses__" in chain:
                        for kind in iter_subclasses(getattr(module, name, None)):
                            yield from self._define_object(kind, code)
        elif (sub := sys.modules.get(f"{module.__name__}.{name}")) is not None:
            yield from self._enter_module(sub, chain[1:], code)
        elif hasattr(module, name) and getattr(builtins, name, _MISSING) is not getattr(module, name):
            stars = [m for m in find_star_modules(module, bindings.get("*", [])) if hasattr(m, name)]
            for star in stars:
                yield from self._enter_module(star, chain, code)
            if not stars:
                yield from self._define_unbound(module, chain, code)

    def _define_unbound(
        self, module: ModuleType, chain: tuple[str, ...], code: CodeClosure
    ) -> Iterator[_Definition]:
        """Define a name that no statement of its module binds: set by a call, or in a notebook."""
        value = getattr(module, chain[0])
        if isinstance(value, ModuleType):
            yield from self._enter_module(value, chain[1:], code)
        else:
            user = _Definition(chain[0], CodePiece("", ""), module)
            yield from self._define_value(f"{module.__name__}.{chain[0]}", value, user, code)

    def _follow_import(
        self, module: ModuleType, statement: ast.stmt, chain: tuple[str, ...], code: CodeClosure
    ) -> Iterator[_Definition]:
        for target, rest in resolve_import(module, statement, chain):
            found = find_module(target)
            if found is None:
                self._add_package(target, code)
            else:
                yield from self._enter_module(found, rest, code)

    def _enter_module(
        self, module: ModuleType, chain: tuple[str, ...], code: CodeClosure
    ) -> Iterator[_Definition]:
        """Follow a chain of attribute names into a module; an empty chain means the whole module."""
        if not is_project(module):
            code.calls_wish |= chain[:1] == ("wish",) and module.__name__ in ("magical", "magical.wishes")
            self._add_package(module.__name__, code)
        elif chain:
            yield from self._resolve(module, chain, code)
        elif (file := find_source_file(module)) is not None:
            tree = ast.parse(file.read_bytes())
            piece = CodePiece(_digest(normalise_syntax(tree)), f"{file.name}:1")
            yield _Definition(
                module.__name__, piece, module, find_name_chains(tree), imports=find_local_imports(tree)
            )

    def _add_package(self, module_name: str, code: CodeClosure) -> None:
        found = find_package(module_name)
        if found is not None:
            code.packages[found[0]] = found[1]

    def _add_file(self, module: ModuleType | None, code: CodeClosure) -> None:
        if module is None:
            return
        if module.__name__ not in self._source_files:
            self._source_files[module.__name__] = find_source_file(module)
        file = self._source_files[module.__name__]
        if file is not None:
            code.files.add(str(file))

    def _read_bindings(self, module: ModuleType) -> dict[str, list[ast.stmt]]:
        """Map the names of a module to the top-level statements that bind them."""
        if module.__name__ not in self._bindings_by_module:
            file = find_source_file(module)
            bindings = find_bindings(ast.parse(file.read_bytes())) if file else {}
            self._bindings_by_module[module.__name__] = bindings
        return self._bindings_by_module[module.__name__]

    def _get_definition(self, module: ModuleType, name: str) -> _Definition:
        key = (module.__name__, name)
        if key not in self._definitions:
            self._definitions[key] = self._make_definition(module, name)
        return self._definitions[key]

    def _make_definition(self, module: ModuleType, name: str) -> _Definition:
        """Build the definition of a module's name: by its value if that is simple, else by its code."""
        statements = self._read_bindings(module)[name]
        where = f"{_file_name(module)}:{statements[0].lineno}"
        value = getattr(module, name, None)
        label = f"{module.__name__}.{name}"
        is_code = any(isinstance(s, _CODE_STATEMENTS) for s in statements)
        # A process imports our own modules once for all projects: a value may come from another project.
        is_ours = module.__name__.startswith("magical.")
        if not is_code and not is_ours and is_simple(value):
            # By value: the same constant may be computed by another expression, or read from a file.
            return _Definition(label, CodePiece(_digest(describe_value(value)), where), module)
        tree = ast.Module(statements, [])
        text, others = normalise_syntax(tree), tuple(c for c in find_name_chains(tree) if c[0] != name)
        if is_code or is_ours:
            registered = () if is_ours else find_registered(value)
            imports, piece = find_local_imports(tree), CodePiece(_digest(text), where)
            return _Definition(label, piece, module, others, imports=imports, code=registered)
        inspected = inspect_value(value)
        piece = CodePiece(_digest(f"{text}\n{inspected.text}"), where)
        return _Definition(label, piece, module, others, code=inspected.code)


_CODE_STATEMENTS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MISSING = object()


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # the outer function has not assigned the variable yet
        return False
    return True


def _find_code_names(code: CodeType | None) -> Iterator[str]:
    if code is not None:
        yield from code.co_names
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                yield from _find_code_names(inner)


def _file_name(module: ModuleType | None, thing: Any = None) -> str:
    code = getattr(thing, "__code__", None)
    name = getattr(module, "__file__", None) or getattr(code, "co_filename", "")
    return str(name).rpartition("/")[2]


def _digest(text: str) -> str:
    # A text constant may contain lone surrogates.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
