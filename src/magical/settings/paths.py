"""Paths in settings: a key has the content of an input file, and the name of an output file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from magical.errors import SettingsError, find_author_line
from magical.input_files.local_files import is_url
from magical.masking import mask_uris, register_uri_secrets

__all__ = ["CommandLineText", "InputPath", "OutputPath", "ReplacementGroup", "find_paths"]


class CommandLineText(str):
    """A text given on the command line: a path in it is relative to the working directory."""

    __slots__ = ()


class ReplacementGroup(dict[str, Any]):
    """A group of settings that replaces the earlier one; other groups are merged into it."""


_PlainPath: Any = type(Path())  # the class of this system: PosixPath or WindowsPath


class InputPath(_PlainPath):  # type: ignore[misc]
    """A file that is read, as a ``pathlib.Path``. New content or a new name makes a step run again.

    Another folder does not. In settings a relative path starts from the project; outside of them, from the
    working directory. It may also be a folder, or a pattern such as ``data/2024-*.csv``: then a step runs
    again if one of its files is added, renamed, changed or deleted, but for hidden ones. A URL, such as
    ``s3://bucket/x.csv``, stays as it is written.

    Attributes:
        text: the path as it was written.
        base: the folder that a relative path starts from.

    Raises:
        SettingsError: the text is a URL with a password or a token.

    Example:
        >>> InputPath("customers.csv", Path("/data")).name
        'customers.csv'
        >>> str(InputPath("s3://bucket/customers.csv", Path("/data")))
        's3://bucket/customers.csv'
    """

    text: str
    base: Path | None

    def __new__(cls, text: str | Path, base: Path | None = None) -> Self:
        """Make the path."""
        self: Self = object.__new__(cls)
        self.text = str(text)
        self.base = None if self.is_url else base
        if mask_uris(self.text) != self.text:
            raise _password_error(self.text)
        if sys.version_info < (3, 12):  # after that, pathlib sets the parts in `__init__`
            path: Any = _expand_path(text, self.base)
            self._drv, self._root, self._parts = path._drv, path._root, path._parts
        return self

    def __init__(self, text: str | Path, base: Path | None = None) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(_expand_path(text, self.base))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'text', str(self))!r})"

    def __str__(self) -> str:
        return self.text if self.is_url else str(super().__str__())

    def __fspath__(self) -> str:
        return str(self)

    @property
    def is_url(self) -> bool:
        """True for a file elsewhere, which pathlib cannot open."""
        return is_url(getattr(self, "text", ""))

    @property
    def location(self) -> str:
        """The absolute path, with the working directory before a relative one; a URL as it is."""
        return str(self) if self.is_url else os.path.join(Path.cwd(), super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (getattr(self, "text", str(self)), getattr(self, "base", None)))

    def with_segments(self, *parts: str) -> Path:
        """Return a plain path; pathlib calls this for parents and children."""
        return Path(*parts)

    if sys.version_info < (3, 12):  # the constructors that pathlib calls where there is no `with_segments`
        _from_parts = _PlainPath._from_parts
        _from_parsed_parts = _PlainPath._from_parsed_parts

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, info: core_schema.ValidationInfo) -> InputPath:
            root = (info.context or {}).get("root")
            if isinstance(value, cls):
                return value if value.base or not root else cls(value.text, root)
            if isinstance(value, CommandLineText):  # a shell completes paths from the working directory
                return cls(value if is_url(value) else str(Path.cwd() / Path(value).expanduser()))
            if isinstance(value, (str, Path)):
                return cls(value, root)
            raise ValueError(f"a path is a text, not {type(value).__name__}")

        serializer = core_schema.plain_serializer_function_ser_schema(attrgetter("text"))
        return core_schema.with_info_plain_validator_function(read, serialization=serializer)


class OutputPath(InputPath):
    """A file or folder that is written. A step runs again if it is renamed, deleted or changed by others.

    Raises:
        SettingsError: the text is a URL.
    """

    def __new__(cls, text: str | Path, base: Path | None = None) -> Self:
        """Make the path."""
        if is_url(text):
            raise SettingsError(
                f"An OutputPath is a file of this machine, which {mask_uris(str(text))} is not.",
                hint="write a file, and copy it there; or take the URL as a text.",
            )
        return super().__new__(cls, text, base)


def find_paths(value: Any) -> Iterator[InputPath]:
    """Iterate over the paths in an argument, also in lists and in settings.

    Example:
        >>> list(find_paths({"sources": [InputPath("a.csv")]}))
        [InputPath('a.csv')]
    """
    match value:
        case InputPath():
            yield value
        case BaseModel():
            yield from (path for _, item in value for path in find_paths(item))
        case Mapping():
            yield from (path for item in value.values() for path in find_paths(item))
        case list() | tuple() | set() | frozenset():
            yield from (path for item in value for path in find_paths(item))


def _expand_path(text: str | Path, base: Path | None) -> Path:
    path = Path(text).expanduser()
    return base / path if base is not None else path


def _password_error(text: str) -> SettingsError:
    register_uri_secrets(text)
    hint = "leave it out, and give it in the variables that the package for this protocol reads."
    if text.lower().startswith("http"):
        hint = "download the file in a step that takes it as a Secret, or use a protocol such as s3://."
    return SettingsError(
        f"The path {mask_uris(text)}{find_author_line()} has a password or a token in it.", hint=hint
    )
