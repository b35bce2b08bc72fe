"""Cleaning: the base class of the rules that `clean` applies to the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import polars as pl
from pydantic import Field

from magical.contracts.schema import TRAINING_ROLES, Column, Schema
from magical.contracts.validation import Check
from magical.errors import WiringError
from magical.features import select_columns
from magical.settings import PositionalFields, TaggedSettings

__all__ = ["Cleaning", "Int64"]

Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number that polars compares with a column; beside a float in a union, a greater one is a float."""


class Cleaning(PositionalFields, TaggedSettings):
    """One rule of cleaning, as settings that can be stored as JSON: what it changes, and what it rejects.

    A subclass has fields, checks them against the table in ``narrow``, and returns polars expressions from
    ``changes`` and ``requirements``, or from one of them. An expression may read its own row only: a new row
    is cleaned alone. Changes come first; the requirements see the changed values.

    Example:
        >>> class Absolute(Cleaning):
        ...     columns: tuple[str, ...]
        ...
        ...     def narrow(self, schema):
        ...         self.read(schema, "int", "float", names=self.columns)
        ...         return schema
        ...
        ...     def changes(self, schema):
        ...         return tuple(pl.col(name).abs() for name in self.columns)
        >>> Absolute(["income"])
        Absolute(columns='income')
    """

    def narrow(self, schema: Schema) -> Schema:
        """Check that the rule fits a table of this schema, and return the schema of the rows after it.

        Raises:
            WiringError: the table lacks a column that the rule reads, has it in another type, or must not
                contain what the rule would write.
        """
        raise NotImplementedError(f"{type(self).__name__} does not check the columns that it reads.")

    def changes(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the expressions of the columns with other values, each under the name of its column."""
        return ()

    def requirements(self, schema: Schema) -> tuple[Check, ...]:
        """Build the requirements that a row must meet; a row that does not meet one is rejected."""
        return ()

    def read(self, schema: Schema, *types: str, names: Iterable[str]) -> list[Column]:
        """Look up the columns that the rule reads, and check that each has one of these types.

        Args:
            schema: the table's columns.
            types: types of a contract, such as ``int``; none for any type.
            names: names, or selectors as in `Columns`.

        Raises:
            WiringError: a column does not exist, is of another type, or is the target or the weight.
        """
        names = list(names)
        for name in {*names} & {*schema.names_with_role(*TRAINING_ROLES)}:
            raise WiringError(
                f"{self!r} reads {name}, the {schema.column(name).role} of {schema.name}, which no new row "
                "has.",
                hint="clean it in a step of your own with @step(training_only=True).",
            )
        return select_columns(names, schema, self, *types)

    def require_nullable(self, columns: Iterable[Column], schema: Schema) -> None:
        """Check that columns may be null, since the rule writes null into them.

        Raises:
            WiringError: one may not.
        """
        for column in columns:
            if not column.nullable:
                raise WiringError(
                    f"{self!r} makes values of {column.name} null, and {schema.name} wants "
                    f"{column.type_text}.",
                    hint=f'write {column.name}: {column.type_text} | None, or action="reject".',
                )
