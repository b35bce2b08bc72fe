"""Definitions for keys: the text of each function, class and value, and the names and code in it."""

from __future__ import annotations

import ast
import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from magical.keys.import_asks import AskFinder
from magical.keys.import_effects import EffectFinder
from magical.keys.live_names import NameResolver, Scope, is_own_function
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
from magical.keys.packages import find_source_file, is_project
from magical.keys.source_index import SourceIndex, iter_sources
from magical.keys.syntax import dump_syntax, find_local_imports, find_name_chains, normalise_syntax
from magical.python_parser import parse_python

__all__ = ["CODE_TYPES", "Definition", "DefinitionReader", "file_name", "is_ours"]

_QUERIED = re.compile(r"@(\w+)")

CODE_TYPES = (FunctionType, BuiltinFunctionType, type, ModuleType)
"""The types of values that are code, and so have definitions of their own."""

_IMPORTS = (ast.Import, ast.ImportFrom)
_DOC_READERS = re.compile(
    r"'(__doc__|getdoc|getcomments|getsource\w*|help|model_fields|__pydantic_fields__|model_json_schema|"
    r"json_schema|__fields__|schema|schema_json|render_doc|get_type_hints)'"
)


@dataclass(frozen=True, eq=False)
class Definition:
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

    @functools.cached_property
    def reads_docs(self) -> bool:
        """True if the project's code reads texts that otherwise only people read."""
        return not is_ours(self.module) and _DOC_READERS.search(self.text) is not None

    @functools.cached_property
    def lists_subclasses(self) -> bool:
        """True if the code asks a class for its subclasses."""
        return "'__subclasses__'" in self.text


class DefinitionReader:
    """Reads definitions from living objects and their sources, each one once.

    Args:
        index: finds syntax trees.
        root: the project's folder; None for none.
        documented: True to include the texts that only people read.

    Example:
        >>> reader = DefinitionReader(SourceIndex(), None, documented=False)
        >>> reader.read_class(DefinitionReader).name
        'magical.keys.definitions.DefinitionReader'
    """

    def __init__(self, index: SourceIndex, root: Path | None, documented: bool) -> None:
        self._index, self._root, self._documented = index, root, documented
        self._asks, self._effects = AskFinder(index, ()), EffectFinder(index)
        # The things are kept, since Python may reuse the id of a deleted object.
        self._read: dict[Any, tuple[Any, Definition]] = {}

    def describe(self, value: Any) -> InspectedValue:
        """Describe a value, and collect the code in it."""
        return inspect_value(value, str(self._root or ""), self._documented)

    def read_function(self, function: FunctionType, module: ModuleType) -> Definition:
        """Define a function: its syntax and its living state; of a third party's, the state alone."""
        return self._once(id(function), function, lambda: self._make_function(function, module))

    def _make_function(self, function: FunctionType, module: ModuleType) -> Definition:
        name = f"{module.__name__}.{function.__qualname__}"
        state = inspect_function(function, str(self._root or ""), self._documented)
        cells = {n: v for n, v in iter_cells(function) if isinstance(v, CODE_TYPES)}
        code = [*state.code, *cells.values()]
        code += [wrapped] if (wrapped := wrapped_function(function)) is not None else []
        if not is_project(module):
            return Definition(name, state.text, "", module, code=tuple(code))
        text = "" if is_ours(module) else state.text
        text += "".join(f" {n}={self.describe(v).text}" for n, v in cells.items())
        tree = self._index.find_function(function)
        hidden = frozenset(function.__code__.co_freevars)
        if tree is None:
            # Its bytecode is stable within a minor version of Python.
            names = tuple((n,) for n in sorted(set(_find_code_names(function.__code__))))
            text = f"{describe_bytecode(function.__code__)!r} {text}"
            return Definition(name, text, "", module, names, code=tuple(code), hidden=hidden)
        line = getattr(tree.body[0], "lineno", 1)
        where = f"{Path(function.__code__.co_filename).name}:{line}"
        normal = self._normalise(tree, module)
        text = f"{dump_syntax(normal)} {text}"
        chains, imports = find_name_chains(normal), find_local_imports(normal)
        # `df.query("x < @LIMIT")` names LIMIT in a text.
        chains += tuple((n,) for n in sorted(set(_QUERIED.findall(text))) if n in vars(module))
        return Definition(name, text, where, module, chains, imports, tuple(code), hidden)

    def read_class(self, cls: type[Any]) -> Definition:
        """Define a class: its syntax, its living dictionary, its bases and its metaclass."""
        return self._once(id(cls), cls, lambda: self._make_class(cls))

    def _make_class(self, cls: type[Any]) -> Definition:
        module, name = sys.modules[cls.__module__], f"{cls.__module__}.{cls.__qualname__}"
        tree = self._index.find_class(cls)
        bases = tuple(c for c in (*cls.__bases__, type(cls)) if c not in (object, type))
        if is_ours(module) and tree is not None:
            state = InspectedValue("")
        else:
            state = inspect_class(cls, str(self._root or ""), self._documented)
        if tree is None:
            return Definition(name, state.text, "", module, code=(*state.code, *bases), cls=cls)
        normal = self._normalise(tree, module)
        text, code = f"{dump_syntax(normal)} {state.text}", [*bases]
        for thing in state.code:
            if isinstance(thing, FunctionType) and _is_inside(thing, tree, module):
                own = inspect_function(thing, str(self._root or ""), self._documented)
                text = f"{text} {own.text}"
                code += own.code
            elif thing is not cls:
                code.append(thing)
        where = f"{file_name(module)}:{getattr(tree.body[0], 'lineno', 1)}"
        chains, imports = find_name_chains(normal), find_local_imports(normal)
        return Definition(name, text, where, module, chains, imports, tuple(code), cls=cls)

    def read_value(self, module: ModuleType, name: str, value: Any) -> Definition:
        """Define a module's value by its content, or by how it was made if that cannot be read."""
        return self._once((module.__name__, name), value, lambda: self._make_value(module, name, value))

    def _make_value(self, module: ModuleType, name: str, value: Any) -> Definition:
        statements = self._index.read_bindings(module).get(name, [])
        label = f"{module.__name__}.{name}"
        where = f"{file_name(module)}:{statements[0].lineno}" if statements else ""
        # A process imports our own modules once for all projects: a value may come from another project.
        ours = is_ours(module)
        found = InspectedValue("") if ours else self.describe(value)
        if not found.is_opaque and not ours:
            return Definition(label, found.text, where, module, code=found.code)
        tree = ast.Module([s for s in statements if not isinstance(s, _IMPORTS)], [])
        normal = self._normalise(tree, module)
        chains = tuple(c for c in find_name_chains(normal) if c[0] != name)
        text = f"{dump_syntax(normal)} {found.text}"
        if not ours:
            made_from = self._evaluate_arguments(tree, module)
            if made_from is None or self._is_made_by_asking(tree, module):
                # It was made from something that may be another one now.
                made_from = f"unreadable {os.urandom(16).hex()}"
            text += made_from
        return Definition(label, text, where, module, chains, code=found.code)

    def read_module(self, module: ModuleType) -> Definition:
        """Define a module that is used as a value: all its names, or the content of a compiled one."""

        def make() -> Definition:
            names = sorted(n for n in vars(module) if not n.startswith("__"))
            compiled = getattr(module, "__file__", None) if find_source_file(module) is None else None
            text = digest_text(Path(compiled).read_bytes().hex()) if compiled else ""
            return Definition(module.__name__, text, "", module, tuple((n,) for n in names))

        return self._once((module.__name__, ""), module, make)

    def read_every_module(self) -> Definition:
        """Define all the project's modules, for code that imports modules by names that it computes."""

        def make() -> Definition:
            files = sorted(iter_sources(self._root)) if self._root else []
            texts = [f"{os.path.relpath(path, self._root)} {_digest_file(path)}" for path in files]
            return Definition("every module", "\n".join(texts), "", None)

        return self._once("every module", None, make)

    def read_effects(self, module: ModuleType, statements: list[ast.stmt]) -> Definition:
        """Define the statements of a module that may change something outside of the project."""

        def make() -> Definition:
            name, where = f"{module.__name__} (top level)", f"{file_name(module)}:{statements[0].lineno}"
            normal = self._normalise(ast.Module(statements, []), module)
            code = tuple(m for s in statements if isinstance(s, _IMPORTS) for m in _iter_imported(s))
            text = f"{dump_syntax(normal)} {self._evaluate_arguments(normal, module)}"
            return Definition(name, text, where, module, find_name_chains(normal), code=code)

        return self._once((module.__name__, "top level"), module, make)

    def read_order(self, modules: Iterable[ModuleType]) -> Definition:
        """Define the order in which modules with such statements were imported."""
        order = {name: place for place, name in enumerate([*sys.modules])}
        names = sorted((m.__name__ for m in modules), key=lambda name: order.get(name, 0))
        text = " ".join(names)
        return self._once(("order", text), None, lambda: Definition("order of imports", text, "", None))

    def _evaluate_arguments(self, tree: ast.AST, module: ModuleType) -> str | None:
        """Describe the arguments of calls as they are now, if they ask for something or name a file.

        Returns:
            The description; None if an argument that asks cannot be evaluated again without harm.
        """
        texts: list[str] = []
        for argument in _iter_arguments(tree):
            asks = bool(self._asks.find_in_expression(argument, module))
            if self._effects.calls_changing(argument, Scope(module)):
                if asks:
                    return None
                continue
            try:
                code = compile(ast.fix_missing_locations(ast.Expression(argument)), file_name(module), "eval")
                value = eval(code, dict(vars(module)))
            except Exception:  # it was evaluated once, but with other values of names
                if asks:
                    return None
                continue
            if asks:
                texts.append(self.describe(value).text)
            if isinstance(value, (str, Path)) and _is_file(value):
                texts.append(digest_text(Path(value).read_bytes().hex()))
        return " ".join(texts)

    def _is_made_by_asking(self, tree: ast.AST, module: ModuleType) -> bool:
        """Return True if a function of the project that asks for something made a value."""
        names = NameResolver(self._index)
        calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
        made_by = (names.resolve(call.func, Scope(module)).value for call in calls)
        return any(is_own_function(f) and self._asks.find_in_call(f) for f in made_by)

    def _once(self, key: Any, thing: Any, make: Callable[[], Definition]) -> Definition:
        if key not in self._read:
            self._read[key] = thing, make()
        return self._read[key][1]

    def _normalise(self, tree: ast.AST, module: ModuleType) -> ast.AST:
        def is_field(called: ast.expr) -> bool:
            """Return False for a function of the project that happens to be called Field."""
            owner: Any = module
            if isinstance(called, ast.Attribute):
                owner = vars(module).get(getattr(called.value, "id", ""))
            return not is_project(sys.modules.get(module_name(getattr(owner, "Field", None))))

        return normalise_syntax(tree, self._documented, is_field)


def _is_inside(function: FunctionType, tree: ast.Module, module: ModuleType) -> bool:
    """Return True if a function is defined inside a piece of a module's source."""
    code = function.__code__
    lines = [(s.lineno, s.end_lineno or s.lineno) for s in tree.body]
    is_same_file = code.co_filename == getattr(module, "__file__", None)
    return is_same_file and any(first <= code.co_firstlineno <= last for first, last in lines)


def _iter_arguments(node: ast.AST) -> Iterator[ast.expr]:
    """Iterate over the arguments of the outermost calls in a piece of code."""
    if isinstance(node, ast.Call):
        yield from (*node.args, *(k.value for k in node.keywords))
        yield from _iter_arguments(node.func)
    elif isinstance(node, ast.comprehension):
        yield node.iter
    else:
        for child in ast.iter_child_nodes(node):
            yield from _iter_arguments(child)


def _is_file(path: str | Path) -> bool:
    try:
        return os.path.isfile(path)
    except ValueError:  # a text with a NUL
        return False


def _iter_imported(statement: Any) -> Iterator[ModuleType]:
    names = (
        [a.name for a in statement.names] if isinstance(statement, ast.Import) else [statement.module or ""]
    )
    yield from (sys.modules[name] for name in names if name in sys.modules)


def _find_code_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _find_code_names(inner)


def is_ours(module: ModuleType | None) -> bool:
    """Return True for a module of magical itself, whose values belong to no project.

    Example:
        >>> is_ours(sys.modules[__name__]), is_ours(sys)
        (True, False)
    """
    return module is not None and module.__name__.startswith("magical.")


def file_name(module: ModuleType) -> str:
    """Return the name of the file of a module, without its folder.

    Example:
        >>> file_name(sys.modules[__name__])
        'definitions.py'
    """
    return str(getattr(module, "__file__", None) or "").rpartition("/")[2]


def _digest_file(path: Path) -> str:
    try:
        return digest_text(dump_syntax(normalise_syntax(parse_python(path.read_bytes()))))
    except (OSError, SyntaxError, ValueError):
        return ""
