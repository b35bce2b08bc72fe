"""Feature: the base of all features, and how a list of them changes what a table promises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError, did_you_mean, join_names
from magical.settings import TaggedSettings

__all__ = ["Feature", "with_features"]


class Feature(TaggedSettings):
    """Columns computed from other columns of the same row, as settings that survive JSON.

    A project's own kind has fields, says in ``adds`` which columns it promises, and in ``expressions``
    how polars computes them. Its fields may be given by position, in their order.

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

    if not TYPE_CHECKING:  # a type checker sees the fields, or the ``__init__`` that a kind declares for it

        def __init__(self, *values: Any, **fields: Any) -> None:
            names = list(type(self).model_fields)
            if len(values) > len(names):
                raise TypeError(f"{type(self).__name__} takes {join_names(names)}, got {len(values)} values")
            super().__init__(**dict(zip(names, values, strict=False)), **fields)

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Give the columns that it adds to a table of this schema.

        Raises:
            WiringError: the table lacks a column that is read, or has it in another type.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which columns it adds.")

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Give the polars expressions that compute these columns, row by row, named like them."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its columns are computed.")

    def read(self, schema: Schema, *types: str, names: Iterable[str]) -> list[Column]:
        """Give the columns that it reads, each of one of these types.

        Raises:
            WiringError: a column does not exist, is of another type, or is the target.
        """
        return [self._read_column(schema, types, name) for name in names]

    def _read_column(self, schema: Schema, types: tuple[str, ...], name: str) -> Column:
        column = schema.by_name.get(name)
        if column is None:
            known = [c.name for c in schema.columns if c.type in types and c.role != "target"]
            raise WiringError(
                f"{self!r} reads {name}, which {schema.name} does not have.", hint=did_you_mean(name, known)
            )
        if column.role == "target":
            raise WiringError(
                f"{self!r} reads {name}, the target of {schema.name}: the model would be told the answer.",
                hint="leave this feature out.",
            )
        if column.type not in (*types, "any"):
            raise WiringError(
                f"{self!r} reads {name}, which must be {' or '.join(types)} and is {column.type_text}.",
                hint=f"choose another column, or give {name} another type in {schema.name}.",
            )
        return column


def with_features(schema: Schema, features: Iterable[Feature]) -> Schema:
    """Give what a table promises once these features are added, one after the other.

    A feature may read what an earlier one added.

    Raises:
        WiringError: a feature does not fit the table, or adds a column that is there already.

    Example:
        >>> from magical.features import Log
        >>> with_features(Schema("Customer", (Column("income", "float"),)), [Log("income")]).names
        ['income', 'log_income']
    """
    for feature in features:
        added = feature.adds(schema)
        names = [c.name for c in added]
        twice = [n for i, n in enumerate(names) if n in schema.by_name or n in names[:i]]
        if twice:
            raise WiringError(
                f"{feature!r} adds {join_names(twice)}, which is there already.",
                hint="name the feature otherwise, or leave one of the two out.",
            )
        schema = schema.with_columns(added)
    return schema
