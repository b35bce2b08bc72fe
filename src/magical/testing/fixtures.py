"""The fixture ``pretended``: what a contract or a type hint promises, made up for a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import polars as pl


__all__ = ["Pretend", "pretended"]


class Pretend:
    """Makes up what contracts and type hints promise; the same for the same test, each time.

    Args:
        seed: the test's name.

    Tables of one test join: after ``pretend(Customer)``, a ``Key[Customer]`` of another table draws from the
    ids of these customers.

    Example:
        >>> from magical import Contract, Field, Id
        >>> class Customer(Contract):
        ...     id: Id[int]
        ...     age: int = Field(ge=18, le=99)
        >>> pretend = Pretend("test_clean")
        >>> pretend(Customer, rows=3)["id"].to_list()
        [1, 2, 3]
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls: dict[str, int] = {}
        self._parents: dict[str, pl.DataFrame] = {}

    def __call__(
        self,
        promise: Any,
        *,
        rows: int | None = None,
        like: Any = None,
        nulls: float | None = None,
        seed: str = "",
    ) -> Any:
        """Make up a value.

        Args:
            promise: a contract (gives a table of it), or a type hint as a step has it: ``Frame[Customer]``,
                ``Parts[Customer]``, ``Model``, ``Scores``, ``float``.
            rows: of each table; 1,000 unless told. Rows of a table that carries over another's are as many.
            like: a table, or several, that a step with this promise would be given: columns of the same name
                and type are carried over.
            nulls: the share of missing values where they may be missing.
            seed: for another draw than the test's name gives.
        """
        raise NotImplementedError


@pytest.fixture
def pretended(request: pytest.FixtureRequest) -> Iterator[Pretend]:
    """Give what makes up tables, models and values for this test; see `Pretend`."""
    yield Pretend(request.node.name)
