"""What a reader of texts notes on an example: how it is read, and how another reader could read it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ReadingNote"]


class ReadingNote(NamedTuple):
    """An example of how texts were read.

    Attributes:
        example: the text.
        read_as: the value.
        how: the meaning that was given to a mark or sign.
        otherwise: the meaning that another reader could give to it; empty if nobody would.
        also_possible: the value that it would be then.
        why: the evidence.

    Example:
        >>> print(ReadingNote("90%", "90", "percent", "as a share", "0.9"))
        '90%' is read as 90 (percent); as a share it would be 0.9
    """

    example: str
    read_as: str
    how: str
    otherwise: str = ""
    also_possible: str = ""
    why: str = ""

    def __str__(self) -> str:
        """Write the note as a sentence."""
        other = f"; {self.otherwise} it would be {self.also_possible}" if self.otherwise else ""
        return f"{self.example!r} is read as {self.read_as} ({self.how}){other}"
