"""Texts that mean a missing value in columns of every type but text."""

from __future__ import annotations

import polars as pl

__all__ = ["is_missing_text"]

_MISSING_TEXTS = ("", "na", "n/a", "nan", "null", "none", "nil", "-", "?")


def is_missing_text(texts: pl.Series) -> pl.Series:
    """Return True where a text, without blanks at its ends, means a missing value; null where it is null.

    Example:
        >>> is_missing_text(pl.Series(["N/A", "-", "0"])).to_list()
        [True, True, False]
    """
    return texts.str.to_lowercase().is_in(_MISSING_TEXTS)
