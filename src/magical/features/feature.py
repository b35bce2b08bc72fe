"""Feature: the base class of all features, and the schema of a table with features added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError, did_you_mean, join_names
from magical.settings import TaggedSettings

__all__ = ["Feature", "with_features"]


class Feature(TaggedSettings):
    """Columns computed from other columns of the same row, as settings that can be stored as JSON.

    A subclass has fields, declares its columns in ``adds``, and computes them in ``expressions``.
    Its fields may be passed by position, in their order.

    Example:
        >>> class Ratio(Feature):
        ...     top: str
        ...     bottom: str
        ...
        ...     def adds(self, schema):
        ...         self.read(schema, "int", "float", names=(self.top, self.bottom))
        ...         return (Column(f"{self.top}_per_{self.bottom}", "float", nullable=True),)
        ...
        ...     def expressions(self, schema):
        ...         ratio = pl.col(self.top) / pl.col(self.bottom)
        ...         return (
        ...             pl.when(pl.col(self.bottom) != 0).then(ratio).alias(f"{self.top}_per_{self.bottom}"),
        ...         )
        >>> Ratio("income", "family")
        Ratio(top='income', bottom='family')
    """

    if not TYPE_CHECKING:  # a type checker sees the fields, or the ``__init__`` that a subclass declares

        def __init__(self, *values: Any, **fields: Any) -> None:
            names = list(type(self).model_fields)
            if len(values) > len(names):
                raise TypeError(f"{type(self).__name__} takes {join_names(names)}, got {len(values)} values")
            super().__init__(**dict(zip(names, values, strict=False)), **fields)

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare the columns that the feature adds to a table of this schema.

        Raises:
            WiringError: the table lacks a column that the feature reads, or has it in another type.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which columns it adds.")

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the polars expressions that compute these columns row by row, with the same names."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its columns are computed.")

    def read(self, schema: Schema, *types: str, names: Iterable[str]) -> list[Column]:
        """Look up the columns that the feature reads, and check that each has one of these types.

        Raises:
            WiringError: a column does not exist, is of another type, or is the target.
        """
        return [self._read_column(schema, types, name) for name in names]

    def _read_column(self, schema: Schema, types: tuple[str, ...], name: str) -> Column:
        column = schema.by_name.get(name)
        if column is None:
            usable = [c.name for c in schema.columns if c.type in types and c.role != "target"]
            raise WiringError(
                f"{self!r} reads {name}, which {schema.name} does not have.", hint=did_you_mean(name, usable)
            )
        if column.role == "target":
            raise WiringError(
                f"{self!r} reads {name}, the target of {schema.name}: the model would be told the answer.",
                hint="leave this feature out.",
            )
        if column.type not in (*types, "any"):
            raise WiringError(
                f"{self!r} reads {name}, which must be {' or '.join(types)} but is {column.type_text}.",
                hint=f"choose another column, or give {name} another type in {schema.name}.",
            )
        return column


def with_features(schema: Schema, features: Iterable[Feature]) -> Schema:
    """Add the columns of features to a schema, one by one: a feature may read the columns of earlier ones.

    Raises:
        WiringError: a feature does not fit the table, or adds a column that exists already.

    Example:
        >>> from magical.features import Log
        >>> with_features(Schema("Customer", (Column("income", "float"),)), [Log("income")]).names
        ['income', 'log_income']
    """
    for feature in features:
        added = feature.adds(schema)
        names = [c.name for c in added]
        duplicates = [n for i, n in enumerate(names) if n in schema.by_name or n in names[:i]]
        if duplicates:
            raise WiringError(
                f"{feature!r} adds {join_names(duplicates)}, which is there already.",
                hint="name the feature otherwise, or leave one of the two out.",
            )
        schema = schema.with_columns(added)
    return schema
