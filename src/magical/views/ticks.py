"""Ticks of an axis: round numbers in a range, and their labels."""

from __future__ import annotations

import math

__all__ = ["find_ticks", "format_tick", "format_value", "widen_range"]

_MINUS = "\N{MINUS SIGN}"
_STEPS = (1, 2, 2.5, 5, 10)
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def widen_range(low: float, high: float) -> tuple[float, float]:
    """Widen a range that is too narrow for distinct ticks.

    Example:
        >>> widen_range(3, 3)
        (2.5, 3.5)
    """
    least = max(abs(low), abs(high)) * 1e-9
    if high - low > max(least, 1e-290):
        return low, high
    middle, half = (low + high) / 2, max(abs(low + high) * 0.05, 0.5)
    return middle - half, middle + half


def find_ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """Find about ``count`` round numbers that lie in a range, at equal distances.

    Example:
        >>> find_ticks(0.03, 0.97)
        (0.2, 0.4, 0.6, 0.8)
    """
    low, high = widen_range(low, high)
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((s for s in _STEPS if s * power >= raw * 0.999), 10) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # A quotient of two decimals is rounded once more: 3 * 0.1 is 0.30000000000000004.
    return tuple(float(f"{i * step:.12g}") for i in range(first, last + 1))


def format_tick(value: float, step: float, percent: bool = False) -> str:
    """Format a tick with as many decimals as the distance of two ticks asks for.

    Example:
        >>> format_tick(0.25, 0.25, percent=True), format_tick(0.5, 0.1), format_tick(2.5e6, 5e5)
        ('25 %', '0.5', '2.5M')
    """
    if percent:
        value, step = value * 100, step * 100
    end = " %" if percent else ""
    if abs(value) >= 1e15 or 0 < step < 1e-5:
        return f"{value:.3g}".replace("e+", "e").replace("-", _MINUS) + end
    if not percent:
        for unit, name in _UNITS:
            if max(abs(value), step) >= unit and value:
                value, step, end = value / unit, step / unit, name
                break
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9)) if step else 0
    if round(step * 10**decimals, 6) % 1:  # 2.5 and 0.25 need one more than their size says
        decimals += 1
    text = f"{value:,.{min(decimals, 9)}f}"
    return ("0" if text.strip("-0.") == "" else text.replace("-", _MINUS)) + end


def format_value(value: float, percent: bool = False) -> str:
    """Format a number for a label beside a mark, with three or four significant digits.

    Example:
        >>> format_value(0.123456), format_value(1234.5), format_value(0.1234, percent=True)
        ('0.123', '1,234', '12.3 %')
    """
    if percent:
        return f"{value * 100:,.1f} %" if abs(value) < 1e6 else f"{value * 100:.3g} %"
    if (value == int(value) and abs(value) < 1e15) or 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}".replace("-", _MINUS)
    return f"{value:.3g}".replace("e+", "e").replace("-", _MINUS)
