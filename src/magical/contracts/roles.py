"""Roles: what a column is for, written as its type (``Id[int]``, ``Target[bool]``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic

from typing_extensions import TypeVar

__all__ = ["Format", "Group", "Id", "Key", "Role", "Target", "Time"]

T = TypeVar("T")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Role:
    """The mark that a role leaves on a type.

    Attributes:
        name: ``id``, ``key``, ``time``, ``group`` or ``target``.
        parent: for a key, the contract (or its name) whose id it holds.
    """

    name: str
    parent: type[Any] | str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """How a date is written in the source, as ``strptime`` codes: ``Annotated[date, Format("%d-%m-%Y")]``."""

    text: str


Id = Annotated[T, Role("id")]
"""A row's identity, unique in its table; several ``Id`` columns are one composite id."""

Time = Annotated[T, Role("time")]
"""When a row happened."""

Group = Annotated[T, Role("group")]
"""What a row belongs to and must not be separated from by a split by group."""

Target = Annotated[T, Role("target")]
"""What is to be predicted."""


if TYPE_CHECKING:

    class Key(Generic[P]):
        """A reference to the id of a row of another contract: ``Key[Customer]``."""

else:

    class Key:
        """A reference to the id of a row of another contract: ``Key[Customer]``."""

        def __class_getitem__(cls, parent: type[Any] | str) -> Any:
            return Annotated[Any, Role("key", parent)]
