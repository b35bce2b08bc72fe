"""Polynomial: products and powers of numbers."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from magical.contracts.schema import Column, Schema
from magical.derived_names import name_product
from magical.errors import WiringError
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext

__all__ = ["Polynomial"]


class Polynomial(LearnedFeature):
    """Products and powers of numbers up to a degree: ``income_squared``, ``income_x_age``, ``income_pow3``.

    They are computed row by row, null where a factor is null; or, with ``after_scaling``, in the Pipeline,
    from the imputed and scaled columns: then a square is high at both ends, and products are less
    correlated with their factors.

    Attributes:
        columns: the numbers, as in `Columns`.
        degree: the highest number of factors, 2 to 5.
        interactions_only: True for products of different columns only, without powers.
        after_scaling: True to compute them in the Pipeline.

    Example:
        >>> schema = Schema("Customer", (Column("income", "float"), Column("age", "int")))
        >>> feature = Polynomial(["income", "age"])
        >>> table = pl.DataFrame({"income": [1.5], "age": [4]})
        >>> table.select(feature.expressions(schema)).row(0, named=True)
        {'income_squared': 2.25, 'income_x_age': 6.0, 'age_squared': 16.0}
    """

    stage = "add"
    types = ("int", "float")

    degree: int = Field(default=2, ge=2, le=5)
    interactions_only: bool = False
    after_scaling: bool = False

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | Sequence[str] | str,
            degree: int = 2,
            interactions_only: bool = False,
            after_scaling: bool = False,
        ) -> None: ...

    @property
    def is_learned(self) -> bool:
        """True if it reads scaled columns, which exist in the Pipeline only."""
        return self.after_scaling

    @property
    def is_joint(self) -> bool:
        """True: a product depends on several columns."""
        return True

    def find_columns(self, schema: Schema) -> list[Column]:
        """Return the columns that are multiplied.

        Raises:
            WiringError: the table lacks one, or has it in another type; or there are no products, or more
                than 10,000.
        """
        columns = super().find_columns(schema)
        n, degrees = len(columns), range(2, self.degree + 1)
        count = sum(math.comb(n, d) if self.interactions_only else math.comb(n + d - 1, d) for d in degrees)
        self.check_width(count, "name fewer columns, lower the degree, or set interactions_only = true.")
        if not count:
            raise WiringError(
                f"{self!r} multiplies different columns, and has {columns[0].name} only.",
                hint="name another column, or set interactions_only = false for its powers.",
            )
        return columns

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare a float for each product, nullable if a factor is; no column if they are fitted."""
        if self.is_learned:
            return ()
        return tuple(
            Column(_name(product), "float", any(c.nullable for c in product))
            for product in self._iter_products(schema)
        )

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build one expression for each product; none if they are fitted."""
        if self.is_learned:
            return ()
        return tuple(_multiply(product).alias(_name(product)) for product in self._iter_products(schema))

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make scikit-learn's PolynomialFeatures, without the constant and the columns themselves."""
        from magical.estimators import PolynomialTerms

        return PolynomialTerms((2, self.degree), interaction_only=self.interactions_only, include_bias=False)

    def _iter_products(self, schema: Schema) -> Iterator[tuple[Column, ...]]:
        """Yield the factors of each product, in the order of scikit-learn."""
        columns = self.find_columns(schema)
        combine = (
            itertools.combinations if self.interactions_only else itertools.combinations_with_replacement
        )
        for degree in range(2, self.degree + 1):
            yield from combine(columns, degree)


def _name(product: Sequence[Column]) -> str:
    return name_product(Counter(c.name for c in product).items())


def _multiply(product: Sequence[Column]) -> pl.Expr:
    # As floats: products of whole numbers would overflow.
    return functools.reduce(operator.mul, (pl.col(c.name).cast(pl.Float64) for c in product))
