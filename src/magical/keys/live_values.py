"""Living values as texts for keys: equal in every process for equal values, and different for others."""

from __future__ import annotations

import contextlib
import copyreg
import enum
import functools
import hashlib
import io
import os
import sys
import types
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from magical.keys.packages import is_project

__all__ = [
    "InspectedValue",
    "allow_deep_recursion",
    "describe_bytecode",
    "digest_text",
    "inspect_class",
    "inspect_function",
    "inspect_value",
    "iter_cells",
    "module_name",
    "qualified_name",
    "safe_attribute",
    "unwrap_function",
    "wrapped_function",
]

_LONGEST = 2_000  # characters; a longer text is replaced by its digest
_DEEPEST = 20_000  # calls inside each other; about four for each level of a nested value
_HEAP_TYPE = 1 << 9  # the flag of classes that are made by a class statement
_CODE_TYPES = (FunctionType, BuiltinFunctionType, type, ModuleType)
_LITERALS = (type(None), bool, int, float, complex, type(...), type(NotImplemented))
_MISSING = object()

# Attributes of classes that Python and pydantic derive from the others, or that the syntax tree has.
_DERIVED = {
    *("__module__", "__qualname__", "__dict__", "__weakref__", "__annotations__", "__annotations_cache__"),
    *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl", "__parameters__"),
    *("__orig_bases__", "__annotate__", "__annotate_func__", "__signature__", "__class_vars__"),
    *("_value2member_map_", "_member_map_", "_unhashable_values_", "_unhashable_values_map_"),
    *("_hashable_values_", "_new_member_", "_member_type_", "_generate_next_value_"),
}
_FIELD_TEXTS = {"description", "title", "examples"}
"""Attributes of pydantic's fields that only people read, unless code asks for them."""


@dataclass
class InspectedValue:
    """The text of a value, and what was found in it.

    Attributes:
        code: the functions, classes and modules in the value.
        is_opaque: True if the state of some object in it cannot be read, such as that of a lock.
    """

    text: str
    code: tuple[Any, ...] = ()
    is_opaque: bool = False


def inspect_value(value: Any, root: str = "", documented: bool = False) -> InspectedValue:
    """Describe a value, and collect the code in it.

    Args:
        value: any value; what cannot be read is described by its class.
        root: the project's folder; it is left out of texts and paths, so that each clone has the same keys.
        documented: True to include the texts that only people read.

    Example:
        >>> inspect_value({"low": abs, "high": {"b", "a"}}).text
        "{'low': builtins.abs, 'high': set('a', 'b')}"
    """
    return _Describer(root, documented).inspect(value)


def inspect_function(function: FunctionType, root: str = "", documented: bool = False) -> InspectedValue:
    """Describe the living state of a function: its defaults, its attributes and what its closure holds.

    Example:
        >>> def scale(x, by=2):
        ...     return x * by
        >>> inspect_function(scale).text
        'tuple(2)'
    """
    state: list[Any] = [function.__defaults__ or (), function.__kwdefaults__ or {}]
    state.append({k: v for k, v in vars(function).items() if k != "__wrapped__"})
    state.append({name: value for name, value in iter_cells(function) if not isinstance(value, _CODE_TYPES)})
    describer = _Describer(root, documented)
    return describer.join([describer.inspect(part) for part in state if part])


def iter_cells(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names and values that a function takes from the functions around it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # the outer function has not assigned the variable yet
            continue
        if name != "__class__":
            yield name, value


def inspect_class(cls: type[Any], root: str = "", documented: bool = False) -> InspectedValue:
    """Describe the living dictionary of a class, without the functions in it, which are returned as code.

    Example:
        >>> class Limits:
        ...     low = 3
        >>> inspect_class(Limits).text
        '(low=3)'
    """
    return _Describer(root, documented).inspect_class(cls)


def _is_project_class(cls: type[Any]) -> bool:
    return is_project(sys.modules.get(module_name(cls)))


def module_name(thing: Any) -> str:
    """Return the name of the module that defines a class or function; empty for things without one.

    Example:
        >>> module_name(Path), module_name(3)
        ('pathlib', '')
    """
    name = safe_attribute(thing, "__module__") if callable(thing) else None
    return name if isinstance(name, str) else ""


@contextlib.contextmanager
def allow_deep_recursion() -> Iterator[None]:
    """Allow deeply nested values and expressions to be read in the block.

    Example:
        >>> with allow_deep_recursion():
        ...     sys.getrecursionlimit() >= 20_000
        True
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def safe_attribute(thing: Any, name: str) -> Any:
    """Return an attribute of any object; None if it has none, or raises something.

    Example:
        >>> safe_attribute(3, "real"), safe_attribute(3, "unreal")
        (3, None)
    """
    try:
        return getattr(thing, name, None)
    except Exception:  # objects may answer in any way
        return None


def qualified_name(thing: Any) -> str:
    """Return the dotted name of a module, class or function, or of the class of another object.

    Example:
        >>> qualified_name(Path), qualified_name(os.path.join), qualified_name(3)
        ('pathlib.Path', 'posixpath.join', 'builtins.int')
    """
    if isinstance(thing, ModuleType):
        return thing.__name__
    name = safe_attribute(thing, "__qualname__") if callable(thing) else None
    if isinstance(name, str):
        return f"{module_name(thing)}.{name}"
    wrapped = wrapped_function(thing)
    return qualified_name(type(thing) if wrapped is None else wrapped)


def unwrap_function(thing: Any) -> Any:
    """Return the innermost function below all wrappers; a thing without wrappers is itself.

    Example:
        >>> unwrap_function(len) is len
        True
    """
    seen: list[Any] = []
    while (inner := wrapped_function(thing)) is not None and not any(inner is s for s in seen):
        seen.append(thing)
        thing = inner
    return thing


def wrapped_function(thing: Any) -> Any:
    """Return the function below a wrapper such as that of ``functools.wraps``; None for other things."""
    # By the dictionary: objects may answer for any name, as polars' `col` does.
    attributes = safe_attribute(thing, "__dict__")
    return attributes.get("__wrapped__") if isinstance(attributes, dict) else None


def describe_bytecode(code: CodeType) -> tuple[Any, ...]:
    """Describe compiled code, where no source exists, without file names and line numbers."""
    inner = tuple(describe_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code.hex(), code.co_names, inner)


class _Unreadable(Exception):
    """The state of an object cannot be read."""


@dataclass
class _Describer:
    """Describes values recursively, and collects the code in them.

    Attributes:
        path: the ids of the enclosing values, by which a cycle is recognised.
        texts: the texts of values that were met before, by id; the values are kept, so that ids stay theirs.
    """

    root: str
    documented: bool
    code: list[Any] = field(default_factory=list)
    opaque: int = 0
    path: list[int] = field(default_factory=list)
    texts: dict[int, tuple[Any, str]] = field(default_factory=dict)

    def inspect(self, value: Any) -> InspectedValue:
        before = len(self.code), self.opaque
        try:
            with allow_deep_recursion():
                text = self.describe(value)
        except RecursionError:
            # It cannot be shown to be unchanged, so it counts as changed each time.
            text = f"nested too deeply: {os.urandom(16).hex()}"
        return InspectedValue(text, tuple(self.code[before[0] :]), self.opaque > before[1])

    def inspect_class(self, cls: type[Any]) -> InspectedValue:
        is_enum = issubclass(cls, enum.Enum)
        parts: list[str] = []
        for name, value in vars(cls).items():
            if name in _DERIVED or (name.startswith("__pydantic_") and name != "__pydantic_fields__"):
                continue
            if name == "__doc__" and not self.documented:
                continue
            if isinstance(value, FunctionType):
                self.code.append(value)
            else:
                content = vars(value) if is_enum and isinstance(value, cls) else value
                parts.append(f"{name}={self.inspect(content).text}")
        # The order of fields counts, and is in the syntax tree; other attributes may be set in any order.
        return InspectedValue(f"({', '.join(sorted(parts))})", tuple(self.code), self.opaque > 0)

    def join(self, inspected: Iterable[InspectedValue]) -> InspectedValue:
        parts = list(inspected)
        return InspectedValue(" ".join(p.text for p in parts), tuple(self.code), self.opaque > 0)

    def describe(self, value: Any) -> str:
        if isinstance(value, _LITERALS) and type(value) in _LITERALS:
            return repr(value)
        if type(value) is str:
            return _shorten(repr(self._relocate(value)))
        key = id(value)
        if key in self.texts:
            return self.texts[key][1]
        if key in self.path:
            return f"…{len(self.path) - self.path.index(key)}"
        before = self.opaque
        self.path.append(key)
        try:
            text = _shorten(self._describe_object(value))
        finally:
            self.path.pop()
        if "…" not in text and self.opaque == before:  # the text of a part of a cycle depends on the path
            self.texts[key] = value, text
        return text

    def _relocate(self, text: str) -> str:
        if not self.root or not text.startswith(self.root):
            return text
        rest = text[len(self.root) :]
        return f"\0project{rest}" if not rest or rest[0] == os.sep else text

    def _describe_object(self, value: Any) -> str:
        if isinstance(value, _CODE_TYPES):
            owner = safe_attribute(value, "__self__")
            if isinstance(value, BuiltinFunctionType) and not isinstance(
                owner, (type, ModuleType, type(None))
            ):
                return f"{self.describe(owner)}.{value.__name__}"
            self.code.append(value)
            return self._describe_code(value)
        if isinstance(value, enum.Enum):
            self.code.append(type(value))
            return f"{qualified_name(type(value))}.{value._name_}"
        special = _find_special(type(value))
        if special is not None:
            return special(self, value)
        if _is_project_class(type(value)):
            return self._describe_project_object(value)
        return self._describe_other_object(value)

    def _describe_code(self, value: Any) -> str:
        """Describe code by its name; lambdas, and functions of one function, by what tells them apart."""
        name = qualified_name(value)
        if not isinstance(value, FunctionType) or "<" not in name:
            return name
        content = [describe_bytecode(value.__code__), value.__defaults__, value.__kwdefaults__]
        cells = [item for _, item in iter_cells(value)]
        return f"{name}({self.describe_all([*content, *cells])})"

    def describe_all(self, values: Iterable[Any]) -> str:
        return ", ".join([self.describe(v) for v in values])

    def describe_mapping(self, items: Iterable[tuple[Any, Any]]) -> str:
        return f"{{{', '.join([f'{self.describe(k)}: {self.describe(v)}' for k, v in items])}}}"

    def _describe_project_object(self, value: Any) -> str:
        """Describe an object of a project's class: its attributes, and what a base in C holds."""
        cls = type(value)
        self.code.append(cls)
        state = dict(safe_attribute(value, "__dict__") or {})
        slots = [s for c in cls.__mro__ for s in _iter_slots(c)]
        state |= {name: item for name in slots if (item := safe_attribute(value, name)) is not None}
        attributes = [f"{k}={self.describe(v)}" for k, v in sorted(state.items())]
        base = next(c for c in cls.__mro__ if not c.__flags__ & _HEAP_TYPE)
        special = _find_special(base)
        if special is not None:
            attributes.append(special(self, value))
        elif base is not object:
            attributes.append(self._describe_other_object(value))
        return f"{qualified_name(cls)}({', '.join(attributes)})"

    def _describe_other_object(self, value: Any) -> str:
        """Describe an object of another class by the state that it would be pickled with."""
        cls, before, count = type(value), self.opaque, len(self.code)
        self.code.append(cls)
        step = getattr(value, "function", None) if module_name(cls).startswith("magical.") else None
        if isinstance(step, FunctionType):  # a step, a workflow or a rule
            return f"{qualified_name(cls)}({self.describe(step)})"
        try:
            text = self._describe_reduced(_reduce(value))
        except _Unreadable:
            self.opaque += 1
            return f"{qualified_name(cls)}(?)"
        if self.opaque > before and module_name(cls).partition(".")[0] not in sys.stdlib_module_names:
            # An object with a lock or a stream inside, such as a console, counts by how it was made: the rest
            # of its state may tell of this process alone.
            del self.code[count + 1 :]
            return f"{qualified_name(cls)}(?)"
        return text

    def _describe_reduced(self, reduced: str | tuple[Any, ...]) -> str:
        if isinstance(reduced, str):
            return reduced
        function, arguments, state, items, pairs = (*reduced, *([None] * 5))[:5]
        parts = [f"{self.describe(function)}({self.describe_all(arguments)})"]
        if state is not None:
            parts.append(self.describe(self._drop_field_texts(arguments, state)))
        if items is not None:
            parts.append(f"[{self.describe_all(items)}]")
        if pairs is not None:
            parts.append(f"{{{self.describe_all(pairs)}}}")
        return "".join(parts)

    def _drop_field_texts(self, arguments: tuple[Any, ...], state: Any) -> Any:
        """Leave descriptions out of the state of a pydantic field."""
        is_field = any(
            isinstance(a, type) and a.__name__ in ("FieldInfo", "ModelPrivateAttr") for a in arguments
        )
        if self.documented or not is_field or not isinstance(state, tuple) or not isinstance(state[1], dict):
            return state
        kept = {k: v for k, v in state[1].items() if k not in _FIELD_TEXTS}
        if isinstance(set_by_user := kept.get("_attributes_set"), dict):
            kept["_attributes_set"] = {k: v for k, v in set_by_user.items() if k not in _FIELD_TEXTS}
        return kept


def _reduce(value: Any) -> str | tuple[Any, ...]:
    """Return the state with which an object would be pickled.

    Raises:
        _Unreadable: it cannot be pickled, such as a lock.
    """
    reduce: Callable[[Any], Any] | None = copyreg.dispatch_table.get(type(value))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: str | tuple[Any, ...] = reduce(value) if reduce else value.__reduce_ex__(4)
    except RecursionError:
        raise
    except Exception as error:  # a third party's code may raise anything
        raise _Unreadable from error
    if isinstance(found, str):
        home = sys.modules.get(str(safe_attribute(value, "__module__")))
        if safe_attribute(home, found) is not value:
            raise _Unreadable  # a name that leads to something else shows nothing
    return found


def _iter_slots(cls: type[Any]) -> Iterator[str]:
    yield from (name for name, value in vars(cls).items() if isinstance(value, types.MemberDescriptorType))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"#{digest_text(text)}{'…' * ('…' in text)}"


def digest_text(text: str) -> str:
    """Compute a digest of a text, which may contain lone surrogates."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# --- values with a form of their own ------------------------------------------------------------------------


def _describe_sequence(describer: _Describer, value: Iterable[Any], kind: str = "view") -> str:
    return f"{kind}({describer.describe_all(value)})"


def _describe_set(describer: _Describer, value: Iterable[Any], kind: str) -> str:
    return f"{kind}({', '.join(sorted([describer.describe(v) for v in value]))})"


def _describe_bytes(describer: _Describer, value: Any) -> str:
    content = memoryview(value).tobytes()
    return (
        f"{_kind(value)}({content!r})" if len(content) < 100 else f"{_kind(value)}(#{_digest_bytes(content)})"
    )


def _kind(value: Any) -> str:
    return next(c.__name__ for c in type(value).__mro__ if not c.__flags__ & _HEAP_TYPE)


def _digest_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _describe_method(describer: _Describer, value: MethodType) -> str:
    return f"{describer.describe(value.__self__)}.{describer.describe(value.__func__)}"


def _describe_builtin_method(describer: _Describer, value: Any) -> str:
    return f"{describer.describe(value.__self__)}.{value.__name__}"


def _describe_descriptor(describer: _Describer, value: Any) -> str:
    names = ("fget", "fset", "fdel", "func", "args", "keywords", "__func__", "__wrapped__", "dispatcher")
    parts = [getattr(value, n) for n in names if getattr(value, n, None) is not None]
    return f"{qualified_name(type(value))}({describer.describe_all(parts)})"


def _describe_variable(describer: _Describer, value: ContextVar[Any]) -> str:
    try:
        now = value.get()  # not with a default, which would hide the variable's own
    except LookupError:
        now = ...
    return f"ContextVar({value.name!r}, {describer.describe(now)})"


def _describe_opaque(describer: _Describer, value: Any) -> str:
    describer.opaque += 1
    return f"{qualified_name(type(value))}(?)"


def _describe_stream(describer: _Describer, value: Any) -> str:
    """Describe an open file by its name and content; other streams are opaque."""
    name = getattr(value, "name", None)
    if not isinstance(name, (str, Path)) or not Path(name).is_file():
        return _describe_opaque(describer, value)
    return f"file({describer.describe(str(name))}, {_digest_bytes(Path(name).read_bytes())})"


def _describe_path(describer: _Describer, value: Any) -> str:
    return f"{qualified_name(type(value))}({describer.describe(str(value))})"


def _describe_frame(describer: _Describer, value: Any) -> str:
    """Describe a table of polars by its rows: the plan of a lazy one may scan a file that has changed."""
    # Imported here: it brings polars, which is there if a table is.
    from magical.contracts.table_digest import stream_digest

    return f"{qualified_name(type(value))}({stream_digest(value.lazy())})"


def _describe_expression(describer: _Describer, value: Any) -> str:
    """Describe a polars expression by its plan; one that calls Python is opaque."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            plan = value.meta.serialize(format="json")
        except Exception:  # a plan of another kind of functions has no JSON
            return _describe_opaque(describer, value)
    if "Anonymous" in plan or "Python" in plan:  # it names the functions, but does not have their code
        return _describe_opaque(describer, value)
    return f"{qualified_name(type(value))}({plan})"


_Special = Callable[[_Describer, Any], str]
_SPECIAL: dict[type[Any], _Special] = {
    # By the methods of the base: a subclass may have its own.
    int: lambda describer, value: int.__repr__(value),
    float: lambda describer, value: float.__repr__(value),
    complex: lambda describer, value: complex.__repr__(value),
    dict: lambda describer, value: describer.describe_mapping(dict.items(value)),
    list: lambda describer, value: _describe_sequence(describer, list.__iter__(value), "list"),
    tuple: lambda describer, value: _describe_sequence(describer, tuple.__iter__(value), "tuple"),
    set: lambda describer, value: _describe_set(describer, set.__iter__(value), "set"),
    frozenset: lambda describer, value: _describe_set(describer, frozenset.__iter__(value), "frozenset"),
    str: lambda describer, value: describer.describe(str.__str__(value)),
    bytes: _describe_bytes,
    bytearray: _describe_bytes,
    memoryview: _describe_bytes,
    types.MappingProxyType: lambda describer, value: describer.describe_mapping(value.items()),
    type({}.keys()): _describe_sequence,
    type({}.values()): _describe_sequence,
    type({}.items()): _describe_sequence,
    MethodType: _describe_method,
    types.MethodWrapperType: _describe_builtin_method,
    property: _describe_descriptor,
    staticmethod: _describe_descriptor,
    classmethod: _describe_descriptor,
    functools.cached_property: _describe_descriptor,
    functools.partialmethod: _describe_descriptor,
    functools.singledispatchmethod: _describe_descriptor,
    type(functools.lru_cache(lambda: None)): _describe_descriptor,
    ContextVar: _describe_variable,
    weakref.ref: _describe_opaque,
    type(os.environ): _describe_opaque,
}
# Classes of packages by their names: to import them here would be slow.
_SPECIAL_BY_NAME: dict[str, _Special] = {
    "polars.dataframe.frame.DataFrame": _describe_frame,
    "polars.lazyframe.frame.LazyFrame": _describe_frame,
    "polars.expr.expr.Expr": _describe_expression,
}


def _find_special(cls: type[Any]) -> _Special | None:
    if type(cls).__hash__ is None:  # a metaclass with an equality of its own
        return None
    found = _SPECIAL.get(cls) or _SPECIAL_BY_NAME.get(f"{module_name(cls)}.{cls.__qualname__}")
    if found is None and issubclass(cls, PurePath):
        return _describe_path
    return _describe_stream if found is None and issubclass(cls, io.IOBase) else found
