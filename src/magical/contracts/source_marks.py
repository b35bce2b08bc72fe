"""Marks on a contract's fields that say how the source writes their values."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from magical.contracts.schema import Column
from magical.errors import ContractError, did_you_mean

__all__ = ["Decimal", "Format", "Orphans", "Thousands", "Zone", "check_source_marks", "read_source_marks"]

_NUMBER_TYPES = ("int", "float", "duration", "any")  # the type of a key may be any


@dataclass(frozen=True, slots=True)
class Format:
    """The format of dates in the source, as ``strptime`` codes: ``Annotated[date, Format("%d-%m-%Y")]``."""

    text: str


@dataclass(frozen=True, slots=True)
class Decimal:
    """The decimal mark of numbers in the source, ``.`` or ``,``: ``Annotated[float, Decimal(",")]``."""

    mark: str


@dataclass(frozen=True, slots=True)
class Thousands:
    """The mark between thousands in the source, ``. , ' _`` or blank: ``Annotated[int, Thousands(".")]``."""

    mark: str


@dataclass(frozen=True, slots=True)
class Orphans:
    """The share of a key's rows that may refer to no parent: ``Annotated[Key[Customer], Orphans(0.02)]``.

    Raises:
        ContractError: the share is not between 0 and 1.
    """

    max_share: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise ContractError(
                f"Orphans({self.max_share}) is no share of rows.", hint="a share is between 0 and 1."
            )


@dataclass(frozen=True, slots=True)
class Zone:
    """The time zone of moments without an offset: ``Annotated[datetime, Zone("Europe/Berlin")]``.

    They are local times of the zone, and become UTC. One that clocks skip in spring cannot be cast, nor one
    that comes twice in autumn, unless ``twice`` is ``earliest`` or ``latest``.
    """

    name: str
    twice: Literal["", "earliest", "latest"] = ""


def read_source_marks(marks: Iterable[Any]) -> dict[str, Any]:
    """Collect the marks among the metadata of a type, as attributes of a column.

    Example:
        >>> read_source_marks([Decimal(",")])
        {'decimal': ','}
    """
    found: dict[str, Any] = {}
    for mark in marks:
        match mark:
            case Format(text):
                found["format"] = text
            case Decimal(text):
                found["decimal"] = text
            case Thousands(text):
                found["thousands"] = text
            case Orphans(share):
                found["max_orphans"] = share
            case Zone(zone, twice):
                found |= {"zone": zone, "zone_twice": twice}
    return found


def check_source_marks(column: Column, field: str, place: str = "") -> None:
    """Check that the marks of a column are valid and fit its type and role.

    Args:
        column: the column with its marks.
        field: its name for messages, such as ``Customer.income``.
        place: the place of its class for messages.

    Raises:
        ContractError: a mark is not valid, or does not fit.

    Example:
        >>> check_source_marks(Column("income", "float", decimal=","), "Customer.income")
    """
    if column.decimal or column.thousands:
        _check_number_marks(column, field, place)
    if column.zone or column.zone_twice:
        _check_zone(column, f"{field}{place}")
    if column.max_orphans and column.role != "key":
        raise ContractError(
            f"{field} allows orphans, and is no key{place}.",
            hint=f"write {column.name}: Annotated[Key[Parent], Orphans(...)], or leave Orphans out.",
        )


def _check_number_marks(column: Column, field: str, place: str) -> None:
    decimal, thousands = f"Decimal({column.decimal!r})", f"Thousands({column.thousands!r})"
    if column.type not in _NUMBER_TYPES:
        raise ContractError(
            f"{field} is {column.type}, and has {decimal if column.decimal else thousands}{place}.",
            hint="leave the mark out, or make the field an int or a float.",
        )
    for text, mark, known in ((decimal, column.decimal, ".,"), (thousands, column.thousands, ".,' _")):
        if mark not in ("", *known):
            raise ContractError(
                f"{field} has {text}, which is no mark of numbers{place}.",
                hint=f"use one of {', '.join(map(repr, known))}.",
            )
    if column.decimal == column.thousands:
        raise ContractError(
            f"{field} has {decimal} and {thousands}, the same mark twice{place}.",
            hint="leave one of them out.",
        )


def _check_zone(column: Column, field: str) -> None:
    if column.type != "datetime":
        raise ContractError(
            f"{field} has a Zone, and the type {column.type}.",
            hint="a Zone belongs to a datetime; leave it out.",
        )
    if column.zone_twice not in ("", "earliest", "latest"):
        raise ContractError(
            f"{field} has a Zone with twice={column.zone_twice!r}.",
            hint='write twice="earliest" or "latest".',
        )
    try:
        zoneinfo.ZoneInfo(column.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(zoneinfo.available_timezones())
        raise ContractError(
            f"{field} has the Zone({column.zone!r}), which is unknown.", hint=did_you_mean(column.zone, known)
        ) from None
