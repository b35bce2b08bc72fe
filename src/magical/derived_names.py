"""Names of bins and of products, the same where they are computed row by row and where they are fitted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

__all__ = ["name_bins", "name_product"]


def name_bins(edges: Sequence[float]) -> tuple[str, ...]:
    """Name the bins between edges; without an edge there is one bin, of all numbers.

    Example:
        >>> name_bins([0.5]), name_bins([0, 18, 65])
        (('below 0.5', '0.5 and above'), ('below 0', '0 to 18', '18 to 65', '65 and above'))
    """
    if not len(edges):
        return ("all",)
    texts = [str(int(e)) if abs(e) < 1e15 and e == int(e) else repr(float(e)) for e in edges]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
    return (f"below {texts[0]}", *between, f"{texts[-1]} and above")


def name_product(powers: Iterable[tuple[str, int]]) -> str:
    """Name a product of columns with their powers.

    Example:
        >>> name_product([("income", 2)]), name_product([("income", 1), ("age", 3)])
        ('income_squared', 'income_x_age_pow3')
    """
    words = {1: "", 2: "_squared"}
    return "_x_".join(name + words.get(power, f"_pow{power}") for name, power in powers)
