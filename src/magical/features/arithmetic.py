"""Arithmetic: a column computed by a formula, such as ``wines + fruits + meat``."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field, field_validator

from magical.contracts.schema import Column, Schema
from magical.features.feature import Feature
from magical.python_parser import parse_expression

__all__ = ["Arithmetic"]

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_GRAMMAR = "column names, numbers and + - * / ( )"
_LARGEST_INTEGER = 2**53  # beyond it a float cannot represent every whole number


class Arithmetic(Feature):
    """A number computed from other numbers of the row by ``+``, ``-``, ``*``, ``/``, brackets and constants.

    Whole numbers stay whole under ``+ - *``; booleans are used as 1 and 0; the result is null where an
    operand is null, a divisor is zero, or a whole number is beyond 64 bits.

    Example:
        >>> feature = Arithmetic("spent_per_head", "(wines + meat) / family")
        >>> schema = Schema("Customer", tuple(Column(n, "int") for n in ("wines", "meat", "family")))
        >>> table = pl.DataFrame({"wines": [10, 4], "meat": [2, 4], "family": [3, 0]})
        >>> table.select(feature.expressions(schema)).to_series().to_list()
        [4.0, None]
        >>> [c.type_text for c in feature.adds(schema)]
        ['float | None']
    """

    name: str = Field(min_length=1)
    expression: str = Field(min_length=1, max_length=1000)

    if TYPE_CHECKING:

        def __init__(self, name: str, expression: str) -> None: ...

    @field_validator("expression")
    @classmethod
    def _validate_expression(cls, text: str) -> str:
        formula = _parse(text)
        for node in _iter_nodes(formula):
            _check_node(node)
        if not _column_names(formula):
            raise ValueError("it names no column")
        return text

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare one column: an integer if no operand is a float and nothing is divided, else a float."""
        formula = _parse(self.expression)
        columns = self._read(schema, formula)
        nullable = any(c.nullable for c in columns) or any(map(_may_divide_by_zero, _iter_nodes(formula)))
        return (Column(self.name, "int" if _is_integer_formula(formula, schema) else "float", nullable),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the polars expression that computes the formula."""
        formula = _parse(self.expression)
        self._read(schema, formula)
        number = _to_polars(formula, pl.Float64)
        if _is_integer_formula(formula, schema):
            # Beyond 64 bits polars would begin again at the other end.
            number = pl.when(number.abs() < 2**63).then(_to_polars(formula, pl.Int64))
        return (number.alias(self.name),)

    def _read(self, schema: Schema, formula: ast.expr) -> list[Column]:
        return self.read(schema, "int", "float", "bool", names=_column_names(formula))


def _parse(text: str) -> ast.expr:
    """Parse a formula; it is never evaluated as Python, since settings are not trusted code."""
    try:
        return parse_expression(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: deeply nested brackets
        raise ValueError(f"{text!r} is no formula of {_GRAMMAR}") from None


def _iter_nodes(formula: ast.expr) -> Iterator[ast.expr]:
    """Yield a formula and all its operands."""
    yield formula
    if isinstance(formula, ast.BinOp):
        yield from _iter_nodes(formula.left)
        yield from _iter_nodes(formula.right)
    elif isinstance(formula, ast.UnaryOp):
        yield from _iter_nodes(formula.operand)


def _check_node(node: ast.expr) -> None:
    """Raise a ValueError if a formula may not contain this node."""
    match node:
        case ast.Name() | ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            return
        case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
            return
        case ast.Constant(value=value) if _is_number(value):
            return
    raise ValueError(f"{ast.unparse(node)!r} has no place in a formula of {_GRAMMAR}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_INTEGER


def _column_names(formula: ast.expr) -> list[str]:
    return list(dict.fromkeys(n.id for n in _iter_nodes(formula) if isinstance(n, ast.Name)))


def _is_integer_formula(formula: ast.expr, schema: Schema) -> bool:
    """Return True if all operands are integers or booleans, and nothing is divided."""

    def is_integer(node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return schema.by_name[name].type in ("int", "bool")
            case ast.Constant(value=value):
                return isinstance(value, int)
            case ast.BinOp(op=operation):
                return not isinstance(operation, ast.Div)
        return True

    return all(map(is_integer, _iter_nodes(formula)))


def _may_divide_by_zero(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(op=ast.Div(), right=ast.Constant(value=value)):
            return value == 0
        case ast.BinOp(op=ast.Div()):
            return True
    return False


def _to_polars(formula: ast.expr, dtype: Any) -> pl.Expr:
    """Convert a formula to a polars expression, with its operands cast to ``dtype``."""
    match formula:
        case ast.Name(id=name):  # cast first, or narrow integers would overflow
            return pl.col(name).cast(dtype)
        case ast.Constant(value=value):
            return pl.lit(value, dtype=dtype)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_to_polars(operand, dtype)
        case ast.UnaryOp(operand=operand):
            return _to_polars(operand, dtype)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _to_polars(left, dtype) / _to_divisor(right, _column_names(left))
        case ast.BinOp(left=left, op=operation, right=right):
            return _OPERATORS[type(operation)](_to_polars(left, dtype), _to_polars(right, dtype))  # type: ignore[no-any-return]
    raise ValueError(ast.unparse(formula))


def _to_divisor(formula: ast.expr, dividend_columns: list[str]) -> pl.Expr:
    """Convert a divisor, with null for zero, where polars would give inf or NaN."""
    # Named once only: a formula of a hundred divisions would double with each.
    divisor = _to_polars(formula, pl.Float64).replace(0.0, None)
    if _column_names(formula) or not dividend_columns:
        return divisor
    # Make a column of a constant: by a constant polars multiplies with its reciprocal, except in a table of
    # one row, which would then differ from the same row of a larger table in the last digit.
    return divisor + pl.col(dividend_columns[0]).is_null().cast(pl.Float64) * 0
