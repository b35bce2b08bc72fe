"""Sums over floats that tell, without the floats, whether two runs of them agree to 1e-9."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["TOLERANCE", "checksum_floats", "compare_checksums", "compare_floats"]

TOLERANCE = 1e-9
"""Relative: floats no further apart than this agree."""

BLOCKS = 16
"""In so many pieces a column is summed up: the shorter the piece, the less one value is lost in it."""

_ROUNDING = 1e-15
_FLOOR = 1e-6
_COMMON_SIZE = 1e3
"""What is smaller is taken for a size that numbers have; what is larger may be a mark for a missing value."""

_Numbers = np.ndarray[Any, Any]


def checksum_floats(values: _Numbers) -> dict[str, Any]:
    """Sum up floats in the order that they have.

    Args:
        values: float64; NaN for what is missing.

    Returns:
        ``holes``, where values are not finite, and for each of up to 16 pieces the sum, the sum weighted by
        the place in it, and the sum of sizes; ``rounding``, as much as no sum can mean; and the mean of
        logarithms, in which a few huge values hide nothing of the others.

    Example:
        >>> checksum_floats(np.array([1.0, -2.0, np.nan]))["sums"]
        [1.0, -2.0, 0.0]
    """
    finite = np.isfinite(values)
    holes = np.where(finite, 0, np.where(np.isnan(values), 1, np.where(values > 0, 2, 3))).astype(np.uint8)
    filled = np.where(finite, values, 0.0)
    pieces = np.array_split(filled, min(BLOCKS, max(1, len(filled))))
    most = float(np.max(np.abs(filled), initial=0.0))
    logs = np.array_split(_logs(filled, _scale(values)), len(pieces))
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            "holes": hashlib.sha256(holes.tobytes()).hexdigest()[:16],
            "sums": [float(p.sum()) for p in pieces],
            "weighted": [float(p @ ((np.arange(len(p)) + 1.0) / max(1, len(p)))) for p in pieces],
            "sizes": [float(np.abs(p).sum()) for p in pieces],
            "rounding": _ROUNDING * most * max(map(len, pieces)),
            "logs": [
                float(p @ (1.0 - np.arange(len(p)) / max(1, 2 * len(p)))) / max(1, len(p)) for p in logs
            ],
        }


def compare_checksums(old: Mapping[str, Any], new: Mapping[str, Any]) -> float | None:
    """Say how far two runs of floats are apart, as a share of their sizes; none if no number says it.

    Where no float is further than 1e-9 from its counterpart, nor is this.

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
            apart = np.abs(np.array(old[name]) - np.array(new[name]))
            same = (apart <= rounding) | (np.array(old[name]) == np.array(new[name]))
            found = max(found, float(np.max(np.where(same, 0.0, apart / sizes), initial=0.0)))
    if "logs" in old and "logs" in new:
        apart = (
            np.abs(np.array(old["logs"]) - np.array(new["logs"])) / 2
        )  # a value and the scale may both move
        found = max(found, float(np.max(apart, initial=0.0)))
    return None if np.isnan(found) else found


def compare_floats(old: _Numbers, new: _Numbers) -> tuple[int, float | None]:
    """Count the floats that are not the same, and give the largest relative difference among them.

    What cancels to nearly nothing beside the others of its column is rounding, and no difference.

    Args:
        old: float64, as many as ``new``.
        new: float64.

    Returns:
        The count, and none for the difference where one is finite and the other not.

    Example:
        >>> compare_floats(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
        (1, 0.2)
    """
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    one, other = old[~same], new[~same]
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return len(one), None
    scale = _scale(old)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs(one - other)
        relative = np.where(apart <= _ROUNDING * scale, 0.0, apart / np.maximum(np.abs(one), np.abs(other)))
    return len(one), float(np.max(relative, initial=0.0))


def _scale(values: _Numbers) -> float:
    """The size of the numbers in a column, whatever a few of them are: what is nothing beside it is rounding.

    Three quarters are no larger; where those are zeros, or rounding themselves, the largest says it.
    """
    sizes = np.abs(values[np.isfinite(values)])
    if not len(sizes):
        return 0.0
    at = int(0.75 * (len(sizes) - 1))
    return max(float(np.partition(sizes, at)[at]), min(float(sizes.max()), _COMMON_SIZE))


def _logs(values: _Numbers, scale: float) -> _Numbers:
    """The logarithms of sizes, with the signs of the values; even where a size is nothing beside the scale.

    Where no value is further than 1e-9 from its counterpart, no logarithm is further than 2e-9.
    """
    if not scale:
        return np.zeros(len(values))
    floor = np.log(max(_FLOOR * scale, float(np.finfo(np.float64).tiny)))
    with np.errstate(divide="ignore"):
        found: _Numbers = np.copysign(np.logaddexp(floor, np.log(np.abs(values))) - floor, values)
    return found
