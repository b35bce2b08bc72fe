"""The settings of a reading: what the author says of a source that need not be found out."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from magical.settings import Settings

__all__ = ["Reading"]


class Reading(Settings):
    """How a source is written; what is not set is found out from its content, and said where it is a guess.

    Attributes:
        header: the number of the line with the column names, from 1; 0 for a file without names.
        skip_after_header: the number of lines below the header that are no rows, such as units.
        skip_footer: the number of lines at the end that are no rows, such as totals.
        comment: lines that begin with this text are no rows.
        delimiter: the character between two fields.
        quote: the character around texts; empty if the file has no quotes.
        encoding: a codec of Python, such as ``utf-16`` or ``cp1250``.
        decimal: the decimal mark of the numbers in the source: ``.`` or ``,``.
        thousands: the mark between thousands: one of ``. , ' _`` or a space.
        nulls: texts that mean a missing value, besides the empty one.
        sheet: the name of the sheet of a workbook; the first sheet if it is empty.
        file_column: for a folder of files, the column that names the file of each row; none if it is empty.

    Example:
        >>> Reading(header=3, skip_footer=1, nulls=("-",), decimal=",").header
        3
    """

    header: int | None = Field(default=None, ge=0)
    skip_after_header: int | None = Field(default=None, ge=0)
    skip_footer: int | None = Field(default=None, ge=0)
    comment: str | None = Field(default=None, min_length=1)
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1)
    encoding: str | None = None
    decimal: str | None = Field(default=None, pattern=r"^[.,]$")
    thousands: str | None = Field(default=None, pattern=r"^[.,'_ ]$")
    nulls: tuple[str, ...] = ()
    sheet: str = ""
    file_column: str = ""

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        """Refuse one mark for both roles: no number could be read."""
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(
                f"decimal and thousands are the same mark, {self.decimal!r}; leave one of them out"
            )
        return self
