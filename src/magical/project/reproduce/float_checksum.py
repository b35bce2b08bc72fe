"""Checksums of floats by which two sequences can be compared to 1e-9 without the floats."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["TOLERANCE", "checksum_floats", "compare_checksums", "compare_floats"]

TOLERANCE = 1e-9
"""The largest relative difference of floats that agree."""

BLOCKS = 16
"""The number of pieces with a sum each: the shorter a piece, the more a single value changes its sum."""

_ROUNDING = 1e-15  # relative to the scale of a column; smaller differences are rounding
_FLOOR = 1e-6  # relative to the scale; the logarithms of smaller values are flattened
_COMMON_SIZE = 1e3
"""The largest size that alone can set the scale of a column: a larger value may mark a missing one."""

_Numbers = np.ndarray[Any, Any]


def checksum_floats(values: _Numbers) -> dict[str, Any]:
    """Compute the checksum of floats, which depends on their order.

    Args:
        values: float64; NaN where a value is missing.

    Returns:
        ``holes``, a digest of the positions of the values that are not finite; for each of up to 16 pieces
        ``sums``, ``weighted`` (sums weighted by position), ``sizes`` (sums of absolute values) and ``logs``
        (weighted means of logarithms, in which a few huge values do not hide the others); ``rounding``, the
        largest difference between two sums that rounding alone can explain.

    Example:
        >>> checksum_floats(np.array([1.0, -2.0, np.nan]))["sums"]
        [1.0, -2.0, 0.0]
    """
    finite = np.isfinite(values)
    holes = np.where(finite, 0, np.where(np.isnan(values), 1, np.where(values > 0, 2, 3))).astype(np.uint8)
    filled = np.where(finite, values, 0.0)
    pieces = np.array_split(filled, min(BLOCKS, max(1, len(filled))))
    largest = float(np.max(np.abs(filled), initial=0.0))
    logs = np.array_split(_logs(filled, _scale(values)), len(pieces))
    with np.errstate(over="ignore", invalid="ignore"):
        # Sums miss a swap of two values, weighted sums see it; sizes see what cancels in a sum.
        return {
            "holes": hashlib.sha256(holes.tobytes()).hexdigest()[:16],
            "sums": [float(p.sum()) for p in pieces],
            "weighted": [float(p @ ((np.arange(len(p)) + 1.0) / max(1, len(p)))) for p in pieces],
            "sizes": [float(np.abs(p).sum()) for p in pieces],
            "rounding": _ROUNDING * largest * max(map(len, pieces)),
            "logs": [
                float(p @ (1.0 - np.arange(len(p)) / max(1, 2 * len(p)))) / max(1, len(p)) for p in logs
            ],
        }


def compare_checksums(old: Mapping[str, Any], new: Mapping[str, Any]) -> float | None:
    """Compute the relative difference of two checksums; None if their holes or lengths differ.

    If no float differs from its counterpart by more than 1e-9, the result is at most 1e-9.

    Example:
        >>> one, other = np.array([1.0, 2.0]), np.array([1.0, 2.5])
        >>> compare_checksums(checksum_floats(one), checksum_floats(other))
        0.2
    """
    if old["holes"] != new["holes"] or len(old["sums"]) != len(new["sums"]):
        return None
    sizes = np.maximum(np.array(old["sizes"]), np.array(new["sizes"]))
    found, rounding = 0.0, float(old["rounding"])
    for name in ("sums", "weighted", "sizes"):
        with np.errstate(invalid="ignore", divide="ignore"):
            before, after = np.array(old[name]), np.array(new[name])
            difference = np.abs(before - after)
            same = (difference <= rounding) | (before == after)  # equal infinities have no difference
            found = max(found, float(np.max(np.where(same, 0.0, difference / sizes), initial=0.0)))
    if "logs" in old and "logs" in new:  # records of earlier releases have none
        # Halved, since the value and the scale may both differ.
        difference = np.abs(np.array(old["logs"]) - np.array(new["logs"])) / 2
        found = max(found, float(np.max(difference, initial=0.0)))
    return None if np.isnan(found) else found


def compare_floats(old: _Numbers, new: _Numbers) -> tuple[int, float | None]:
    """Count the floats that differ, and compute their largest relative difference.

    A difference that is tiny beside the scale of the column is rounding: the float is counted, but its
    relative difference is taken as 0.

    Args:
        old: float64.
        new: float64, of the same length as ``old``.

    Returns:
        The count, and the difference; it is None if a float that differs is not finite, before or after.

    Example:
        >>> compare_floats(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
        (1, 0.2)
    """
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    scale, (old, new) = _scale(old), (old[~same], new[~same])
    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        return len(old), None
    with np.errstate(over="ignore", invalid="ignore"):
        difference = np.abs(old - new)
        relative = difference / np.maximum(np.abs(old), np.abs(new))
        relative = np.where(difference <= _ROUNDING * scale, 0.0, relative)
    return len(old), float(np.max(relative, initial=0.0))


def _scale(values: _Numbers) -> float:
    """Estimate the scale of a column: the size that three quarters of its values do not exceed.

    It is at least the largest size, capped at 1000: most values may be zeros or rounding errors.
    """
    sizes = np.abs(values[np.isfinite(values)])
    if not len(sizes):
        return 0.0
    at = int(0.75 * (len(sizes) - 1))
    return max(float(np.partition(sizes, at)[at]), min(float(sizes.max()), _COMMON_SIZE))


def _logs(values: _Numbers, scale: float) -> _Numbers:
    """Compute logarithms of sizes with the signs of the values; 0 for sizes far below the scale.

    If no value differs from its counterpart by more than 1e-9, no logarithm differs by more than 2e-9.
    """
    if not scale:
        return np.zeros(len(values))
    floor = np.log(max(_FLOOR * scale, float(np.finfo(np.float64).tiny)))
    with np.errstate(divide="ignore"):
        logs: _Numbers = np.copysign(np.logaddexp(floor, np.log(np.abs(values))) - floor, values)
    return logs
