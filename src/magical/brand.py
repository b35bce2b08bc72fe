"""Marks on figures and texts that are not real: struck through, and preceded by ``not real``."""

from __future__ import annotations

__all__ = ["mark_not_real", "strike_lines"]

_STROKE = "\u0336"


def mark_not_real(text: str) -> str:
    """Mark a figure that depends on pretended or sampled data.

    Example:
        >>> mark_not_real("0.8").replace("\u0336", "~")
        'not real: 0~.~8~'
    """
    # The words come first, so that a table that cuts the end off still shows them.
    return f"not real: {_strike(text)}"


def strike_lines(text: str) -> str:
    """Strike through each line of a text whose heading already says that it is not real.

    Example:
        >>> strike_lines("a: 1").replace("\u0336", "~")
        'a~:~ ~1~'
    """
    return "\n".join(map(_strike, text.splitlines()))


def _strike(text: str) -> str:
    return "".join(f"{c}{_STROKE}" for c in text)
