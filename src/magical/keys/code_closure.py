"""The code closure of a step: all code and values of the project that it refers to, as they are after import.

Names are followed in the source, and what they lead to is read from the living objects: a method that another
module replaced, a registry that another module filled, a table that an import read.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from magical.keys.import_asks import AskFinder
from magical.keys.import_effects import EffectFinder
from magical.keys.import_resolution import (
    find_module,
    find_star_modules,
    list_project_modules,
    resolve_import,
)
from magical.keys.live_names import is_step
from magical.keys.live_values import (
    InspectedValue,
    describe_bytecode,
    digest_text,
    inspect_class,
    inspect_function,
    inspect_value,
    iter_cells,
    module_name,
    wrapped_function,
)
from magical.keys.packages import find_package, find_source_file, is_project
from magical.keys.source_index import SourceIndex, find_module_of, iter_sources
from magical.keys.syntax import dump_syntax, find_local_imports, find_name_chains, normalise_syntax

__all__ = ["CodeClosure", "CodePiece", "CodeReader"]

_IMPORTS = (ast.Import, ast.ImportFrom)
_BINDING = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    *_IMPORTS,
)  # statements that name what they bind
_MISSING = object()
# Code with one of these names reads texts that otherwise only people read.
_DOC_READERS = re.compile(
    r"'(__doc__|getdoc|getcomments|getsource\w*|help|model_fields|__pydantic_fields__|model_json_schema|"
    r"json_schema|__fields__|schema_json|render_doc)'"
)
_IMPORTERS = ("importlib", "runpy", "pkgutil", "imp", "zipimport")


@dataclass(frozen=True, slots=True)
class CodePiece:
    """One definition: the digest of its normalised syntax and its state, and its ``file:line``."""

    digest: str
    where: str


@dataclass
class CodeClosure:
    """All code that a function refers to, directly or not.

    Attributes:
        pieces: project definitions by their dotted names.
        packages: versions of third-party distributions, by name.
        calls_wish: True if any of the code calls ``magical.wish``.
    """

    pieces: dict[str, CodePiece] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    calls_wish: bool = False


@dataclass(frozen=True, eq=False)
class _Definition:
    """A definition, and what it refers to: dotted names, imports, and code inside its values.

    Attributes:
        text: its normalised syntax, with the state of the living object.
        module: whose names are global in it.
        hidden: the names that the functions around it define.
    """

    name: str
    text: str
    where: str
    module: ModuleType | None
    chains: tuple[tuple[str, ...], ...] = ()
    imports: Mapping[str, list[ast.stmt]] = field(default_factory=dict)
    code: tuple[Any, ...] = ()
    hidden: frozenset[str] = frozenset()
    cls: type[Any] | None = None


@dataclass
class _References:
    """What a definition refers to directly.

    Attributes:
        targets: what each of its names leads to: another binding of a name is another key.
    """

    definitions: list[_Definition] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    calls_wish: bool = False


class CodeReader:
    """Reads code for keys, each module and each definition once.

    Args:
        root: the project's folder; keys are the same in each clone of it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.index = SourceIndex()
        self._root = root
        self._modules: tuple[frozenset[str], tuple[ModuleType, ...]] = frozenset(), ()
        self._effects: dict[tuple[_Follower, tuple[ModuleType, ...]], list[_Definition]] = {}
        self._followers = [_Follower(self.index, root, documented) for documented in (False, True)]

    def read(self, *roots: Any) -> CodeClosure:
        """Read all code that some functions or classes refer to, themselves included."""
        return self._read(roots, ())

    def read_step(self, *roots: Any) -> CodeClosure:
        """Read the same, and what the import of the project's modules may change outside of them."""
        code = self._read(roots, modules := self.list_modules())
        # A module that only a body imports is imported by now, and may change something as well.
        return code if (now := self.list_modules()) == modules else self._read(roots, now)

    def list_modules(self) -> tuple[ModuleType, ...]:
        """List the imported modules of the project, with the project code outside of it that they import."""
        key = frozenset(sys.modules)
        if self._modules[0] != key:
            self._modules = key, list_project_modules(self._root, self.index)
        return self._modules[1]

    def find_asks(self, called: Iterable[Any]) -> dict[str, str]:
        """Find what the project's modules ask the world at import, and what some functions do when called.

        Returns:
            For each such module, and each such function by ``module:name``, the place and the text of the
            first expression that asks.
        """
        modules = self.list_modules()
        finder = AskFinder(self.index, modules)
        found = [(m.__name__, m, finder.find(m)) for m in modules]
        for thing in called:
            module = sys.modules.get(module_name(thing))
            if module in modules:
                name = f"{module.__name__}:{thing.__qualname__}"
                found.append((name, module, finder.find_in_call(thing)))
        places = {name: (_file_name(m), *asks[0]) for name, m, asks in found if asks}
        return {name: f"{file}:{line}: {text}" for name, (file, line, text) in sorted(places.items())}

    def _read(self, roots: tuple[Any, ...], modules: tuple[ModuleType, ...]) -> CodeClosure:
        for follower in self._followers:
            start = follower.follow_all(roots)
            found, effects = follower.close(start), self._find_effects(follower, modules)
            own = [d for d in (*found, *effects) if not _is_ours(d.module)]
            if follower.documented or not any(_DOC_READERS.search(d.text) for d in own):
                break
        references = [start, *map(follower.refer, found)]
        code = CodeClosure(calls_wish=any(r.calls_wish for r in references))
        for reference in [*references, *map(follower.refer, effects)]:
            code.packages |= reference.packages
        code.pieces = _label(dict.fromkeys([*found, *effects]), follower)
        return code

    def _find_effects(self, follower: _Follower, modules: tuple[ModuleType, ...]) -> list[_Definition]:
        if (follower, modules) not in self._effects:
            start = _References()
            finder = EffectFinder(self.index)
            for module in modules:
                if effects := finder.find(module):
                    start.definitions.append(follower.define_effects(module, effects))
            self._effects[follower, modules] = follower.close(start)
        return self._effects[follower, modules]


class _Follower:
    """Follows references from one definition to the next, each of which is read once.

    Args:
        index: finds syntax trees.
        root: the project's folder.
        documented: True to include the texts that only people read.
    """

    def __init__(self, index: SourceIndex, root: Path | None, documented: bool) -> None:
        self.documented = documented
        self._index, self._root = index, root
        self._asks = AskFinder(index, ())
        # The things are kept, since Python may reuse the id of a deleted object.
        self._defined: dict[Any, tuple[Any, _Definition]] = {}
        self._references: dict[_Definition, _References] = {}

    def follow_all(self, things: Iterable[Any]) -> _References:
        """Find the definitions of some functions, classes or modules."""
        references = _References()
        for thing in things:
            self._follow_object(thing, references)
        return references

    def close(self, start: _References) -> list[_Definition]:
        """Find all definitions that some references lead to, directly or not."""
        found: dict[_Definition, None] = {}
        waiting = list(start.definitions)
        while waiting:
            while waiting:
                definition = waiting.pop()
                if definition not in found:
                    found[definition] = None
                    waiting += self.refer(definition).definitions
            if any("'__subclasses__'" in d.text for d in found):
                classes = [sub for d in found if d.cls is not None for sub in _iter_subclasses(d.cls)]
                waiting = [d for d in self.follow_all(classes).definitions if d not in found]
        return list(found)

    def refer(self, definition: _Definition) -> _References:
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

    def _follow_object(self, thing: Any, references: _References) -> None:
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
                references.definitions.append(self._define_function(thing, module))
            if not is_project(module):
                _add_package(module.__name__, references)
        elif isinstance(thing, type) and is_project(sys.modules.get(module_name(thing))):
            references.definitions.append(self._define_class(thing))
        else:
            _add_package(module_name(thing), references)
            if wrapped is not None:  # such as a function with a cache
                self._follow_object(wrapped, references)

    def _follow_chain(self, module: ModuleType, chain: tuple[str, ...], references: _References) -> str:
        """Follow a dotted name in a project's module, and return the name of what it leads to."""
        name = chain[0]
        value = vars(module).get(name, _MISSING)
        if value is _MISSING:
            if (sub := sys.modules.get(f"{module.__name__}.{name}")) is not None:
                return self._follow_module(sub, chain[1:], references)
            if name == "__import__":
                references.definitions.append(self._define_every_module())
            if name in vars(builtins) or "__getattr__" not in vars(module):
                return name
            self._follow_object(vars(module)["__getattr__"], references)
            value = getattr(module, name, None)
        if isinstance(value, ModuleType):
            return self._follow_module(value, chain[1:], references)
        return self._follow_named(module, name, value, references)

    def _follow_named(self, module: ModuleType, name: str, value: Any, references: _References) -> str:
        """Follow the value of a module's name: code by its own definition, data by the name."""
        module, name = self._find_origin(module, name, value, references)
        value = _unwrap_step(value)
        if isinstance(value, _CODE_TYPES) or wrapped_function(value) is not None:
            self._follow_object(value, references)
            statements = self._index.read_bindings(module).get(name, [])
            is_made = isinstance(value, FunctionType) and not any(isinstance(s, _BINDING) for s in statements)
            if not is_made or not inspect_function(value).is_opaque:
                return inspect_value(value, str(self._root or "")).text
        references.definitions.append(self._define_value(module, name, value))
        return f"{module.__name__}.{name}"

    def _find_origin(
        self, module: ModuleType, name: str, value: Any, references: _References
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
        self, module: ModuleType, statement: ast.stmt, chain: tuple[str, ...], references: _References
    ) -> None:
        for target, rest in resolve_import(module, statement, chain):
            found = find_module(target)
            if found is None:
                _add_package(target, references)
            else:
                self._follow_module(found, rest, references)

    def _follow_module(self, module: ModuleType, chain: tuple[str, ...], references: _References) -> str:
        """Follow a chain of attribute names into a module; an empty chain means the whole module."""
        if not is_project(module):
            references.calls_wish |= chain[:1] == ("wish",) and module.__name__ in (
                "magical",
                "magical.wishes",
            )
            _add_package(module.__name__, references)
            if module.__name__.partition(".")[0] in _IMPORTERS:
                references.definitions.append(self._define_every_module())
        elif chain:
            return self._follow_chain(module, chain, references)
        else:
            references.definitions.append(self._define_module(module))
        return ".".join([module.__name__, *chain])

    # --- definitions ------------------------------------------------------------------------------------

    def _define_function(self, function: FunctionType, module: ModuleType) -> _Definition:
        if id(function) not in self._defined:
            self._defined[id(function)] = function, self._make_function(function, module)
        return self._defined[id(function)][1]

    def _make_function(self, function: FunctionType, module: ModuleType) -> _Definition:
        name = f"{module.__name__}.{function.__qualname__}"
        state = inspect_function(function, str(self._root or ""), self.documented)
        cells = {n: v for n, v in iter_cells(function) if isinstance(v, _CODE_TYPES)}
        code = [*state.code, *cells.values()]
        code += [wrapped] if (wrapped := wrapped_function(function)) is not None else []
        if not is_project(module):
            return _Definition(name, state.text, "", module, code=tuple(code))
        text = "" if _is_ours(module) else state.text
        text += "".join(f" {n}={inspect_value(v, str(self._root or '')).text}" for n, v in cells.items())
        tree = self._index.find_function(function)
        hidden = frozenset(function.__code__.co_freevars)
        if tree is None:
            # Its bytecode is stable within a minor version of Python.
            names = tuple((n,) for n in sorted(set(_find_code_names(function.__code__))))
            text = f"{describe_bytecode(function.__code__)!r} {text}"
            return _Definition(name, text, "", module, names, code=tuple(code), hidden=hidden)
        line = getattr(tree.body[0], "lineno", 1)
        where = f"{Path(function.__code__.co_filename).name}:{line}"
        normal = self._normalise(tree, module)
        text = f"{dump_syntax(normal)} {text}"
        chains, imports = find_name_chains(normal), find_local_imports(normal)
        return _Definition(name, text, where, module, chains, imports, tuple(code), hidden)

    def _define_class(self, cls: type[Any]) -> _Definition:
        if id(cls) not in self._defined:
            self._defined[id(cls)] = cls, self._make_class(cls)
        return self._defined[id(cls)][1]

    def _make_class(self, cls: type[Any]) -> _Definition:
        """Define a class: its syntax, its living dictionary, its bases and its metaclass."""
        module, name = sys.modules[cls.__module__], f"{cls.__module__}.{cls.__qualname__}"
        tree = self._index.find_class(cls)
        bases = tuple(c for c in (*cls.__bases__, type(cls)) if c not in (object, type))
        if _is_ours(module) and tree is not None:
            state = InspectedValue("")
        else:
            state = inspect_class(cls, str(self._root or ""), self.documented)
        if tree is None:
            return _Definition(name, state.text, "", module, code=(*state.code, *bases), cls=cls)
        normal = self._normalise(tree, module)
        text, code = f"{dump_syntax(normal)} {state.text}", [*bases]
        for thing in state.code:
            if isinstance(thing, FunctionType) and _is_inside(thing, tree, module):
                own = inspect_function(thing, str(self._root or ""), self.documented)
                text = f"{text} {own.text}"
                code += own.code
            elif thing is not cls:
                code.append(thing)
        where = f"{_file_name(module)}:{getattr(tree.body[0], 'lineno', 1)}"
        chains, imports = find_name_chains(normal), find_local_imports(normal)
        return _Definition(name, text, where, module, chains, imports, tuple(code), cls=cls)

    def _define_value(self, module: ModuleType, name: str, value: Any) -> _Definition:
        key = (module.__name__, name)
        if key not in self._defined:
            self._defined[key] = value, self._make_value(module, name, value)
        return self._defined[key][1]

    def _make_value(self, module: ModuleType, name: str, value: Any) -> _Definition:
        """Define a module's value by its content, or by how it was made if that cannot be read."""
        statements = self._index.read_bindings(module).get(name, [])
        label = f"{module.__name__}.{name}"
        where = f"{_file_name(module)}:{statements[0].lineno}" if statements else ""
        # A process imports our own modules once for all projects: a value may come from another project.
        is_ours = _is_ours(module)
        found = (
            InspectedValue("") if is_ours else inspect_value(value, str(self._root or ""), self.documented)
        )
        if not found.is_opaque and not is_ours:
            return _Definition(label, found.text, where, module, code=found.code)
        tree = ast.Module([s for s in statements if not isinstance(s, _IMPORTS)], [])
        normal = self._normalise(tree, module)
        chains = tuple(c for c in find_name_chains(normal) if c[0] != name)
        text = f"{dump_syntax(normal)} {found.text}"
        if not is_ours and self._asks.find_in_arguments(tree, module):
            # It was made from something that may be another one now.
            text = f"unreadable {os.urandom(16).hex()}"
        return _Definition(label, text, where, module, chains, code=found.code)

    def _define_module(self, module: ModuleType) -> _Definition:
        """Define a module that is used as a value: all its names, or the content of a compiled one."""
        key = (module.__name__, "")
        if key not in self._defined:
            file, names = find_source_file(module), sorted(n for n in vars(module) if not n.startswith("__"))
            compiled = getattr(module, "__file__", None) if file is None else None
            text = digest_text(Path(compiled).read_bytes().hex()) if compiled else ""
            found = _Definition(module.__name__, text, "", module, tuple((n,) for n in names))
            self._defined[key] = module, found
        return self._defined[key][1]

    def _define_every_module(self) -> _Definition:
        """Define all the project's modules, for code that imports modules by names that it computes."""
        if "" not in self._defined:
            files = iter_sources(self._root) if self._root else ()
            texts = (
                [f"{p.relative_to(self._root)} {_digest_file(p)}" for p in sorted(files)]
                if self._root
                else []
            )
            self._defined[""] = None, _Definition("every module", "\n".join(texts), "", None)
        return self._defined[""][1]

    def define_effects(self, module: ModuleType, statements: list[ast.stmt]) -> _Definition:
        """Define the statements of a module that may change something outside of the project."""
        key = (module.__name__, "top level")
        if key not in self._defined:
            tree = ast.Module(statements, [])
            where = f"{_file_name(module)}:{statements[0].lineno}"
            text = dump_syntax(self._normalise(tree, module))
            code = [m for s in statements if isinstance(s, _IMPORTS) for m in _iter_imported(s)]
            found = _Definition(
                f"{module.__name__} (top level)",
                text,
                where,
                module,
                find_name_chains(tree),
                code=tuple(code),
            )
            self._defined[key] = module, found
        return self._defined[key][1]

    def _normalise(self, tree: ast.AST, module: ModuleType) -> ast.AST:
        def is_field(called: ast.expr) -> bool:
            """Return False for a function of the project that happens to be called Field."""
            owner: Any = module
            if isinstance(called, ast.Attribute):
                owner = vars(module).get(getattr(called.value, "id", ""))
            return not is_project(sys.modules.get(module_name(getattr(owner, "Field", None))))

        return normalise_syntax(tree, self.documented, is_field)


_CODE_TYPES = (FunctionType, BuiltinFunctionType, type, ModuleType)


def _label(definitions: Iterable[_Definition], follower: _Follower) -> dict[str, CodePiece]:
    """Return the pieces of definitions by name; lambdas, and closures of one function, share a name."""
    named: dict[str, set[CodePiece]] = {}
    for definition in definitions:
        text = "\n".join([definition.text, *follower.refer(definition).targets])
        named.setdefault(definition.name, set()).add(CodePiece(digest_text(text), definition.where))
    pieces: dict[str, CodePiece] = {}
    for name, same in named.items():
        for number, piece in enumerate(sorted(same, key=lambda p: (p.digest, p.where)), 1):
            pieces[name if number == 1 else f"{name}#{number}"] = piece
    return pieces


def _unwrap_step(thing: Any) -> Any:
    """Return the function of a step, workflow or rule; other things as they are."""
    return thing.function if is_step(thing) else thing


def _is_ours(module: ModuleType | None) -> bool:
    return module is not None and module.__name__.startswith("magical.")


def _iter_subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    # Not `cls.__subclasses__()`, which a metaclass cannot call without an argument.
    for kind in type.__subclasses__(cls):
        yield kind
        yield from _iter_subclasses(kind)


def _is_inside(function: FunctionType, tree: ast.Module, module: ModuleType) -> bool:
    """Return True if a function is defined inside a piece of a module's source."""
    code = function.__code__
    lines = [(s.lineno, s.end_lineno or s.lineno) for s in tree.body]
    is_same_file = code.co_filename == getattr(module, "__file__", None)
    return is_same_file and any(first <= code.co_firstlineno <= last for first, last in lines)


def _iter_imported(statement: Any) -> Iterator[ModuleType]:
    names = (
        [a.name for a in statement.names] if isinstance(statement, ast.Import) else [statement.module or ""]
    )
    yield from (sys.modules[name] for name in names if name in sys.modules)


def _add_package(name: str, references: _References) -> None:
    found = find_package(name) if name else None
    if found is not None:
        references.packages[found[0]] = found[1]


def _find_code_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _find_code_names(inner)


def _file_name(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "").rpartition("/")[2]


def _digest_file(path: Path) -> str:
    try:
        return digest_text(dump_syntax(normalise_syntax(ast.parse(path.read_bytes()))))
    except (OSError, SyntaxError, ValueError):
        return ""
