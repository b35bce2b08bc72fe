"""Paths in settings: what is read counts by its content, what is written by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["FromLine", "InputPath", "OutputPath"]


class FromLine(str):
    """A text given on the command line: a path in it is relative to the working directory."""

    __slots__ = ()


class InputPath:
    """A file that is read. Relative to the project; its content, not its name, decides what runs again.

    Example:
        >>> InputPath("data/customers.csv").text
        'data/customers.csv'
    """

    __slots__ = ("base", "text")

    def __init__(self, text: str | Path, base: Path | None = None) -> None:
        self.text = str(text)
        self.base = base

    @property
    def path(self) -> Path:
        """The absolute path."""
        return (self.base or Path.cwd()) / Path(self.text).expanduser()

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InputPath) and (type(self), self.path) == (type(other), other.path)

    def __hash__(self) -> int:
        return hash((type(self), self.path))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, info: core_schema.ValidationInfo) -> InputPath:
            root = (info.context or {}).get("root")
            if isinstance(value, cls):
                return value if value.base or not root else cls(value.text, root)
            if isinstance(value, FromLine):
                return cls(str(Path.cwd() / Path(value).expanduser()))
            if isinstance(value, (str, Path)):
                return cls(value, root)
            raise ValueError(f"a path is a text, not {type(value).__name__}")

        return core_schema.with_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


class OutputPath(InputPath):
    """A file that is written. Its name, not its content, decides what runs again."""

    __slots__ = ()
