"""The code a step depends on: the normalised syntax of it and of every project definition it refers to."""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from magical.engine.modules import file_of, is_project, package_of
from magical.engine.syntax import bindings, chains, local_imports, normal

__all__ = ["Code", "CodeReader", "Piece"]


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
        files: the project files that the pieces stand in.
    """

    pieces: dict[str, Piece] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Definition:
    """A definition read once: its piece, and the dotted names it refers to, with where they are looked up."""

    name: str
    piece: Piece
    module: ModuleType | None
    chains: tuple[tuple[str, ...], ...]
    cells: tuple[tuple[str, Any], ...] = ()
    imports: Mapping[str, list[ast.stmt]] = field(default_factory=dict)


class CodeReader:
    """Reads code for keys; each module and definition once."""

    def __init__(self) -> None:
        self._modules: dict[str, dict[str, list[ast.stmt]]] = {}
        self._definitions: dict[tuple[str, str], _Definition | None] = {}

    def read(self, *roots: Any) -> Code:
        """Give all code that some functions or classes refer to, themselves included."""
        code = Code()
        seen: set[str] = set()
        waiting: list[_Definition] = [d for root in roots for d in self._of_object(root)]
        while waiting:
            definition = waiting.pop()
            if definition.name in seen:
                continue
            seen.add(definition.name)
            code.pieces[definition.name] = definition.piece
            file = file_of(definition.module)
            if file is not None:
                code.files.add(str(file))
            cells = dict(definition.cells)
            for chain in definition.chains:
                if chain[0] in cells:
                    waiting.extend(
                        self._of_value(f"{definition.name}.{chain[0]}", cells[chain[0]], definition)
                    )
                elif chain[0] in definition.imports and definition.module is not None:
                    for statement in definition.imports[chain[0]]:
                        waiting.extend(self._imported(definition.module, statement, chain, code))
                else:
                    waiting.extend(self._resolve(definition.module, chain, code))
        return code

    def _of_object(self, thing: Any) -> Iterator[_Definition]:
        """Find the definition of a living function or class."""
        thing = inspect.unwrap(getattr(thing, "function", thing))
        module = sys.modules.get(getattr(thing, "__module__", ""))
        name = getattr(thing, "__qualname__", "")
        if not is_project(module):
            return
        if module is not None and "." not in name and name in self._bindings(module):
            found = self._definition(module, name)
        else:
            found = self._local(thing, module, name)
        if found is not None:
            yield found

    def _local(self, thing: Any, module: ModuleType | None, name: str) -> _Definition | None:
        """A definition inside a function or class, or one without a module file (a notebook's)."""
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
            lines = inspect.getsourcelines(thing)[1]
        except (OSError, TypeError, SyntaxError, IndentationError):
            made = getattr(thing, "__code__", None)
            text = repr(_code_facts(made)) if made is not None else repr(thing)
            return _Definition(name, Piece(_digest(text), ""), module, ())
        where = f"{_file_name(module, thing)}:{lines}"
        cells = (
            zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=False)
            if _is_function(thing)
            else ()
        )
        filled = tuple((n, c.cell_contents) for n, c in cells if _filled(c))
        label = f"{getattr(module, '__name__', '')}.{name}"
        return _Definition(
            label, Piece(_digest(normal(tree)), where), module, chains(tree), filled, local_imports(tree)
        )

    def _of_value(self, name: str, value: Any, user: _Definition) -> Iterator[_Definition]:
        """A value that is held by a closure, or a global of a module without source."""
        value = getattr(value, "function", value)
        if isinstance(value, (FunctionType, type)):
            yield from self._of_object(value)
        elif isinstance(value, ModuleType):
            return
        else:
            text = (
                _text(value) if _is_simple(value) else f"{type(value).__module__}.{type(value).__qualname__}"
            )
            yield _Definition(name, Piece(_digest(text), user.piece.where), None, ())

    def _resolve(
        self, module: ModuleType | None, chain: tuple[str, ...], code: Code
    ) -> Iterator[_Definition]:
        """Follow a dotted name to the project's definition or the third party's version behind it."""
        name = chain[0]
        if module is None:
            return
        if not is_project(module):
            self._package(module.__name__, code)
            return
        bindings = self._bindings(module)
        if name in bindings:
            for statement in bindings[name]:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    yield from self._imported(module, statement, chain, code)
                elif (found := self._definition(module, name)) is not None:
                    yield found
        elif (sub := sys.modules.get(f"{module.__name__}.{name}")) is not None and len(chain) > 1:
            yield from self._resolve(sub, chain[1:], code)
        elif hasattr(module, name) and not hasattr(builtins, name):
            value = getattr(module, name)
            if isinstance(value, ModuleType):
                yield from self._resolve(value, chain[1:] or ("__name__",), code)
            else:
                yield from self._foreign(name, value, module, code)

    def _foreign(self, name: str, value: Any, module: ModuleType, code: Code) -> Iterator[_Definition]:
        """A name that no statement of its module binds: a star import, or a module without a source."""
        home = sys.modules.get(getattr(getattr(value, "function", value), "__module__", None) or "")
        if home is not None and not is_project(home):
            self._package(home.__name__, code)
            return
        user = _Definition(name, Piece("", ""), module, ())
        yield from self._of_value(f"{module.__name__}.{name}", value, user)

    def _imported(
        self, module: ModuleType, statement: ast.stmt, chain: tuple[str, ...], code: Code
    ) -> Iterator[_Definition]:
        for target, rest in _import_targets(module, statement, chain):
            top = _module(target)
            if top is None or not is_project(top):
                self._package(target, code)
            elif rest:
                yield from self._resolve(top, rest, code)

    def _package(self, module_name: str, code: Code) -> None:
        found = package_of(module_name)
        if found is not None:
            code.packages[found[0]] = found[1]

    def _bindings(self, module: ModuleType) -> dict[str, list[ast.stmt]]:
        """For each name of a module the top-level statements that bind it."""
        if module.__name__ not in self._modules:
            file = file_of(module)
            self._modules[module.__name__] = bindings(ast.parse(file.read_bytes())) if file else {}
        return self._modules[module.__name__]

    def _definition(self, module: ModuleType, name: str) -> _Definition | None:
        at = (module.__name__, name)
        if at not in self._definitions:
            self._definitions[at] = self._make(module, name)
        return self._definitions[at]

    def _make(self, module: ModuleType, name: str) -> _Definition | None:
        statements = self._bindings(module)[name]
        where = f"{_file_name(module)}:{statements[0].lineno}"
        value = getattr(module, name, None)
        label = f"{module.__name__}.{name}"
        is_code = any(
            isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for s in statements
        )
        if not is_code and _is_simple(value):
            return _Definition(label, Piece(_digest(_text(value)), where), module, ())
        tree = ast.Module(statements, [])
        others = tuple(c for c in chains(tree) if c[0] != name)
        inner = local_imports(tree) if is_code else {}
        return _Definition(label, Piece(_digest(normal(tree)), where), module, others, imports=inner)


def _module(name: str) -> ModuleType | None:
    """Give a module; a project module that is only imported inside a function is imported now."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    probe = ModuleType(name)
    probe.__file__ = spec.origin if spec is not None else None
    return importlib.import_module(name) if probe.__file__ and is_project(probe) else None


def _import_targets(
    module: ModuleType, statement: ast.stmt, chain: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For an import that binds ``chain[0]``: the module it leads to, and what of the chain is left."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if (alias.asname or alias.name.split(".")[0]) == chain[0]:
                parts, rest = (alias.name if alias.asname else chain[0]).split("."), list(chain[1:])
                while rest and ".".join([*parts, rest[0]]) in sys.modules:
                    parts.append(rest.pop(0))
                yield ".".join(parts), tuple(rest)
    if not isinstance(statement, ast.ImportFrom):
        return
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    base = statement.module or ""
    if statement.level:
        parent = package.split(".")[: len(package.split(".")) - statement.level + 1]
        base = ".".join([*parent, *([base] if base else [])])
    for alias in statement.names:
        if (alias.asname or alias.name) == chain[0]:
            if f"{base}.{alias.name}" in sys.modules and not hasattr(sys.modules.get(base), "__all__"):
                yield f"{base}.{alias.name}", chain[1:]
            else:
                yield base, (alias.name, *chain[1:])


def _is_simple(value: Any) -> bool:
    if isinstance(value, (tuple, list, set, frozenset)):
        return all(map(_is_simple, value))
    if isinstance(value, dict):
        return all(_is_simple(k) and _is_simple(v) for k, v in value.items())
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def _text(value: Any) -> str:
    """A repr that does not depend on the order of sets."""
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(k)}: {_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(_text, value))})"
    return repr(value)


def _is_function(thing: Any) -> bool:
    return isinstance(thing, FunctionType)


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _code_facts(code: CodeType) -> tuple[Any, ...]:
    inner = tuple(_code_facts(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code.hex(), code.co_names, inner)


def _file_name(module: ModuleType | None, thing: Any = None) -> str:
    code = getattr(thing, "__code__", None)
    name = getattr(module, "__file__", None) or getattr(code, "co_filename", "")
    return str(name).rpartition("/")[2]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
