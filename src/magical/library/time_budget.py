"""TimeBudget: a number of seconds in the settings, or a text such as ``5m``."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

__all__ = ["TimeBudget", "parse_seconds"]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_TEXT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", re.ASCII)


def parse_seconds(value: Any) -> float:
    """Parse a number of seconds above 0, or a text with the unit s, m or h.

    Raises:
        ValueError: it is none.

    Example:
        >>> parse_seconds("60s"), parse_seconds("1.5m"), parse_seconds("1h"), parse_seconds(30)
        (60.0, 90.0, 3600.0, 30.0)
    """
    seconds = math.nan
    if isinstance(value, str) and (found := _TEXT.fullmatch(value)):
        seconds = float(found[1]) * _UNITS[found[2]]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    if not 0 < seconds < math.inf:
        raise ValueError(f"{value!r} is no budget of time; write seconds above 0, or a text: 60s, 5m or 1h")
    return seconds


TimeBudget = Annotated[float | str, BeforeValidator(parse_seconds)]
"""Seconds above 0; in a file or a call also a text such as ``60s``, ``5m`` or ``1h``."""
