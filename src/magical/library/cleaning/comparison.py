"""Compare: two columns, or what is computed from them, that contradict each other."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field, field_validator

from magical.contracts.schema import Schema
from magical.contracts.validation import Check
from magical.errors import WiringError
from magical.features import Arithmetic
from magical.library.cleaning.cleaning_rule import Cleaning, Int64
from magical.python_parser import parse_expression

__all__ = ["Compare", "Comparison"]

Comparison = Literal["<", "<=", "==", "!=", ">=", ">"]

_OPERATORS: dict[str, Callable[[pl.Expr, pl.Expr], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
_NUMBERS = ("int", "float", "bool")


class Compare(Cleaning):
    """A comparison that each row must meet; a row in which a side is null passes.

    Attributes:
        left: a column, or a formula of numbers as in `Arithmetic`, such as ``wines + meat``.
        op: ``<``, ``<=``, ``==``, ``!=``, ``>=`` or ``>``.
        right: as ``left``, or a number. Limits of one column are `Limits`.

    Example:
        >>> Compare("enrolled", "<=", "left")
        Compare(left='enrolled', op='<=', right='left')
        >>> Compare("wines + meat", "<=", "spent * 1.01").op
        '<='
    """

    left: str = Field(min_length=1, max_length=1000)
    op: Comparison
    right: Int64 | float | str

    if TYPE_CHECKING:

        def __init__(self, left: str, op: Comparison, right: int | float | str) -> None: ...

    @field_validator("left", "right")
    @classmethod
    def _check_formula(cls, side: int | float | str) -> int | float | str:
        if isinstance(side, str) and not side.isidentifier():
            Arithmetic("side", side)  # raises a ValueError that names what has no place in a formula
        return side

    def narrow(self, schema: Schema) -> Schema:
        """Check that the two sides can be compared, and return the schema as it is."""
        left, right = self._find_type(self.left, schema), self._find_type(self.right, schema)
        if left != right:
            raise WiringError(
                f"{self!r} compares {left} with {right}.",
                hint=f"compare columns of one type of {schema.name}, or numbers.",
            )
        return schema

    def requirements(self, schema: Schema) -> tuple[Check, ...]:
        """Build the check of the comparison."""
        left, right = _build_side(self.left, schema), _build_side(self.right, schema)
        holds = _OPERATORS[self.op](left, right) | left.is_null() | right.is_null()
        return (Check(self.left, f"must be {self.op} {self.right}", holds),)

    def _find_type(self, side: int | float | str, schema: Schema) -> str:
        """Return ``number``, or the type of a column of another kind."""
        if not isinstance(side, str):
            return "number"
        if side.isidentifier():
            (column,) = self.read(schema, names=(side,))
            return "number" if column.type in _NUMBERS else column.type
        names = [node.id for node in ast.walk(parse_expression(side)) if isinstance(node, ast.Name)]
        self.read(schema, *_NUMBERS, names=names)
        return "number"


def _build_side(side: int | float | str, schema: Schema) -> pl.Expr:
    """Build the expression of one side."""
    if not isinstance(side, str):
        return pl.lit(side)
    if not side.isidentifier():
        return Arithmetic("side", side).expressions(schema)[0]
    kind = schema.column(side).type  # polars compares no bool with a number, and no Enum with a text
    return (
        pl.col(side).cast({"bool": pl.Int64, "str": pl.String}[kind])
        if kind in ("bool", "str")
        else pl.col(side)
    )
