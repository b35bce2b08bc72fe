"""How what is not real is shown: struck through, and called so."""

from __future__ import annotations

__all__ = ["mark_not_real", "strike_lines"]

_STROKE = "\u0336"


def mark_not_real(text: str) -> str:
    """Give a figure that stands on a pretence or a sample as it is shown; what it is comes first.

    However much of the end is cut off, that it is not real can be read.

    Example:
        >>> mark_not_real("0.8").replace("\u0336", "~")
        'not real: 0~.~8~'
    """
    return f"not real: {_strike(text)}"


def strike_lines(text: str) -> str:
    """Strike each line of a text through, where it has been said before that it is not real.

    Example:
        >>> strike_lines("a: 1").replace("\u0336", "~")
        'a~:~ ~1~'
    """
    return "\n".join(map(_strike, text.splitlines()))


def _strike(text: str) -> str:
    return "".join(f"{c}{_STROKE}" for c in text)
