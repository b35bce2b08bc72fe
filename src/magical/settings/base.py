"""The base classes of settings, and their form in JSON."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import math
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from magical.contracts.schema import to_snake_case
from magical.errors import SettingsError, did_you_mean, join_names
from magical.html_tables import render_table
from magical.settings.paths import InputPath
from magical.settings.secrets import Secret, reject_pydantic_secrets

__all__ = [
    "PositionalFields",
    "Settings",
    "TaggedSettings",
    "find_base_folder",
    "import_string",
    "is_same_kind",
    "to_json",
]

MAX_SHOWN = 4  # members of a list or a dictionary in the repr of settings that are written in a line


class Settings(BaseModel):
    """Base of settings classes: typed, bounded and frozen; unknown keys are errors.

    Example:
        >>> from magical import Settings
        >>> class Cleaning(Settings):
        ...     max_age: int = 90
        >>> Cleaning(max_age=80)
        Cleaning(max_age=80)
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        protected_namespaces=(),
        coerce_numbers_to_str=True,
        ser_json_inf_nan="constants",
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse fields that would store a secret in plain text."""
        for name, field in cls.model_fields.items():
            reject_pydantic_secrets(cls.__name__, name, field.annotation)

    def _repr_html_(self) -> str:
        rows = [(name, repr(getattr(self, name))) for name in type(self).model_fields]
        return render_table(type(self).__name__, rows, ("setting", "value"))

    def __getstate__(self) -> dict[Any, Any]:
        """Return what is pickled, with the set of given fields in order: equal settings give equal bytes."""
        state = super().__getstate__()
        return {**state, "__pydantic_fields_set__": dict.fromkeys(sorted(state["__pydantic_fields_set__"]))}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__({**state, "__pydantic_fields_set__": {*state["__pydantic_fields_set__"]}})

    def model_post_init(self, context: Any) -> None:
        """Resolve relative paths in defaults against the folder of the class's project."""
        # Through `__dict__`, since the model is frozen.
        for name, value in self.__dict__.items():
            if isinstance(value, InputPath) and value.base is None and not Path(value.text).is_absolute():
                self.__dict__[name] = type(value)(value.text, find_base_folder(type(self)))
            elif isinstance(value, Secret) and value.is_relative:
                self.__dict__[name] = Secret(value.reference, find_base_folder(type(self)))


def _serialise(value: Any) -> Any:  # to_json is not defined yet when pydantic builds the classes below
    return to_json(value)


class TaggedSettings(Settings):
    """Base of a family of settings classes, such as features; in JSON, ``kind`` names the class.

    A direct subclass opens a family; its subclasses are the kinds. The name of a kind may be in snake case,
    and is enough where the defaults are right: ``["linear", {kind = "boosting", trials = 4}]``.

    Example:
        >>> class Shape(TaggedSettings): ...
        >>> class Circle(Shape):
        ...     radius: float = 1.0
        >>> to_json(Circle())
        {'kind': 'Circle', 'radius': 1.0}
        >>> Shape.model_validate({"kind": "circle", "radius": 2}), Shape.model_validate("circle")
        (Circle(radius=2.0), Circle(radius=1.0))
    """

    kinds: ClassVar[dict[str, type[TaggedSettings]]] = {}
    is_abstract: ClassVar[bool] = True  # set in a class that is only the base of kinds; not inherited

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class in its family, unless it is abstract; a direct subclass starts a family."""
        super().__pydantic_init_subclass__(**kwargs)
        if TaggedSettings in cls.__bases__:
            cls.kinds = {}
        elif "is_abstract" not in vars(cls):
            cls.kinds[cls.__name__] = cls

    @classmethod
    def find_kind(cls, name: str) -> type[TaggedSettings] | None:
        """Find a class of the family by its name, as in Python or in snake case; None if there is none."""
        return cls.kinds.get(name) or next((k for n, k in cls.kinds.items() if is_same_kind(n, name)), None)

    @staticmethod
    def is_tag(name: str) -> bool:
        """Return True if a family has a kind of this name."""
        return any(family.find_kind(name) for family in TaggedSettings.__subclasses__())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as the class that ``kind`` names, and include ``kind`` when serialising."""

        def validate(
            value: Any, plain: core_schema.ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo
        ) -> Any:
            if isinstance(value, str) and cls.kinds:
                value = {"kind": value}
            if isinstance(value, cls) or not isinstance(value, Mapping):
                return plain(value)
            if "kind" not in value:
                if TaggedSettings in cls.__bases__ and cls.kinds:
                    raise ValueError(f"each {cls.__name__} needs a kind: {', '.join(cls.kinds)}")
                return plain(value)
            chosen = cls.find_kind(str(value["kind"]))
            if chosen is None:
                raise ValueError(cls._describe_unknown_kind(value["kind"]))
            rest = {k: v for k, v in value.items() if k != "kind"}
            needed = [n for n, f in chosen.model_fields.items() if f.is_required()]
            if needed and not rest:
                fields = ", ".join(f"{name} = ..." for name in needed)
                raise ValueError(f'{chosen.__name__} needs more: {{kind = "{chosen.__name__}", {fields}}}')
            # `plain` validates as this class; model_validate would call this function again, without end.
            return plain(rest) if chosen is cls else chosen.model_validate(rest, context=info.context)

        serializer = core_schema.plain_serializer_function_ser_schema(_serialise)
        plain_schema = handler(source)
        return core_schema.with_info_wrap_validator_function(validate, plain_schema, serialization=serializer)

    @classmethod
    def _describe_unknown_kind(cls, name: object) -> str:
        in_python = str(name)[:1].isupper()
        kinds = list(cls.kinds) if in_python else list(map(to_snake_case, cls.kinds))
        hint = did_you_mean(str(name), kinds)
        if not hint.startswith("did you mean"):
            hint = f"one of the project is known once the workflow imports its module; {hint}"
        return f"there is no {cls.__name__} {name!r}; {hint}"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """List the kinds of a family with their fields, for forms and servers that validate JSON by it."""
        if TaggedSettings not in cls.__bases__ or not cls.kinds:
            return handler(schema)
        return {"title": cls.__name__, "anyOf": [kind._kind_schema(handler) for kind in cls.kinds.values()]}

    @classmethod
    def _kind_schema(cls, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema of one kind, with ``kind`` as a required constant."""
        form = dict(handler.resolve_ref_schema(handler(cls.__pydantic_core_schema__)))
        form.pop("description", None)  # a docstring, for readers of the code
        kind = {"const": cls.__name__, "title": "Kind", "type": "string"}
        form["properties"] = {"kind": kind, **form.get("properties", {})}
        return form | {"required": ["kind", *form.get("required", [])]}


class PositionalFields:
    """A mixin for settings that are written in a line: fields by position, and a repr without defaults.

    Example:
        >>> class Disc(PositionalFields, Settings):
        ...     radius: float
        ...     colours: tuple[str, ...] = ()
        >>> Disc(2, ("red",)), Disc(radius=1)
        (Disc(radius=2.0, colours='red'), Disc(radius=1.0))
        >>> Disc(1, tuple("abcdefgh"))
        Disc(radius=1.0, colours=('a', 'b', 'c', 'd', …))
    """

    if not TYPE_CHECKING:  # a type checker sees the fields, or the ``__init__`` that a subclass declares

        def __init__(self, *values: Any, **fields: Any) -> None:
            names = list(type(self).model_fields)
            if len(values) > len(names):
                raise TypeError(f"{type(self).__name__} takes {join_names(names)}, got {len(values)} values")
            super().__init__(**dict(zip(names, values, strict=False)), **fields)

        def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
            """Yield the fields as an author writes them: without defaults, and one name without its tuple."""
            for name, field in type(self).model_fields.items():
                value = getattr(self, name)
                if field.is_required() or value != field.get_default(call_default_factory=True):
                    yield name, value[0] if _is_single_text(value) else _shorten_group(value)


class _PlainText(str):
    """A text that is its own repr."""

    __repr__ = str.__str__


def _shorten_group(value: Any) -> Any:
    """Return what is shown of a value: the first members only, so that a message keeps its end."""
    if not isinstance(value, (tuple, dict)) or len(value) <= MAX_SHOWN:
        return value
    start = dict(itertools.islice(value.items(), MAX_SHOWN)) if isinstance(value, dict) else value[:MAX_SHOWN]
    return _PlainText(f"{repr(start)[:-1]}, …{repr(start)[-1]}")


def _is_single_text(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], str)


def is_same_kind(one: str, other: str) -> bool:
    """Return True if two names mean the same kind; each may be a class name or in snake case.

    Example:
        >>> is_same_kind("DateParts", "date_parts")
        True
    """
    return one.replace("_", "").casefold() == other.replace("_", "").casefold()


def to_json(value: Any, override: Callable[[Any], Any] | None = None) -> Any:
    """Convert settings, or a value in them, to JSON: classes and functions become import strings.

    Args:
        value: settings, or a value of them.
        override: called first for each value; its result is used unless it is ``NotImplemented``.

    Raises:
        SettingsError: the value cannot be written as JSON.

    Example:
        >>> to_json({"day": dt.date(2024, 1, 31), "sizes": (1, 2)})
        {'day': '2024-01-31', 'sizes': [1, 2]}
    """
    if override is not None and (found := override(value)) is not NotImplemented:
        return found
    match value:
        case enum.Enum():  # first, since an enum may be an int or a text as well
            return to_json(value.value, override)
        case float() if not math.isfinite(value):  # JSON has no infinity and no NaN
            return str(value)
        case None | bool() | int() | float():
            return value
        case str() | Path() | Secret():
            return str(getattr(value, "text", value))
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case BaseModel():
            tag = {"kind": type(value).__name__} if isinstance(value, TaggedSettings) else {}
            return tag | {name: to_json(getattr(value, name), override) for name in type(value).model_fields}
        case Mapping():
            return {str(k): to_json(v, override) for k, v in value.items()}
        case list() | tuple():
            return [to_json(v, override) for v in value]
        case set() | frozenset():
            return sorted((to_json(v, override) for v in value), key=str)
        case type() | types.FunctionType() | types.BuiltinFunctionType():
            return import_string(value)
    raise SettingsError(
        f"Settings cannot contain a value of type {type(value).__name__}: it cannot be written as JSON.",
        hint="use int, float, texts, dates, lists, settings, or the import string of a class.",
    )


def import_string(thing: Any) -> str:
    """Return ``module:name`` of a class or function.

    Example:
        >>> import_string(Path)
        'pathlib:Path'
    """
    return f"{thing.__module__}:{thing.__qualname__}"


def find_base_folder(cls: type[Any]) -> Path | None:
    """Find the folder for relative paths in a class's defaults: of its project, or else of its module."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if not file:
        return None
    folder = Path(file).resolve().parent
    depth = cls.__module__.count(".") if cls.__module__ != "__main__" else 0
    # Up to two folders above the one that the package is imported from: not any project further up.
    for parent in [folder, *folder.parents][: depth + 3]:
        pyproject = parent / "pyproject.toml"
        if pyproject.is_file() and "[tool.magical]" in pyproject.read_text(encoding="utf-8"):
            return parent
    return folder
