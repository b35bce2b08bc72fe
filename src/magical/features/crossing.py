"""Cross: one category of each combination of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError, did_you_mean
from magical.features.binning import Edges, compute_bin
from magical.features.column_selectors import Columns
from magical.features.feature import Feature

__all__ = ["Cross"]

MAX_CROSSED = 5  # combinations of more are almost all different, and their names unreadable


class Cross(Feature):
    """The combination of two to five categories as a text, such as ``Master x Single``.

    Texts, bools and whole numbers of a ``Literal`` are categories; another number needs ``edges``, which
    make bins of it as in `Bin`. The column is named after its parts, and null where a part is null.

    Attributes:
        columns: the parts, as in `Columns`.
        edges: for each part that is a number, the edges of its bins.

    Example:
        >>> schema = Schema("Customer", (Column("education", "str"), Column("income", "int")))
        >>> feature = Cross("education", "income", edges={"income": [20000]})
        >>> table = pl.DataFrame({"education": ["Master", None], "income": [30000, 1]})
        >>> table.select(feature.expressions(schema)).to_dict(as_series=False)
        {'education_x_income': ['Master x 20000 and above', None]}
    """

    columns: Columns
    edges: dict[str, Annotated[Edges, Field(min_length=1)]] = Field(default_factory=dict)

    def __init__(
        self, *columns: str | Sequence[str], edges: Mapping[str, Sequence[float]] | None = None, **fields: Any
    ) -> None:
        parts = [columns[0] if len(columns) == 1 else columns] if columns else []
        super().__init__(*parts, **fields, **({} if edges is None else {"edges": edges}))

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare one text, nullable if a part may be null, or is a float, which may be NaN."""
        parts = self._find_parts(schema)
        return (Column(_name(parts), "str", any(c.nullable or c.type == "float" for c in parts)),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the expression that joins the parts."""
        parts = self._find_parts(schema)
        texts = [
            compute_bin(c.name, self.edges[c.name])
            if c.name in self.edges
            else pl.col(c.name).cast(pl.String)
            for c in parts
        ]
        return (pl.concat_str(texts, separator=" x ").alias(_name(parts)),)

    def _find_parts(self, schema: Schema) -> list[Column]:
        """Return the columns that are crossed; raise a WiringError if one is no category."""
        parts = self.read(schema, "str", "bool", "int", "float", names=self.columns)
        names = [c.name for c in parts]
        if not 2 <= len(parts) <= MAX_CROSSED:
            raise WiringError(
                f"{self!r} crosses 2 to {MAX_CROSSED} columns, and has {len(parts)}.",
                hint="name each of them, or write one Cross for each pair.",
            )
        for name in self.edges:
            if name not in names:
                raise WiringError(
                    f"{self!r} has edges of {name}, which it does not cross.", hint=did_you_mean(name, names)
                )
        for column in parts:
            self._check_part(column)
        return parts

    def _check_part(self, column: Column) -> None:
        name, type_text = column.name, column.type_text
        is_number = column.type in ("int", "float") and not column.choices
        if is_number and name not in self.edges:
            raise WiringError(
                f"{self!r} crosses categories, and {name} is a number ({type_text}).",
                hint=f"add edges = {{{name} = [...]}}, or list a Bin before it and cross {name}_bin.",
            )
        if not is_number and name in self.edges:
            raise WiringError(
                f"{self!r} has edges of {name}, which is a category ({type_text}).",
                hint="leave its edges out.",
            )


def _name(parts: Sequence[Column]) -> str:
    return "_x_".join(c.name for c in parts)
