"""Texts that mean a missing value in columns of every type but text."""

from __future__ import annotations

import polars as pl

__all__ = ["MISSING_TEXTS", "is_missing_text"]

MISSING_TEXTS = (
    *("", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "–", "—", "?"),
    *(".", "..", ":", "#n/a", "\\n"),  # of SAS, the World Bank, Eurostat, Excel and MySQL
)
_LONGEST = max(len(text.encode()) for text in MISSING_TEXTS)


def is_missing_text(texts: pl.Series) -> pl.Series:
    """Return True where a text, without blanks at its ends, means a missing value; null where it is null.

    Example:
        >>> is_missing_text(pl.Series(["N/A", "-", "0"])).to_list()
        [True, True, False]
    """
    is_short = texts.str.len_bytes() <= _LONGEST
    if not is_short.any():  # as in most columns of dates, where small letters cost more than the dates
        return is_short
    return texts.str.to_lowercase().is_in(MISSING_TEXTS)
