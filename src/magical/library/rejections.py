"""Reasons of a step for the rows that it leaves out, told to scoring, which shows them beside each row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import polars as pl

__all__ = ["collect_rejections", "report_rejections"]

_collected: ContextVar[list[pl.DataFrame] | None] = ContextVar("magical_rejections", default=None)


def report_rejections(rows: pl.Series, reasons: pl.Series) -> None:
    """Report the reasons for rows that the running step leaves out; without a listener do nothing.

    Args:
        rows: the numbers of the rows in the first table that the step takes.
        reasons: a text for each.

    Example:
        >>> with collect_rejections() as found:
        ...     report_rejections(pl.Series([3]), pl.Series(["income must be >= 0"]))
        >>> found[0].rows()
        [(3, 'income must be >= 0')]
    """
    collected = _collected.get()
    if collected is not None:
        collected.append(pl.DataFrame({"row": rows, "reason": reasons}))


@contextmanager
def collect_rejections() -> Iterator[list[pl.DataFrame]]:
    """Collect what a step that is called inside reports: tables with ``row`` and ``reason``."""
    found: list[pl.DataFrame] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)
