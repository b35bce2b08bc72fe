"""How what is not real is shown: struck through, and called so."""

from __future__ import annotations

__all__ = ["struck"]

_STROKE = "\u0336"


def struck(text: str) -> str:
    """Give a figure that stands on a pretence or a sample as it is shown; what it is comes first.

    However much of the end is cut off, that it is not real can be read.

    Example:
        >>> struck("0.8").replace("\u0336", "~")
        'not real: 0~.~8~'
    """
    return "not real: " + "".join(f"{c}{_STROKE}" for c in text)
