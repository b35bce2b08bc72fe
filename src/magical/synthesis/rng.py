"""Random numbers that are the same on every machine: raw bits, integers and exact arithmetic only."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

__all__ = ["NumberArray", "SeededRandom"]

NumberArray = np.ndarray[Any, np.dtype[Any]]

_HALF, _LOW = np.uint64(32), np.uint64((1 << 21) - 1)


class SeededRandom:
    """Random numbers from the bits of PCG64, seeded by texts.

    Example:
        >>> SeededRandom("seed", "column").integers(10, 5).tolist()
        [8, 6, 2, 1, 5]
    """

    def __init__(self, *seed: str) -> None:
        digest = hashlib.sha256("\0".join(seed).encode()).digest()
        state, step = int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:], "little") | 1
        # numpy keeps PCG64's bit stream stable for ever, but not the methods of Generator.
        self._source = np.random.PCG64(0)
        self._source.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": step},
            "has_uint32": 0,
            "uinteger": 0,
        }

    def bits(self, size: int) -> NumberArray:
        """Draw ``size`` unsigned integers of 64 random bits."""
        return np.asarray(self._source.random_raw(size), dtype=np.uint64)

    def integers(self, count: int, size: int) -> NumberArray:
        """Draw ``size`` whole numbers from 0 to below ``count``, which is at most 2**64."""
        raw = self.bits(size)
        if count <= 1 << 32:  # in place: a multiplication is much faster than a modulo
            raw >>= _HALF
            raw *= np.uint64(count)
            raw >>= _HALF
            return raw
        return raw if count >= 1 << 64 else np.asarray(raw % np.uint64(count))

    def integer(self, count: int) -> int:
        """Draw one whole number from 0 to below ``count``."""
        return int(self.integers(count, 1)[0])

    def uniform(self, size: int) -> NumberArray:
        """Draw ``size`` floats from 0 to below 1."""
        return np.asarray((self.bits(size) >> np.uint64(11)).astype(np.float64) * 2.0**-53)

    def normal(self, size: int) -> NumberArray:
        """Draw ``size`` floats, nearly normally distributed: mean 0, standard deviation 1, none beyond 3."""
        # A sum of three uniform numbers; np.log and np.cos differ in the last bit between machines.
        raw = self.bits(size)
        total = (raw & _LOW) + ((raw >> np.uint64(21)) & _LOW) + ((raw >> np.uint64(42)) & _LOW)
        return np.asarray(total.astype(np.float64) * 2.0**-20 - 3.0)

    def mask(self, share: float, size: int) -> NumberArray:
        """Draw a mask of ``size`` places, a ``share`` of them true: at least one, unless the share is 0."""
        if share <= 0 or not size:
            return np.zeros(size, dtype=bool)
        chosen = np.asarray(self.bits(size) < np.uint64(min(int(share * 2.0**64), (1 << 64) - 1)))
        if not chosen.any():
            chosen[self.integer(size)] = True
        return chosen
