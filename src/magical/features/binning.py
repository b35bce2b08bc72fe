"""Bin: ranges of a number, by edges that are given or by quantiles that are learned."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import polars as pl
from pydantic import AfterValidator, Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.derived_names import name_bins
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext

__all__ = ["Bin", "Edges", "compute_bin"]


def _validate_edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    if not all(map(math.isfinite, edges)):
        raise ValueError("edges are finite numbers; below the first and above the last there are bins anyway")
    for low, high in itertools.pairwise(edges):
        if low >= high:
            raise ValueError(f"edges increase, and {high:g} comes after {low:g}")
    return edges


Edges = Annotated[tuple[float, ...], AfterValidator(_validate_edges), Field(max_length=1000)]
"""Where one bin of a number ends and the next begins: finite, increasing."""


class Bin(LearnedFeature):
    """Ranges of each number, in a column named ``NAME_bin``: fixed by ``edges``, or learned by ``quantiles``.

    With ``edges`` the column is one of a closed set of texts, computed row by row: an edge belongs to the bin
    above it, the outer bins are open, and null and NaN stay null. With ``quantiles`` that many bins with
    about equal numbers of rows are fitted in the Pipeline, after imputation, as one column of 0 and 1 for
    each bin, or, with ``output="ordinal"``, as the number of the bin from 0; equal quantiles give fewer bins.

    Attributes:
        columns: the numbers, as in `Columns`.
        edges: increasing numbers.
        quantiles: the number of bins.
        output: for quantiles, ``one_hot`` or ``ordinal``.

    Example:
        >>> feature = Bin("income", edges=(20000, 50000))
        >>> schema = Schema("Customer", (Column("income", "int"),))
        >>> feature.adds(schema)[0].choices
        ('below 20000', '20000 to 50000', '50000 and above')
        >>> table = pl.DataFrame({"income": [19999, 20000, 90000]})
        >>> table.select(feature.expressions(schema)).to_series().to_list()
        ['below 20000', '20000 to 50000', '50000 and above']
        >>> Bin("income", quantiles=5).is_learned
        True
    """

    stage = "add"
    types = ("int", "float")

    edges: Edges = ()
    quantiles: int = Field(default=0, ge=0, le=1000)
    output: Literal["one_hot", "ordinal"] = "one_hot"

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | Sequence[str] | str,
            edges: Sequence[float] = (),
            quantiles: int = 0,
            output: Literal["one_hot", "ordinal"] = "one_hot",
        ) -> None: ...

    @model_validator(mode="after")
    def _validate_choice(self) -> Self:
        if bool(self.edges) == bool(self.quantiles):
            raise ValueError(
                "a Bin has edges, such as edges = [20000, 50000], or quantiles: just one of them"
            )
        if self.quantiles == 1:
            raise ValueError("quantiles are at least 2 bins")
        if self.edges and self.output != "one_hot":
            raise ValueError("output is for quantiles; bins with edges are texts")
        return self

    @property
    def is_learned(self) -> bool:
        """True if its bins are quantiles."""
        return not self.edges

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare a closed set of texts for each column if the edges are given; else no column."""
        if self.is_learned:
            return ()
        bins = name_bins(self.edges)
        return tuple(
            # NaN is in no bin, and a float may be NaN even where its contract allows no null.
            Column(f"{c.name}_bin", "str", c.nullable or c.type == "float", choices=bins)
            for c in self.find_columns(schema)
        )

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build one expression for each column if the edges are given; else none."""
        if self.is_learned:
            return ()
        return tuple(
            compute_bin(c.name, self.edges).alias(f"{c.name}_bin") for c in self.find_columns(schema)
        )

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make scikit-learn's KBinsDiscretizer, with bins that are named by their edges."""
        from magical.estimators import QuantileBins

        encode = {"one_hot": "onehot-dense"}.get(self.output, self.output)
        return QuantileBins(self.quantiles, encode=encode, random_state=0)


def compute_bin(name: str, edges: Sequence[float]) -> pl.Expr:
    """Build the expression that computes the bin of a number as a text; null and NaN stay null."""
    number = pl.col(name).cast(pl.Float64).fill_nan(None)
    bins = name_bins(edges)
    passed = pl.lit(pl.Series(edges, dtype=pl.Float64)).search_sorted(number, side="right")
    return pl.when(number.is_not_null()).then(
        passed.replace_strict(range(len(bins)), bins, return_dtype=pl.String)
    )
