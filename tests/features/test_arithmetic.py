"""Formulas: safe, and right about nulls, zero and whole numbers."""

import ast
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features import Arithmetic

NUMBERS = Schema(
    "Numbers",
    (Column("a", "int"), Column("b", "int", nullable=True), Column("x", "float"), Column("t", "bool")),
)


def computed(expression: str, **columns: list[object]) -> list[object]:
    table = pl.DataFrame(columns, strict=False)
    return table.select(Arithmetic("new", expression).expressions(NUMBERS)).to_series().to_list()


def promise(expression: str) -> str:
    return Arithmetic("new", expression).adds(NUMBERS)[0].type_text


def test_it_reckons_as_python_does() -> None:
    assert computed("a + b * (a - 2) / 4", a=[6, 2], b=[3, 5]) == [9.0, 2.0]
    assert computed("-a + +b", a=[1], b=[5]) == [4]


def test_a_column_that_is_not_there_is_said() -> None:
    with pytest.raises(WiringError, match="reads c, which Numbers does not have"):
        Arithmetic("new", "a + c").expressions(NUMBERS)


def test_a_missing_operand_gives_a_missing_value() -> None:
    assert computed("a + b", a=[1, 2], b=[None, 3]) == [None, 5]


def test_a_division_by_zero_gives_a_missing_value() -> None:
    assert computed("a / b", a=[1, 0, 1], b=[2, 0, 0]) == [0.5, None, None]
    assert computed("a / (b - b)", a=[1], b=[3]) == [None]
    assert computed("1 + 2 / x", x=[0.0, 4.0]) == [None, 1.5]


def test_a_whole_number_beyond_64_bits_gives_a_missing_value() -> None:
    assert computed("a * b", a=[2**62, 2**40], b=[2, 2**20]) == [None, 2**60]
    assert computed("-(a + b)", a=[2**62], b=[2**62]) == [None]
    assert computed("(a * b) / 4", a=[2**62], b=[4]) == [2.0**62]


def test_truths_count_one() -> None:
    assert computed("t + t + a", t=[True, False, None], a=[1, 1, 1]) == [3, 1, None]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + 1", "int"),
        ("a + t", "int"),
        ("a + b", "int | None"),
        ("a + 1.0", "float"),
        ("a + x", "float"),
        ("a / 2", "float"),
        ("a / 0", "float | None"),
        ("x / a", "float | None"),
    ],
)
def test_it_promises_what_it_gives(expression: str, expected: str) -> None:
    assert promise(expression) == expected
    dtype = (
        pl.DataFrame({"a": [1], "b": [2], "x": [1.0], "t": [True]})
        .select(Arithmetic("new", expression).expressions(NUMBERS))["new"]
        .dtype
    )
    assert dtype == (pl.Int64 if expected.startswith("int") else pl.Float64)


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 + 2", "a ** 2", "a % 2", "a // 2", "f(a)", "a.b", "a[0]", "'a'", "a if t else b", "a < b",
        "a; b", "lambda: a", "__import__('os').system('true')", "a + True", "a + 1j",
        "a + " + "9" * 40, "(" * 400 + "a",
        "a +", "not a", "~a",
    ],
)  # fmt: skip
def test_anything_but_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(ValidationError):
        Arithmetic("new", expression)


numbers = st.integers(-1000, 1000)
formulas = st.recursive(
    st.sampled_from(["a", "b"]) | st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=8,
)


@given(formula=formulas, a=numbers, b=numbers)
def test_any_formula_agrees_with_python(formula: str, a: int, b: int) -> None:
    formula = f"{formula} + a"
    try:
        expected = eval(compile(ast.parse(formula, mode="eval"), "", "eval"), {"a": a, "b": b})
    except ZeroDivisionError:
        expected = None
    (got,) = computed(formula, a=[a], b=[b])
    assert (got is None) == (expected is None)
    if expected is not None:
        assert math.isclose(float(str(got)), expected, rel_tol=1e-9, abs_tol=1e-9)


def test_a_division_by_a_constant_is_exact_in_tables_of_any_height() -> None:
    values: list[object] = [float(n) for n in range(1, 200)]
    expected = [float(str(v)) / 49 for v in values]
    assert computed("x / 49", x=values) == expected
    assert [computed("x / 49", x=[v])[0] for v in values] == expected


@pytest.mark.parametrize(
    "expression", ["/".join("a" * 100), "a/(" * 90 + "a" + ")" * 90, "+".join("a" * 500)]
)
def test_long_formulas_are_quick(expression: str) -> None:
    assert computed(expression, a=[1]) == [1 if "/" in expression else 500]
