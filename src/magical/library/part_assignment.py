"""Assignment of rows to parts: by hash and share, by quota of each class, or by time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from magical.contracts.dtypes import dtype_kind
from magical.errors import BrokenPromise

__all__ = [
    "Hashes",
    "assign_by_quota",
    "assign_by_share",
    "assign_by_time",
    "hash_rows",
    "rank_in_class",
    "rehash",
    "scale_hashes",
]

Hashes = NDArray[np.uint64]

_NULL = np.uint64(0x6E756C6C6E756C6C)  # 64 bits that stand for a missing value
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # the step of splitmix64


def assign_by_share(
    for_test: NDArray[Any], for_rest: NDArray[Any], validation: float, test: float
) -> NDArray[Any]:
    """Assign each row by two numbers from 0 to 1: the first cuts test, the second validation from the rest.

    Example:
        >>> assign_by_share(np.array([0.1, 0.3, 0.9]), np.array([0.1, 0.2, 0.3]), 0.2, 0.2).tolist()
        ['test', 'validation', 'train']
    """
    # Validation is a share of all rows, and is cut from those that test leaves.
    of_rest = validation / (1 - test)
    return np.where(for_test < test, "test", np.where(for_rest < of_rest, "validation", "train"))


def assign_by_quota(
    for_test: Hashes, for_rest: Hashes, classes: pl.Series, validation: float, test: float
) -> NDArray[Any]:
    """Assign the rows of each class in the order of their hashes, so that each part gets its share of it.

    The first hashes choose test, the second choose validation from the rest. Sizes are exact to the row; a
    class of three or more rows has one in each part. Rows with equal hashes stay together.

    Example:
        >>> order, classes = np.arange(10), pl.Series(["a"] * 5 + ["b"] * 5)
        >>> assign_by_quota(order, order, classes, 0.2, 0.2).tolist()
        ['test', 'validation', 'train', 'train', 'train', 'test', 'validation', 'train', 'train', 'train']
    """
    codes = classes.cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1
    counts = np.bincount(codes)
    # In each class, test leaves at least two rows for the other parts, and validation one for train.
    in_test = rank_in_class(for_test, codes) < _compute_quotas(counts, test, counts - 2)[codes]
    rest = codes[~in_test]
    quotas = _compute_quotas(counts, validation, np.bincount(rest, minlength=len(counts)) - 1)
    parts = np.where(in_test, "test", "validation")
    parts[~in_test] = np.where(rank_in_class(for_rest[~in_test], rest) < quotas[rest], "validation", "train")
    return parts


def rank_in_class(hashes: Hashes, codes: NDArray[Any]) -> NDArray[Any]:
    """Rank each row by its hash among those of its class, from 0; rows of equal hash get the lowest rank.

    Example:
        >>> rank_in_class(np.array([3, 1, 2, 2], dtype=np.uint64), np.array([0, 0, 1, 1])).tolist()
        [1, 0, 0, 0]
    """
    counts = np.bincount(codes)
    order = np.lexsort((hashes, codes))
    # Rows of equal hash are equal rows: all get the rank of the first, and so the same part.
    new = np.ones(len(order), dtype=bool)
    new[1:] = (hashes[order][1:] != hashes[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = first - (np.cumsum(counts) - counts)[codes[order]]
    return rank


def assign_by_time(times: pl.Series, validation: float, test: float) -> tuple[NDArray[Any], dict[str, Any]]:
    """Assign rows by time: the latest are test, those before them validation; equal times stay together.

    Args:
        times: one for each row, without nulls.
        validation: the share of rows in validation, as near as equal times allow.
        test: the share of rows in test, likewise.

    Returns:
        The part of each row, and the first time of validation and of test.

    Raises:
        BrokenPromise: ``times`` has fewer than three different values.

    Example:
        >>> parts, cuts = assign_by_time(pl.Series([5, 1, 2, 3, 4]), 0.2, 0.2)
        >>> parts.tolist(), cuts
        (['test', 'train', 'train', 'train', 'validation'], {'validation': 4, 'test': 5})
    """
    counts = times.value_counts(name="rows").sort(times.name)
    if counts.height < 3:
        raise BrokenPromise(
            f"A split by time needs three different times at least; {times.name or 'the column'} has "
            f"{counts.height}.",
            hint="give rows of more times, or use kind='random'.",
        )
    distinct = counts.get_column(times.name)
    before = counts.get_column("rows").cum_sum().to_numpy() - counts.get_column("rows").to_numpy()
    last = len(before) - 1
    # Clip, so that each part has at least one time.
    at_test = int(np.clip(_nearest_index(before, len(times) * (1 - test)), 2, last))
    at_validation = int(np.clip(_nearest_index(before, len(times) * (1 - test - validation)), 1, at_test - 1))
    cuts = {"validation": distinct[at_validation], "test": distinct[at_test]}
    in_validation_or_test, in_test = (
        (times >= cuts["validation"]).to_numpy(),
        (times >= cuts["test"]).to_numpy(),
    )
    return np.where(in_test, "test", np.where(in_validation_or_test, "validation", "train")), cuts


def _nearest_index(sorted_numbers: NDArray[Any], target: float) -> int:
    return int(np.argmin(np.abs(sorted_numbers - target)))


def _compute_quotas(counts: NDArray[Any], share: float, limits: NDArray[Any]) -> NDArray[Any]:
    """Compute how many rows of each class a part gets: in total its share of all rows, within the limits."""
    limits = np.maximum(limits, 0)
    ideal = counts * share
    quotas: NDArray[Any] = np.minimum(np.maximum(np.floor(ideal).astype(np.int64), counts >= 3), limits)
    # Largest remainder: rounding each class by itself would miss the total when classes are many.
    left = round(counts.sum() * share) - quotas.sum()
    for place in np.argsort(quotas - ideal, kind="stable"):
        if left > 0 and quotas[place] < limits[place]:
            quotas[place] += 1
            left -= 1
    return quotas


def hash_rows(table: pl.DataFrame, columns: Sequence[str], seed: int) -> Hashes:
    """Hash each row to 64 bits, from its values in one or more columns.

    Numbers, dates and bools are mixed by splitmix64 (Steele, Lea and Flood 2014), texts by BLAKE2b. The order
    of rows and of columns does not matter, nor the width of an integer. 1e6 integers take 0.1 s of CPU, 1e6
    different texts 1 s.

    Example:
        >>> hash_rows(pl.DataFrame({"id": [1, 2]}), ["id"], seed=7).tolist()
        [12653888272491001354, 11795989272075915645]
    """
    total = np.full(table.height, _splitmix64(np.array([seed % 2**64], dtype=np.uint64))[0])
    for place, name in enumerate(sorted(columns)):
        # A salt for each column, or (1, 2) and (2, 1) would have one hash.
        salt = np.uint64(place * int(_GOLDEN) % 2**64)
        total += _splitmix64(_values_to_bits(table.get_column(name)) ^ salt)
    return _splitmix64(total)


def scale_hashes(hashes: Hashes) -> NDArray[np.float64]:
    """Scale hashes to numbers from 0 to 1, evenly spread.

    Example:
        >>> scale_hashes(np.array([0, 2**63], dtype=np.uint64)).tolist()
        [0.0, 0.5]
    """
    # A float holds 53 bits: more would round, and could round up to 1.
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def rehash(hashes: Hashes) -> Hashes:
    """Hash the hashes once more, for an order of the rows that is independent of theirs.

    Example:
        >>> rehash(np.array([0, 1], dtype=np.uint64)).tolist()
        [16294208416658607535, 10451216379200822465]
    """
    return _splitmix64(hashes)


def _splitmix64(numbers: Hashes) -> Hashes:
    """Mix the bits of each number (splitmix64)."""
    z = numbers + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _values_to_bits(values: pl.Series) -> Hashes:
    """Convert each value to 64 bits; equal values have equal bits."""
    kind = dtype_kind(values.dtype)
    if kind in ("int", "bool"):
        wide = pl.UInt64 if values.dtype == pl.UInt64 else pl.Int64
        bits = values.cast(wide).fill_null(0).to_numpy().view(np.uint64)
    elif kind == "float":
        # Adding 0.0 turns -0.0 into 0.0: the two are equal, but their bits differ.
        bits = (values.cast(pl.Float64).fill_nan(None).fill_null(0.0).to_numpy() + 0.0).view(np.uint64)
    elif kind in ("date", "time", "duration", "datetime"):
        # One unit, so that a part does not depend on the precision in which a source stores its times.
        unit = {"datetime": pl.Datetime("us"), "duration": pl.Duration("us")}.get(kind, values.dtype)
        bits = values.cast(unit).cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)
    else:
        bits = _texts_to_bits(values)
    missing = (values.is_null() | values.is_nan()) if kind == "float" else values.is_null()
    return np.where(missing.to_numpy(), _NULL, bits)


def _texts_to_bits(values: pl.Series) -> Hashes:
    """Convert each text, or the repr of another value, to 64 bits; null becomes 0."""
    if dtype_kind(values.dtype) == "str":
        values = values.cast(pl.String)
    else:
        values = pl.Series(values.name, [repr(v) for v in values.to_list()], dtype=pl.String)
    # polars' own hash may change between releases, and Python's is salted: neither can place a row.
    distinct = values.drop_nulls().unique()
    digests = b"".join(hashlib.blake2b(t.encode(), digest_size=8).digest() for t in distinct)
    numbers = pl.Series(np.frombuffer(digests, dtype="<u8").astype(np.uint64), dtype=pl.UInt64)
    return values.replace_strict(distinct, numbers, default=0, return_dtype=pl.UInt64).to_numpy()
