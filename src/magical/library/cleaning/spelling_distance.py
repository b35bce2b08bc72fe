"""The nearest spelling of a given set: the fewest letters added, left out, replaced or swapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

__all__ = ["find_nearest"]

_LETTERS_PER_EDIT = 3  # with more edits than one for three letters, "no" would be a spelling of "yes"


def find_nearest(texts: pl.Series, members: Sequence[str], max_distance: int) -> pl.Series:
    """Return the place of the nearest member for each text; null if none is near, or if two are as near.

    The distance is that of Damerau and Levenshtein, with neighbours swapped once (optimal string alignment).

    Args:
        texts: texts in the form in which they are compared; a null has no nearest member.
        members: the given set, in the same form.
        max_distance: the greatest distance; a member of n letters allows n // 3 at most.

    Example:
        >>> find_nearest(pl.Series(["master", "mastre", "phd", "php", None]), ["master", "phd"], 2).to_list()
        [0, 0, 1, 1, None]
    """
    exact = texts.replace_strict(
        pl.Series(members, dtype=pl.String),
        pl.Series(range(len(members)), dtype=pl.Int64),
        default=None,
        return_dtype=pl.Int64,
    )
    longest = max(map(len, members), default=0) + max_distance
    is_open = exact.is_null() & texts.str.len_chars().le(longest).fill_null(False)
    places = is_open.arg_true()
    if not max_distance or places.is_empty():
        return exact
    return exact.scatter(places, _find_near(texts.gather(places), members, max_distance))


def _find_near(texts: pl.Series, members: Sequence[str], max_distance: int) -> pl.Series:
    codes, lengths = _encode(texts.to_list())
    best = np.full(len(texts), max_distance + 1)
    found = np.full(len(texts), -1)
    for place, member in enumerate(members):
        allowed = min(max_distance, len(member) // _LETTERS_PER_EDIT)
        distances = _compute_distances(codes, lengths, member)
        is_nearer = (distances <= allowed) & (distances < best)
        is_tied = (distances <= allowed) & (distances == best)
        found[is_tied] = -1  # two members are as near: neither is meant
        found[is_nearer] = place
        best[is_nearer] = distances[is_nearer]
    return pl.Series(found, dtype=pl.Int64).replace(-1, None)


def _encode(texts: list[str]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the letters of texts as numbers, a column for each place, and the lengths of the texts."""
    lengths = np.array([len(text) for text in texts])
    codes = np.zeros((int(lengths.max()), len(texts)), dtype=np.uint32)
    for i, text in enumerate(texts):
        codes[: len(text), i] = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    return codes, lengths


def _compute_distances(
    codes: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any], member: str
) -> np.ndarray[Any, Any]:
    """Return the distance of each text from one member: the usual table, for all texts at once."""
    letters = [ord(letter) for letter in member]
    height, count = codes.shape
    # rows[i][j]: the distance of the first i letters of a text from the first j of the member.
    before: list[np.ndarray[Any, Any]] = []
    row = [np.full(count, j) for j in range(len(letters) + 1)]
    result = np.where(lengths == 0, row[-1], 0)
    for i in range(1, height + 1):
        previous, row = row, [np.full(count, i)]
        for j, letter in enumerate(letters, 1):
            cost = previous[j - 1] + (codes[i - 1] != letter)
            cost = np.minimum(cost, np.minimum(previous[j], row[j - 1]) + 1)
            if i > 1 and j > 1:
                swapped = (codes[i - 1] == letters[j - 2]) & (codes[i - 2] == letter)
                cost = np.where(swapped, np.minimum(cost, before[j - 2] + 1), cost)
            row.append(cost)
        before = previous
        result = np.where(lengths == i, row[-1], result)
    return result
