"""A raw table as a source gave it, with what the reader found out about the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

__all__ = ["RawTable"]


@dataclass(frozen=True)
class RawTable:
    """A raw table, and what was found out while it was read.

    Attributes:
        table: the rows; columns of a text file are texts as they are written.
        remarks: sentences on what another reader could have read in another way.
        facts: how the source is written, such as its encoding, delimiter and the line of its header.

    Example:
        >>> RawTable(pl.DataFrame({"a": ["1"]}), facts={"delimiter": "comma"}).table.height
        1
    """

    table: pl.DataFrame
    remarks: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
